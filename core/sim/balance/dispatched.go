package balance

import (
	"container/heap"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"hb/core"
	"hb/core/dispatch"
	"hb/core/ledger"
	"hb/core/wire"
)

const (
	// syncTime is how long the log takes for an entry, hopTime a message.
	syncTime = 2 * time.Millisecond
	hopTime  = 200 * time.Microsecond
)

// leader is the production dispatcher and its ledger in virtual time.
type leader struct {
	c        *Case
	w        *workload
	machine  *dispatch.Machine
	ledger   *ledger.State
	now      core.Instant
	agenda   agenda
	batch    []*wire.Command
	syncing  bool
	running  []int    // by member
	waiting  [][]sent // by member: for a slot, the oldest first
	granted  map[core.Fence]bool
	runs     []run
	ended    int
	progress func(float64)
}

// sent is a grant on its way or at its member, and when it was sent.
type sent struct {
	grant *wire.Grant
	at    time.Duration
}

// begins is when virtual time does: a clock that is not zero.
const begins = core.Instant(time.Hour)

func dispatched(c *Case, w *workload, progress func(float64)) []run {
	l := &leader{c: c, w: w, now: begins, running: make([]int, len(w.members)), waiting: make([][]sent, len(w.members)), granted: map[core.Fence]bool{}, progress: progress}
	l.ledger = ledger.New(core.ClusterID{1}, "laboratory")
	l.machine = dispatch.New(dispatch.Options{
		Self: 1, Ledger: func() *ledger.State { return l.ledger }, Rand: rand.New(rand.NewPCG(c.Seed, 0xd15)),
	})
	var rows []*wire.Row
	for i := range w.members {
		rows = append(rows, &wire.Row{Id: uint64(i + 1), Name: "m" + core.NodeID(i+1).String(), Instance: 1})
	}
	l.apply([]*wire.Command{{Body: &wire.Command_MemberUp{MemberUp: &wire.MemberUp{Rows: rows}}}})
	l.tell(dispatch.Led{})
	for i := range w.members {
		l.report(i)
		l.at(begins.Add(w.members[i].phase), func() { l.reportFrom(i) })
	}
	for i := range w.tasks {
		l.at(begins.Add(w.tasks[i].arrives), func() { l.submit(i) })
	}
	for l.ended < len(w.tasks) {
		l.next()
	}
	return l.runs
}

// next lets the earliest of all that is to come happen.
func (l *leader) next() {
	due := l.machine.Next()
	if len(l.agenda.items) > 0 && l.agenda.items[0].at <= due {
		h := heap.Pop(&l.agenda).(happening)
		l.now = max(l.now, h.at)
		h.do()
		return
	}
	l.now = max(l.now, due)
	l.tell(dispatch.Tick{})
}

func (l *leader) at(t core.Instant, do func()) {
	l.agenda.count++
	heap.Push(&l.agenda, happening{t, l.agenda.count, do})
}

func (l *leader) submit(i int) {
	t := &l.w.tasks[i]
	id := idOf(i)
	l.propose(&wire.Command{Body: &wire.Command_Submit{Submit: &wire.Submit{
		Task: id[:], Spec: &wire.Spec{Name: t.name, Argv: []string{t.name}, Weight: t.weight},
	}}})
}

// idOf is the ID of a task of the workload, indexOf its inverse.
func idOf(i int) core.TaskID {
	id := core.TaskID{0: 1}
	binary.BigEndian.PutUint32(id[12:], uint32(i))
	return id
}

func indexOf(task []byte) int { return int(binary.BigEndian.Uint32(task[12:])) }

// reportFrom sends a member's reports, each after the one before.
func (l *leader) reportFrom(i int) {
	l.at(l.now.Add(hopTime), func() { l.report(i) })
	l.at(l.now.Add(l.c.Stale), func() { l.reportFrom(i) })
}

// report is what a member says of itself now.
func (l *leader) report(i int) {
	m := &l.w.members[i]
	s := m.spells[m.at(l.now.Sub(begins))]
	load := core.Load{
		Slots: uint16(m.slots), Running: uint16(l.running[i]), BusyPermille: uint16(1000 * s.others),
		Strength: uint16(min(math.MaxUint16, 100*m.speed*m.told)), Slowdown: 1000,
	}
	if !l.c.Hidden {
		load.Slowdown = uint16(min(math.MaxUint16, 1000*s.slow))
	}
	l.tell(dispatch.Heard{Node: core.NodeID(i + 1), Load: load, Known: true})
}

