package dispatch

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// out is a desk of one member with two slots on which task 1 is out.
func out(t *testing.T) *desk {
	d := newDesk(t, 2)
	d.submit(1, job())
	d.want("assign 1 to 1;")
	d.settle()
	return d
}

func (d *desk) heldBy(node uint64, instance core.Instance, fences ...core.Fence) []Effect {
	return d.do(Held{Node: core.NodeID(node), Instance: instance, Fences: fences})
}

func TestAGrantIsRepeatedUntilTheRunnerHoldsIt(t *testing.T) {
	d := out(t)
	d.want("grant 1 to 1;")
	for range 3 {
		d.after(Resend - 1)
		d.want("")
		d.after(1)
		d.want("grant 1 to 1;")
	}
	d.heldBy(1, 1, d.fence(1))
	d.after(10 * Resend)
	d.want("")
}

func TestAGrantTellsTheRunnerEverything(t *testing.T) {
	d := newDesk(t, 1)
	d.submit(1, job())
	g := d.settle()[0].(Grant)
	a := ledger.OpenAttempt(d.task(1))
	if g.Grant.Fence != a.Fence || g.Grant.Attempt != 1 || g.Grant.Instance != 1 || g.Grant.Spec.Argv[0] != "job" {
		t.Fatalf("the grant is %v, the attempt %v", g, a)
	}
}

func TestAReportThatLacksAGrantBringsItAgain(t *testing.T) {
	d := out(t)
	d.after(Resend / 2)
	d.heldBy(1, 1) // it was perhaps under way when the grant came
	d.want("")
	d.after(Resend / 2)
	d.want("grant 1 to 1;")
	d.heldBy(1, 1, d.fence(1))
	d.after(3 * Resend)
	d.heldBy(1, 1) // and then the runner forgot it
	d.want("grant 1 to 1;")
}

func TestAGrantEndsWithItsResult(t *testing.T) {
	d := out(t)
	d.apply(finish(1, d.fence(1), &wire.Result{}))
	d.after(10 * Resend)
	d.want("")
}

func TestACancelledTaskIsKilledUntilItEnds(t *testing.T) {
	d := out(t)
	f := d.fence(1)
	d.heldBy(1, 1, f)
	d.apply(cancel(1))
	d.want("kill 1 on 1;")
	d.heldBy(1, 1, f)
	d.want("")
	d.after(Resend)
	d.want("kill 1 on 1;")
	d.apply(finish(1, f, &wire.Result{Cancelled: true}))
	d.after(10 * Resend)
	d.want("")
}

func TestATaskCancelledBeforeItsGrantWasHeardIsKilledToo(t *testing.T) {
	d := out(t)
	d.apply(cancel(1))
	d.want("kill 1 on 1;")
	d.do(Refused{Node: 1, Task: tid(1), Fence: d.fence(1), Reason: "it never came here"})
	d.want("requeue 1;")
	d.settle()
	if got := d.task(1).Status; got != ledger.Cancelled {
		t.Fatalf("it is %s", got)
	}
}

func TestARunnerThatHoldsAClosedGrantIsTold(t *testing.T) {
	d := out(t)
	old := d.fence(1)
	d.apply(finish(1, old, &wire.Result{}))
	d.heldBy(1, 1, old)
	d.want("kill 0 on 1;")
}

func TestAGrantFromBeyondTheAppliedIsNotClosed(t *testing.T) {
	d := out(t)
	d.heldBy(1, 1, d.fence(1), core.NewFence(d.state.Applied()+1, 0))
	d.want("")
}

func TestAGrantOfAnotherMemberIsClosedHere(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.submit(1, jobOn("web1"))
	d.settle()
	d.heldBy(2, 1, d.fence(1))
	d.want("kill 1 on 2;")
}

func TestAReportOfAnEarlierRunIsStale(t *testing.T) {
	d := out(t)
	d.apply(up(1, 2))
	d.heldBy(1, 1, d.fence(1))
	d.after(Resend)
	d.want("grant 1 to 1;")
}

func TestTheLossOfAMemberFreesItsTasks(t *testing.T) {
	d := newDesk(t, 1, 1)
	once := job()
	once.Once = true
	for n, s := range []*wire.Spec{jobOn("web2"), once, job()} {
		d.submit(n+1, s)
		d.settle()
	}
	d.apply(down(2, 1))
	d.want("requeue 1;")
	d.settle()
	if d.task(1).Status != ledger.Queued || d.on(2) != 1 {
		t.Fatalf("they are %v and %v", d.task(1), d.task(2))
	}
	d.apply(up(2, 1)) // a false alarm: it takes work again, the oldest first
	d.want("assign 1 to 2;")
}

func TestARequeueThatIsLostIsProposedAgain(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.submit(1, jobOn("web2"))
	d.settle()
	d.apply(down(2, 1))
	d.want("requeue 1;")
	d.after(ReplanAfter - 1)
	d.want("")
	d.after(1)
	d.want("requeue 1;")
}

func TestAMemberThatCameBackInTimeKeepsItsTask(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.submit(1, jobOn("web2"))
	d.settle()
	d.apply(down(2, 1))
	lost := d.seen[0].(Propose).Command
	d.apply(up(2, 1))
	d.want("grant 1 to 2;")
	d.apply(lost) // refused: it is up
	if d.on(1) != 2 {
		t.Fatalf("it is %v", d.task(1))
	}
}

