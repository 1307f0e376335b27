package dispatch

import (
	"math"
	"slices"
	"time"

	"hb/core"
	"hb/core/ledger"
)

const (
	// paceRuns is how many runs the correction of a member's strength is the
	// median of, paceLeast how many it takes to say anything.
	paceRuns  = 16
	paceLeast = 3
	// doubt is how many runs a member's own word about its strength is worth.
	doubt = 2
	// correctMost and its inverse bound that correction: it is about the machine,
	// not about one job.
	correctMost = 4
	// strengthMost and its inverse bound how far what a member says of its strength
	// is from the median member, whatever it says.
	strengthMost = 16
	// slowFrom is how many times longer than expected things must take before a
	// member counts as slow at the moment, slowMost the most that counts.
	slowFrom = 2
	slowMost = 64
	// lateRuns is of how many runs the last ones are that may show it.
	lateRuns = 3
	// spareFrom is how slow a member must be, beside what it usually is, to get no
	// new work while there is another, and spareFor for how long its runs count.
	spareFrom = 3
	spareFor  = time.Minute
)

// pace is how fast a member is, beside the median member.
type pace struct {
	strong float64 // how much longer than there runs take by what it says of itself
	runs   samples // what runs took over what was expected of its strength
	right  float64 // strong is to be corrected by that

	late   samples      // of the last runs: what they took over what was expected
	lateAt core.Instant // the last of them
	lag    float64      // of what runs now: the time that passed over what was expected
	slow   float64      // how many times slower than usual it is at the moment
}

func newPace() pace { return pace{strong: 1, right: 1, slow: 1} }

// slowness is how many times longer than on an ordinary member tasks take here.
func (h *host) slowness() float64 { return h.pace.strong * h.pace.right * h.pace.slow }

// ran takes in how long a run took, over what the median member would need.
func (m *Machine) ran(now core.Instant, h *host, ratio float64) {
	p := &h.pace
	p.runs.add(within(ratio/p.strong/reportedSlow(h), slowMost), paceRuns)
	m.compare()
	p.late.add(within(ratio/(p.strong*p.right*m.ordinary), slowMost), lateRuns)
	p.lateAt = now
	m.judge(now, h)
}

// compare relates the members' runs to each other: the median member is the
// ordinary one. Without that nobody could tell a job that has grown from a
// cluster that has become slow.
func (m *Machine) compare() {
	ordinary, known := m.median(func(h *host) (float64, bool) { return h.pace.runs.median, len(h.pace.runs.values) >= paceLeast })
	if m.ordinary = 1; !known {
		return
	}
	m.ordinary = ordinary
	for _, h := range m.hosts {
		if len(h.pace.runs.values) >= paceLeast {
			n := float64(len(h.pace.runs.values))
			h.pace.right = within(math.Pow(h.pace.runs.median/ordinary, n/(n+doubt)), correctMost)
		}
	}
}

// compareStrength relates what members say of their strength to each other.
func (m *Machine) compareStrength() {
	ordinary, known := m.median(func(h *host) (float64, bool) { return float64(h.load.Strength), h.known && h.load.Strength > 0 })
	for _, h := range m.hosts {
		if h.pace.strong = 1; known && h.known && h.load.Strength > 0 {
			h.pace.strong = within(ordinary/float64(h.load.Strength), strengthMost)
		}
	}
}

// within is a factor, but no further from one than most times.
func within(factor, most float64) float64 { return min(most, max(1/most, factor)) }

// median is the median of a figure over the members that have it.
func (m *Machine) median(of func(*host) (float64, bool)) (median float64, any bool) {
	all := m.figures[:0]
	for _, h := range m.hosts {
		if v, has := of(h); has {
			all = append(all, v)
		}
	}
	m.figures = all
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return all[len(all)/2], true
}

func reportedSlow(h *host) float64 {
	return min(slowMost, max(1, float64(h.load.Slowdown)/1000))
}

// judge says how slow a member is at the moment: by its own word, by its last
// runs, and by what is overdue in half of its slots. The latter two count beside
// the other members, for a cluster may be slow as a whole, or a guess be bad.
func (m *Machine) judge(now core.Instant, h *host) {
	p := &h.pace
	before := p.slow
	p.slow, p.lag = reportedSlow(h), m.lagOf(now, h)
	if late := p.lateness(now); late >= slowFrom {
		others, any := m.median(func(o *host) (float64, bool) {
			late := o.pace.lateness(now)
			return late, o != h && late > 0
		})
		if late /= max(1, others); any && late >= slowFrom {
			p.slow = max(p.slow, min(slowMost, late))
		}
	}
	m.unfit = m.unfit || differs(before, p.slow)
}

// lateness is how many times longer than expected things take on a member; 0:
// nothing says.
func (p *pace) lateness(now core.Instant) float64 {
	if len(p.late.values) < lateRuns || now.Sub(p.lateAt) > spareFor {
		return p.lag
	}
	return max(p.lag, p.late.median)
}

// lagOf is the ratio of the time that passed to the time that was expected which
// half of a member's slots have reached. Of short tasks the news takes longer than
// the task.
func (m *Machine) lagOf(now core.Instant, h *host) float64 {
	ratios := m.figures[:0]
	for _, g := range h.runs {
		if g.begun && g.expected > 0 {
			ratios = append(ratios, now.Sub(g.since).Seconds()/max(g.expected, aheadTime.Seconds()))
		}
	}
	m.figures = ratios
	half := (h.slots() - 1) / 2
	if half < 0 || half >= len(ratios) {
		return 0
	}
	slices.Sort(ratios)
	return ratios[len(ratios)-1-half]
}

// sparing says whether a placement has members that are not slow at the moment,
// so that those who are can be spared.
func (m *Machine) sparing(p *placement) bool {
	for _, h := range m.hosts {
		if h.known && !h.lost && h.state == ledger.Up && h.slots() > 0 && h.pace.slow < spareFrom && p.objection(h) == "" {
			return true
		}
	}
	return false
}
