package dispatch

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/agenda"
	"hb/core/ledger"
	"hb/core/wire"
)

// toy is a cluster in virtual time: a log that takes an entry every few
// milliseconds, messages that take their time or get lost, and members that run
// what they are granted.
type toy struct {
	*testing.T
	luck    *rand.Rand
	state   *ledger.State
	leader  *Machine
	now     core.Instant
	agenda  agenda.Agenda[core.Instant]
	batch   []*wire.Command
	syncing bool
	loss    float64 // of messages

	members []*member
	tasks   int
	work    map[core.TaskID]time.Duration
	runs    map[core.Fence]int // executions
	most    map[uint64]int     // the most at once, by member
	ranOn   map[uint64]int
	backs   int          // attempts that were given back
	ended   core.Instant // the last task's end
}

type member struct {
	id       uint64
	instance uint32
	slots    int
	speed    float64
	up       bool
	held     map[core.Fence]core.TaskID
	waits    map[core.Fence]*wire.Grant  // of these: no slot was free yet
	done     map[core.Fence]*wire.Result // not yet acknowledged
	past     map[core.Fence]bool
}

func newToy(t *testing.T, seed uint64, members ...*member) *toy {
	y := &toy{
		T: t, luck: rand.New(rand.NewPCG(seed, 7)), state: ledger.New(core.ClusterID{1}, "toy"), members: members,
		work: map[core.TaskID]time.Duration{}, runs: map[core.Fence]int{}, most: map[uint64]int{}, ranOn: map[uint64]int{},
	}
	y.elect()
	for i, m := range members {
		m.id = uint64(i + 1)
		y.boot(m)
		y.every(200*time.Millisecond, func() { y.say(m) })
	}
	return y
}

// after puts something on the agenda.
func (y *toy) after(d time.Duration, do func()) {
	y.agenda.Add(y.now.Add(d), do)
}

func (y *toy) every(d time.Duration, do func()) {
	var again func()
	again = func() {
		do()
		y.after(d, again)
	}
	y.after(time.Duration(y.luck.Int64N(int64(d))), again)
}

// send delivers after a while, or never.
func (y *toy) send(do func()) {
	if y.luck.Float64() >= y.loss {
		y.after(time.Duration(y.luck.Int64N(int64(2*time.Millisecond))), do)
	}
}

// elect replaces the leader; what the old one had under way is perhaps lost.
func (y *toy) elect() {
	if y.luck.IntN(2) == 0 {
		y.batch = nil
	}
	y.leader = New(Options{Self: 1, Ledger: func() *ledger.State { return y.state }, Rand: y.luck})
	y.tell(Led{})
}

// tell gives the leader an event and carries out what it wants.
func (y *toy) tell(ev Event) {
	for _, f := range slices.Clone(y.leader.Step(y.now, ev)) {
		switch f := f.(type) {
		case Propose:
			y.propose(f.Command)
		case Grant:
			y.send(func() { y.granted(y.members[f.Node-1], f.Grant) })
		case Kill:
			y.send(func() { y.killed(y.members[f.Node-1], f.Kill) })
		}
	}
}

func (y *toy) propose(c *wire.Command) {
	y.batch = append(y.batch, c)
	if y.syncing {
		return
	}
	y.syncing = true
	y.after(2*time.Millisecond, y.sync)
}

// sync applies what was gathered as one entry; each submit is followed by the
// leader's plan.
func (y *toy) sync() {
	y.syncing = false
	var commands []*wire.Command
	for _, c := range y.batch {
		commands = append(commands, c)
		if sub := c.GetSubmit(); sub != nil {
			if plan, ok := y.leader.PlanFor(y.now, sub); ok {
				commands = append(commands, plan)
			}
		}
	}
	y.batch = nil
	if len(commands) == 0 {
		return
	}
	outcomes := y.state.Apply(y.state.Applied()+1, &wire.Entry{WallNanos: int64(y.now), Commands: commands})
	for _, o := range outcomes {
		if f := o.Command.GetFinish(); f != nil {
			y.ack(core.Fence(f.Fence))
		}
		if o.Task != nil && o.Task.Final == uint64(o.Fence) {
			y.ended = y.now
		}
	}
	y.tell(Applied{outcomes})
}

func (y *toy) boot(m *member) {
	m.up, m.instance = true, m.instance+1
	lost := m.held
	m.held, m.waits = map[core.Fence]core.TaskID{}, map[core.Fence]*wire.Grant{}
	if m.done == nil {
		m.done, m.past = map[core.Fence]*wire.Result{}, map[core.Fence]bool{}
	}
	for f := range lost {
		m.done[f] = &wire.Result{Lost: true}
	}
	y.propose(up(m.id, m.instance))
}

// crash takes a member away; the others agree after a second.
func (y *toy) crash(m *member, away time.Duration) {
	m.up = false
	instance := m.instance
	y.after(time.Second, func() {
		if !m.up {
			y.propose(down(m.id, instance))
		}
	})
	y.after(away, func() { y.boot(m) })
}

