package dispatch

import (
	"math/rand/v2"
	"slices"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// The thresholds (the package comment says what each is for).
const (
	TiePercent  = 5
	Resend      = time.Second
	ReplanAfter = 5 * time.Second
	RetryFirst  = time.Second
	RetryMost   = time.Minute
	ExpireEvery = time.Minute
	KeepGood    = 24 * time.Hour
	KeepBad     = 7 * 24 * time.Hour

	PriorityWorth = 10 * time.Minute
	LengthMost    = 10 * time.Minute
	LengthHalf    = time.Minute
)

// expireMost bounds one Expire.
const expireMost = 1024

// Options is what the machine is told of itself.
type Options struct {
	// Self is this node: where "--on @leader" runs.
	Self core.NodeID
	// Ledger gives the ledger as it is now; its answer may change between steps.
	Ledger func() *ledger.State
	// Rand draws among equals.
	Rand *rand.Rand
}

// Event is what the node tells the machine.
type Event interface{ event() }

type (
	// Tick says only that time has passed; due at Next.
	Tick struct{}

	// Led says that this node leads now, and that its ledger includes
	// everything committed before its term. It may be repeated: the machine
	// then builds its state anew.
	Led struct{}

	// Deposed says that this node leads no more.
	Deposed struct{}

	// Applied says what the entry that the ledger has just applied came to.
	Applied struct{ Outcomes []ledger.Outcome }

	// Heard brings a member's load report. Known is false when the member
	// answered without one.
	Heard struct {
		Node  core.NodeID
		Load  core.Load
		Known bool
	}

	// Held brings the grants that a runner says it has taken and not ended, which
	// of them it has not started and would give back, and which run, with the Unix
	// time in nanoseconds since when; 0: it does not know.
	Held struct {
		Node            core.NodeID
		Instance        core.Instance
		Fences, Waiting []core.Fence
		Begun           map[core.Fence]int64
	}

	// Refused says that a runner does not have an attempt, never started it
	// and never will.
	Refused struct {
		Node   core.NodeID
		Task   core.TaskID
		Fence  core.Fence
		Reason string
	}

	// Dropped says that the log did not take these proposals.
	Dropped struct{ Commands []*wire.Command }

	// Lost says that this node doubts that the member is there: it gets no new
	// work until it is Heard again. Its tasks are taken back only once the log
	// agrees that it is down.
	Lost struct{ Node core.NodeID }
)

func (Tick) event()    {}
func (Led) event()     {}
func (Deposed) event() {}
func (Applied) event() {}
func (Heard) event()   {}
func (Held) event()    {}
func (Refused) event() {}
func (Dropped) event() {}
func (Lost) event()    {}

// Effect is what the machine wants done.
type Effect interface{ effect() }

type (
	// Propose puts a command into the log. All of one step belong into one
	// entry where they fit.
	Propose struct{ Command *wire.Command }

	// Grant tells a runner to run an attempt.
	Grant struct {
		Node  core.NodeID
		Grant *wire.Grant
	}

	// Kill tells a runner to end an attempt.
	Kill struct {
		Node core.NodeID
		Kill *wire.Kill
	}
)

func (Propose) effect() {}
func (Grant) effect()   {}
func (Kill) effect()    {}

// Machine is the dispatcher. It is idle until Led.
type Machine struct {
	opt     Options
	leading bool
	effects []Effect

	hosts  []*host // sorted by ID
	byID   map[core.NodeID]*host
	grants map[core.TaskID]*grant // the open grants of the ledger
	plans  map[core.TaskID]*plan  // assignments proposed and not applied yet
	queue  queue

	// holding are the exclusive keys of plans; led is since when this node leads.
	holding map[string]core.TaskID
	flying  map[core.TaskID]int // plans for elements, by parent
	samples map[string]int      // plans of tasks of which nothing is known, by name
	led     core.Instant

	// due is no later than the first grant or plan that is to be looked at.
	due    core.Instant
	expiry core.Instant // when old records are looked for
	again  core.Instant // when tasks that wait for a better member are weighed anew

	history   history
	ordinary  float64            // what runs take on the median member, over what was expected
	watched   map[string]*watch  // by name: the runs that go on
	unfit     bool               // what is expected of the runs is to be looked at again
	fitted    core.Instant       // when it last was
	estimated []*host            // whose slotTimes are noted
	roomy     []*host            // whose room is
	near      []costed           // of draw, over and over
	horizons  map[string]float64 // by group of placement; see horizon
	figures   []float64          // of median, lagOf and ages, over and over
}

// plan is an assignment on its way through the log.
type plan struct {
	node    core.NodeID
	attempt uint32
	until   core.Instant // given up then
	holds   string       // the exclusive key
	parent  core.TaskID  // of an element
	// sampled is its name if nothing was known of that; see Machine.sampled.
	sampled string
	// expected is how many seconds it should take there, infinite if nobody knows.
	expected float64
}

// New makes a dispatcher that does not lead.
func New(opt Options) *Machine {
	m := &Machine{opt: opt}
	m.reset()
	return m
}

func (m *Machine) reset() {
	m.leading, m.hosts, m.due, m.expiry, m.again = false, nil, core.Never, core.Never, core.Never
	m.history, m.estimated, m.roomy, m.ordinary, m.unfit = history{}, nil, nil, 1, false
	m.byID = map[core.NodeID]*host{}
	m.grants = map[core.TaskID]*grant{}
	m.plans = map[core.TaskID]*plan{}
	m.holding = map[string]core.TaskID{}
	m.flying, m.samples = map[core.TaskID]int{}, map[string]int{}
	m.queue = newQueue()
	m.horizons, m.watched = map[string]float64{}, map[string]*watch{}
}

// Step takes an event and gives what is to be done, in order. The slice is
// valid until the next Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect {
	m.effects = m.effects[:0]
	switch ev.(type) {
	case Led:
		m.lead(now)
	case Deposed:
		m.reset()
	}
	if !m.leading {
		return nil
	}
	switch ev := ev.(type) {
	case Applied:
		for i := range ev.Outcomes {
			m.applied(now, &ev.Outcomes[i])
		}
	case Heard:
		m.heard(now, ev)
	case Lost:
		if h := m.byID[ev.Node]; h != nil {
			h.lost = true
		}
	case Held:
		m.held(now, ev)
	case Refused:
		m.refused(now, ev)
	case Dropped:
		for _, c := range ev.Commands {
			m.unplan(now, c.GetAssign())
		}
	}
	m.lookAtDue(now)
	m.refit(now)
	m.queue.wake(now)
	m.fill(now)
	return m.effects
}

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant {
	return core.Earlier(core.Earlier(m.due, m.expiry), core.Earlier(m.again, m.queue.next()))
}

