package dispatch

import (
	"math"
	"slices"
	"time"

	"hb/core"
	"hb/core/wire"
)

const (
	// watchMost is how many of the runs of one name that go on are watched.
	watchMost = 64
	// fewRuns is how many times longer than expected a task may well take after a
	// single run of its name.
	fewRuns = 2
	// farQuantile is how much of the runs of a name takes no longer than what is
	// reckoned with where that would matter.
	farQuantile = 0.9
	// sampleMost is how many tasks of a name of which nothing is known are planned before
	// they are in the queue, where other names may go first.
	sampleMost = 2
)

// estimate is what is known of how long a task takes.
type estimate struct {
	seconds float64 // on an ordinary member; 0: nobody has an idea
	risk    float64 // how many times longer it may well take
	known   bool    // of this very task
	begun   bool    // nothing is known, but that its like has run for a while
	ahead   bool    // it is short, and may be given to a member ahead of time
	waited  time.Duration
}

// estimate says it of a task. If no run of its name has ended, that which has gone on
// for longest is expected to go on for as long again.
func (m *Machine) estimate(now core.Instant, spec *wire.Spec) estimate {
	e := estimate{seconds: m.history.demand(spec), risk: m.history.risk(spec), known: m.history.knows(spec)}
	e.ahead = m.mayBeAhead(spec, e.seconds)
	switch {
	case spec.GetWeight() > 0:
	case e.known:
		e.seconds, e.risk = m.runTime(now, spec.GetName())
	default:
		age := m.soFar(now, spec.GetName())
		e.begun, e.seconds = age > 0, max(e.seconds, 2*age)
	}
	return e
}

// watch is the runs of one name that go on.
type watch struct {
	running int
	runs    []*grant // some of them, at most watchMost

	// What runTime has found, how many had ended then, and until when it holds.
	seconds, risk float64
	ended, going  int
	until         core.Instant
}

// watchRun counts a run that begins.
func (m *Machine) watchRun(g *grant) {
	name := g.spec.GetName()
	if g.spec.GetWeight() > 0 {
		return
	}
	w := m.watched[name]
	if w == nil {
		w = &watch{}
		m.watched[name] = w
	}
	w.running++
	if s := m.history.names[name]; s != nil {
		g.before = s.ended
	}
	if len(w.runs) < watchMost {
		w.runs = append(w.runs, g)
	}
}

// unwatch forgets a run.
func (m *Machine) unwatch(g *grant) {
	w := m.watched[g.spec.GetName()]
	if w == nil || g.spec.GetWeight() > 0 {
		return
	}
	w.runs = without(w.runs, g)
	if w.running--; w.running == 0 {
		delete(m.watched, g.spec.GetName())
	}
}

// ages are how long the watched runs of a name have gone on, as on an ordinary member,
// sorted; valid until the next call.
func (m *Machine) ages(now core.Instant, w *watch) []float64 {
	ages := m.figures[:0]
	for _, g := range w.runs {
		if h := m.byID[g.node]; h != nil && g.begun {
			ages = append(ages, now.Sub(g.since).Seconds()*h.share()/h.slowness())
		}
	}
	m.figures = ages
	slices.Sort(ages)
	return ages
}

// soFar is how many seconds, on an ordinary member, the longest of the runs of a name
// has taken until now.
func (m *Machine) soFar(now core.Instant, name string) float64 {
	if w := m.watched[name]; w != nil {
		if ages := m.ages(now, w); len(ages) > 0 {
			return ages[len(ages)-1]
		}
	}
	return 0
}

// sampled says of a name of which no run has ended whether one is under way.
func (m *Machine) sampled(name string) bool { return m.samples[name] > 0 || m.watched[name] != nil }

// countSample counts a plan that samples its name.
func (m *Machine) countSample(p *plan, by int) {
	if p.sampled == "" {
		return
	}
	if m.samples[p.sampled] += by; m.samples[p.sampled] == 0 {
		delete(m.samples, p.sampled)
	}
}

// runTime is how many seconds a task takes, on an ordinary member, of whose name runs
// have ended, and how many times longer it may well take. The runs that have ended
// first are the short ones: those that go on count as well, as what will take longer
// than they have (censored ones, Kaplan & Meier 1958).
func (m *Machine) runTime(now core.Instant, name string) (seconds, risk float64) {
	s, w := m.history.names[name], m.watched[name]
	if w == nil {
		return s.median, max(s.far(), few(len(s.values)))
	}
	if now < w.until && w.ended == s.ended && w.going == w.running {
		return w.seconds, w.risk
	}
	ages := m.ages(now, w)
	median, far := survive(s.sorted, s.each(), ages, float64(w.running)/float64(max(1, len(ages))))
	const fresh = 64 // parts of the time: a change of one matters to nobody
	w.seconds, w.risk = median, max(far/median, few(len(s.values)))
	w.ended, w.going, w.until = s.ended, w.running, now.Add(time.Duration(median*float64(time.Second))/fresh)
	return w.seconds, w.risk
}

// few is the least risk after so many runs.
func few(runs int) float64 { return 1 + (fewRuns-1)/math.Sqrt(float64(runs)) }

// survive is the median of how long runs take, and what farQuantile of them does not
// exceed, by the times of some that have ended and the ages of some that go on, sorted,
// each of which stands for so many. Where too few have ended to tell, the longest
// counts, and half as much more as more go on.
func survive(ended []float64, each float64, ages []float64, stands float64) (median, far float64) {
	atRisk, left := each*float64(len(ended))+stands*float64(len(ages)), 1.0
	const tiny = 1e-9 // more than sums of what is on the way are off by
	younger := 0
	for _, t := range ended {
		for ; younger < len(ages) && ages[younger] < t; younger++ {
			atRisk -= stands
		}
		left *= max(0, 1-each/atRisk)
		atRisk -= each
		if median == 0 && left < 0.5-tiny {
			median = t
		}
		if far == 0 && left < 1-farQuantile-tiny {
			far = t
		}
	}
	longest := ended[len(ended)-1]
	if len(ages) > 0 {
		longest = max(longest, ages[len(ages)-1])
	}
	if median == 0 {
		median = longest * (0.5 + left)
	}
	if far == 0 {
		far = max(longest, median)
	}
	return median, far
}
