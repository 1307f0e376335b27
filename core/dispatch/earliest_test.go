package dispatch

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// named is a job of this name.
func named(name string) *wire.Spec { return &wire.Spec{Name: name, Argv: []string{name}} }

// weighted is a job that is said to take so long.
func weighted(seconds float64) *wire.Spec {
	s := named("weighted")
	s.Weight = seconds
	return s
}

// took is a result after so long.
func took(d time.Duration) *wire.Result {
	return &wire.Result{StartedNanos: int64(time.Hour), EndedNanos: int64(time.Hour + d)}
}

// teach lets a job of a name take so long on a member, some times.
func (d *desk) teach(first, times int, name, on string, long time.Duration) {
	d.Helper()
	for n := first; n < first+times; n++ {
		s := named(name)
		s.On = on
		d.submit(n, s)
		d.settle()
		d.apply(finish(n, d.fence(n), took(long)))
		d.settle()
	}
}

func TestDemandIsLearnedFromTheLastRunsOfAName(t *testing.T) {
	d := newDesk(t, 1)
	if got := d.demandOf(named("a")); got != 0 {
		t.Fatalf("nobody knows, and it says %v", got)
	}
	d.teach(1, 3, "a", "", 2*time.Second)
	d.teach(10, 1, "a", "", time.Hour) // one odd run
	for what, c := range map[string]struct {
		spec *wire.Spec
		want time.Duration
	}{
		"its name":     {named("a"), 2 * time.Second},
		"all names":    {named("b"), 2 * time.Second},
		"its --weight": {weighted(7), 7 * time.Second},
	} {
		if got := d.demandOf(c.spec); got != c.want {
			t.Errorf("%s: it says %v, not %v", what, got, c.want)
		}
	}
	d.teach(100, HistoryRuns, "a", "", 5*time.Second)
	if got := d.demandOf(named("a")); got < 4*time.Second || got > 6*time.Second {
		t.Errorf("after %d longer runs it says %v", HistoryRuns, got)
	}
}

func TestAnotherLeaderLearnsTheSameFromTheLedger(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.teach(1, 9, "a", "web1", time.Second)
	d.teach(20, 9, "a", "web2", 4*time.Second)
	before := [...]float64{d.byID[1].slowness(), d.byID[2].slowness(), d.history.demand(named("a"))}
	d.do(Deposed{})
	d.do(Led{})
	after := [...]float64{d.byID[1].slowness(), d.byID[2].slowness(), d.history.demand(named("a"))}
	if before != after || before[1] < 2.5*before[0] {
		t.Fatalf("it knew %v and knows %v", before, after)
	}
}

func TestASlowMemberIsFoundAndSpared(t *testing.T) {
	d := newDesk(t, 4, 4)
	d.teach(1, 9, "a", "web1", time.Second)
	d.teach(20, 9, "a", "web2", 10*time.Second)
	for n := 100; n < 104; n++ {
		d.submit(n, named("a"))
		d.settle()
		if d.on(n) != 1 {
			t.Fatalf("task %d is on the slow member", n)
		}
	}
	d.submit(104, named("a"))
	if d.settle(); d.on(104) != 0 {
		t.Fatalf("it did not wait for the fast member, but went to %d", d.on(104))
	}
}

func TestABusyFastMemberMayWinOverAnIdleSlowOne(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.teach(1, 9, "a", "web1", time.Second)
	d.teach(20, 9, "a", "web2", 10*time.Second)
	d.submit(50, weighted(10))
	d.settle()
	d.submit(51, weighted(10))
	d.settle()
	if d.on(50) != 1 || d.on(51) != 0 {
		t.Fatalf("they are on %d and %d", d.on(50), d.on(51))
	}
	// Bound to nobody: when the fast one proves slow, the idle one gets it.
	for range 300 {
		if d.after(time.Second); len(d.seen) > 0 {
			d.settle()
		}
	}
	if d.on(51) != 2 {
		t.Fatal("it still waits for a member that has not come free in five minutes")
	}
}

func TestWhileOneWaitsForTheFastTheNextGoesToTheSlow(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.teach(1, 9, "a", "web1", time.Second)
	d.teach(20, 9, "a", "web2", 3*time.Second)
	for n := 50; n < 60; n++ { // ten equal tasks, speeds 3 and 1
		d.submit(n, weighted(10))
		d.settle()
	}
	if len(d.state.OpenOn(1)) != 1 || len(d.state.OpenOn(2)) != 1 {
		t.Fatalf("%d and %d are out", len(d.state.OpenOn(1)), len(d.state.OpenOn(2)))
	}
}

