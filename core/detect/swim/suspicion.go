package swim

import (
	"math"
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// suspicion is the time that a suspected member has to refute.
type suspicion struct {
	row   member.Row // as it was when the suspicion began
	begun core.Instant
	// accusers are those who found out independently, the first one first;
	// refusers those among them whom the member's host refused.
	accusers, refusers []core.NodeID
	// enough is k, the number of confirmations beside the first accuser at
	// which the suspicion ends after Min.
	enough int
	min    time.Duration
	max    time.Duration
	wait   time.Duration // between them, as the accusers shorten it
	// turn is when this node verifies it; Never when it did, or need not.
	turn core.Instant
	// unreachable says that it would be over but for corroboration, which is
	// looked for from time to time: not before again.
	unreachable bool
	again       core.Instant
	// refused is when enough members had been refused to wait no longer; 0 not yet.
	refused core.Instant
}

const (
	confirmers = 3
	// silence is how many periods a member must not have been heard by the
	// judge, however long it has been suspected.
	silence = 3.5
	// growth is how many periods the shortest suspicion grows with each tenfold of
	// a hundred members: news reaches ten times as many some 0.1 s later.
	growth = 0.15
)

// suspect begins a suspicion, after the table took the accusation.
func (s *swim) suspect(now core.Instant, row member.Row) {
	members := s.table.Living()
	least := s.periods(s.tuning.Min + growth*max(0, math.Log10(float64(members))-2))
	c := &suspicion{
		row: row, begun: now, min: least, max: time.Duration(s.tuning.MaxFactor * float64(least)),
		enough: min(confirmers, members-2),
	}
	if s.without.Has(detect.Confirmation) {
		c.max, c.enough = c.min, 0
	}
	if row.Why == wire.ReasonHearsay {
		// It was suspected long enough elsewhere; it only has to be asked once
		// more, by those who thought it alive.
		c.max = c.min
	}
	c.wait = c.max
	c.turn = s.turn(now, row)
	s.suspicions = append(s.suspicions, c)
	c.count(row.Accuser, row.Why)
	s.weighRefusals(now, c)
	s.verify(now, c)
}

// confirm counts one more accuser of a suspected member, and passes it on as
// long as it makes a difference.
func (s *swim) confirm(now core.Instant, e member.Evidence) {
	c := s.suspicionOf(e.ID)
	if c == nil || e.Instance != c.row.Instance || e.Incarnation != c.row.Incarnation {
		return
	}
	if c.count(e.Accuser, e.Why) {
		if len(c.accusers) == 2 && c.accusers[0] == s.self {
			s.faster() // the probe failed through no fault of this node
		}
		c.again = 0
		s.weighRefusals(now, c)
		s.out = append(s.out, detect.Repeat{Evidence: e})
		s.verify(now, c)
	}
}

// count adds an accuser; false if that changes nothing.
func (c *suspicion) count(accuser core.NodeID, why wire.Reason) bool {
	if accuser == 0 {
		return false
	}
	changed := false
	if len(c.accusers) <= max(c.enough, 1) && !slices.Contains(c.accusers, accuser) {
		c.accusers, changed = append(c.accusers, accuser), true
		c.wait = c.length()
	}
	if why == wire.ReasonRefused && len(c.refusers) < refusalsEnough && !slices.Contains(c.refusers, accuser) {
		c.refusers, changed = append(c.refusers, accuser), true
	}
	return changed
}

// length is how long the suspicion lasts, from Max without confirmation down to
// Min with enough of them (Lifeguard §IV-B): max − (max−min)·ln(c+1)/ln(k+1).
func (c *suspicion) length() time.Duration {
	confirmed := len(c.accusers) - 1
	if c.enough < 1 || confirmed < 1 {
		return c.max
	}
	share := math.Log(float64(confirmed)+1) / math.Log(float64(c.enough)+1)
	return max(c.min, c.max-time.Duration(share*float64(c.max-c.min)))
}

// ends is when the suspicion turns into death.
func (c *suspicion) ends() core.Instant { return c.begun.Add(c.wait) }

// verdict is when this node may call the member dead: not while it has heard
// it itself within 3.5 periods, whatever others say, and not while it hears
// nobody at all. A host that refuses has been heard, and needs no waiting.
func (s *swim) verdict(c *suspicion) core.Instant {
	if c.refused != 0 {
		return c.refused
	}
	if s.gates.frozen() {
		return core.Never
	}
	ends := max(c.ends(), c.again)
	if p := s.peers[c.row.ID]; p != nil && p.heard != 0 && !s.without.Has(detect.SilenceGate) {
		ends = max(ends, p.heard.Add(time.Duration(silence*float64(s.period))))
	}
	return ends
}

// judge calls dead whose time is over, and whom enough members were refused by.
func (s *swim) judge(now core.Instant) {
	for _, c := range s.suspicions {
		row, known := s.table.Get(c.row.ID)
		if !known || row.Status != core.Suspect {
			continue
		}
		s.weighRefusals(now, c)
		s.verify(now, c)
		switch {
		case c.refused != 0:
			s.accuse(row, core.Dead, wire.ReasonRefused)
		case now < s.verdict(c):
		case !s.corroborated(now, c):
			s.seekCorroboration(now, c)
		default:
			s.accuse(row, core.Dead, row.Why)
		}
	}
}

func (s *swim) suspicionOf(id core.NodeID) *suspicion {
	for _, c := range s.suspicions {
		if c.row.ID == id {
			return c
		}
	}
	return nil
}

func (s *swim) dropSuspicion(id core.NodeID) {
	s.suspicions = slices.DeleteFunc(s.suspicions, func(c *suspicion) bool { return c.row.ID == id })
}

// Accusers implements detect.Detector.
func (s *swim) Accusers(id core.NodeID) []core.NodeID {
	if c := s.suspicionOf(id); c != nil {
		return slices.Clone(c.accusers)
	}
	return nil
}
