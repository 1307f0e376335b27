package lab

import (
	"time"

	"hb/core"
)

// Machine is one that all members share, as in a trial on a laptop: each datagram
// takes one of its processors for a while, and waits if none is free. The time
// that a datagram takes includes its own Handling, so that while little happens
// nothing changes. Without processors each member has a machine of its own, on
// which nothing takes any time.
type Machine struct {
	Processors int
	Handling   time.Duration
}

// processors are when each of a shared machine's is free again.
type processors struct {
	free     []core.Instant
	handling time.Duration
}

func newProcessors(m Machine) processors {
	if m.Handling == 0 {
		return processors{}
	}
	return processors{make([]core.Instant, m.Processors), m.Handling}
}

// serve takes the first processor that is free for what would be done now if it
// had one at once, and says when it is done.
func (p *processors) serve(now core.Instant) core.Instant {
	if len(p.free) == 0 {
		return now
	}
	first := 0
	for i, free := range p.free {
		if free < p.free[first] {
			first = i
		}
	}
	p.free[first] = max(p.free[first], now.Add(-p.handling)).Add(p.handling)
	return p.free[first]
}

// busy puts what arrives off until a processor has been free for it; it says so.
func (l *Lab) busy(e *event) bool {
	if e.served || e.kind != packet && e.kind != refusal {
		return false
	}
	done := l.processors.serve(l.now)
	if done == l.now {
		return false
	}
	e.served, e.at = true, done
	l.queue.add(*e)
	return true
}