func TestPriorityGoesFirstAndAgeOverridesIt(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		first int
	}{{time.Minute, 2}, {PriorityWorth + time.Minute, 1}} {
		d := newDesk(t, 1)
		d.submit(9, job())
		d.settle()
		d.submit(1, job())
		d.now = d.now.Add(c.after)
		s := job()
		s.Priority = 1
		d.submit(2, s)
		low := job()
		low.Priority = -1
		d.submit(3, low)
		for _, n := range []int{c.first, 3 - c.first, 3} {
			d.apply(finish([]int{9, 1, 2, 3}[d.running()], d.fence([]int{9, 1, 2, 3}[d.running()]), &wire.Result{}))
			d.settle()
			if d.on(n) != 1 {
				t.Fatalf("submitted %v later: task %d is not next", c.after, n)
			}
		}
	}
}

// running is which of 9, 1, 2, 3 is out.
func (d *desk) running() int {
	for i, n := range []int{9, 1, 2, 3} {
		if t, ok := d.state.Task(tid(n)); ok && ledger.OpenAttempt(t) != nil {
			return i
		}
	}
	return 0
}

func TestLongTasksGoFirst(t *testing.T) {
	d := newDesk(t, 1)
	d.submit(9, job())
	d.settle()
	for n, w := range []float64{1, 30, 5} {
		d.submit(n+1, weighted(w))
	}
	for _, n := range []int{2, 3, 1} {
		out := d.state.OpenOn(1)[0]
		d.apply(finish(number(out.Id), core.Fence(ledger.OpenAttempt(out).Fence), &wire.Result{}))
		d.settle()
		if d.on(n) != 1 {
			t.Fatalf("task %d is not next", n)
		}
	}
}

func TestPreferIdleGoesWhereTheStressIsLeast(t *testing.T) {
	d := newDesk(t, 9, 1, 9)
	for n, stress := range []uint16{700, 100, 900} {
		d.do(Heard{Node: core.NodeID(n + 1), Load: core.Load{Slots: 4, Stress: stress}, Known: true})
	}
	s := job()
	s.Prefer = ledger.PreferIdle
	d.submit(1, s)
	if d.settle(); d.on(1) != 2 {
		t.Fatalf("it is on %d", d.on(1))
	}
}

func TestADrainedMemberTakesOnlyWhatNamesIt(t *testing.T) {
	d := newDesk(t, 4, 4)
	d.apply(drain(1, true, false))
	for n, c := range []struct {
		spec *wire.Spec
		want uint64
	}{{job(), 2}, {job(), 2}, {jobOn("web1"), 1}, {jobOn("@leader"), 0}, {jobOn("", "parity=odd"), 0}} {
		d.submit(n+1, c.spec)
		if d.settle(); d.on(n+1) != c.want {
			t.Errorf("%v is on %d, not %d", c.spec, d.on(n+1), c.want)
		}
	}
	d.apply(drain(1, false, false))
	d.settle()
	if d.on(4) != 1 || d.on(5) != 1 {
		t.Errorf("after the drain they are on %d and %d", d.on(4), d.on(5))
	}
}

func TestADrainMayEndWhatRuns(t *testing.T) {
	d := newDesk(t, 4)
	d.submit(1, job())
	d.settle()
	d.do(Held{Node: 1, Instance: 1, Fences: []core.Fence{d.fence(1)}})
	d.apply(drain(1, true, true))
	d.want("kill 1 on 1;")
	d.after(Resend)
	d.want("kill 1 on 1;")
}

func drain(id uint64, on, evict bool) *wire.Command {
	return &wire.Command{Body: &wire.Command_Drain{Drain: &wire.Drain{Node: id, On: on, Evict: evict}}}
}

func TestNothingStarvesWhateverTheSpeeds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.SliceOfN(rapid.IntRange(1, 3), 1, 4).Draw(rt, "slots")
		d := newDesk(t, slots...)
		for i := range slots {
			for range paceLeast {
				d.byID[core.NodeID(i+1)].pace.runs.add(rapid.Float64Range(0.2, 8).Draw(rt, "pace"), paceRuns)
			}
		}
		d.compare()
		tasks := rapid.IntRange(1, 25).Draw(rt, "tasks")
		for n := range tasks {
			d.submit(n+1, weighted(rapid.Float64Range(0, 20).Draw(rt, "weight")))
			d.settle()
		}
		for range 100 * tasks { // a second each; what runs ends at random
			open := d.state.OpenGrants()
			if len(open) == 0 {
				break
			}
			d.now = d.now.Add(time.Second)
			g := open[rapid.IntRange(0, len(open)-1).Draw(rt, "ends")]
			d.apply(finish(number(g.Id), core.Fence(ledger.OpenAttempt(g).Fence), &wire.Result{}))
			d.settle()
		}
		if left := d.state.Open(); left > 0 {
			rt.Fatalf("%d of %d tasks never ran", left, tasks)
		}
	})
}
