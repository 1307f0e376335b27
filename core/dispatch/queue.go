package dispatch

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
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
	// group is the same for all lanes of a placement.
	group string
	// target is the one member that an element is for; zero: any.
	target core.NodeID
	// spec is one of those it is for; what members must offer for it is the same
	// for all of them.
	spec *wire.Spec
}

type condition struct {
	text, tag, value string
	differs          bool
}

func newPlacement(spec *wire.Spec) *placement {
	p := &placement{on: spec.GetOn(), idle: spec.GetPrefer() == ledger.PreferIdle, spec: spec}
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
	return ledger.Unfit(p.spec, h.offer)
}

// groupOf is the same for tasks of the same placement.
func groupOf(w waiting) string {
	spec := w.spec
	if w.parent != (core.TaskID{}) && (w.target != 0 || spec.Parallel > 0) {
		return fmt.Sprintf("\x01%v\x00%d", w.parent, w.target)
	}
	named := ""
	if len(spec.Argv) == 0 {
		named = fmt.Sprintf("\x02%s\x00%t\x00", spec.Name, len(spec.Args) > 0 || len(spec.Stdin) > 0)
	}
	if spec.On == "" && len(spec.Where) == 0 && spec.Prefer == "" && spec.Exclusive == "" {
		return named
	}
	return named + spec.On + "\x00" + spec.Prefer + "\x00" + spec.Exclusive + "\x00" + strings.Join(spec.Where, "\x00")
}

// kindOf is the same for tasks of about the same demand: of weights that differ by
// less than a fifth, or of one name. (Where there are very many names some share a
// lane; then the first of them speaks for all.)
func kindOf(spec *wire.Spec) int {
	const steps, names = 4, 256
	if spec.Weight > 0 {
		return -int(math.Floor(math.Log2(spec.Weight)*steps)) - 1<<20
	}
	sum := fnv.New32a()
	sum.Write([]byte(spec.Name))
	return int(sum.Sum32() % names)
}

// laneKey is the same for tasks that stand in one lane.
type laneKey struct {
	group string
	kind  int
}

func (k laneKey) compare(o laneKey) int {
	return cmp.Or(cmp.Compare(k.group, o.group), cmp.Compare(k.kind, o.kind))
}

// waiting is a task in a lane or in its back-off.
type waiting struct {
	id    core.TaskID
	rank  int64 // see Machine.rank
	order uint64
	spec  *wire.Spec
	until core.Instant // of its back-off
	since core.Instant // when it came here

	// Of an element: its number, its parent and its member.
	n      uint32
	parent core.TaskID
	target core.NodeID
}

// lane is the tasks of one placement and one kind, a heap by rank and order.
type lane struct {
	key    laneKey
	place  *placement
	tasks  heaped[waiting]
	weight float64 // of all its tasks that have one, together
	bare   int     // how many have none

	// Of the first task, at this look at the queue: what it should take, and its
	// rank with that.
	demand estimate
	rank   int64
	passed int // how many tasks were found to do better by waiting
}

// queue is every task that could be assigned: in its lane, or, while it backs
// off, aside. A task that was assigned or cancelled meanwhile is dropped when
// its turn comes.
type queue struct {
	lanes map[laneKey]*lane
	order []*lane // by key
	aside heaped[waiting]
	in    map[core.TaskID]bool // in a lane or aside
}

func newQueue() queue {
	sooner := func(a, b waiting) bool {
		return a.until < b.until || a.until == b.until && a.order < b.order
	}
	return queue{lanes: map[laneKey]*lane{}, aside: heaped[waiting]{less: sooner}, in: map[core.TaskID]bool{}}
}

func before(a, b waiting) bool {
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return a.order < b.order || a.order == b.order && a.n < b.n
}

// rank is a task's place in its lane, the lowest first: when it was submitted,
// less what its priority and its --weight are worth.
func rank(t *wire.Task) int64 {
	ahead := time.Duration(t.Spec.Priority) * PriorityWorth
	return t.SubmittedNanos - int64(ahead) - int64(lengthWorth(t.Spec.GetWeight()))
}

// lengthWorth is how much earlier a task of this demand has its turn, for a long
// one that begins last ends last. It grows with the demand, and never beyond
// LengthMost: so everything that waits is overtaken only by what comes within a
// bounded time, and nothing starves.
func lengthWorth(demand float64) time.Duration {
	return time.Duration(float64(LengthMost) * demand / (demand + LengthHalf.Seconds()))
}

// look weighs the first task of a lane as things are now.
func (l *lane) look(now core.Instant, m *Machine) {
	w := l.tasks.first()
	l.demand, l.rank = m.estimate(now, w.spec), w.rank
	l.demand.waited = now.Sub(w.since)
	switch {
	case w.spec.Weight > 0:
	case !l.demand.known && !m.sampled(w.spec.GetName()):
		l.rank -= int64(LengthMost)
	default:
		l.rank -= int64(lengthWorth(l.demand.seconds))
	}
}

func earlier(a, b *lane) bool {
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return before(a.tasks.first(), b.tasks.first())
}

// demand is what all that waits in a group should take, in seconds, of which a
// second of --weight is so many.
func (q *queue) demand(group string, second float64) (sum float64) {
	at, _ := slices.BinarySearchFunc(q.order, laneKey{group: group, kind: math.MinInt}, func(l *lane, k laneKey) int { return l.key.compare(k) })
	for _, l := range q.order[at:] {
		if l.key.group != group {
			break
		}
		sum += l.weight*second + float64(l.bare)*l.demand.seconds
	}
	return sum
}

