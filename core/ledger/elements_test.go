package ledger

import (
	"testing"

	"hb/core"
	"hb/core/wire"
)

func array(n, parallel uint32) *wire.Spec {
	s := spec("job")
	s.Array, s.Parallel = n, parallel
	return s
}

func everywhere() *wire.Spec {
	s := spec("job")
	s.All, s.Once = true, true
	return s
}

// kid is element i of task n.
func (b *book) kid(n byte, i uint32) *wire.Task {
	b.Helper()
	t, ok := b.Task(ElementID(tid(n), i))
	if !ok {
		b.Fatalf("element %d of task %d is not there", i, n)
	}
	return t
}

// run grants an element and ends it so.
func (b *book) run(n byte, i uint32, node uint64, r *wire.Result) Outcome {
	b.Helper()
	id := ElementID(tid(n), i)
	f := b.yes(assignTo(id, NextAttempt(b.kid(n, i)), node, 1)).Fence
	return b.yes(finishOf(id, f, r))
}

func TestAnArrayIsOneCommandAndEndsWithItsLastElement(t *testing.T) {
	b := newBook(t)
	b.up(1)
	o := b.yes(submit(1, array(3, 0)))
	if b.wantStatus(1, Running, ""); len(o.Also) != 3 || len(b.QueuedTasks()) != 3 || b.Open() != 4 {
		t.Fatalf("%d elements, %d queued, %d open", len(o.Also), len(b.QueuedTasks()), b.Open())
	}
	b.run(1, 2, 1, exit(0))
	b.run(1, 1, 1, exit(4))
	b.wantStatus(1, Running, "")
	b.State = reloaded(b)
	b.run(1, 3, 1, exit(3))
	p := b.wantStatus(1, Failed, "2 of 3 did not succeed")
	if p.Result.Exit != 4 || p.Failed != 2 || b.Open() != 0 {
		t.Fatalf("it ended as %v", p)
	}
	b.yes(expire(1))
	if len(b.Tasks()) != 0 {
		t.Fatalf("%d records are left", len(b.Tasks()))
	}
}

func TestParallelBoundsWhatRuns(t *testing.T) {
	b := newBook(t)
	b.up(2)
	b.yes(submit(1, array(4, 2)))
	b.yes(assignTo(ElementID(tid(1), 1), 1, 1, 1))
	f := b.yes(assignTo(ElementID(tid(1), 2), 1, 1, 1)).Fence
	b.no(core.CodeBusy, assignTo(ElementID(tid(1), 3), 1, 1, 1))
	b.yes(finishOf(ElementID(tid(1), 2), f, exit(0)))
	b.yes(assignTo(ElementID(tid(1), 3), 1, 1, 1))
}

func TestNothingNewStartsAfterTooManyFailures(t *testing.T) {
	for _, c := range []struct {
		parallel uint32
		most     int32
		left     int // that still wait after two failures
	}{{1, 0, 0}, {0, 0, 3}, {1, -1, 3}, {0, 2, 0}, {1, 3, 3}} {
		b := newBook(t)
		b.up(1)
		s := array(5, c.parallel)
		s.MaxFailures = c.most
		b.yes(submit(1, s))
		b.run(1, 1, 1, exit(1))
		if b.kid(1, 2).Status == Queued {
			b.run(1, 2, 1, exit(1))
		}
		if got := len(b.QueuedTasks()); got != c.left {
			t.Errorf("parallel %d, at most %d failures: %d still wait, not %d", c.parallel, c.most, got, c.left)
		}
		if c.left == 0 && b.task(1).Status != Failed {
			t.Errorf("parallel %d, at most %d failures: it is %s", c.parallel, c.most, b.task(1).Status)
		}
	}
}

func TestAllMeansTheMembersOfThatMoment(t *testing.T) {
	b := newBook(t)
	b.up(4)
	b.yes(down("crash", 3, 1))
	b.yes(drain(4, true, false))
	b.yes(submit(1, everywhere()))
	b.yes(up(row(5, 1)))
	p := b.task(1)
	if p.Elements != 2 || b.kid(1, 1).Target != 1 || b.kid(1, 2).Target != 2 {
		t.Fatalf("the elements are %v", b.Elements(tid(1)))
	}
	if len(p.Missing) != 2 || p.Missing[0].Name != "web3" || p.Missing[0].Why != Down || p.Missing[1].Why != "drained" {
		t.Fatalf("missing are %v", p.Missing)
	}
	b.no(core.CodeBusy, assignTo(ElementID(tid(1), 1), 1, 2, 1))
	b.run(1, 1, 1, exit(0))
	b.run(1, 2, 2, exit(0))
	if p := b.wantStatus(1, Failed, "2 members were not reached"); p.Result.Exit != 1 {
		t.Fatalf("it ended as %v", p)
	}
	s := everywhere()
	s.SkipDown = true
	b.yes(submit(2, s))
	for i, node := range []uint64{1, 2, 5} {
		b.run(2, uint32(i+1), node, exit(0))
	}
	b.wantStatus(2, Succeeded, "")
}

