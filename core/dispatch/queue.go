package dispatch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// placement is where a task may run.
type placement struct {
	on    string
	where []condition
	idle  bool
	// target is the one member that an element is for; zero: any.
	target core.NodeID
}

type condition struct {
	text, tag, value string
	differs          bool
}

func newPlacement(spec *wire.Spec) *placement {
	p := &placement{on: spec.GetOn(), idle: spec.GetPrefer() == ledger.PreferIdle}
	for _, w := range spec.GetWhere() {
		tag, value, differs, _ := ledger.ParseWhere(w)
		p.where = append(p.where, condition{w, tag, value, differs})
	}
	return p
}

// objection says what keeps a task from a host; empty for nothing.
func (p *placement) objection(h *host) string {
	if p.target != 0 {
		if h.id != p.target {
			return "is not the member of this element"
		}
		return ""
	}
	if h.drained && (p.on == "" || p.on == ledger.OnLeader) {
		return "drained"
	}
	for _, c := range p.where {
		if (h.tags[c.tag] == c.value) == c.differs {
			return "not " + c.text
		}
	}
	return ""
}

// laneKey is the same for tasks of the same placement.
func laneKey(w waiting) string {
	spec := w.spec
	if w.parent != (core.TaskID{}) && (w.target != 0 || spec.Parallel > 0) {
		return fmt.Sprintf("\x01%v\x00%d", w.parent, w.target)
	}
	if spec.On == "" && len(spec.Where) == 0 && spec.Prefer == "" && spec.Exclusive == "" {
		return ""
	}
	return spec.On + "\x00" + spec.Prefer + "\x00" + spec.Exclusive + "\x00" + strings.Join(spec.Where, "\x00")
}

// waiting is a task in a lane or in its back-off.
type waiting struct {
	id    core.TaskID
	rank  int64 // see Machine.rank
	order uint64
	spec  *wire.Spec
	until core.Instant // of its back-off

	// Of an element: its number, its parent and its member.
	n      uint32
	parent core.TaskID
	target core.NodeID
}

// lane is the tasks of one placement, a heap by rank and order.
type lane struct {
	key   string
	place *placement
	tasks heaped[waiting]
}

// queue is every task that could be assigned: in its lane, or, while it backs
// off, aside. A task that was assigned or cancelled meanwhile is dropped when
// its turn comes.
type queue struct {
	lanes map[string]*lane
	aside heaped[waiting]
	in    map[core.TaskID]bool // in a lane or aside
}

func newQueue() queue {
	sooner := func(a, b waiting) bool {
		return a.until < b.until || a.until == b.until && a.order < b.order
	}
	return queue{lanes: map[string]*lane{}, aside: heaped[waiting]{less: sooner}, in: map[core.TaskID]bool{}}
}

func before(a, b waiting) bool {
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return a.order < b.order || a.order == b.order && a.n < b.n
}

// rank is a task's place in the queue, the lowest first: when it was submitted,
// less what its priority and its expected length are worth. It never changes
// while the task waits, so everything that waits is overtaken only by what
// comes within a bounded time, and nothing starves.
func (m *Machine) rank(t *wire.Task) int64 {
	ahead := time.Duration(t.Spec.Priority) * PriorityWorth
	ahead += min(LengthMost, LengthWorth*m.demandOf(t.Spec))
	return t.SubmittedNanos - int64(ahead)
}

// ready puts a task into its lane unless it waits already.
func (m *Machine) ready(t *wire.Task) {
	if w, fresh := m.enter(t); fresh {
		m.queue.push(w)
	}
}

// later keeps a task aside until its back-off is over.
func (m *Machine) later(t *wire.Task, until core.Instant) {
	if w, fresh := m.enter(t); fresh {
		w.until = until
		m.queue.aside.push(w)
	}
}

func (m *Machine) enter(t *wire.Task) (w waiting, fresh bool) {
	id := core.TaskID(t.Id)
	if m.queue.in[id] {
		return w, false
	}
	m.queue.in[id] = true
	w = waiting{id: id, rank: m.rank(t), order: t.Order, spec: t.Spec, n: t.N, target: core.NodeID(t.Target)}
	copy(w.parent[:], t.Parent)
	return w, true
}

func (q *queue) push(w waiting) {
	key := laneKey(w)
	l := q.lanes[key]
	if l == nil {
		l = &lane{key: key, place: newPlacement(w.spec), tasks: heaped[waiting]{less: before}}
		l.place.target = w.target
		q.lanes[key] = l
	}
	l.tasks.push(w)
}

// wake moves tasks whose back-off is over into their lanes.
func (q *queue) wake(now core.Instant) {
	for q.aside.len() > 0 && q.aside.first().until <= now {
		q.push(q.aside.pop())
	}
}

// next is when the first back-off is over.
func (q *queue) next() core.Instant {
	if q.aside.len() == 0 {
		return core.Never
	}
	return q.aside.first().until
}

