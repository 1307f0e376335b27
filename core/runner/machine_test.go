package runner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

func TestNothingStartsBeforeItsIntentIsOnDisk(t *testing.T) {
	b := newBench(t, 1)
	b.grant(1)
	b.want("journal intent 1;")
	b.after(time.Minute)
	b.want("")
	b.sync()
	b.want("exec 1;")
	e := b.seen[0].(Exec)
	if e.Task != tid(1) || e.Attempt != 1 || e.Spec.Argv[1] != "--secret" {
		t.Fatalf("it starts %v", e)
	}
	if spec := b.disk[0].GetIntent().Grant.Spec; spec.Name != "job" || len(spec.Argv) != 0 {
		t.Fatalf("the journal keeps %v", spec)
	}
}

func TestTheProcessIsNoted(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	if s := b.disk[1].GetStarted(); s.Fence != 1 || s.Pid != 101 || s.StartTicks != 7 || s.Boot != "boot" {
		t.Fatalf("the journal says %v", s)
	}
}

func TestAnEndIsReportedWhenItIsOnDisk(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.do(Ended{1, &wire.Result{Exit: 7, StdoutTail: []byte("hi")}})
	b.want("journal ended 1;")
	if !b.Holds(1) || b.Running() != 0 {
		t.Fatalf("holds %t, running %d", b.Holds(1), b.Running())
	}
	b.sync()
	b.want("report 1 exit 7;")
	if r := b.disk[2].GetEnded().Result; string(r.StdoutTail) != "hi" {
		t.Fatalf("the journal says %v", r)
	}
	if b.Holds(1) {
		t.Fatal("an ended attempt is held")
	}
}

func TestAReportIsRepeatedUntilItIsAcknowledged(t *testing.T) {
	b := newBench(t, 1)
	b.reported(1, &wire.Result{})
	for _, wait := range []time.Duration{500, 1000, 2000, 4000, 5000, 5000} {
		b.after(wait*time.Millisecond - 1)
		b.want("")
		b.after(1)
		b.want("report 1 exit 0;")
	}
	b.do(Acked{1})
	b.want("")
	b.after(soon)
	b.want("journal forgotten 1;") // nobody waits for that
	b.after(time.Minute)
	b.want("")
}

func TestANewLeaderHearsEverythingAtOnce(t *testing.T) {
	b := newBench(t, 3)
	b.reported(1, &wire.Result{})
	b.running(2)
	b.after(3 * time.Second)
	b.do(NewLeader{})
	b.want("report 1 exit 0;")
	if got := b.held(); got != "[2]" {
		t.Fatalf("it says that it holds %s", got)
	}
	b.after(reportFirst)
	b.want("report 1 exit 0;")
}

func TestTheSameGrantAgainChangesNothing(t *testing.T) {
	b := newBench(t, 1)
	for range 2 {
		b.grant(1)
	}
	b.want("")
	b.sync()
	b.want("exec 1;")
	b.grant(1)
	b.want("")
	b.do(Started{Fence: 1, Pid: 5})
	b.grant(1)
	b.want("")
	b.do(Ended{1, &wire.Result{}})
	b.grant(1)
	b.want("")
	b.sync()
	b.grant(1)
	b.want("report 1 exit 0;")
	b.do(Acked{1})
	b.grant(1)
	b.want("refuse 1;")
	b.after(soon)
	b.after(time.Minute)
	b.want("")
}

func TestGrantsAboveTheSlotsWaitInOrder(t *testing.T) {
	b := newBench(t, 2)
	for _, n := range []int{3, 1, 4, 2} {
		b.grant(n)
	}
	b.sync()
	b.want("exec 1;exec 2;queue at 2 3;queue at 2 4;")
	if fmt.Sprint(b.Fences()) != "[1 2 3 4]" || b.Running() != 2 || b.LastGrant() != 4 {
		t.Fatalf("it holds %v, runs %d, last granted %v", b.Fences(), b.Running(), b.LastGrant())
	}
	b.do(Started{Fence: 1, Pid: 101})
	b.do(Ended{2, &wire.Result{}})
	b.want("") // others begin meanwhile: how one ended may wait for more of its like
	b.do(Ended{3, &wire.Result{}})
	b.want("journal ended 2 ended 3;") // nothing is left to begin
	b.do(Ended{1, &wire.Result{}})
	b.do(Ended{4, &wire.Result{}})
	b.want("journal ended 4;")
	if b.Running() != 0 {
		t.Fatalf("%d run", b.Running())
	}
}