func TestAnElementOfAMemberThatGoesDownEndsUnreached(t *testing.T) {
	b := newBook(t)
	b.up(3)
	b.yes(submit(1, everywhere()))
	f := b.yes(assignTo(ElementID(tid(1), 2), 1, 2, 1)).Fence
	b.yes(down("crash", 1, 1))
	if k := b.kid(1, 1); k.Status != Failed || k.Reason != "not reached: web1 is down" {
		t.Fatalf("it is %v", k)
	}
	b.yes(down("crash", 2, 1))
	id := ElementID(tid(1), 2)
	b.yes(&wire.Command{Body: &wire.Command_Requeue{Requeue: &wire.Requeue{Task: id[:], Fence: uint64(f)}}})
	if k := b.kid(1, 2); k.Status != Unknown {
		t.Fatalf("it ran, and is %v", k)
	}
	b.run(1, 3, 3, exit(0))
	if p := b.task(1); p.Status != Failed || p.Result.Exit != int32(core.CodeTaskLost) {
		t.Fatalf("it ended as %v", p)
	}
}

func TestNobodyToRunItEndsAtOnce(t *testing.T) {
	b := newBook(t)
	b.up(1)
	b.yes(down("crash", 1, 1))
	b.yes(submit(1, everywhere()))
	b.wantStatus(1, Failed, "1 members were not reached")
}

func TestACancelOfTheParentCancelsItsElements(t *testing.T) {
	b := newBook(t)
	b.up(1)
	b.yes(submit(1, array(3, 0)))
	f := b.yes(assignTo(ElementID(tid(1), 1), 1, 1, 1)).Fence
	b.yes(cancel(1))
	b.wantStatus(1, Cancelling, "cancelled by ann")
	if b.kid(1, 1).Status != Cancelling || b.kid(1, 2).Status != Cancelled {
		t.Fatalf("the elements are %v", b.Elements(tid(1)))
	}
	b.yes(finishOf(ElementID(tid(1), 1), f, &wire.Result{Signal: 15, Cancelled: true}))
	b.wantStatus(1, Cancelled, "cancelled by ann")
}

func TestSubmitsOfElementsThatMakeNoSense(t *testing.T) {
	b := newBook(t)
	b.up(1)
	both := array(2, 0)
	both.All = true
	placed := everywhere()
	placed.On = "web1"
	few := array(2, 0)
	few.MaxFailures = -2
	for n, s := range []*wire.Spec{both, placed, few, array(MaxElements+1, 0)} {
		b.no(core.CodeBadInput, submit(byte(n), s))
	}
}

func TestTenThousandElementsAreOneSubmit(t *testing.T) {
	s := New(core.ClusterID{1}, "test")
	s.Apply(1, &wire.Entry{Commands: []*wire.Command{up(row(1, 1)), submit(1, array(MaxElements, 0))}})
	if n := len(s.QueuedTasks()); n != MaxElements {
		t.Fatalf("%d elements wait", n)
	}
	again, err := Decode(s.Encode())
	if err != nil || len(again.QueuedTasks()) != MaxElements {
		t.Fatal(err)
	}
	t.Logf("encoded: %d bytes an element", len(s.Encode())/MaxElements)
}

func TestEachElementOfALongArrayIsFoundAfterItsEnd(t *testing.T) {
	for _, size := range []uint32{1, markEvery, markEvery + 1, 3*markEvery + 5} {
		b := newBook(t)
		b.up(1)
		b.yes(submit(1, array(size, 0)))
		for i := range size {
			b.run(1, i+1, 1, exit(int32(i)%2))
		}
		for range 2 {
			for i := range size {
				if k := b.kid(1, i+1); k.N != i+1 || k.Result.Exit != int32(i)%2 {
					t.Fatalf("of %d, element %d is %v", size, i+1, k)
				}
			}
			b.State = reloaded(b)
		}
	}
}