// fill assigns what can be, lowest rank first. A task that does better to wait
// for a member without a free slot lets the next one go ahead.
func (m *Machine) fill(now core.Instant) {
	m.again = core.Never
	if len(m.queue.lanes) == 0 || !slices.ContainsFunc(m.hosts, (*host).ready) {
		return
	}
	open := heaped[*lane]{less: func(a, b *lane) bool { return before(a.tasks.first(), b.tasks.first()) }}
	for _, key := range slices.Sorted(maps.Keys(m.queue.lanes)) {
		if l := m.queue.lanes[key]; m.live(l) && !m.blocked(l.tasks.first().spec, l.tasks.first().parent) {
			open.push(l)
		}
	}
	var passed []waiting
	for open.len() > 0 && len(passed) < lookahead {
		l := open.first()
		w := l.tasks.first()
		demand := m.history.demand(w.spec)
		h, wait := m.pick(now, l.place, demand)
		if h == nil {
			open.pop()
			continue
		}
		l.tasks.pop()
		if wait {
			passed = append(passed, w)
		} else {
			delete(m.queue.in, w.id)
			t, _ := m.opt.Ledger().Task(w.id)
			why := m.reason(l.place, h, demand)
			m.put(Propose{m.plan(now, t.Spec, w.id, ledger.NextAttempt(t), h, why)})
		}
		if m.live(l) && !m.blocked(l.tasks.first().spec, l.tasks.first().parent) {
			open.sink()
		} else {
			open.pop()
		}
	}
	for _, w := range passed {
		m.queue.push(w)
		m.again = now.Add(lookAgain)
	}
	m.forgetEstimates()
}

// live drops tasks that wait no more from the head of a lane, and a lane
// without tasks.
func (m *Machine) live(l *lane) bool {
	for l.tasks.len() > 0 {
		id := l.tasks.first().id
		t, ok := m.opt.Ledger().Task(id)
		if _, planned := m.plans[id]; ok && !planned && t.Status == ledger.Queued {
			return true
		}
		l.tasks.pop()
		delete(m.queue.in, id)
	}
	delete(m.queue.lanes, l.key)
	return false
}

// plan counts an assignment and makes the command for it.
func (m *Machine) plan(now core.Instant, spec *wire.Spec, id core.TaskID, attempt uint32, h *host, why string) *wire.Command {
	h.planned++
	until := now.Add(ReplanAfter)
	m.plans[id] = plan{node: h.id, attempt: attempt, until: until, holds: spec.Exclusive}
	if spec.Exclusive != "" {
		m.holding[spec.Exclusive] = id
	}
	if t, ok := m.opt.Ledger().Task(id); ok && t.N > 0 {
		p := m.plans[id]
		p.parent = core.TaskID(t.Parent)
		m.plans[id] = p
		m.flying[p.parent]++
	}
	m.due = core.Earlier(m.due, until)
	return &wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{
		Task: id[:], Attempt: attempt, Node: uint64(h.id), Instance: uint32(h.instance), Why: why,
	}}}
}

// PlanFor chooses a member for a task that is about to be proposed: the Assign
// belongs right behind the Submit in the same entry. False says that no slot is
// free, that the task is known already, or that this node does not lead; then
// the task is assigned in its turn once it has been applied.
func (m *Machine) PlanFor(now core.Instant, sub *wire.Submit) (*wire.Command, bool) {
	if !m.leading || len(sub.GetTask()) != len(core.TaskID{}) || sub.Spec == nil {
		return nil, false
	}
	id := core.TaskID(sub.Task)
	l := m.opt.Ledger()
	_, known := l.Task(id)
	_, keyed := l.Keyed(sub.Spec.Key)
	_, planned := m.plans[id]
	if known || keyed || planned || sub.Spec.Array > 0 || sub.Spec.All || m.blocked(sub.Spec, core.TaskID{}) {
		return nil, false
	}
	p, demand := newPlacement(sub.Spec), m.history.demand(sub.Spec)
	h, wait := m.pick(now, p, demand)
	m.forgetEstimates()
	if h == nil || wait {
		return nil, false
	}
	return m.plan(now, sub.Spec, id, 1, h, m.reason(p, h, demand)), true
}

// backOff is how long a task that is queued again waits: doubling with each
// failure of its own. A loss is hardly the task's fault, and was waited for
// already: the first is made good at once, further ones in a row after RetryFirst.
func backOff(t *wire.Task) time.Duration {
	n := len(t.Attempts)
	switch {
	case n == 0:
		return 0
	case t.Attempts[n-1].Outcome == ledger.Ended && t.Failures > 0:
		return min(RetryMost, RetryFirst<<min(int(t.Failures)-1, 10))
	case t.Attempts[n-1].Outcome != ledger.Ended && n > 1 && t.Attempts[n-2].Outcome != ledger.Ended:
		return RetryFirst
	}
	return 0
}