func (y *toy) granted(m *member, g *wire.Grant) {
	f := core.Fence(g.Fence)
	_, here := m.held[f]
	if !m.up || here || m.done[f] != nil {
		return
	}
	if m.past[f] || g.Instance != m.instance {
		m.past[f] = true
		y.send(func() { y.tell(Refused{core.NodeID(m.id), core.TaskID(g.Task), f, "granted to an earlier run"}) })
		return
	}
	m.held[f], m.waits[f] = core.TaskID(g.Task), g
	y.begin(m)
}

// begin starts what there are slots for, the oldest first.
func (y *toy) begin(m *member) {
	waiting := slices.Sorted(maps.Keys(m.waits))
	for _, f := range waiting[:max(0, min(m.slots-len(m.held)+len(waiting), len(waiting)))] {
		g := m.waits[f]
		delete(m.waits, f)
		y.start(m, f, g)
	}
}

func (y *toy) start(m *member, f core.Fence, g *wire.Grant) {
	y.runs[f]++
	y.ranOn[m.id]++
	y.most[m.id] = max(y.most[m.id], len(m.held)-len(m.waits))
	instance := m.instance
	y.after(time.Duration(float64(y.work[core.TaskID(g.Task)])/m.speed), func() {
		if _, still := m.held[f]; still && m.up && m.instance == instance {
			y.finish(m, f, &wire.Result{})
		}
	})
}

func (y *toy) killed(m *member, k *wire.Kill) {
	f := core.Fence(k.Fence)
	if _, here := m.held[f]; here && m.up {
		switch {
		case m.waits[f] != nil && !m.waits[f].Spec.Once:
			delete(m.waits, f)
			delete(m.held, f)
			m.past[f] = true
			y.backs++
			y.send(func() { y.tell(Refused{core.NodeID(m.id), core.TaskID(k.Task), f, "it waited"}) })
		case !k.Unstarted:
			y.finish(m, f, &wire.Result{Cancelled: true})
		}
		return
	}
	if m.up && m.done[f] == nil && !m.past[f] && len(k.Task) > 0 {
		m.past[f] = true
	}
	if m.up && m.past[f] && len(k.Task) > 0 {
		y.send(func() { y.tell(Refused{core.NodeID(m.id), core.TaskID(k.Task), f, "never came"}) })
	}
}

func (y *toy) finish(m *member, f core.Fence, r *wire.Result) {
	task := m.held[f]
	delete(m.held, f)
	delete(m.waits, f)
	defer y.begin(m)
	m.done[f] = r
	m.past[f] = true
	y.send(func() { y.report(task, f, r) })
}

func (y *toy) report(task core.TaskID, f core.Fence, r *wire.Result) {
	y.propose(&wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{Task: task[:], Fence: uint64(f), Result: r}}})
}

func (y *toy) ack(f core.Fence) {
	for _, m := range y.members {
		delete(m.done, f)
	}
}

// say is a member's periodic word: its load, what it holds, what has ended.
func (y *toy) say(m *member) {
	if !m.up {
		return
	}
	var fences []core.Fence
	for f := range m.held {
		fences = append(fences, f)
	}
	slices.Sort(fences)
	waiting := slices.Sorted(maps.Keys(m.waits))
	var ended []core.Fence
	for f := range m.done {
		ended = append(ended, f)
	}
	slices.Sort(ended)
	instance, slots, running := m.instance, m.slots, len(fences)
	y.send(func() {
		y.tell(Heard{core.NodeID(m.id), core.Load{Slots: uint16(slots), Running: uint16(running)}, true})
		y.tell(Held{Node: core.NodeID(m.id), Instance: core.Instance(instance), Fences: fences, Waiting: waiting})
	})
	for _, f := range ended {
		if t := y.taskOf(f); t != nil {
			r := m.done[f]
			y.send(func() { y.report(core.TaskID(t.Id), f, r) })
		}
	}
}

func (y *toy) taskOf(f core.Fence) *wire.Task {
	for _, t := range y.state.Tasks() {
		for _, a := range t.Attempts {
			if a.Fence == uint64(f) {
				return t
			}
		}
	}
	return nil
}

// submit hands in a task of so much work.
func (y *toy) submit(work time.Duration, s *wire.Spec) core.TaskID {
	y.tasks++
	id := tid(y.tasks)
	y.work[id] = work
	y.propose(submit(y.tasks, s))
	return id
}

// run lets time pass, at most so much, until enough holds.
func (y *toy) run(limit time.Duration, enough func() bool) {
	y.Helper()
	until := y.now.Add(limit)
	for !enough() {
		next := y.leader.Next()
		if y.agenda.Len() > 0 && y.agenda.Next() <= next {
			at, do := y.agenda.Take()
			y.now = max(y.now, at)
			do()
		} else {
			y.now = max(y.now, next)
			y.tell(Tick{})
		}
		if y.now > until {
			y.Fatalf("not within %v: %s", limit, y.picture())
		}
	}
}

