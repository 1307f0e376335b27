package dispatch

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
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
	// Waits says why the task that was asked about waits; empty when it does not.
	Waits string
}

// Candidate is a member as the choice sees it.
type Candidate struct {
	Node core.NodeID
	Name string
	// Slots is how many tasks it runs at once, Busy how many of them are
	// granted or planned. Known says that it has reported.
	Slots, Busy int
	Known       bool
	// Stress is the member's own figure for people, 0 to 1000.
	Stress int
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

// Explain weighs all members for a spec without planning anything; of a task that
// has it and waits (zero: none) it says why.
func (m *Machine) Explain(now core.Instant, spec *wire.Spec, task core.TaskID) Explanation {
	p := newPlacement(spec)
	only := m.only(p)
	demand := m.history.demand(spec)
	e := Explanation{Demand: m.demandOf(spec)}
	for _, h := range m.hosts {
		c := Candidate{
			Node: h.id, Name: h.name, Slots: h.slots(), Busy: h.busy(), Known: h.known,
			Stress: int(h.load.Stress), OthersPermille: int(h.load.BusyPermille), Slowness: h.slowness(), Why: m.against(p, h, only),
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
	if t, ok := m.opt.Ledger().Task(task); ok && t.Status == ledger.Queued {
		e.Waits = m.waits(now, p, t, e.Candidates)
	}
	if h, wait := m.pick(now, p, m.estimate(now, spec)); h != nil && !wait {
		e.Choice = h.id
	}
	m.forgetEstimates()
	return e
}

// waits says why a task waits.
func (m *Machine) waits(now core.Instant, p *placement, t *wire.Task, candidates []Candidate) string {
	if holder, held := m.opt.Ledger().Holder(t.Spec.Exclusive); held {
		return fmt.Sprintf("task %s holds %q", ledger.Name(holder), t.Spec.Exclusive)
	}
	for _, w := range m.queue.aside.items {
		if w.id == core.TaskID(t.Id) {
			return fmt.Sprintf("it is tried again in %v", max(time.Second, w.until.Sub(now).Round(time.Second)))
		}
	}
	if t.N > 0 && m.blocked(t.Spec, core.TaskID(t.Parent)) {
		return fmt.Sprintf("%d elements of its task run already", t.Spec.Parallel)
	}
	may, free, slots := 0, 0, 0
	objections := map[string]bool{}
	for i := range candidates {
		h := m.byID[candidates[i].Node]
		if why := m.against(p, h, m.only(p)); why != "" {
			objections[why] = true
			continue
		}
		may, slots = may+1, slots+h.slots()
		if h.ready() {
			free++
		}
	}
	switch {
	case may == 0:
		return "no member may run it now: " + strings.Join(slices.Sorted(maps.Keys(objections)), ", ")
	case free == 0:
		return fmt.Sprintf("all %d slots of the %d members that may run it are taken", slots, may)
	}
	return "others go first, or it is done sooner by waiting for a faster member"
}

// only is the member that a placement names, if it names one.
func (m *Machine) only(p *placement) *host {
	if p.on == "" {
		return nil
	}
	return m.named(p.on)
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