func TestAGrantThatMakesNoSenseIsDropped(t *testing.T) {
	b := newBench(t, 1)
	id := tid(1)
	for _, g := range []*wire.Grant{
		nil, {}, {Task: id[:5], Attempt: 1, Fence: 1, Spec: &wire.Spec{}}, {Task: id[:], Attempt: 1, Spec: &wire.Spec{}},
		{Task: id[:], Fence: 1, Spec: &wire.Spec{}}, {Task: id[:], Attempt: 1, Fence: 1},
	} {
		b.do(Granted{g})
		b.want("")
		if n, ok := b.seen[0].(Note); !ok || !n.Warn {
			t.Fatalf("of %v it says %v", g, b.seen)
		}
	}
	b.do(Killed{nil})
	b.do(kill(1, 0))
	b.want("")
	if len(b.Fences()) != 0 {
		t.Fatalf("it holds %v", b.Fences())
	}
}

func TestNewsOfUnknownAttemptsIsIgnored(t *testing.T) {
	b := newBench(t, 1)
	for _, ev := range []Event{Started{Fence: 9}, Ended{Fence: 9}, Reaped{9}, Acked{9}, Journaled{9}} {
		b.do(ev)
		b.want("")
	}
}

func TestATaskThatCannotStartEnds(t *testing.T) {
	b := newBench(t, 1)
	b.grant(1)
	b.sync()
	b.do(Ended{1, &wire.Result{Exit: 127, Error: "job: not found"}})
	b.sync()
	b.want("report 1 exit 127;")
}

func TestAKillEndsTheGroup(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.do(kill(1, 1))
	b.want("terminate 1 after 5s;")
	b.do(kill(1, 1))
	b.want("")
	b.do(Ended{1, &wire.Result{Signal: 9, Cancelled: true}})
	b.sync()
	b.want("report 1 cancelled;")
	b.do(kill(1, 1))
	b.want("report 1 cancelled;")
}

func TestTheEndOfTheMachineGivesTasksTime(t *testing.T) {
	b := newBench(t, 2)
	b.running(1)
	b.grant(2)
	b.sync()
	b.grant(3)
	b.do(Stopping{})
	b.want("terminate 1 after 30s;refuse 3;")
	b.do(Started{Fence: 2, Pid: 102})
	b.want("terminate 2 after 30s;journal forgotten 3 started 2;")
}

func TestAnEndIsReleasedOnceItIsOnDisk(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.do(Ended{1, &wire.Result{}})
	if released(b.seen) {
		t.Fatal("it is released before it is on disk")
	}
	b.sync()
	if !released(b.seen) {
		t.Fatal("it is not released")
	}
}

func released(effects []Effect) bool {
	return slices.ContainsFunc(effects, func(f Effect) bool { _, is := f.(Release); return is })
}

func TestAKillByTheTokenAloneEndsTheGroupToo(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.do(Killed{&wire.Kill{Fence: 1, Reason: "superseded"}})
	b.want("terminate 1 after 5s;")
	b.do(Killed{&wire.Kill{Fence: 2, Reason: "superseded"}})
	b.want("") // who does not know the task needs no answer
}

func TestAKillBeforeTheStart(t *testing.T) {
	b := newBench(t, 1)
	b.grant(1)
	b.do(kill(1, 1))
	b.want("refuse 1;")
	b.sync()
	b.want("")

	b.grant(2)
	b.sync()
	b.want("exec 2;")
	b.do(kill(2, 2))
	b.want("")
	b.do(Started{Fence: 2, Pid: 5})
	b.want("terminate 2 after 5s;journal started 2;")

	b.grant(3) // waits for the slot
	b.do(kill(3, 3))
	b.want("refuse 3;")
	b.do(Ended{2, &wire.Result{Signal: 15, Cancelled: true}})
	b.sync()
	b.grant(3)
	b.want("refuse 3;")
}

func TestAKillOfWhatNeverCameIsAPromise(t *testing.T) {
	b := newBench(t, 1)
	for range 2 {
		b.do(kill(1, 1))
		b.want("refuse 1;")
	}
	b.grant(1)
	b.want("refuse 1;")
	if len(b.Fences()) != 0 {
		t.Fatalf("it holds %v", b.Fences())
	}
}

func TestANewerAttemptEndsTheOlder(t *testing.T) {
	b := newBench(t, 2)
	b.running(1)
	b.do(Granted{grant(1, 2, 5)})
	b.want("terminate 1 after 5s;")
	b.do(Granted{grant(1, 1, 1)})
	b.want("")
	b.do(Ended{1, &wire.Result{Signal: 15, Cancelled: true}})
	b.want("journal ended 1;")
	b.sync()
	b.want("report 1 cancelled;journal intent 5;")
	b.sync()
	b.want("exec 5;")
}

