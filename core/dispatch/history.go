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
	// HistoryRuns is how many runs of a name its demand is the median of: few
	// enough to follow a job that grows, enough that one odd run does not count.
	HistoryRuns = 32
	// historyNames bounds the names that are remembered.
	historyNames = 4096
	// historyAgain is how many ended tasks a new leader learns from.
	historyAgain = 4096
	// shortest is the shortest run that says anything about a member's speed;
	// below, starting the process is most of it.
	shortest = 10 * time.Millisecond
)

// history is what runs have taken, in seconds on an ordinary member.
type history struct {
	names map[string]*samples
	order []string // of names, oldest first
	all   samples
	// unit is how many seconds a second of --weight has turned out to be.
	unit samples
}

// samples are the newest values of something, and their median.
type samples struct {
	values []float64 // a ring
	next   int
	median float64
	sorted []float64
}

// add takes in a value among the newest most.
func (s *samples) add(v float64, most int) {
	if len(s.values) < most {
		s.values = append(s.values, v)
	} else {
		s.values[s.next] = v
		s.next = (s.next + 1) % most
	}
	s.sorted = append(s.sorted[:0], s.values...)
	slices.Sort(s.sorted)
	s.median = s.sorted[len(s.sorted)/2]
}

// demand is how long a task is expected to take on an ordinary member, in
// seconds: its --weight, else the median of the last runs of its name, else
// that of all. Zero: nobody knows.
func (y *history) demand(spec *wire.Spec) float64 {
	if spec.GetWeight() > 0 {
		return spec.Weight * y.second()
	}
	if s := y.names[spec.GetName()]; s != nil {
		return s.median
	}
	return y.all.median
}

// knows says whether anything is known of this very task.
func (y *history) knows(spec *wire.Spec) bool {
	return spec.GetWeight() > 0 || y.names[spec.GetName()] != nil
}

// risk is how many times longer than expected a task may well take: as the runs of
// its name, or what people say, differ among each other. Of few runs the shortest
// are known first, so more is allowed for.
func (y *history) risk(spec *wire.Spec) float64 {
	s := y.names[spec.GetName()]
	if spec.GetWeight() > 0 {
		if s = &y.unit; len(s.values) < unitLeast {
			return 1
		}
		return s.sorted[len(s.sorted)*9/10] / s.median
	}
	if s == nil {
		return fewRuns
	}
	return max(s.sorted[len(s.sorted)*9/10]/s.median, 1+(fewRuns-1)/math.Sqrt(float64(len(s.values))))
}

// freshRuns is how many runs must have ended for their median to count alone.
const freshRuns = 8

// fewRuns is the risk after a single run.
const fewRuns = 2

// isFresh says of a task without --weight that too few runs of its name have ended
// for their median to count alone.
func (y *history) isFresh(spec *wire.Spec) bool {
	s := y.names[spec.GetName()]
	return spec.GetWeight() <= 0 && (s == nil || len(s.values) < freshRuns)
}

// second is what a second of --weight has turned out to be.
func (y *history) second() float64 {
	if len(y.unit.values) < unitLeast {
		return 1
	}
	return y.unit.median
}

// unitLeast is how many runs it takes to correct what people say.
const unitLeast = 3

// add takes in one run of a name.
func (y *history) add(name string, seconds float64) {
	if y.names == nil {
		y.names = map[string]*samples{}
	}
	s := y.names[name]
	if s == nil {
		if len(y.order) >= historyNames {
			delete(y.names, y.order[0])
			y.order = y.order[1:]
		}
		s = &samples{}
		y.names[name], y.order = s, append(y.order, name)
	}
	s.add(seconds, HistoryRuns)
	y.all.add(seconds, HistoryRuns)
}

// learn takes in a run that ended well: how much slower than expected the
// member was, and, with that taken out, what the task takes.
func (m *Machine) learn(now core.Instant, spec *wire.Spec, node core.NodeID, r *wire.Result) {
	took := time.Duration(r.EndedNanos - r.StartedNanos)
	if took <= 0 || !ledger.Good(r) {
		return
	}
	seconds := took.Seconds()
	if h := m.byID[node]; h != nil {
		seconds *= h.share()
		if expected := m.history.demand(spec); took >= shortest && expected > 0 && m.history.knows(spec) {
			m.ran(now, h, seconds/expected)
		}
		seconds /= h.pace.strong * h.pace.right * reportedSlow(h)
	}
	before, second := m.history.demand(spec), m.history.second()
	if spec.GetWeight() > 0 {
		m.history.unit.add(seconds/spec.Weight, HistoryRuns)
	}
	m.history.add(spec.GetName(), seconds)
	if !m.history.isFresh(spec) {
		delete(m.fresh, spec.GetName())
	}
	m.unfit = m.unfit || differs(before, m.history.demand(spec)) || differs(second, m.history.second())
}

// learnFinish learns from a Finish that counted.
func (m *Machine) learnFinish(now core.Instant, o *ledger.Outcome) {
	f := o.Command.GetFinish()
	if f == nil || o.Verdict != nil || o.Task == nil {
		return
	}
	for _, a := range o.Task.Attempts {
		if a.Fence == f.Fence && a.Outcome == ledger.Ended && a.Result != nil {
			m.learn(now, o.Task.Spec, core.NodeID(a.Node), a.Result)
		}
	}
}

// learnAgain learns what an earlier leader has learned, from the records.
func (m *Machine) learnAgain(now core.Instant) {
	for _, t := range m.opt.Ledger().Recent(historyAgain) {
		for _, a := range t.Attempts {
			if a.Outcome == ledger.Ended && a.Result != nil {
				m.learn(now, t.Spec, core.NodeID(a.Node), a.Result)
			}
		}
	}
}