func (l *leader) propose(c *wire.Command) {
	l.batch = append(l.batch, c)
	if !l.syncing {
		l.syncing = true
		l.at(l.now.Add(syncTime), l.sync)
	}
}

// sync makes an entry of what was gathered, each submit with its grant.
func (l *leader) sync() {
	const most = 1024 // as core/node
	l.syncing = false
	var commands []*wire.Command
	take := min(len(l.batch), most)
	for _, c := range l.batch[:take] {
		commands = append(commands, c)
		if sub := c.GetSubmit(); sub != nil {
			if plan, ok := l.machine.PlanFor(l.now, sub); ok {
				commands = append(commands, plan)
			}
		}
	}
	l.batch = l.batch[take:]
	l.apply(commands)
	if len(l.batch) > 0 && !l.syncing {
		l.syncing = true
		l.at(l.now.Add(syncTime), l.sync)
	}
}

func (l *leader) apply(commands []*wire.Command) {
	outcomes := l.ledger.Apply(l.ledger.Applied()+1, &wire.Entry{WallNanos: int64(l.now), Commands: commands})
	l.tell(dispatch.Applied{Outcomes: outcomes})
}

// tell gives the dispatcher an event and carries out what it wants.
func (l *leader) tell(ev dispatch.Event) {
	for _, f := range append([]dispatch.Effect(nil), l.machine.Step(l.now, ev)...) {
		switch f := f.(type) {
		case dispatch.Propose:
			l.propose(f.Command)
		case dispatch.Grant:
			l.grant(f)
		}
	}
}

// grant gives a member a task, unless it has it: grants are repeated.
func (l *leader) grant(g dispatch.Grant) {
	if f := core.Fence(g.Grant.Fence); l.granted[f] {
		return
	} else {
		l.granted[f] = true
	}
	k := int(g.Node) - 1
	l.waiting[k] = append(l.waiting[k], sent{g.Grant, l.now.Sub(begins)})
	l.begin(k)
}

// begin starts what a member has a slot for.
func (l *leader) begin(k int) {
	if l.running[k] == l.w.members[k].slots || len(l.waiting[k]) == 0 {
		return
	}
	g := l.waiting[k][0]
	l.waiting[k] = l.waiting[k][1:]
	i := indexOf(g.grant.Task)
	start := l.now.Add(hopTime).Sub(begins)
	end := l.w.members[k].done(start, l.w.tasks[i].size)
	l.runs = append(l.runs, run{task: i, member: k, sent: g.at, start: start, end: end})
	l.running[k]++
	l.at(begins.Add(end+hopTime), func() { l.finish(k, g.grant, start, end) })
}

func (l *leader) finish(k int, g *wire.Grant, start, end time.Duration) {
	l.running[k]--
	l.ended++
	defer l.begin(k)
	if l.progress != nil && l.ended%64 == 0 {
		l.progress(float64(l.ended) / float64(len(l.w.tasks)))
	}
	l.propose(&wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{
		Task: g.Task, Fence: g.Fence, Result: &wire.Result{StartedNanos: int64(start) + 1, EndedNanos: int64(end) + 1},
	}}})
}

// agenda is what is to come, earliest first.
type agenda struct {
	items []happening
	count uint64
}

type happening struct {
	at  core.Instant
	seq uint64
	do  func()
}

func (a *agenda) Len() int { return len(a.items) }
func (a *agenda) Less(i, j int) bool {
	x, y := &a.items[i], &a.items[j]
	return x.at < y.at || x.at == y.at && x.seq < y.seq
}
func (a *agenda) Swap(i, j int) { a.items[i], a.items[j] = a.items[j], a.items[i] }
func (a *agenda) Push(x any)    { a.items = append(a.items, x.(happening)) }
func (a *agenda) Pop() any {
	last := a.items[len(a.items)-1]
	a.items = a.items[:len(a.items)-1]
	return last
}
