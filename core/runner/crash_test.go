package runner

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/wire"
)

func TestACrashAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(b *bench)
		first  string // what the next run does at once
		report string // and what it reports in the end; empty for nothing
	}{
		{"before the intent is on disk", func(b *bench) { b.grant(1) }, "", ""},
		{"between intent and start", func(b *bench) { b.grant(1); b.sync() }, "reap 1 pid 0;", "report 1 lost;"},
		{"before the process is noted", func(b *bench) {
			b.grant(1)
			b.sync()
			b.do(Started{Fence: 1, Pid: 101})
		}, "reap 1 pid 0;", "report 1 lost;"},
		{"while it runs", func(b *bench) { b.running(1) }, "reap 1 pid 101;", "report 1 lost;"},
		{"before the end is on disk", func(b *bench) { b.running(1); b.do(Ended{1, &wire.Result{Exit: 7}}) }, "reap 1 pid 101;", "report 1 lost;"},
		{"before the end is acknowledged", func(b *bench) { b.reported(1, &wire.Result{Exit: 7}) }, "report 1 exit 7;", "report 1 exit 7;"},
		{"before the acknowledgement is on disk", func(b *bench) {
			b.reported(1, &wire.Result{Exit: 7})
			b.do(Acked{1})
		}, "report 1 exit 7;", "report 1 exit 7;"},
		{"after everything", func(b *bench) {
			b.reported(1, &wire.Result{Exit: 7})
			b.do(Acked{1})
			b.sync()
		}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 1)
			c.before(b)
			b.restart()
			b.want(c.first)
			// The leader repeats the grant, which was made for the earlier run.
			g := grant(1, 1, 1)
			g.Instance = 1
			b.do(Granted{g})
			if c.report == "" {
				b.want("refuse 1;")
				return
			}
			b.do(Reaped{1})
			b.sync()
			b.do(Granted{g})
			b.want(c.report)
			b.do(Acked{1})
			b.sync()
			b.restart()
			b.want("")
		})
	}
}

func TestNothingNewStartsBeforeTheOldIsGone(t *testing.T) {
	b := newBench(t, 3)
	b.running(1)
	b.running(2)
	b.restart()
	b.want("reap 1 pid 101;reap 2 pid 102;")
	b.grant(3)
	b.want("")
	b.do(Reaped{2})
	b.sync()
	b.want("report 2 lost;")
	b.do(Reaped{1})
	b.want("journal ended 1 intent 3;")
	b.sync()
	b.want("report 1 lost;exec 3;")
}

func TestAGrantOfAnotherRunIsNotRun(t *testing.T) {
	b := newBench(t, 1)
	b.restart() // now instance 2
	for n, c := range []struct {
		instance uint32
		want     string
	}{{1, "refuse 1;"}, {3, ""}, {2, "journal intent 3;"}} {
		g := grant(n+1, 1, n+1)
		g.Instance = c.instance
		b.do(Granted{g})
		b.want(c.want)
	}
}

func TestADamagedJournalMakesOldGrantsLost(t *testing.T) {
	b := newBench(t, 1)
	b.opt.Doubtful = 2
	b.restart()
	g := grant(1, 1, 1)
	g.Instance = 1
	b.do(Granted{g})
	b.want("reap 1 pid 0;journal intent 1;") // it may run, whatever the journal says
	b.do(Reaped{1})
	b.want("journal ended 1;")
	b.sync()
	b.want("report 1 lost;")

	// A wish to end one that may have run finds no less.
	b.do(Killed{&wire.Kill{Task: grant(2, 1, 2).Task, Fence: 2, Instance: 1}})
	b.want("reap 2 pid 0;journal intent 2;")
	b.do(Killed{&wire.Kill{Task: grant(3, 1, 3).Task, Fence: 3, Instance: 2}})
	b.want("refuse 3;")
	b.opt.Instance++ // another start: what the journal lost stays lost
	g = grant(4, 1, 4)
	g.Instance = 1
	b.do(Granted{g})
	b.want("reap 4 pid 0;journal intent 4;")
}

func TestAJournalOfGarbageDoesNoHarm(t *testing.T) {
	id := tid(1)
	m := New(Options{}, []*wire.Record{
		nil, {}, {Body: &wire.Record_Intent{}}, {Body: &wire.Record_Intent{Intent: &wire.Intent{Grant: &wire.Grant{Task: id[:3], Fence: 5}}}},
		{Body: &wire.Record_Started{}}, {Body: &wire.Record_Ended{Ended: &wire.Done{Fence: 7}}}, {Body: &wire.Record_Forgotten{Forgotten: 9}},
	})
	if effects := shape(m.Step(0, Tick{})); effects != "" || len(m.Fences()) != 0 {
		t.Fatalf("it does %q and holds %v", effects, m.Fences())
	}
}

