package balance

import (
	"math/rand/v2"
	"time"
)

// queued is a member with a queue of its own, which the simple policies fill.
type queued struct {
	*machine
	free []time.Duration // when each slot is free
	ends []time.Duration // of all it was given
	seen float64         // its load, as last reported
	next time.Duration   // its next report
}

// pushed binds each task to a member as it comes.
func pushed(c *Case, w *workload) []run {
	luck := rand.New(rand.NewPCG(c.Seed, 0x9054))
	members := make([]*queued, len(w.members))
	for i := range members {
		m := &w.members[i]
		members[i] = &queued{machine: m, free: make([]time.Duration, m.slots), next: m.phase}
	}
	choose := chooser(c.Policy, members, luck)
	runs := make([]run, 0, len(w.tasks))
	for i := range w.tasks {
		// Tasks of a batch follow each other as fast as they can be submitted.
		now := max(w.tasks[i].arrives, time.Duration(i)*submitTime)
		for _, m := range members {
			m.report(now, c.Stale)
		}
		k := choose()
		start, end := members[k].give(now, w.tasks[i].size)
		runs = append(runs, run{task: i, member: k, sent: now, start: start, end: end})
	}
	return runs
}

// submitTime is what a submit of a batch takes.
const submitTime = time.Millisecond

// report brings the last figure up to date.
func (m *queued) report(now, stale time.Duration) {
	if now < m.next {
		return
	}
	m.next += (now - m.next) / stale * stale // the last one before now
	have := 0
	for _, end := range m.ends {
		if end > m.next {
			have++
		}
	}
	m.seen = float64(have) / float64(m.slots)
	m.next += stale
}

// give runs a task after all that came before it.
func (m *queued) give(now time.Duration, size float64) (start, end time.Duration) {
	first := 0
	for i, at := range m.free {
		if at < m.free[first] {
			first = i
		}
	}
	start = max(now, m.free[first])
	end = m.done(start, size)
	m.free[first] = end
	m.ends = append(m.ends, end)
	return start, end
}

// chooser makes the policy.
func chooser(policy string, members []*queued, luck *rand.Rand) func() int {
	n, turn := len(members), -1
	switch policy {
	case RoundRobin:
		return func() int { turn = (turn + 1) % n; return turn }
	case LeastLoaded:
		return func() int { return leastLoaded(members, luck) }
	case TwoChoices:
		return func() int {
			a, b := luck.IntN(n), luck.IntN(n)
			if members[b].seen < members[a].seen {
				return b
			}
			return a
		}
	}
	return func() int { return luck.IntN(n) }
}

// leastLoaded draws among those whose last figure is the least.
func leastLoaded(members []*queued, luck *rand.Rand) int {
	best, equals := 0, 0
	for i, m := range members {
		if i == 0 || m.seen < members[best].seen {
			best, equals = i, 0
		}
		if m.seen == members[best].seen {
			if equals++; luck.IntN(equals) == 0 {
				best = i
			}
		}
	}
	return best
}
