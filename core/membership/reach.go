package membership

import (
	"net/netip"
	"time"

	"hb/core"
	"hb/core/member"
	"hb/core/wire"
)

// reach is one way of an operator's probe that is still open.
type reach struct {
	ticket uint64
	via    core.NodeID
	addr   netip.AddrPort
	nonce  uint64
	sent   core.Instant
	end    core.Instant
}

const (
	reachWait  = time.Second
	maxReaches = 1024
)

// reach sends the probes. They are answered like the detector's own, whose
// state they do not touch.
func (m *Machine) reach(now core.Instant, e Reach) {
	direct := m.open(now, e.Ticket, 0, e.Addr)
	if e.Target == 0 || e.Target == m.self || m.detector == nil {
		m.emit(e.Target, e.Addr, wire.Packet{Kind: wire.KindEcho, Nonce: direct})
		return
	}
	m.send(e.Target, e.Addr, wire.Packet{Kind: wire.KindPing, Nonce: direct, Target: e.Target})
	helpers := m.table.Pick(m.rand, e.Helpers, func(r member.Row) bool {
		return r.Living() && r.ID != m.self && r.ID != e.Target
	})
	for _, h := range helpers {
		m.send(h.ID, h.Addr, wire.Packet{
			Kind: wire.KindPingReq, Nonce: m.open(now, e.Ticket, h.ID, h.Addr),
			Target: e.Target, Addr: e.Addr, Budget: uint16(reachWait / time.Millisecond),
		})
	}
}

func (m *Machine) open(now core.Instant, ticket uint64, via core.NodeID, addr netip.AddrPort) uint64 {
	r := reach{ticket: ticket, via: via, addr: addr, nonce: m.nonce(), sent: now, end: now.Add(reachWait)}
	m.reaches = append(m.reaches, r)
	if len(m.reaches) > maxReaches {
		first := m.reaches[0].nonce
		m.endReaches(now, func(r reach) bool { return r.nonce == first })
	}
	return r.nonce
}

// reached ends the way that an answer came back on.
func (m *Machine) reached(now core.Instant, p *wire.Packet) {
	for i, r := range m.reaches {
		if r.nonce == p.Nonce {
			m.out = append(m.out, Reached{Ticket: r.ticket, Via: r.via, OK: p.Kind != wire.KindNack, Told: true, RTT: now.Sub(r.sent)})
			m.reaches = append(m.reaches[:i], m.reaches[i+1:]...)
			return
		}
	}
}

// endReaches gives up the ways that over accepts.
func (m *Machine) endReaches(now core.Instant, over func(reach) bool) {
	kept := m.reaches[:0]
	for _, r := range m.reaches {
		if over(r) {
			m.out = append(m.out, Reached{Ticket: r.ticket, Via: r.via, RTT: now.Sub(r.sent)})
		} else {
			kept = append(kept, r)
		}
	}
	m.reaches = kept
}
