package dispatch

import (
	"math"
	"slices"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// The thresholds of what is given ahead of time (the package comment says why).
const (
	// aheadShort is the longest task that is.
	aheadShort = time.Second
	// aheadTime is how much work at most waits for each slot of a member, and
	// aheadMost how many tasks for all of them: a few turns of the log.
	aheadTime = 100 * time.Millisecond
	aheadMost = 128
	// aheadLate is when a task that its member has not started yet is asked back.
	aheadLate = 500 * time.Millisecond
)

// mayBeAhead says whether a task may be given to a member that has no slot for it
// yet: it is short, as is known, and may run again if it is lost.
func (m *Machine) mayBeAhead(spec *wire.Spec, seconds float64) bool {
	return !spec.GetOnce() && spec.GetExclusive() == "" && seconds > 0 && seconds <= aheadShort.Seconds() &&
		m.history.knows(spec) && !m.history.isFresh(spec)
}

// begin counts as running, of the grants of a host, as many as it has slots, the
// oldest first: so its runner starts them.
func (h *host) begin(now core.Instant) {
	free := h.slots()
	for _, g := range h.runs {
		if free--; free < 0 {
			return
		}
		if !g.begun {
			g.begun, g.since = true, now
			h.countEnd(g, 1)
		}
	}
}

// ahead finds a host for a short task for which no slot is free: that on which it
// should be done first, of those that have little to do besides what runs.
func (m *Machine) ahead(now core.Instant, p *placement, e estimate, spare bool) *host {
	takes := func(h *host) bool {
		return h.known && !h.lost && !h.evict && h.state == ledger.Up && h.slots() > 0 && !(spare && h.pace.slow >= spareFrom) &&
			m.room(now, h) >= h.unshared(e.seconds) && h.unshared(e.seconds) <= aheadShort.Seconds() && p.objection(h) == ""
	}
	return m.draw(takes, func(h *host) float64 {
		return aheadTime.Seconds() - m.room(now, h)/float64(h.slots()) + h.unshared(e.seconds)
	})
}

// unshared is how many seconds a task takes on a host that runs it in a slot of
// its own.
func (h *host) unshared(demand float64) float64 { return h.slowness() * demand / h.share() }

// room is for how many seconds of short tasks, all slots together, a host has room
// beyond what its slots do. It is filled up when half of it is free: fewer and
// larger entries of the log do the same.
func (m *Machine) room(now core.Instant, h *host) float64 {
	waits := h.busy() - h.slots()
	if h.room == nil {
		room := 0.0
		if waits <= aheadMost/2 {
			room = h.spareTime(now)
		}
		h.room = &room
		m.roomy = append(m.roomy, h)
	}
	if waits >= aheadMost {
		return 0
	}
	return *h.room
}

// spareTime is what is left of aheadTime in its slots. A run of which nobody knows
// how long it takes leaves nothing.
func (h *host) spareTime(now core.Instant) float64 {
	most := aheadTime.Seconds()
	spare, slots := 0.0, h.slots()
	for _, g := range h.runs {
		switch {
		case !g.begun:
			spare -= unless(g.expected, math.Inf(1))
		case g.expected > 0:
			spare += max(0, most-g.left(now))
			slots--
		default:
			slots--
		}
	}
	for _, p := range h.plans {
		spare -= p.expected
	}
	return spare + float64(max(0, slots))*most
}

func unless(seconds, unknown float64) float64 {
	if seconds <= 0 {
		return unknown
	}
	return seconds
}

// shortWaits says whether something in the queue may be given ahead of time.
func (m *Machine) shortWaits() bool {
	return slices.ContainsFunc(m.queue.order, func(l *lane) bool {
		if l.tasks.len() == 0 {
			return false
		}
		spec := l.tasks.first().spec
		return m.mayBeAhead(spec, m.history.demand(spec))
	})
}

// askBack asks a runner for what it has not started, and has had for too long or
// shall not have any more.
func (m *Machine) askBack(now core.Instant, h *host, waiting []core.Fence) {
	for _, f := range waiting {
		t, open := m.opt.Ledger().OpenGrant(f)
		if !open || core.NodeID(ledger.OpenAttempt(t).Node) != h.id {
			continue
		}
		g := m.grants[core.TaskID(t.Id)]
		if g == nil || g.taken != 0 || !h.drained && now < g.given.Add(aheadLate) {
			continue
		}
		m.put(Kill{h.id, &wire.Kill{Task: t.Id, Fence: uint64(f), Instance: ledger.OpenAttempt(t).Instance, Reason: "it waits", Unstarted: true}})
	}
}
