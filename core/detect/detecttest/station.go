package detecttest

import (
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// step gives a member's detector an event and does what it wants.
func (l *Lab) step(s *station, ev detect.Event) {
	if !s.up {
		return
	}
	if s.paused {
		s.mail = append(s.mail, func() { l.step(s, ev) })
		return
	}
	for _, effect := range slices.Clone(s.detector.Step(l.now, ev)) {
		l.perform(s, effect)
	}
	l.schedule(s)
}

// schedule sees to it that the detector gets its next tick.
func (l *Lab) schedule(s *station) {
	next := s.detector.Next()
	if next == core.Never {
		return
	}
	if next = max(next, l.now); next >= s.tick && s.tick >= l.now {
		return
	}
	s.tick = next
	l.after(next.Sub(l.now), func() {
		if s.tick == next && s.up && !s.paused {
			s.tick = core.Never
			l.step(s, detect.Tick{})
		}
	})
}

func (l *Lab) perform(s *station, effect detect.Effect) {
	switch e := effect.(type) {
	case detect.Send:
		l.send(s, e)
	case detect.Claim:
		l.learn(s, e.Evidence, true)
		l.spread(s, e.Evidence)
	case detect.Repeat:
		l.spread(s, e.Evidence)
	case detect.Unreachable:
		s.remarks = append(s.remarks, e)
	}
}

// send carries a packet, and with it the accusation against its receiver and
// the sender's own row, if it has ever refuted anything.
func (l *Lab) send(s *station, e detect.Send) {
	to := l.at(e.To)
	s.sent++
	if to == nil || l.cut[[2]int{s.i, to.i}] || l.options.Loss != nil && l.options.Loss(s.i, to.i, l.rand) {
		return
	}
	p := e.Packet
	p.From, p.Instance = s.row.ID, s.row.Instance
	var news []member.Evidence
	if row, ok := s.table.Get(to.row.ID); ok && row.Status != core.Alive && !l.options.Without.Has(detect.Buddy) {
		news = append(news, member.Evidence{Row: row})
	}
	if own := s.table.Self(); own.Incarnation > 0 {
		news = append(news, member.Evidence{Row: own})
	}
	l.after(l.lag(), func() {
		if !to.up {
			return
		}
		to.got++
		for _, e := range news {
			l.learn(to, e, false)
		}
		l.receive(to, s, &p)
	})
}

func (l *Lab) receive(to, from *station, p *wire.Packet) {
	l.step(to, detect.Received{From: from.row.Addr, Packet: p})
}

func (l *Lab) lag() time.Duration { return delay/2 + time.Duration(l.rand.Int64N(int64(delay))) }

// spread tells everybody else of a claim who can be reached in two hops.
func (l *Lab) spread(s *station, e member.Evidence) {
	if !l.options.Spread {
		return
	}
	for _, to := range l.members {
		if to != s && l.reaches(s.i, to.i) {
			l.after(l.lag(), func() { l.learn(to, e, false) })
		}
	}
}

func (l *Lab) reaches(from, to int) bool {
	if !l.cut[[2]int{from, to}] {
		return true
	}
	return slices.ContainsFunc(l.members, func(via *station) bool {
		return via.up && !l.cut[[2]int{from, via.i}] && !l.cut[[2]int{via.i, to}]
	})
}

// learn merges evidence into a member's table, as core/membership does.
func (l *Lab) learn(s *station, e member.Evidence, own bool) {
	if !s.up {
		return
	}
	if s.paused {
		s.mail = append(s.mail, func() { l.learn(s, e, own) })
		return
	}
	if e.ID == s.row.ID && !own {
		if e.Outranks(s.table.Self()) {
			l.step(s, detect.Accused{Evidence: e})
		}
		return
	}
	change, changed := s.table.Merge(l.now, e)
	if !changed {
		if row, known := s.table.Get(e.ID); known && e.Status == core.Suspect && e.SameRank(row) {
			l.step(s, detect.Accused{Evidence: e})
		}
		return
	}
	if change.Before.Status != change.After.Status {
		l.found = append(l.found, Finding{At: l.Now(), By: s.i, About: int(e.ID) - 1, Status: e.Status, Own: own})
	}
	l.step(s, detect.Changed{Change: change})
}

func (l *Lab) at(id core.NodeID) *station {
	if i := int(id) - 1; i >= 0 && i < len(l.members) {
		return l.members[i]
	}
	return nil
}
