package dispatch

import (
	"fmt"
	"math"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// Explanation is how a task would be placed now.
type Explanation struct {
	// Candidates are all members of the directory, sorted by ID.
	Candidates []Candidate
	// Choice is the member that would get the task; zero: it would wait.
	Choice core.NodeID
	// Demand is how long it is expected to take on an ordinary member; zero:
	// nobody knows.
	Demand time.Duration
}

// Candidate is a member as the choice sees it.
type Candidate struct {
	Node core.NodeID
	Name string
	// Slots is how many tasks it runs at once, Busy how many of them are
	// granted or planned. Known says that it has reported.
	Slots, Busy int
	Known       bool
	// OthersPermille is the share of the machine in use by anything but hb.
	OthersPermille int
	// Slowness is how many times longer than elsewhere tasks took here.
	Slowness float64
	// Completion is how long until the task would be done there; zero when
	// nobody knows how long it takes, or it may not run there.
	Completion time.Duration
	// Cost is proportional to the time a further task would need there; the
	// least wins among those of equal Completion. Zero when Why is set.
	Cost float64
	// Why says what keeps the task from starting there now; empty for nothing.
	Why string
}

// Explain weighs all members for a spec without planning anything.
func (m *Machine) Explain(now core.Instant, spec *wire.Spec) Explanation {
	p := newPlacement(spec)
	only := (*host)(nil)
	if p.on != "" {
		only = m.named(p.on)
	}
	demand := m.history.demand(spec)
	e := Explanation{Demand: m.demandOf(spec)}
	for _, h := range m.hosts {
		c := Candidate{
			Node: h.id, Name: h.name, Slots: h.slots(), Busy: h.busy(), Known: h.known,
			OthersPermille: int(h.load.BusyPermille), Slowness: h.slowness(), Why: m.against(p, h, only),
		}
		switch {
		case c.Why != "":
		case h.ready():
			c.Cost, c.Completion = h.cost(), inTime(h.completion(demand))
		default:
			c.Why = fmt.Sprintf("%d of %d slots taken", h.busy(), h.slots())
			if free := m.slotTimes(now, h); len(free) > 0 {
				c.Completion = inTime(free[0] + h.slowness()*demand)
			}
		}
		e.Candidates = append(e.Candidates, c)
	}
	m.forgetEstimates()
	if h, wait := m.pick(now, p, m.estimate(now, spec)); h != nil && !wait {
		e.Choice = h.id
	}
	m.forgetEstimates()
	return e
}

// against is what keeps a task from a host whether it is busy or not.
func (m *Machine) against(p *placement, h, only *host) string {
	switch {
	case h.state != ledger.Up:
		return h.state
	case p.on != "" && h != only:
		return "is not " + p.on
	case h.lost:
		return "does not answer"
	}
	return p.objection(h)
}

// longest is the longest time that is worth telling.
const longest = 100 * 24 * time.Hour

func inTime(seconds float64) time.Duration {
	if seconds > longest.Seconds() || math.IsNaN(seconds) {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// reason says in words why a host was chosen.
func (m *Machine) reason(p *placement, h *host, demand float64) string {
	what := "the least loaded"
	switch {
	case p.on != "":
		what = "asked for"
	case p.idle:
		what = fmt.Sprintf("the least strain, stress %d", h.load.Stress)
	case demand > 0:
		what = fmt.Sprintf("the first to be done, in %s", inTime(h.completion(demand)).Round(time.Millisecond))
	}
	return fmt.Sprintf("%s; %d of %d slots taken, %.2g times as slow as others", what, h.busy(), h.slots(), h.slowness())
}
