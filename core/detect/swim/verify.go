package swim

import (
	"cmp"
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

const (
	// observers is how many members verify a suspicion at once. If too few of
	// them have found the same after waveAfter periods, since they have failed,
	// too, or their word was lost, the next three on the ring do, for waves in all.
	observers = 3
	waveAfter = 1.25
	waves     = 4
	// refusalsEnough is how many members must have been refused by a member's
	// host before it is dead without further waiting. One member's word, or a
	// forged ICMP message, is never enough.
	refusalsEnough = 2
	// corroboration is how many members must have found out by themselves that
	// a member does not answer before it may be called dead, and seekPeriods how
	// often one looks for the second, in periods.
	corroboration = 2
	seekPeriods   = 3
)

// verify probes a suspected member out of turn if it is this node's turn to do
// so, and its word may still make a difference.
func (s *swim) verify(now core.Instant, c *suspicion) {
	if now < c.turn {
		return
	}
	c.turn = core.Never
	if len(c.accusers) <= c.enough && !slices.Contains(c.accusers, s.self) && s.probeOf(c.row.ID) == nil {
		s.probe(now, c.row)
	}
}

// lookAgain probes a member that refuted once more, if this node had found it silent
// or was about to find out. That it could refute says that something reaches it, not
// that most does: where most is lost, several find so now, instead of the two that
// watch it anyway when their turn comes. A member that is well answers, and that is
// that.
func (s *swim) lookAgain(now core.Instant, row member.Row, c *suspicion) {
	if c == nil || s.without.Has(detect.SecondLook) {
		return
	}
	if s.probeOf(row.ID) != nil || slices.Contains(c.accusers, s.self) {
		s.dropProbe(row.ID)
		s.probe(now, row)
	}
}

// turn is when this node verifies a suspicion. The first three members alive
// after the subject on a ring of hashed IDs, the first accuser left out, are its
// observers and do so at once; the others follow by threes. Everybody computes
// the same ring, so no message is needed to choose them.
func (s *swim) turn(now core.Instant, subject member.Row) core.Instant {
	if s.without.Has(detect.Verification) || subject.Accuser == s.self {
		return core.Never
	}
	at := member.Place(subject.ID)
	own := member.Place(s.self) - at
	between := 0
	s.table.Each(func(r member.Row) bool {
		if r.ID != subject.ID && r.ID != s.self && r.ID != subject.Accuser && r.Status == core.Alive &&
			cmp.Less(member.Place(r.ID)-at, own) {
			between++
		}
		return between < waves*observers
	})
	if between >= waves*observers {
		return core.Never
	}
	return now.Add(time.Duration(float64(between/observers) * waveAfter * float64(s.period)))
}

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
		s.pingAgain(p)
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
	if len(c.refusers) >= refusalsEnough || !s.hearsOther(now, c.row.ID) {
		c.refused = now
	}
}

// hearsOther says whether this node hears anybody but a suspect: somebody who
// could have found out the same.
func (s *swim) hearsOther(now core.Instant, suspect core.NodeID) bool {
	for id, p := range s.peers { // any will do: the order does not matter
		if id != suspect && p.heard != 0 && now.Sub(p.heard) <= 3*s.period {
			return true
		}
	}
	return false
}

// corroborated says whether enough members found out for themselves that a
// suspect does not answer: two, as long as there is a second. So a node whose
// own link is bad, but not so bad that it hears nobody, gets nobody killed.
func (s *swim) corroborated(now core.Instant, c *suspicion) bool {
	return len(c.accusers) >= corroboration || s.without.Has(detect.Corroboration) || !s.hearsOther(now, c.row.ID)
}

// seekCorroboration leaves the suspect what it is, unreachable by those who say
// so, and looks for itself if it has not.
func (s *swim) seekCorroboration(now core.Instant, c *suspicion) {
	c.again = now.Add(seekPeriods * s.period)
	if !c.unreachable {
		c.unreachable = true
		s.out = append(s.out, detect.Unreachable{ID: c.row.ID})
	}
	if row, known := s.table.Get(c.row.ID); known && s.probeOf(c.row.ID) == nil && !slices.Contains(c.accusers, s.self) {
		s.probe(now, row)
	}
}

// doubted looks at a member out of turn, because somebody has a reason to. That
// many are looked at together then says nothing of this node's own health, nor
// is there time to be as patient as that may ask for.
func (s *swim) doubted(now core.Instant, id core.NodeID) {
	if row, known := s.table.Get(id); known && row.Living() && id != s.self && s.probeOf(id) == nil {
		p := s.probe(now, row)
		p.prompted, p.ask, p.end = true, now.Add(s.directTimeout(id)), now.Add(s.period)
	}
}