func (m *Machine) put(e Effect) { m.effects = append(m.effects, e) }

// lead builds the soft state from the ledger.
func (m *Machine) lead(now core.Instant) {
	m.reset()
	m.led = now
	m.leading, m.expiry = true, now.Add(ExpireEvery)
	l := m.opt.Ledger()
	for _, row := range l.Members() {
		m.hostFor(row)
	}
	m.learnAgain(now)
	for _, t := range l.OpenGrants() {
		m.refresh(now, t)
	}
	for _, t := range l.QueuedTasks() {
		m.ready(now, t)
	}
}

// applied takes in what one command came to.
func (m *Machine) applied(now core.Instant, o *ledger.Outcome) {
	for _, row := range o.Members {
		m.memberChanged(now, row)
	}
	m.unplan(now, o.Command.GetAssign())
	m.learnFinish(now, o)
	m.notTaken(o)
	for _, t := range o.Also {
		m.refreshByID(now, t)
	}
	if o.Task != nil {
		// The record of the last outcome in the entry is the one that counts.
		m.refreshByID(now, o.Task)
	}
}

// refreshByID looks a record up anew: the one of an outcome may be superseded.
func (m *Machine) refreshByID(now core.Instant, t *wire.Task) {
	if t, ok := m.opt.Ledger().Task(core.TaskID(t.Id)); ok {
		m.refresh(now, t)
	}
}

// lookAtDue repeats and gives up what is due.
func (m *Machine) lookAtDue(now core.Instant) {
	if now >= m.expiry {
		m.proposeExpiry(now)
	}
	if now < m.due {
		return
	}
	m.due = core.Never
	for _, id := range m.dueGrants(now) {
		m.repeat(now, m.grants[id])
	}
	for _, id := range m.duePlans(now) {
		m.dropPlan(now, id)
	}
}

// duePlans are the plans that never came back, sorted.
func (m *Machine) duePlans(now core.Instant) []core.TaskID {
	var ids []core.TaskID
	for id, p := range m.plans {
		if now >= p.until {
			ids = append(ids, id)
			continue
		}
		m.due = core.Earlier(m.due, p.until)
	}
	sortIDs(ids)
	return ids
}

// unplan takes away the plan that an Assign was made for: it came back.
func (m *Machine) unplan(now core.Instant, a *wire.Assign) {
	if a == nil || len(a.Task) != len(core.TaskID{}) {
		return
	}
	id := core.TaskID(a.Task)
	if p, ok := m.plans[id]; ok && p.attempt == a.Attempt && p.node == core.NodeID(a.Node) {
		m.dropPlan(now, id)
	}
}

// dropPlan takes a plan away and, if the task still waits, queues it again.
func (m *Machine) dropPlan(now core.Instant, id core.TaskID) {
	p := m.plans[id]
	if h := m.byID[p.node]; h != nil {
		h.plans = slices.DeleteFunc(h.plans, func(o *plan) bool { return o == p })
	}
	delete(m.holding, p.holds)
	if parent := p.parent; m.flying[parent] > 0 {
		if m.flying[parent]--; m.flying[parent] == 0 {
			delete(m.flying, parent)
		}
	}
	m.countSample(p, -1)
	delete(m.plans, id)
	if t, ok := m.opt.Ledger().Task(id); ok && t.Status == ledger.Queued {
		m.ready(now, t)
	}
}

// proposeExpiry drops old records, some at a time.
func (m *Machine) proposeExpiry(now core.Instant) {
	m.expiry = now.Add(ExpireEvery)
	ids := m.opt.Ledger().Stale(KeepGood, KeepBad, expireMost)
	if len(ids) == 0 {
		return
	}
	x := &wire.Expire{}
	for _, id := range ids {
		x.Tasks = append(x.Tasks, id[:])
	}
	m.put(Propose{&wire.Command{Body: &wire.Command_Expire{Expire: x}}})
}
