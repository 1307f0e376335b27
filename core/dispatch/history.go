package dispatch

import (
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

// risk is how many times longer than its --weight says a task may well take, as what
// people say has differed; without one, see Machine.runTime.
func (y *history) risk(spec *wire.Spec) float64 {
	switch {
	case spec.GetWeight() <= 0:
		return fewRuns
	case len(y.unit.values) < unitLeast:
		return 1
	}
	return y.unit.far() / y.unit.median
}

// freshRuns is how many runs must have ended for their median to count alone.
const freshRuns = 8

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

// add takes in one run of a name, of which so many had ended when it began; negative:
// nobody knows.
func (y *history) add(name string, seconds float64, before int) {
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
	if before < 0 {
		before = s.ended
	}
	s.addRun(seconds, HistoryRuns, before)
	y.all.add(seconds, HistoryRuns)
}

// learn takes in a run that ended well: how much slower than expected the
// member was, and, with that taken out, what the task takes. So many of its name had
// ended when it began; negative: nobody knows.
func (m *Machine) learn(now core.Instant, spec *wire.Spec, node core.NodeID, r *wire.Result, before int) {
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
	demand, second := m.history.demand(spec), m.history.second()
	if spec.GetWeight() > 0 {
		m.history.unit.add(seconds/spec.Weight, HistoryRuns)
	}
	m.history.add(spec.GetName(), seconds, before)
	m.unfit = m.unfit || differs(demand, m.history.demand(spec)) || differs(second, m.history.second())
}

// learnFinish learns from a Finish that counted.
func (m *Machine) learnFinish(now core.Instant, o *ledger.Outcome) {
	f := o.Command.GetFinish()
	if f == nil || o.Verdict != nil || o.Task == nil {
		return
	}
	for _, a := range o.Task.Attempts {
		if a.Fence == f.Fence && a.Outcome == ledger.Ended && a.Result != nil {
			before := -1
			if g := m.grants[core.TaskID(o.Task.Id)]; g != nil {
				before = g.before
			}
			m.learn(now, o.Task.Spec, core.NodeID(a.Node), a.Result, before)
		}
	}
}

// learnAgain learns what an earlier leader has learned, from the records.
func (m *Machine) learnAgain(now core.Instant) {
	for _, t := range m.opt.Ledger().Recent(historyAgain) {
		for _, a := range t.Attempts {
			if a.Outcome == ledger.Ended && a.Result != nil {
				m.learn(now, t.Spec, core.NodeID(a.Node), a.Result, -1)
			}
		}
	}
}
