package node

import "hb/core"

// stepper drives one machine and carries out its effects. Effects may bring
// forth events for the same machine; these wait their turn, so that the
// effects of one step are never torn apart by those of the next.
type stepper[E, F any] struct {
	step    func(now core.Instant, ev E) []F
	carry   func(F)
	waiting []E
	busy    bool
}

// do takes an event and, unless one is being carried out, all that follow.
func (s *stepper[E, F]) do(now core.Instant, ev E) {
	s.waiting = append(s.waiting, ev)
	if s.busy {
		return
	}
	s.busy = true
	for len(s.waiting) > 0 {
		next := s.waiting[0]
		s.waiting = s.waiting[1:]
		for _, f := range s.step(now, next) {
			s.carry(f)
		}
	}
	s.waiting = nil
	s.busy = false
}
