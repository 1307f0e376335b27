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
	// lookahead bounds how many tasks may be found to do better by waiting, in
	// one look at the queue.
	lookahead = 64
	// lookAgain is when a task that waits for a better member is weighed anew:
	// what it waits for may take longer than was expected.
	lookAgain = time.Second
)

// completion is how many seconds a task of this demand takes on a host that
// has a slot for it now.
func (h *host) completion(demand float64) float64 {
	cores := float64(h.slots()) * h.share()
	return h.slowness() * demand / min(1, cores/float64(h.busy()+1))
}

// slotTimes are, sorted, the seconds until each of a host's taken slots is
// expected to be free. Of a run that takes longer than expected as much again
// is expected as it has taken; of one of which nobody knows, no end.
func (m *Machine) slotTimes(now core.Instant, h *host) []float64 {
	if h.frees != nil {
		return h.frees
	}
	for _, t := range m.opt.Ledger().OpenOn(h.id) {
		left := math.Inf(1)
		if g := m.grants[core.TaskID(t.Id)]; g != nil {
			elapsed := now.Sub(g.since).Seconds()
			if expected := h.slowness() * m.history.demand(t.Spec); expected > 0 {
				left = max(expected-elapsed, elapsed)
			}
		}
		h.frees = append(h.frees, left)
	}
	for range h.planned {
		h.frees = append(h.frees, math.Inf(1))
	}
	slices.Sort(h.frees)
	m.estimated = append(m.estimated, h)
	return h.frees
}

// reserve counts a task that waits for the first slot of a host.
func (h *host) reserve(demand float64) {
	h.frees[0] += h.slowness() * demand
	slices.Sort(h.frees)
}

// pick finds the host for a task of this demand. With wait the host has no free
// slot, and the task is expected to complete there earlier than anywhere else
// all the same; it is reserved. No host: none that may run it has a free slot.
func (m *Machine) pick(now core.Instant, p *placement, demand float64) (h *host, wait bool) {
	if p.on != "" || p.target != 0 || p.idle || demand <= 0 {
		return m.choose(p), false
	}
	for _, known := range [...]bool{true, false} {
		best := math.Inf(1)
		for _, h := range m.hosts {
			if h.known == known && h.ready() && p.objection(h) == "" {
				best = min(best, h.completion(demand))
			}
		}
		if math.IsInf(best, 1) {
			continue
		}
		if h := m.better(now, p, demand, best*(1-TiePercent/100.0)); h != nil {
			return h, true
		}
		limit := best * (1 + TiePercent/100.0)
		return m.draw(func(h *host) bool {
			return h.known == known && h.ready() && h.completion(demand) <= limit && p.objection(h) == ""
		}, (*host).cost), false
	}
	return nil, false
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

// costed is a host and what a task would cost there.
type costed struct {
	host *host
	cost float64
}

// forgetEstimates ends what slotTimes and reserve have noted.
func (m *Machine) forgetEstimates() {
	for _, h := range m.estimated {
		h.frees = nil
	}
	m.estimated = m.estimated[:0]
}

// demandOf is how long a task is expected to take on an ordinary member.
func (m *Machine) demandOf(spec *wire.Spec) time.Duration {
	return time.Duration(m.history.demand(spec) * float64(time.Second))
}