// world is everything around a runner that may go wrong: a disk that forgets
// what was not synced, processes that outlive the runner, a leader that repeats
// itself, and messages that do not arrive.
type world struct {
	*rapid.T
	b        *bench
	execs    map[core.Fence]int
	alive    map[core.Fence]bool // processes
	starting []core.Fence
	reaps    []core.Fence
	granted  map[core.Fence]*wire.Grant
	reports  map[core.Fence]string // the last report
	acked    map[core.Fence]bool
	refused  map[core.Fence]bool
	next     int
}

// TestWhateverHappens draws what happens around a runner and checks after each
// step that no fence is run twice or too early, and in the end that no end was
// lost.
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{
			T: rt, b: newBench(t, rapid.IntRange(1, 3).Draw(rt, "slots")), execs: map[core.Fence]int{}, alive: map[core.Fence]bool{},
			granted: map[core.Fence]*wire.Grant{}, reports: map[core.Fence]string{}, acked: map[core.Fence]bool{}, refused: map[core.Fence]bool{},
		}
		steps := map[string]func(*rapid.T){
			"end":    w.end,
			"reap":   func(*rapid.T) { w.reap() },
			"ack":    w.ack,
			"time":   func(rt *rapid.T) { w.pass(time.Duration(rapid.IntRange(0, 6000).Draw(rt, "ms")) * time.Millisecond) },
			"leader": func(*rapid.T) { w.carry(w.b.do(NewLeader{})) },
			"crash":  w.perhapsCrash,
			"":       func(*rapid.T) { w.check() },
		}
		// What the leader and the driver do comes more often than crashes, so
		// that there is something to crash.
		for i := range 3 {
			steps[fmt.Sprint("grant", i)], steps[fmt.Sprint("repeat", i)], steps[fmt.Sprint("kill", i)] = w.grant, w.repeat, w.kill
			steps[fmt.Sprint("sync", i)] = func(rt *rapid.T) { w.carry(w.b.syncSome(rapid.IntRange(0, len(w.b.wet)).Draw(rt, "writes"))) }
			steps[fmt.Sprint("start", i)] = func(*rapid.T) { w.start() }
		}
		rt.Repeat(steps)
		w.drain()
	})
}

// carry takes the runner's effects into the world.
func (w *world) carry(effects []Effect) {
	for _, f := range effects {
		switch f := f.(type) {
		case Exec:
			if w.execs[f.Fence]++; w.execs[f.Fence] > 1 {
				w.Fatalf("fence %v is run again", f.Fence)
			}
			if !w.onDisk(f.Fence, func(r *wire.Record) bool { return r.GetIntent() != nil }) {
				w.Fatalf("fence %v starts before its intent is on disk", f.Fence)
			}
			if w.refused[f.Fence] {
				w.Fatalf("fence %v was refused and starts", f.Fence)
			}
			if len(w.reaps) > 0 {
				w.Fatalf("fence %v starts before %v are gone", f.Fence, w.reaps)
			}
			for other := range w.alive {
				if w.alive[other] && core.TaskID(w.granted[other].Task) == f.Task {
					w.Fatalf("fences %v and %v of one task run at once", other, f.Fence)
				}
			}
			w.starting = append(w.starting, f.Fence)
		case Reap:
			w.reaps = append(w.reaps, core.Fence(f.Started.Fence))
		case Report:
			w.reported(f.Done)
		case Refuse:
			fence := core.Fence(f.Refused.Fence)
			if w.execs[fence] > 0 && !w.acked[fence] {
				w.Fatalf("fence %v has run, and is refused", fence)
			}
			w.refused[fence] = true
		}
	}
}

func (w *world) reported(d *wire.Done) {
	f := core.Fence(d.Fence)
	if !w.onDisk(f, func(r *wire.Record) bool { return r.GetEnded() != nil }) {
		w.Fatalf("the end of %v is reported before it is on disk", f)
	}
	if w.alive[f] {
		w.Fatalf("the end of %v is reported, and it runs", f)
	}
	said := shapeResult(d.Result)
	if before, again := w.reports[f]; again && before != said {
		w.Fatalf("of %v it reports %s after %s", f, said, before)
	}
	w.reports[f] = said
}

func (w *world) onDisk(f core.Fence, is func(*wire.Record) bool) bool {
	return slices.ContainsFunc(w.b.disk, func(r *wire.Record) bool { return fenceOf(r) == uint64(f) && is(r) })
}

func (w *world) grant(rt *rapid.T) {
	w.next++
	task := rapid.IntRange(1, 6).Draw(rt, "task")
	attempt := 1
	for _, g := range w.granted {
		if core.TaskID(g.Task) == tid(task) {
			attempt = max(attempt, int(g.Attempt)+1)
		}
	}
	g := grant(task, attempt, w.next)
	g.Instance = uint32(w.b.opt.Instance)
	if rapid.Bool().Draw(rt, "limited") {
		g.Spec.TimeLimitNanos = int64(2 * time.Second)
	}
	w.granted[core.Fence(w.next)] = g
	if rapid.IntRange(0, 3).Draw(rt, "arrives") > 0 {
		w.carry(w.b.do(Granted{g}))
	}
}