func TestARestartedMemberIsToldItsGrantsAtOnce(t *testing.T) {
	d := out(t)
	d.heldBy(1, 1, d.fence(1))
	d.apply(up(1, 2))
	d.want("grant 1 to 1;")
	d.do(Refused{Node: 1, Task: tid(1), Fence: d.fence(1), Reason: "it was granted to an earlier run"})
	d.want("requeue 1;")
	d.settle()
	if d.on(1) != 1 || len(d.task(1).Attempts) != 2 || ledger.OpenAttempt(d.task(1)).Instance != 2 {
		t.Fatalf("it is %v", d.task(1))
	}
}

func TestARefusalOfAnythingButTheOpenGrantIsIgnored(t *testing.T) {
	d := out(t)
	f := d.fence(1)
	for _, ev := range []Refused{{Node: 1, Task: tid(1), Fence: f - 1}, {Node: 2, Task: tid(1), Fence: f}, {Node: 1, Task: tid(2), Fence: f}} {
		d.do(ev)
		d.want("")
	}
}

func TestAPlanThatTheLogDroppedIsMadeAgain(t *testing.T) {
	d := newDesk(t, 1)
	d.submit(1, job())
	d.want("assign 1 to 1;")
	d.do(Dropped{[]*wire.Command{d.seen[0].(Propose).Command}})
	d.want("assign 1 to 1;")
	d.after(ReplanAfter)
	d.want("assign 1 to 1;") // it never came back
	d.settle()
	if d.on(1) != 1 {
		t.Fatalf("it is %v", d.task(1))
	}
}

func TestAPlanForASubmitThatWasRefusedFreesItsSlot(t *testing.T) {
	d := newDesk(t, 1)
	bad := submit(1, &wire.Spec{Name: "bad", Argv: []string{"true"}, KeepNanos: -1})
	plan, ok := d.PlanFor(d.now, bad.GetSubmit())
	if !ok {
		t.Fatal("no plan")
	}
	d.apply(bad, plan)
	d.submit(2, job())
	d.want("assign 2 to 1;")
}

func TestAnAssignThatComesTooLateDoesNoHarm(t *testing.T) {
	d := newDesk(t, 2)
	d.submit(1, job())
	first := d.seen[0].(Propose).Command
	d.after(ReplanAfter)
	second := d.seen[0].(Propose).Command
	d.apply(first, second)
	if got := len(d.task(1).Attempts); got != 1 || d.on(1) != 1 {
		t.Fatalf("%d attempts", got)
	}
	if h := d.byID[1]; h.open != 1 || len(h.plans) != 0 {
		t.Fatalf("%d open and %d planned are counted", h.open, len(h.plans))
	}
}

func TestFailuresAreRetriedAfterABackOff(t *testing.T) {
	d := newDesk(t, 1)
	s := job()
	s.Retries = 9
	d.submit(1, s)
	d.settle()
	for _, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		d.apply(finish(1, d.fence(1), &wire.Result{Exit: 1}))
		d.want("")
		d.after(wait - 1)
		d.want("")
		d.after(1)
		d.want("assign 1 to 1;")
		d.settle()
	}
}

func TestTheBackOff(t *testing.T) {
	attempts := func(outcomes ...string) *wire.Task {
		task := &wire.Task{}
		for _, o := range outcomes {
			task.Attempts = append(task.Attempts, &wire.Attempt{Outcome: o})
			if o == ledger.Ended {
				task.Failures++
			}
		}
		return task
	}
	const e, r, s = ledger.Ended, ledger.Requeued, ledger.Superseded
	for _, c := range []struct {
		task *wire.Task
		want time.Duration
	}{
		{attempts(), 0},
		{attempts(e), time.Second},
		{attempts(e, e, e), 4 * time.Second},
		{attempts(e, e, e, e, e, e, e, e, e, e, e, e, e, e), time.Minute},
		{attempts(r), 0},
		{attempts(r, s), time.Second},
		{attempts(r, r, r, r, r, r, r), time.Second},
		{attempts(e, e, r), 0},
		{attempts(r, r, e), time.Second},
	} {
		if got := backOff(c.task); got != c.want {
			t.Errorf("after %v it waits %v, not %v", c.task.Attempts, got, c.want)
		}
	}
}

func TestANewLeaderGoesOnWhereTheLedgerStands(t *testing.T) {
	d := newDesk(t, 2, 1)
	for n, on := range []string{"web1", "web2", "web1"} {
		d.submit(n+1, jobOn(on))
		d.settle()
	}
	d.submit(4, jobOn("web1"))
	d.apply(cancel(3))
	d.apply(down(2, 1))
	d.do(Deposed{})
	d.want("")
	d.apply(finish(1, d.fence(1), &wire.Result{})) // under another leader
	d.want("")
	d.do(Led{})
	d.want("requeue 2;kill 3 on 1;")
	d.hear(1, 2, 0)
	d.want("assign 4 to 1;")
}

func TestOldRecordsAreExpired(t *testing.T) {
	d := newDesk(t, 1)
	d.submit(1, job())
	d.settle()
	d.apply(finish(1, d.fence(1), &wire.Result{}))
	d.after(ExpireEvery)
	d.want("")
	d.now = d.now.Add(KeepGood)
	d.submit(2, jobOn("nobody")) // the ledger's time comes with entries
	d.want("expire 1;")
	d.settle()
	if _, ok := d.state.Task(tid(1)); ok {
		t.Fatal("it is still there")
	}
}
