package swim

import (
	"net/netip"
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/wire"
)

// relay is a ping on behalf of another member.
type relay struct {
	nonce  uint64 // of this node's own ping
	target core.NodeID
	asker  core.NodeID
	addr   netip.AddrPort // the asker's
	asked  uint64         // the asker's nonce
	end    core.Instant   // when to send a nack
}

// maxRelays bounds what others can make this node keep.
const maxRelays = 256

// relayPing pings the target of a ping-req. The table's address of it, if any,
// counts for more than the asker's.
func (s *swim) relayPing(now core.Instant, from netip.AddrPort, req *wire.Packet) {
	if req.Target == s.self {
		s.answer(from, req)
		return
	}
	addr := req.Addr
	if row, ok := s.table.Get(req.Target); ok {
		addr = row.Addr
	}
	if !addr.IsValid() || req.Target == 0 || len(s.relays) >= maxRelays {
		return
	}
	// The nack must still reach the asker before it decides.
	wait := time.Duration(req.Budget) * time.Millisecond * 8 / 10
	r := &relay{
		nonce: s.nonce(), target: req.Target, asker: req.From, addr: from, asked: req.Nonce, end: now.Add(wait),
	}
	s.relays = append(s.relays, r)
	s.send(r.target, addr, wire.Packet{Kind: wire.KindPing, Nonce: r.nonce, Target: r.target})
}

// forwardAck hands a target's ack on to who asked for it; false if the ack is
// not for anybody else.
func (s *swim) forwardAck(now core.Instant, ack *wire.Packet) bool {
	for i, r := range s.relays {
		if r.nonce == ack.Nonce && r.target == ack.From {
			s.send(r.asker, r.addr, wire.Packet{Kind: wire.KindAck, Nonce: r.asked, Target: r.target})
			s.relays = slices.Delete(s.relays, i, i+1)
			return true
		}
	}
	return false
}

// endRelays sends the nacks that are due.
func (s *swim) endRelays(now core.Instant) {
	s.nack(func(r *relay) bool { return now >= r.end })
}

// nack gives up the relays that over accepts, and says so to their askers.
func (s *swim) nack(over func(*relay) bool) {
	s.relays = slices.DeleteFunc(s.relays, func(r *relay) bool {
		if !over(r) {
			return false
		}
		if s.without.Has(detect.LocalHealth) {
			return true // nobody counts it
		}
		s.send(r.asker, r.addr, wire.Packet{Kind: wire.KindNack, Nonce: r.asked, Target: r.target})
		return true
	})
}
