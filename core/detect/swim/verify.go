package swim

import (
	"cmp"
	"slices"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

const (
	// observers is how many members verify a suspicion at once.
	observers = 3
	// refusalsEnough is how many members must have been refused by a member's
	// host before it is dead without further waiting. One member's word, or a
	// forged ICMP message, is never enough.
	refusalsEnough = 2
)

// verify probes a suspected member out of turn if this node is one of its
// observers: the next three living members after it on a ring of hashed IDs,
// the first accuser left out. Everybody computes the same ring, so no message
// is needed to choose them.
func (s *swim) verify(now core.Instant, subject member.Row) {
	if s.without.Has(detect.Verification) || subject.Accuser == s.self || s.probeOf(subject.ID) != nil {
		return
	}
	c := s.suspicionOf(subject.ID)
	if slices.Contains(c.accusers, s.self) || !s.observes(subject) {
		return
	}
	s.probe(now, subject)
}

// observes says whether this node is among the subject's observers: fewer than
// three others stand between the two on the ring.
func (s *swim) observes(subject member.Row) bool {
	at := place(subject.ID)
	own := place(s.self) - at
	between := 0
	s.table.Each(func(r member.Row) bool {
		if r.ID != subject.ID && r.ID != s.self && r.ID != subject.Accuser && r.Living() &&
			cmp.Less(place(r.ID)-at, own) {
			between++
		}
		return between < observers
	})
	return between < observers
}

// place is where an ID stands on the ring (Fibonacci hashing: IDs are random
// already, but tests count from one).
func place(id core.NodeID) uint64 { return uint64(id) * 0x9e3779b97f4a7c15 }

// refused takes a refusal by a living member's host. The first in a probe may
// be an old packet's, or a forgery, so the ping is repeated; the second is
// believed, and makes this node an accuser who need not wait.
func (s *swim) refused(now core.Instant, id core.NodeID) {
	if s.without.Has(detect.Refusal) {
		return
	}
	s.out = append(s.out, s.relay.Refused(id)...)
	row, known := s.table.Get(id)
	if !known || !row.Living() || id == s.self {
		return
	}
	p := s.probeOf(id)
	if p == nil {
		s.probe(now, row).refusals = 1
		return
	}
	if p.refusals++; p.refusals == 1 {
		p.tainted = true
		s.ping(p)
		return
	}
	if c := s.suspicionOf(id); c == nil || !slices.Contains(c.refusers, s.self) {
		s.accuse(row, core.Suspect, wire.ReasonRefused)
	}
	s.dropProbe(id)
}

// weighRefusals ends the waiting once as many members were refused as it takes:
// two, or one where this node has heard no other that could have been.
func (s *swim) weighRefusals(now core.Instant, c *suspicion) {
	if len(c.refusers) == 0 || c.refused != 0 {
		return
	}
	others := 0
	s.table.Each(func(r member.Row) bool {
		if p := s.peers[r.ID]; r.ID != c.row.ID && p != nil && p.heard != 0 && now.Sub(p.heard) <= 3*s.period {
			others++
		}
		return others == 0
	})
	if len(c.refusers) >= min(refusalsEnough, 1+others) {
		c.refused = now
	}
}
