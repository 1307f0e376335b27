package dispatch

import (
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
}

type condition struct {
	text, tag, value string
	differs          bool
}

func newPlacement(spec *wire.Spec) *placement {
	p := &placement{on: spec.GetOn()}
	for _, w := range spec.GetWhere() {
		tag, value, differs, _ := ledger.ParseWhere(w)
		p.where = append(p.where, condition{w, tag, value, differs})
	}
	return p
}

// objection says which tag keeps a task from a host; empty for none.
func (p *placement) objection(h *host) string {
	for _, c := range p.where {
		if (h.tags[c.tag] == c.value) == c.differs {
			return "not " + c.text
		}
	}
	return ""
}

// laneKey is the same for tasks of the same placement.
func laneKey(spec *wire.Spec) string {
	if spec.On == "" && len(spec.Where) == 0 {
		return ""
	}
	return spec.On + "\x00" + strings.Join(spec.Where, "\x00")
}

// waiting is a task in a lane or in its back-off.
type waiting struct {
	id    core.TaskID
	order uint64
	spec  *wire.Spec
	until core.Instant // of its back-off
}

// lane is the tasks of one placement, a heap by order.
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

func older(a, b waiting) bool { return a.order < b.order }

// ready puts a task into its lane unless it is there.
func (q *queue) ready(t *wire.Task) {
	id := core.TaskID(t.Id)
	if q.in[id] {
		return
	}
	q.in[id] = true
	q.push(waiting{id: id, order: t.Order, spec: t.Spec})
}

// later keeps a task aside until its back-off is over.
func (q *queue) later(t *wire.Task, until core.Instant) {
	id := core.TaskID(t.Id)
	if q.in[id] {
		return
	}
	q.in[id] = true
	q.aside.push(waiting{id: id, order: t.Order, spec: t.Spec, until: until})
}

func (q *queue) push(w waiting) {
	key := laneKey(w.spec)
	l := q.lanes[key]
	if l == nil {
		l = &lane{key: key, place: newPlacement(w.spec), tasks: heaped[waiting]{less: older}}
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

// fill assigns what can be, oldest first.
func (m *Machine) fill(now core.Instant) {
	if len(m.queue.lanes) == 0 || !slices.ContainsFunc(m.hosts, (*host).ready) {
		return
	}
	open := heaped[*lane]{less: func(a, b *lane) bool { return older(a.tasks.first(), b.tasks.first()) }}
	for _, key := range slices.Sorted(maps.Keys(m.queue.lanes)) {
		if l := m.queue.lanes[key]; m.live(l) {
			open.push(l)
		}
	}
	for open.len() > 0 {
		l := open.first()
		h := m.choose(l.place)
		if h == nil {
			open.pop()
			continue
		}
		w := l.tasks.pop()
		delete(m.queue.in, w.id)
		t, _ := m.opt.Ledger().Task(w.id)
		m.put(Propose{m.plan(now, w.id, ledger.NextAttempt(t), h)})
		if m.live(l) {
			open.sink()
		} else {
			open.pop()
		}
	}
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
func (m *Machine) plan(now core.Instant, id core.TaskID, attempt uint32, h *host) *wire.Command {
	h.planned++
	until := now.Add(ReplanAfter)
	m.plans[id] = plan{node: h.id, attempt: attempt, until: until}
	m.due = core.Earlier(m.due, until)
	return &wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{
		Task: id[:], Attempt: attempt, Node: uint64(h.id), Instance: uint32(h.instance),
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
	if known || keyed || planned {
		return nil, false
	}
	h := m.choose(newPlacement(sub.Spec))
	if h == nil {
		return nil, false
	}
	return m.plan(now, id, 1, h), true
}

// backOff is how long a task that is queued again waits: doubling with each
// failure, or with each loss of its member in a row but for the first.
func backOff(t *wire.Task) time.Duration {
	n := len(t.Attempts)
	if n == 0 {
		return 0
	}
	times := int(t.Failures)
	if t.Attempts[n-1].Outcome != ledger.Ended {
		losses := 0
		for losses < n && t.Attempts[n-1-losses].Outcome != ledger.Ended {
			losses++
		}
		times = losses - 1
	}
	if times <= 0 {
		return 0
	}
	return min(RetryMost, RetryFirst<<min(times-1, 10))
}
