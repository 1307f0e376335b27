package swim

import (
	"time"

	"hb/core"
	"hb/core/detect"
)

// gates keep a node from judging others when the fault may be its own: nearly
// all false accusations come from members that are slow or deaf themselves
// (Lifeguard §II).
type gates struct {
	heard core.Instant // when anybody was last heard
	since core.Instant // when isolation began; 0: not isolated
	due   core.Instant // when the next tick was wanted
}

func (g *gates) frozen() bool { return g.since != 0 }

// pause is how much later than it was wanted a step must come, as a part of a period,
// to tell that this process stood still. Those that stand still again and again for
// half a period are the worst of judges: they read some of their mail in between, and
// so of accusations, but not all, and so not of refutations.
const pause = 0.25

// afterPause is the pause gate. A step that comes much later than it was
// wanted tells that this process stood still (stopped, suspended, starved).
// Every clock moves on by the length of the pause and a little more, so that
// the packets which piled up meanwhile are read before anybody is judged.
func (s *swim) afterPause(now core.Instant) {
	if s.without.Has(detect.PauseGate) || s.gates.due == core.Never || now.Sub(s.gates.due) <= s.periods(pause) {
		return
	}
	gap := now.Sub(s.gates.due) + s.period/10
	s.next = s.next.Add(gap)
	for _, p := range s.probes {
		p.ask, p.end, p.tainted = p.ask.Add(gap), p.end.Add(gap), true
	}
	s.relay.Postpone(gap)
	for _, p := range s.peers { // each on its own: the order does not matter
		if p.heard != 0 {
			p.heard = p.heard.Add(gap)
		}
	}
	s.postpone(gap)
	s.gates.heard = s.gates.heard.Add(gap)
	if s.gates.frozen() {
		s.gates.since = s.gates.since.Add(gap)
	}
}

// watchIsolation is the isolation gate. Every member should be heard from
// twice a period on average, so one that has heard nobody for two periods has
// lost its own link, not all the others. With one other member that cannot be
// told apart, and the gate stays open.
func (s *swim) watchIsolation(now core.Instant) {
	if s.table.Living() <= 2 || s.without.Has(detect.IsolationGate) {
		s.thaw(now)
		return
	}
	limit := s.gates.heard.Add(2 * s.period)
	if !s.gates.frozen() && now >= limit {
		s.gates.since = limit
	}
}

// thaw ends isolation. Suspicions go on from where they stood.
func (s *swim) thaw(now core.Instant) {
	if s.gates.frozen() {
		s.postpone(now.Sub(s.gates.since))
		s.gates.since = 0
	}
}

// postpone moves the verdicts of all suspicions.
func (s *swim) postpone(gap time.Duration) {
	for _, c := range s.suspicions {
		c.begun = c.begun.Add(gap)
		if c.turn != core.Never {
			c.turn = c.turn.Add(gap)
		}
		if c.again != 0 {
			c.again = c.again.Add(gap)
		}
	}
}