func (y *toy) picture() string {
	statuses := map[string]int{}
	for _, t := range y.state.Tasks() {
		statuses[t.Status]++
	}
	return fmt.Sprint(statuses)
}

func (y *toy) allEnded() bool { return len(y.state.Tasks()) == y.tasks && y.state.Open() == 0 }

// audit checks what must be true of every history.
func (y *toy) audit() {
	y.Helper()
	if err := ledger.Check(y.state); err != nil {
		y.Fatal(err)
	}
	grants := 0
	for _, t := range y.state.Tasks() {
		grants += len(t.Attempts)
	}
	executions := 0
	for f, n := range y.runs {
		if executions += n; n > 1 {
			y.Fatalf("fence %d ran %d times", f, n)
		}
	}
	if executions > grants {
		y.Fatalf("%d executions of %d grants", executions, grants)
	}
	for _, m := range y.members {
		if y.most[m.id] > m.slots {
			y.Fatalf("member %d ran %d at once on %d slots", m.id, y.most[m.id], m.slots)
		}
	}
}

func plainMember(slots int, speed float64) *member { return &member{slots: slots, speed: speed} }

func TestAnIdleToyStartsWithinMilliseconds(t *testing.T) {
	y := newToy(t, 1, plainMember(1, 1), plainMember(1, 1))
	y.run(2*time.Second, func() bool { return y.now > core.Instant(time.Second) })
	asked := y.now
	y.submit(time.Second, job())
	y.run(time.Second, func() bool { return len(y.runs) == 1 })
	if took := y.now.Sub(asked); took > 10*time.Millisecond {
		t.Fatalf("it took %v", took)
	}
}

func TestManyTasksGoWhereTheyAreDoneSoonest(t *testing.T) {
	y := newToy(t, 2, plainMember(2, 1), plainMember(2, 2), plainMember(4, 4))
	y.run(2*time.Second, func() bool { return y.now > core.Instant(time.Second) })
	begun := y.now
	for range 400 {
		y.submit(time.Second, job())
	}
	y.run(time.Hour, y.allEnded)
	y.audit()
	// 400 s of work at a joint speed of 2·1 + 2·2 + 4·4 = 22.
	bound := 400.0 / 22
	if took := y.ended.Sub(begun).Seconds(); took > 1.10*bound {
		t.Fatalf("it took %.1f s, the bound is %.1f", took, bound)
	}
	for i, share := range []float64{2, 4, 16} {
		if want := 400 * share / 22; float64(y.ranOn[uint64(i+1)]) < 0.8*want {
			t.Fatalf("member %d ran %d tasks, its share is %.0f", i+1, y.ranOn[uint64(i+1)], want)
		}
	}
}

// TestNothingIsLost lets leaders change, members crash and come back, messages
// get lost and users cancel, and then waits for every task's end.
func TestNothingIsLost(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			y := newToy(t, seed, plainMember(1, 1), plainMember(2, 1), plainMember(3, 2), plainMember(2, 1))
			y.loss = []float64{0, 0.05, 0.3}[seed%3]
			troubled := true
			y.every(3*time.Second, func() {
				if troubled {
					y.elect()
				}
			})
			y.every(2*time.Second, func() {
				if m := y.members[y.luck.IntN(len(y.members))]; troubled && m.up {
					y.crash(m, time.Duration(y.luck.Int64N(int64(4*time.Second))))
				}
			})
			for range 150 {
				s := job()
				s.Once = y.luck.IntN(4) == 0
				id := y.submit(time.Duration(y.luck.Int64N(int64(time.Second))), s)
				if y.luck.IntN(10) == 0 {
					y.after(time.Duration(y.luck.Int64N(int64(10*time.Second))), func() {
						y.propose(&wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{Task: id[:]}}})
					})
				}
			}
			y.after(20*time.Second, func() { troubled = false })
			y.every(time.Second, func() { y.resubmit() })
			y.run(10*time.Minute, func() bool { return !troubled && y.allEnded() })
			y.audit()
			for _, task := range y.state.Tasks() {
				if task.Spec.Once && ran(y, task) > 1 {
					t.Fatalf("a --once task ran twice: %v", task)
				}
				if task.Status == ledger.Failed {
					t.Fatalf("nothing fails here, and yet: %v", task)
				}
			}
		})
	}
}

// resubmit is the clients' part: a submit that a change of leader swallowed is
// sent again.
func (y *toy) resubmit() {
	for n := 1; n <= y.tasks; n++ {
		if _, ok := y.state.Task(tid(n)); !ok {
			s := job()
			y.propose(submit(n, s))
		}
	}
}

// ran counts the executions of a task.
func ran(y *toy, t *wire.Task) int {
	n := 0
	for _, a := range t.Attempts {
		n += y.runs[core.Fence(a.Fence)]
	}
	return n
}