func (w *world) any(rt *rapid.T) *wire.Grant {
	if w.next == 0 {
		return nil
	}
	return w.granted[core.Fence(rapid.IntRange(1, w.next).Draw(rt, "fence"))]
}

func (w *world) repeat(rt *rapid.T) {
	if g := w.any(rt); g != nil {
		w.carry(w.b.do(Granted{g}))
	}
}

func (w *world) kill(rt *rapid.T) {
	g := w.any(rt)
	if g == nil {
		return
	}
	k := &wire.Kill{Fence: g.Fence}
	if rapid.Bool().Draw(rt, "named") {
		k.Task = g.Task
	}
	w.carry(w.b.do(Killed{k}))
}

func (w *world) start() {
	if len(w.starting) == 0 {
		return
	}
	f := w.starting[0]
	w.starting = w.starting[1:]
	w.alive[f] = true
	w.carry(w.b.do(Started{Fence: f, Pid: int(f)}))
}

func (w *world) end(rt *rapid.T) {
	var running []core.Fence
	for f := core.Fence(1); int(f) <= w.next; f++ {
		if w.alive[f] && !slices.Contains(w.reaps, f) {
			running = append(running, f)
		}
	}
	if len(running) > 0 {
		f := rapid.SampledFrom(running).Draw(rt, "which")
		delete(w.alive, f)
		w.carry(w.b.do(Ended{f, &wire.Result{Exit: int32(f) % 3}}))
	}
}

func (w *world) reap() {
	if len(w.reaps) > 0 {
		f := w.reaps[0]
		w.reaps = w.reaps[1:]
		delete(w.alive, f)
		w.carry(w.b.do(Reaped{f}))
	}
}

func (w *world) ack(rt *rapid.T) {
	g := w.any(rt)
	if g == nil || w.reports[core.Fence(g.Fence)] == "" {
		return
	}
	w.acked[core.Fence(g.Fence)] = true
	w.carry(w.b.do(Acked{core.Fence(g.Fence)}))
}

func (w *world) pass(d time.Duration) { w.carry(w.b.after(d)) }

func (w *world) perhapsCrash(rt *rapid.T) {
	switch rapid.IntRange(0, 9).Draw(rt, "crash") {
	case 8:
		w.crash(false)
	case 9:
		w.crash(true)
	}
}

// crash ends the runner; its processes live on unless the machine goes down.
func (w *world) crash(machine bool) {
	if machine {
		clear(w.alive)
	}
	for _, f := range w.starting { // the driver was about to, or had just
		w.alive[f] = !machine && f%2 == 0
	}
	w.starting, w.reaps = nil, nil
	w.carry(w.b.restart())
}

func (w *world) check() {
	if n := w.b.Running(); n > w.b.opt.Slots && len(w.reaps) == 0 {
		w.Fatalf("%d run on %d slots", n, w.b.opt.Slots)
	}
	fences := w.b.Fences()
	if !slices.IsSorted(fences) {
		w.Fatalf("the fences are %v", fences)
	}
	for _, f := range fences {
		if !w.b.Holds(f) {
			w.Fatalf("%v is among the fences and not held", f)
		}
	}
	if w.b.Next() < w.b.now-core.Instant(time.Hour) {
		w.Fatalf("it wants a tick at %v, now is %v", w.b.Next(), w.b.now)
	}
}

// drain lets everything come to its end.
func (w *world) drain() {
	luck := rand.New(rand.NewPCG(1, 1))
	for range 400 {
		w.carry(w.b.sync())
		w.start()
		w.reap()
		for f := core.Fence(1); int(f) <= w.next; f++ {
			if w.alive[f] && !slices.Contains(w.reaps, f) {
				delete(w.alive, f)
				w.carry(w.b.do(Ended{f, &wire.Result{}}))
			}
		}
		w.pass(time.Duration(luck.IntN(2000)) * time.Millisecond)
	}
	if held := w.b.Fences(); len(held) > 0 {
		w.Fatalf("%v never end", held)
	}
	for f := range w.execs {
		if w.reports[f] == "" {
			w.Fatalf("the end of %v was lost", f)
		}
	}
	clear(w.reports)
	w.pass(time.Minute)
	for f := range w.execs {
		if !w.acked[f] && w.reports[f] == "" {
			w.Fatalf("nobody acknowledged the end of %v, and it is reported no more", f)
		}
	}
	if w.b.Running() != 0 {
		w.Fatalf("%d run", w.b.Running())
	}
}
