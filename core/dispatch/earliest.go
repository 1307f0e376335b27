package dispatch

import (
	"math"
	"slices"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

const (
	// lookahead bounds how many tasks of one lane may be found to do better by
	// waiting, in one look at the queue.
	lookahead = 8
	// lookAgain is when a task that waits for a better member is weighed anew:
	// what it waits for may take longer than was expected.
	lookAgain = time.Second
	// overdueMore is how much longer than it is overdue a run is expected to take,
	// as a share of what was expected of it.
	overdueMore = 0.125

	// riskMost is how many times slower than the fastest a member may be to get a
	// task of which nobody knows how long it takes, until it has waited exploreFor.
	riskMost   = 3
	exploreFor = 10 * time.Second
)

// completion is how many seconds a task of this demand takes on a host that
// has a slot for it now.
func (h *host) completion(demand float64) float64 {
	cores := float64(h.slots()) * h.share()
	return h.slowness() * demand / min(1, cores/float64(h.busy()+1))
}

// slotTimes are, sorted, the seconds until each of a host's taken slots is
// expected to be free: what was planned just now takes all of its time, a run
// what is left of it. A run that is overdue is expected to be so for as long
// again, one of which nobody knows how long it takes to go on as long as it has.
func (m *Machine) slotTimes(now core.Instant, h *host) []float64 {
	if h.frees != nil {
		return h.frees
	}
	for _, g := range h.runs {
		if g.begun {
			h.frees = append(h.frees, g.left(now))
		}
	}
	for _, p := range h.plans {
		h.frees = append(h.frees, p.expected)
	}
	slices.Sort(h.frees)
	m.estimated = append(m.estimated, h)
	return h.frees
}

// left is how many seconds a run should still take.
func (g *grant) left(now core.Instant) float64 {
	ran := now.Sub(g.since).Seconds()
	switch {
	case g.expected <= 0:
		return ran
	case ran > g.expected:
		return ran - g.expected + overdueMore*g.expected
	}
	return g.expected - ran
}

// promise counts a task that was just assigned to a host.
func (h *host) promise(p *plan) {
	h.plans = append(h.plans, p)
	if h.room != nil {
		*h.room -= p.expected
	}
	if h.frees != nil {
		h.frees = append(h.frees, p.expected)
		slices.Sort(h.frees)
	}
}

// reserve counts a task that waits for the first slot of a host.
func (h *host) reserve(demand float64) {
	h.frees[0] += h.slowness() * demand
	slices.Sort(h.frees)
}

// pick finds the host for a task of this demand. With wait the host has no free
// slot, and the task is expected to complete there earlier than anywhere else
// all the same; it is reserved. No host: none that may run it has a free slot, or
// for a short one soon will.
func (m *Machine) pick(now core.Instant, p *placement, e estimate) (h *host, wait bool) {
	spare := m.sparing(p)
	h, wait = m.pickFree(now, p, e, spare)
	if (h == nil || wait) && e.ahead && p.on == "" && p.target == 0 && !p.idle {
		if other := m.ahead(now, p, e, spare); other != nil {
			return other, false
		}
	}
	return h, wait
}

// pickFree is pick among the hosts that have a free slot.
func (m *Machine) pickFree(now core.Instant, p *placement, e estimate, spare bool) (h *host, wait bool) {
	if p.on != "" || p.target != 0 || p.idle {
		return m.choose(p, spare, math.Inf(1)), false
	}
	slowest := math.Inf(1)
	if !e.known && e.waited < exploreFor {
		slowest = m.exploring(p)
	}
	if !e.known && (e.seconds <= 0 || !e.begun && e.waited < exploreFor) {
		h = m.choose(p, spare, slowest)
	} else {
		h, wait = m.earliest(now, p, e, spare, slowest)
	}
	if h == nil && !math.IsInf(slowest, 1) {
		m.again = core.Earlier(m.again, now.Add(lookAgain)) // a slower one may do by then
	}
	return h, wait
}

// earliest finds where a task should be done first, among the hosts that are no slower
// than slowest.
func (m *Machine) earliest(now core.Instant, p *placement, e estimate, spare bool, slowest float64) (h *host, wait bool) {
	demand := e.seconds
	for _, known := range [...]bool{true, false} {
		fits := func(h *host) bool {
			return h.known == known && h.takes(spare) && h.slowness() <= slowest && p.objection(h) == ""
		}
		best := math.Inf(1)
		for _, h := range m.hosts {
			if fits(h) {
				best = min(best, h.completion(demand))
			}
		}
		if math.IsInf(best, 1) {
			continue
		}
		if best*e.risk > m.horizon(now, p) {
			if h := m.better(now, p, demand, best*(1-TiePercent/100.0)); h != nil {
				return h, true
			}
		}
		limit := best * (1 + TiePercent/100.0)
		return m.draw(func(h *host) bool { return h.completion(demand) <= limit && fits(h) }, (*host).cost), false
	}
	return nil, false
}

// exploring is how slow a member may be at most to get a task of which nobody knows how
// long it takes. It may be the longest of all: on a fast one that is known soonest, too.
func (m *Machine) exploring(p *placement) float64 {
	fastest := math.Inf(1)
	for _, h := range m.hosts {
		if h.known && !h.lost && h.state == ledger.Up && h.slots() > 0 && p.objection(h) == "" {
			fastest = min(fastest, h.slowness())
		}
	}
	return riskMost * fastest
}

// better finds a host without a free slot on which a task is expected to
// complete before limit, all the same, and reserves its place there.
func (m *Machine) better(now core.Instant, p *placement, demand, limit float64) *host {
	var choice *host
	for _, h := range m.hosts {
		if !h.known || h.lost || h.state != ledger.Up || h.slots() == 0 || h.ready() ||
			h.slowness()*demand >= limit || p.objection(h) != "" {
			continue
		}
		if free := m.slotTimes(now, h); len(free) > 0 && free[0]+h.slowness()*demand < limit {
			choice, limit = h, free[0]+h.slowness()*demand
		}
	}
	if choice != nil {
		choice.reserve(demand)
	}
	return choice
}

// horizon is how many seconds everything that waits with this placement, and
// what runs where it may, would take if it could be cut at will: what is done by
// then delays nothing, wherever it runs.
func (m *Machine) horizon(now core.Instant, p *placement) float64 {
	if at, known := m.horizons[p.group]; known {
		return at
	}
	work, speed := m.queue.demand(p.group, m.history.second()), 0.0
	for _, h := range m.hosts {
		if !h.known || h.lost || h.state != ledger.Up || h.slots() == 0 || p.objection(h) != "" {
			continue
		}
		rate := h.share() / h.slowness()
		work += max(0, h.endSum-float64(h.endCount)*seconds(now)) * rate
		speed += float64(h.slots()) * rate
	}
	at := 0.0
	if speed > 0 {
		at = work / speed
	}
	m.horizons[p.group] = at
	return at
}

func seconds(t core.Instant) float64 { return float64(t) / float64(time.Second) }

// draw takes, among the hosts that fit, one whose cost is the least, give or
// take TiePercent.
func (m *Machine) draw(fits func(*host) bool, cost func(*host) float64) *host {
	least := math.Inf(1)
	near := m.near[:0]
	for _, h := range m.hosts {
		if !fits(h) {
			continue
		}
		if c := cost(h); c <= least*(1+TiePercent/100.0) {
			least = min(least, c)
			near = append(near, costed{h, c})
		}
	}
	m.near = near
	var choice *host
	equals := 0
	for _, n := range near {
		if n.cost <= least*(1+TiePercent/100.0) {
			if equals++; m.opt.Rand.IntN(equals) == 0 {
				choice = n.host
			}
		}
	}
	return choice
}

// demandOf is how long a task is expected to take on an ordinary member.
func (m *Machine) demandOf(spec *wire.Spec) time.Duration {
	return inTime(m.history.demand(spec))
}

// costed is a host and what a task would cost there.
type costed struct {
	host *host
	cost float64
}

// forgetEstimates ends what slotTimes, reserve, room and horizon have noted.
func (m *Machine) forgetEstimates() {
	for _, h := range m.estimated {
		h.frees = nil
	}
	m.estimated = m.estimated[:0]
	for _, h := range m.roomy {
		h.room = nil
	}
	m.roomy = m.roomy[:0]
	clear(m.horizons)
}
