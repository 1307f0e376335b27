package membership

import (
	"fmt"
	"net/netip"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/spread"
	"hb/core/wire"
)

// datagram settles where the sender is reached.
func (m *Machine) datagram(now core.Instant, e Packet) {
	if !e.Cast {
		m.packet(now, e.From, e.P)
		return
	}
	if row, known := m.table.Get(e.P.From); known && e.P.Kind == wire.KindBulletin && e.P.Nonce == 0 {
		m.packet(now, row.Addr, e.P)
	}
}

// packet handles a datagram: its news first, so that whoever is judged by it
// is judged by the latest.
func (m *Machine) packet(now core.Instant, from netip.AddrPort, p *wire.Packet) {
	switch {
	case p.Kind == wire.KindEcho:
		m.emit(p.From, from, wire.Packet{Kind: wire.KindEchoReply, Nonce: p.Nonce})
		return
	case p.Kind == wire.KindEchoReply:
		m.reached(now, p)
		return
	case m.detector == nil || p.Cluster.IsZero():
		return
	case p.Cluster != m.cluster:
		m.once(fmt.Sprintf("cluster %s at %s", p.Cluster, from), true,
			"datagrams come from %s of another cluster, %s; they are ignored", from, p.Cluster)
		return
	case p.From == m.self:
		if from != m.table.Self().Addr {
			m.double(from)
		}
		return
	}
	row, known := m.table.Get(p.From)
	if known && p.Instance < row.Instance {
		m.once(fmt.Sprintf("instance %d of %s", p.Instance, p.From), true,
			"%s at %s speaks for an earlier start of %s, which is superseded; it is ignored", p.From, from, row.Name)
		return
	}
	m.meshHeard(now, p)
	for i := range p.News {
		if e, err := member.FromNews(&p.News[i]); err != nil {
			m.once("news from "+from.String(), true, "%s sends unusable news: %v", from, err)
		} else {
			m.learn(now, e, p.From, from, m.news.mode.Relays())
		}
	}
	if _, known = m.table.Get(p.From); known {
		m.carried(p)
	}
	if p.Kind == wire.KindBulletin && p.Nonce != 0 {
		m.send(p.From, from, wire.Packet{Kind: wire.KindAck, Nonce: p.Nonce})
	}
	if p.Kind == wire.KindAck || p.Kind == wire.KindNack {
		m.reached(now, p)
		m.leaveAcked(p)
		m.present(now, p)
	}
	if m.detector == nil {
		return // that ack ended the leave
	}
	m.detect(now, detect.Received{From: from, Packet: p})
	m.compare(now, from, p)
}

// carried hands on what a member's packet says beside news. Who is in no row
// is not believed: how far the log is committed, or who leads, would be said by
// whoever has seen the cluster's tag.
func (m *Machine) carried(p *wire.Packet) {
	if p.Log != (wire.LogHint{}) {
		m.out = append(m.out, Heard{Node: p.From, LogHint: p.Log})
	}
	if p.Load != (core.Load{}) || p.Applied != 0 {
		m.out = append(m.out, Loaded{
			Node: p.From, Load: p.Load, Applied: p.Applied, Report: p.Kind == wire.KindLoadReport,
		})
	}
}

// refused finds whose address it was.
func (m *Machine) refused(now core.Instant, addr netip.AddrPort) {
	m.endReaches(now, func(r reach) bool { return r.via == 0 && r.addr == addr })
	if m.detector == nil {
		return
	}
	var found member.Row // a living one, if any is there
	m.table.Each(func(r member.Row) bool {
		if r.Addr == addr && r.ID != m.self && (found.ID == 0 || r.Living()) {
			found = r
		}
		return !found.Living()
	})
	if found.ID != 0 {
		m.detect(now, detect.Refused{ID: found.ID})
	}
}

// report sends the load to the leader.
func (m *Machine) report(id core.NodeID, to netip.AddrPort) {
	if m.detector == nil {
		return
	}
	m.emit(id, to, wire.Packet{
		Kind: wire.KindLoadReport, Log: m.hints.log, Load: m.hints.load, Applied: m.hints.applied,
	})
}

// detect tells the detector and does what it wants, until it wants nothing
// more. What it wants may change the table, of which it is told in turn.
func (m *Machine) detect(now core.Instant, ev detect.Event) {
	outermost := len(m.claims) == 0
	m.claims = append(m.claims, m.detector.Step(now, ev)...)
	if !outermost {
		return
	}
	for i := 0; i < len(m.claims); i++ {
		switch e := m.claims[i].(type) {
		case detect.Send:
			m.send(e.To, e.Addr, e.Packet)
		case detect.Claim:
			m.learned(now, e.Evidence, true)
		case detect.Repeat:
			m.push(e.Row)
		case detect.Unreachable:
			m.remark(e)
		case detect.Note:
			m.note(e.Warn, "%s", e.Text)
		}
	}
	m.claims = m.claims[:0]
}

// send completes a packet to a member with hints and news, and sends it.
func (m *Machine) send(to core.NodeID, addr netip.AddrPort, p wire.Packet) {
	if p.Kind == wire.KindPing || p.Kind == wire.KindAck || p.Kind == wire.KindHeartbeat {
		p.Log = m.hints.log
		if !m.without.Has(detect.AntiEntropy) {
			p.View = m.table.Hash()
		}
	}
	if p.Kind == wire.KindAck || p.Kind == wire.KindHeartbeat {
		p.Load, p.Applied = m.hints.load, m.hints.applied
	}
	p.News = m.news.riding[:0]
	if !m.without.Has(detect.Buddy) {
		spread.Remind(&p, m.table, to)
	}
	m.news.queue.Fill(&p, m.table, to)
	m.news.riding = p.News
	if p.Kind == wire.KindBulletin && len(p.News) == 0 {
		return
	}
	m.emit(to, addr, p)
}

// emit sends a packet as it is.
func (m *Machine) emit(to core.NodeID, addr netip.AddrPort, p wire.Packet) {
	m.out = append(m.out, Send{ID: to, To: addr, Data: m.encode(p)})
}

// encode signs a packet with this node's name and cluster.
func (m *Machine) encode(p wire.Packet) []byte {
	p.Cluster, p.From, p.Instance = m.cluster, m.self, m.table.Self().Instance
	return wire.AppendPacket(make([]byte, 0, p.Size()), &p)
}
