package lab

import (
	"time"

	"hb/core"
)

// Machine is one that all members share, as in a trial on a laptop. A member that
// something arrives at needs one of its processors for a turn of Handling, and
// waits if none is free; what else arrives until the turn is over is done in it.
// The time that a datagram takes includes its own Handling, as far as it goes, so
// that while little happens nothing changes. Without processors each member has a
// machine of its own, on which nothing takes any time.
type Machine struct {
	Processors int
	Handling   time.Duration
}

// processors are when each of a shared machine's is free again.
type processors struct {
	free []core.Instant
	// handling is a whole turn, within what of it has passed when what arrived is
	// done.
	handling, within time.Duration
}

func newProcessors(m Machine, delay time.Duration) processors {
	if m.Handling == 0 {
		return processors{}
	}
	return processors{make([]core.Instant, m.Processors), m.Handling, min(m.Handling, delay)}
}

// turn is a member's latest on the machine: when what it began with is done, and
// when it is over.
type turn struct{ done, over core.Instant }

// serve says when that is done which would be done now if a processor were free at
// once: in the member's turn, or in a new one.
func (p *processors) serve(now core.Instant, t *turn) core.Instant {
	if len(p.free) == 0 {
		return now
	}
	if now > t.over {
		first := 0
		for i, free := range p.free {
			if free < p.free[first] {
				first = i
			}
		}
		begun := max(p.free[first], now.Add(-p.within))
		*t = turn{begun.Add(p.within), begun.Add(p.handling)}
		p.free[first] = t.over
	}
	return max(now, t.done)
}

// busy puts what arrives off until a processor has been free for it; it says so.
func (l *Lab) busy(e *event) bool {
	if e.served || e.kind != packet && e.kind != refusal {
		return false
	}
	done := l.processors.serve(l.now, &l.hosts[e.host].turn)
	if done == l.now {
		return false
	}
	e.served, e.at = true, done
	l.queue.add(*e)
	return true
}