func TestAnOlderAttemptIsStale(t *testing.T) {
	b := newBench(t, 2)
	b.do(Granted{grant(1, 2, 5)})
	b.do(Granted{grant(1, 1, 3)})
	b.want("")
	b.sync()
	b.do(Ended{5, &wire.Result{}})
	b.sync()
	b.do(Acked{5})
	b.do(Granted{grant(1, 1, 3)})
	b.want("")
	if len(b.Fences()) != 0 {
		t.Fatalf("it holds %v", b.Fences())
	}
}

func TestHeldIsSaidOnChangesAndNowAndThen(t *testing.T) {
	b := newBench(t, 2)
	if got := b.held(); got != "[]" {
		t.Fatalf("at first it says %s", got)
	}
	b.after(time.Hour)
	b.grant(1)
	if got := b.held(); got != "[1]" {
		t.Fatalf("with a grant it says %s", got)
	}
	b.grant(2)
	if got := b.held(); got != "nothing" {
		t.Fatalf("right after it says %s", got)
	}
	b.after(heldGap)
	if got := b.held(); got != "[1 2]" {
		t.Fatalf("a little later it says %s", got)
	}
	b.after(heldEvery - 1)
	if got := b.held(); got != "nothing" {
		t.Fatalf("without a change it says %s", got)
	}
	b.after(1)
	if got := b.held(); got != "[1 2]" {
		t.Fatalf("after a second it says %s", got)
	}
	b.grant(1)
	b.after(heldGap)
	if got := b.held(); got != "[1 2]" {
		t.Fatalf("a leader that grants again is told %s", got)
	}
}

func TestOutputIsFoundAndDroppedInTime(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	if f, ended, ok := b.Output(tid(1)); f != 1 || ended || !ok {
		t.Fatalf("while it runs: %v %t %t", f, ended, ok)
	}
	b.do(Ended{1, &wire.Result{}})
	b.sync()
	b.do(Acked{1})
	if f, ended, ok := b.Output(tid(1)); f != 1 || !ended || !ok {
		t.Fatalf("after its end: %v %t %t", f, ended, ok)
	}
	if _, _, ok := b.Output(tid(2)); ok {
		t.Fatal("a task that never was here has output")
	}
	b.after(soon)
	b.after(SpoolFor - soon - 1)
	b.want("")
	b.after(1)
	b.want("drop 1;")
	if _, _, ok := b.Output(tid(1)); ok {
		t.Fatal("what was dropped is found")
	}
	b.grant(1)
	b.want("refuse 1;")
}

func TestOnlySoManyFencesAreRemembered(t *testing.T) {
	p := newPast()
	for f := core.Fence(1); f <= Remembered+2; f++ {
		p.add(f, tid(int(f)), 1)
		p.keepSpool(f, core.Instant(SpoolFor))
	}
	if fmt.Sprint(p.dropOld(0)) != "[1 2]" || p.floor != 2 || len(p.tasks) != Remembered || len(p.spools) != Remembered {
		t.Fatalf("floor %v, %d remembered, %d spools", p.floor, len(p.tasks), len(p.spools))
	}
	for f := core.Fence(1); f <= Remembered+2; f++ {
		if !p.done(f) {
			t.Fatalf("fence %v would run again", f)
		}
	}
	if p.done(Remembered + 3) {
		t.Fatal("a fence that never was is done with")
	}
	p.add(1, tid(1), 1)
	if len(p.tasks) != Remembered {
		t.Fatal("a fence below the floor is remembered")
	}
	if got := p.dropOld(core.Instant(SpoolFor)); len(got) != Remembered || got[0] != 3 || p.next() != core.Never {
		t.Fatalf("%d spools are dropped", len(got))
	}
}

func TestMoreSlotsLetWaitingGrantsStartAndFewerEndNothing(t *testing.T) {
	b := newBench(t, 1)
	for _, n := range []int{1, 2, 3, 4} {
		b.once(n)
	}
	b.sync()
	b.want("exec 1;")
	b.do(Resized{3})
	b.sync()
	b.want("exec 2;exec 3;")
	b.do(Resized{0}) // means one
	b.want("")
	b.do(Ended{1, &wire.Result{}})
	b.do(Ended{2, &wire.Result{}})
	if b.Running() != 1 || fmt.Sprint(b.Fences()) != "[1 2 3 4]" {
		t.Fatalf("%d run of %v", b.Running(), b.Fences())
	}
	b.do(Ended{3, &wire.Result{}})
	b.want("journal intent 4 ended 3;")
	b.sync()
	b.want("report 1 exit 0;report 2 exit 0;report 3 exit 0;exec 4;")
}
