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

// world is everything around a runner that may go wrong: a disk that forgets
// what was not synced, processes that outlive the runner, a leader that repeats
// itself, and messages that do not arrive.
type world struct {
	*rapid.T
	b        *bench
	execs    map[core.Fence]int
	began    map[core.Fence]bool
	alive    map[core.Fence]bool // processes
	ghosts   map[core.Fence]bool // of them: left by a runner process that is gone
	kept     map[core.Fence]*wire.Result
	starting []core.Fence
	abreast  map[core.Fence]int // of what waits until fewer run, at the runner process
	recalled []core.Fence       // from there
	unbegun  map[core.Fence]bool
	asked    []core.Fence // of which it wants to know what became of them
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
			T: rt, b: newBench(t, rapid.IntRange(1, 3).Draw(rt, "slots")), execs: map[core.Fence]int{}, began: map[core.Fence]bool{}, alive: map[core.Fence]bool{},
			ghosts: map[core.Fence]bool{}, abreast: map[core.Fence]int{}, unbegun: map[core.Fence]bool{}, kept: map[core.Fence]*wire.Result{},
			granted: map[core.Fence]*wire.Grant{}, reports: map[core.Fence]string{}, acked: map[core.Fence]bool{}, refused: map[core.Fence]bool{},
		}
		steps := map[string]func(*rapid.T){
			"end":    w.end,
			"adopt":  func(*rapid.T) { w.answer() },
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
			if len(w.asked) > 0 {
				w.Fatalf("fence %v starts before it knows of %v", f.Fence, w.asked)
			}
			for other := range w.alive {
				if w.alive[other] && core.TaskID(w.granted[other].Task) == f.Task {
					w.Fatalf("fences %v and %v of one task run at once", other, f.Fence)
				}
			}
			w.starting = append(w.starting, f.Fence)
			w.abreast[f.Fence] = f.Abreast
		case Recall:
			w.recalled = append(w.recalled, f.Fence)
		case Adopt:
			w.asked = nil
			for _, s := range f.Attempts {
				w.asked = append(w.asked, core.Fence(s.Fence))
			}
			w.dropUnknown()
		case Release:
			if !w.onDisk(f.Fence, func(r *wire.Record) bool { return r.GetEnded() != nil }) {
				w.Fatalf("the end of %v is released before it is on disk", f.Fence)
			}
			delete(w.kept, f.Fence)
		case Report:
			w.reported(f.Done)
		case Refuse:
			fence := core.Fence(f.Refused.Fence)
			if w.began[fence] && !w.acked[fence] {
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

// start lets the runner process do the next thing: take back what was recalled, or
// begin what there is room for.
func (w *world) start() {
	if len(w.recalled) > 0 {
		f := w.recalled[0]
		w.recalled = w.recalled[1:]
		if at := slices.Index(w.starting, f); at >= 0 {
			w.starting = slices.Delete(w.starting, at, at+1)
			w.carry(w.b.do(Unbegun{f}))
		}
		return
	}
	busy := 0
	for f := range w.alive {
		if w.alive[f] && !w.ghosts[f] {
			busy++
		}
	}
	for i, f := range w.starting {
		if w.abreast[f] == 0 || w.abreast[f] > busy {
			w.starting = slices.Delete(w.starting, i, i+1)
			w.alive[f], w.began[f] = true, true
			w.carry(w.b.do(Started{Fence: f, Pid: int(f)}))
			return
		}
	}
}

func (w *world) end(rt *rapid.T) {
	var running []core.Fence
	for f := core.Fence(1); int(f) <= w.next; f++ {
		if w.alive[f] && !w.ghosts[f] {
			running = append(running, f)
		}
	}
	if len(running) > 0 {
		f := rapid.SampledFrom(running).Draw(rt, "which")
		w.ends(f, &wire.Result{Exit: int32(f) % 3})
	}
}

// ends has the runner process tell, and keep, how an attempt ended.
func (w *world) ends(f core.Fence, r *wire.Result) {
	delete(w.alive, f)
	w.asked = slices.DeleteFunc(w.asked, func(o core.Fence) bool { return o == f })
	w.kept[f] = r
	w.carry(w.b.do(Ended{f, r}))
}

// answer is the runner process's, to one of the attempts in an Adopt.
func (w *world) answer() {
	if len(w.asked) == 0 {
		return
	}
	f := w.asked[0]
	w.asked = w.asked[1:]
	switch {
	case w.kept[f] != nil:
		w.carry(w.b.do(Ended{f, w.kept[f]}))
	case w.unbegun[f]:
		w.carry(w.b.do(Unbegun{f}))
	case w.alive[f] && !w.ghosts[f]:
		w.carry(w.b.do(Started{Fence: f, Pid: int(f)}))
	default:
		delete(w.alive, f)
		w.carry(w.b.do(Reaped{f}))
	}
}

// dropUnknown is what the runner process does with attempts that an Adopt does
// not name.
func (w *world) dropUnknown() {
	for f := range w.alive {
		if !slices.Contains(w.asked, f) {
			delete(w.alive, f)
		}
	}
	for f := range w.kept {
		if !slices.Contains(w.asked, f) {
			delete(w.kept, f)
		}
	}
	for _, f := range w.starting {
		w.unbegun[f] = true
	}
	w.starting = nil
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
	case 7:
		w.runnerCrash(rapid.Bool().Draw(rt, "both"))
	case 8:
		w.crash(false)
	case 9:
		w.crash(true)
	}
}

// crash ends the runner; its processes live on in the runner process, unless the
// machine goes down.
func (w *world) crash(machine bool) {
	w.recalled = nil
	w.starting = slices.DeleteFunc(w.starting, func(f core.Fence) bool {
		if w.abreast[f] > 0 { // waits there for whoever comes
			return machine
		}
		w.alive[f] = f%2 == 0 // the driver was about to, or had just
		w.began[f] = w.alive[f]
		return true
	})
	if machine {
		clear(w.unbegun)
		clear(w.alive)
		clear(w.kept)
		clear(w.ghosts)
	}
	w.carry(w.b.restart())
}

// runnerCrash ends the runner process, perhaps together with the runner. Some of
// its processes live on.
func (w *world) runnerCrash(both bool) {
	for f := range w.alive {
		if w.ghosts[f] = f%3 == 0; !w.ghosts[f] {
			delete(w.alive, f)
		}
	}
	clear(w.kept)
	w.starting, w.recalled = nil, nil
	clear(w.unbegun)
	if both {
		w.carry(w.b.restart())
		return
	}
	w.carry(w.b.do(Orphaned{}))
}

func (w *world) check() {
	if n := w.b.Running(); n > w.b.opt.Slots && len(w.asked) == 0 {
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
		w.answer()
		for f := core.Fence(1); int(f) <= w.next; f++ {
			if w.alive[f] && !w.ghosts[f] {
				w.ends(f, &wire.Result{})
			}
		}
		w.pass(time.Duration(luck.IntN(2000)) * time.Millisecond)
	}
	if held := w.b.Fences(); len(held) > 0 {
		w.Fatalf("%v never end", held)
	}
	for f := range w.began {
		if w.reports[f] == "" {
			w.Fatalf("the end of %v was lost", f)
		}
	}
	clear(w.reports)
	w.pass(time.Minute)
	for f := range w.began {
		if !w.acked[f] && w.reports[f] == "" {
			w.Fatalf("nobody acknowledged the end of %v, and it is reported no more", f)
		}
	}
	if w.b.Running() != 0 {
		w.Fatalf("%d run", w.b.Running())
	}
}