// ready puts a task into its lane unless it waits already.
func (m *Machine) ready(now core.Instant, t *wire.Task) {
	if w, fresh := m.enter(now, t); fresh {
		m.queue.push(w)
	}
}

// later keeps a task aside until its back-off is over.
func (m *Machine) later(t *wire.Task, until core.Instant) {
	if w, fresh := m.enter(until, t); fresh {
		w.until = until
		m.queue.aside.push(w)
	}
}

func (m *Machine) enter(since core.Instant, t *wire.Task) (w waiting, fresh bool) {
	id := core.TaskID(t.Id)
	if m.queue.in[id] {
		return w, false
	}
	m.queue.in[id] = true
	w = waiting{id: id, since: since, rank: rank(t), order: t.Order, spec: t.Spec, n: t.N, target: core.NodeID(t.Target)}
	copy(w.parent[:], t.Parent)
	return w, true
}

func (q *queue) push(w waiting) {
	key := laneKey{groupOf(w), kindOf(w.spec)}
	l := q.lanes[key]
	if l == nil {
		l = &lane{key: key, place: newPlacement(w.spec), tasks: heaped[waiting]{less: before}}
		l.place.target, l.place.group = w.target, key.group
		q.lanes[key] = l
		at, _ := slices.BinarySearchFunc(q.order, key, func(l *lane, k laneKey) int { return l.key.compare(k) })
		q.order = slices.Insert(q.order, at, l)
	}
	l.add(w)
}

func (l *lane) add(w waiting) {
	l.tasks.push(w)
	l.count(w, 1)
}

func (l *lane) take() waiting {
	w := l.tasks.pop()
	l.count(w, -1)
	return w
}

func (l *lane) count(w waiting, by int) {
	if w.spec.Weight > 0 {
		l.weight += float64(by) * w.spec.Weight
	} else {
		l.bare += by
	}
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
	if len(m.queue.order) == 0 || !slices.ContainsFunc(m.hosts, (*host).ready) && !m.shortWaits() {
		return
	}
	open := heaped[*lane]{less: earlier}
	for _, l := range slices.Clone(m.queue.order) {
		if m.open(now, l) {
			l.passed = 0
			open.push(l)
		}
	}
	var passed []waiting
	for open.len() > 0 {
		l := open.first()
		h, wait := m.pick(now, l.place, l.demand)
		if h == nil {
			open.pop()
			continue
		}
		w := l.take()
		if wait {
			l.passed++
			passed = append(passed, w)
		} else {
			m.assign(now, l, w, h)
		}
		if l.passed < lookahead && m.open(now, l) {
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

// open says whether a lane has a task that may start now, and looks at it.
func (m *Machine) open(now core.Instant, l *lane) bool {
	if !m.live(l) || m.blocked(l.tasks.first().spec, l.tasks.first().parent) {
		return false
	}
	l.look(now, m)
	return true
}

// assign proposes that a host gets the task that was the first of a lane.
func (m *Machine) assign(now core.Instant, l *lane, w waiting, h *host) {
	delete(m.queue.in, w.id)
	t, _ := m.opt.Ledger().Task(w.id)
	why := m.reason(l.place, h, l.demand.seconds)
	m.put(Propose{m.plan(now, t.Spec, w.id, ledger.NextAttempt(t), h, why)})
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
		l.take()
		delete(m.queue.in, id)
	}
	if m.queue.lanes[l.key] == l {
		delete(m.queue.lanes, l.key)
		m.queue.order = slices.DeleteFunc(m.queue.order, func(o *lane) bool { return o == l })
	}
	return false
}

// plan counts an assignment and makes the command for it.
func (m *Machine) plan(now core.Instant, spec *wire.Spec, id core.TaskID, attempt uint32, h *host, why string) *wire.Command {
	p := &plan{node: h.id, attempt: attempt, until: now.Add(ReplanAfter), holds: spec.Exclusive, expected: math.Inf(1)}
	switch {
	case !m.history.knows(spec):
	case h.busy() >= h.slots(): // it begins when a slot is free
		p.expected = h.unshared(m.history.demand(spec))
	default:
		p.expected = h.completion(m.history.demand(spec))
	}
	if !m.history.knows(spec) {
		p.sampled = spec.GetName()
	}
	m.countSample(p, 1)
	m.plans[id] = p
	h.promise(p)
	if spec.Exclusive != "" {
		m.holding[spec.Exclusive] = id
	}
	if t, ok := m.opt.Ledger().Task(id); ok && t.N > 0 {
		p.parent = core.TaskID(t.Parent)
		m.flying[p.parent]++
	}
	m.due = core.Earlier(m.due, p.until)
	return &wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{
		Task: id[:], Attempt: attempt, Node: uint64(h.id), Instance: uint32(h.instance), Why: why,
	}}}
}

// planLater is the demand, in seconds, from which a task of many is not worth
// planning before it is in the queue with the others: what that costs is less than
// a hundredth of its time, and the longest of them can go first.
const planLater = 0.5

// PlanFor chooses a member for a task that is about to be proposed: the Assign
// belongs right behind the Submit in the same entry. False says that no slot is
// free, that the task does better to wait or to be weighed beside others, that it
// is known already, or that this node does not lead; then the task is assigned in
// its turn once it has been applied.
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
	p, demand := newPlacement(sub.Spec), m.estimate(now, sub.Spec)
	if (demand.seconds >= planLater || !demand.known && m.samples[sub.Spec.GetName()] >= sampleMost) && len(m.plans) > 0 {
		return nil, false
	}
	h, wait := m.pick(now, p, demand)
	m.forgetEstimates()
	if h == nil || wait {
		return nil, false
	}
	return m.plan(now, sub.Spec, id, 1, h, m.reason(p, h, demand.seconds)), true
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
