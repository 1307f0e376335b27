package dispatch

import (
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
	// slownessRuns is how many runs a member's slowness is the median of.
	slownessRuns = 16
	// mostSlow and its inverse bound what a member's runs may say of it.
	mostSlow = 16
	// shortest is the shortest run that says anything about a member's speed;
	// below, starting the process is most of it.
	shortest = 10 * time.Millisecond
)

// history is what runs have taken, in seconds on an ordinary member.
type history struct {
	names map[string]*samples
	order []string // of names, oldest first
	all   samples
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
		return spec.Weight
	}
	if s := y.names[spec.GetName()]; s != nil {
		return s.median
	}
	return y.all.median
}

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
func (m *Machine) learn(spec *wire.Spec, node core.NodeID, r *wire.Result) {
	took := time.Duration(r.EndedNanos - r.StartedNanos)
	if took <= 0 || !ledger.Good(r) {
		return
	}
	slow := 1.0
	if h := m.byID[node]; h != nil {
		expected := m.history.demand(spec)
		_, known := m.history.names[spec.GetName()]
		if took >= shortest && expected > 0 && (known || spec.GetWeight() > 0) {
			h.pace.add(min(mostSlow, max(1.0/mostSlow, took.Seconds()/expected)), slownessRuns)
			m.compare()
		}
		slow = h.slowness()
	}
	m.history.add(spec.GetName(), took.Seconds()/slow)
}

// learnFinish learns from a Finish that counted.
func (m *Machine) learnFinish(o *ledger.Outcome) {
	f := o.Command.GetFinish()
	if f == nil || o.Verdict != nil || o.Task == nil {
		return
	}
	for _, a := range o.Task.Attempts {
		if a.Fence == f.Fence && a.Outcome == ledger.Ended && a.Result != nil {
			m.learn(o.Task.Spec, core.NodeID(a.Node), a.Result)
		}
	}
}

// learnAgain learns what an earlier leader has learned, from the records.
func (m *Machine) learnAgain() {
	for _, t := range m.opt.Ledger().Recent(historyAgain) {
		for _, a := range t.Attempts {
			if a.Outcome == ledger.Ended && a.Result != nil {
				m.learn(t.Spec, core.NodeID(a.Node), a.Result)
			}
		}
	}
}

// slownessLeast is how many runs it takes to say that a member is slow or fast.
const slownessLeast = 3

// compare relates the members' paces to each other: the median member is the
// ordinary one. Without that nobody could tell a job that has grown from a
// cluster that has become slow.
func (m *Machine) compare() {
	var paces []float64
	for _, h := range m.hosts {
		if len(h.pace.values) >= slownessLeast {
			paces = append(paces, h.pace.median)
		}
	}
	if len(paces) == 0 {
		return
	}
	slices.Sort(paces)
	ordinary := paces[len(paces)/2]
	for _, h := range m.hosts {
		if len(h.pace.values) >= slownessLeast {
			h.slow = h.pace.median / ordinary
		}
	}
}

// slowness is how many times longer than on an ordinary member tasks take here.
func (h *host) slowness() float64 {
	if h.slow == 0 {
		return 1
	}
	return h.slow
}
