// Package relay answers pings, and makes them on behalf of others: what every
// member does for every other, whatever detector finds out about failures. An
// operator's probe (hb probe) and the search for members that were called dead
// (core/membership) rely on it.
//
// A ping for this node is answered with an ack. A ping-req asks it to ping a
// third member: the ack of that one is forwarded to the asker, with the asker's
// nonce; if none comes within 80 % of the asker's remaining time, a nack tells
// the asker that the helper at least is well (Lifeguard §IV-A). Whoever asks
// sees no difference between detectors.
package relay

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// maxErrands bounds what others can make this node keep.
const maxErrands = 256

// Relay is one member's readiness to answer.
type Relay struct {
	table   *member.Table
	rand    *rand.Rand
	self    core.NodeID
	nacks   bool
	errands []errand
	out     []detect.Effect
}

// errand is a ping on behalf of another member.
type errand struct {
	nonce  uint64 // of this node's own ping
	target core.NodeID
	asker  core.NodeID
	addr   netip.AddrPort // the asker's
	asked  uint64         // the asker's nonce
	end    core.Instant   // when to send a nack
}

// New makes the relay of the node whose table it is. Without LocalHealth it
// sends no nacks, since nobody counts them.
func New(t *member.Table, r *rand.Rand, without detect.Extras) *Relay {
	return &Relay{table: t, rand: r, self: t.Self().ID, nacks: !without.Has(detect.LocalHealth)}
}

// Received takes a packet and answers it, if it is for the relay to answer; an
// ack that it does not forward is this node's own. The effects are valid until
// the next call.
func (r *Relay) Received(now core.Instant, from netip.AddrPort, p *wire.Packet) []detect.Effect {
	r.out = r.out[:0]
	switch p.Kind {
	case wire.KindPing:
		r.answer(from, p)
	case wire.KindPingReq:
		r.ask(now, from, p)
	case wire.KindAck:
		r.forward(p)
	}
	return r.out
}

// Tick gives up the errands whose time is over.
func (r *Relay) Tick(now core.Instant) []detect.Effect {
	return r.giveUp(func(e errand) bool { return now >= e.end })
}

// Refused gives up the errands to a member whose host refuses packets.
func (r *Relay) Refused(id core.NodeID) []detect.Effect {
	return r.giveUp(func(e errand) bool { return e.target == id })
}

// giveUp ends the errands that over accepts, and says so to their askers.
func (r *Relay) giveUp(over func(errand) bool) []detect.Effect {
	r.out = r.out[:0]
	r.errands = slices.DeleteFunc(r.errands, func(e errand) bool {
		if !over(e) {
			return false
		}
		if r.nacks {
			r.send(e.asker, e.addr, wire.Packet{Kind: wire.KindNack, Nonce: e.asked, Target: e.target})
		}
		return true
	})
	return r.out
}

// Postpone gives the errands more time, after a pause of this process.
func (r *Relay) Postpone(gap time.Duration) {
	for i := range r.errands {
		r.errands[i].end = r.errands[i].end.Add(gap)
	}
}

// Next is when a Tick is due.
func (r *Relay) Next() core.Instant {
	next := core.Never
	for _, e := range r.errands {
		next = core.Earlier(next, e.end)
	}
	return next
}

// answer acks a ping, if it is for this node: its address may have had another
// one before.
func (r *Relay) answer(from netip.AddrPort, p *wire.Packet) {
	if p.Target == r.self {
		r.send(p.From, from, wire.Packet{Kind: wire.KindAck, Nonce: p.Nonce})
	}
}

// ask pings the target of a ping-req. The table's address of it, if any,
// counts for more than the asker's.
func (r *Relay) ask(now core.Instant, from netip.AddrPort, req *wire.Packet) {
	if req.Target == r.self {
		r.answer(from, req)
		return
	}
	addr := req.Addr
	if row, ok := r.table.Get(req.Target); ok {
		addr = row.Addr
	}
	if !addr.IsValid() || req.Target == 0 || len(r.errands) >= maxErrands {
		return
	}
	wait := time.Duration(req.Budget) * time.Millisecond * 8 / 10
	e := errand{nonce: Nonce(r.rand), target: req.Target, asker: req.From, addr: from, asked: req.Nonce, end: now.Add(wait)}
	r.errands = append(r.errands, e)
	r.send(e.target, addr, wire.Packet{Kind: wire.KindPing, Nonce: e.nonce, Target: e.target})
}

// forward hands a target's ack on to who asked for it.
func (r *Relay) forward(ack *wire.Packet) {
	for i, e := range r.errands {
		if e.nonce == ack.Nonce && e.target == ack.From {
			r.send(e.asker, e.addr, wire.Packet{Kind: wire.KindAck, Nonce: e.asked, Target: e.target})
			r.errands = slices.Delete(r.errands, i, i+1)
			return
		}
	}
}

func (r *Relay) send(to core.NodeID, addr netip.AddrPort, p wire.Packet) {
	r.out = append(r.out, detect.Send{To: to, Addr: addr, Packet: p})
}

// Nonce draws a number that nobody who does not see the packet can guess; it is
// never zero.
func Nonce(r *rand.Rand) uint64 {
	for {
		if n := r.Uint64(); n != 0 {
			return n
		}
	}
}
