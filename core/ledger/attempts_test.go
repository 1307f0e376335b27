package ledger

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

func TestHowAnAttemptEndsDecidesTheTask(t *testing.T) {
	plain := func() *wire.Spec { return spec("job") }
	once := func() *wire.Spec { s := spec("job"); s.Once = true; return s }
	retry := func() *wire.Spec { s := spec("job"); s.Retries = 1; return s }
	for _, c := range []struct {
		name           string
		spec           func() *wire.Spec
		result         *wire.Result
		status, reason string
		outcome        string
	}{
		{"exit 0", plain, exit(0), Succeeded, "", Ended},
		{"exit 7", plain, exit(7), Failed, "exit 7", Ended},
		{"a signal", plain, &wire.Result{Signal: 9}, Failed, "signal 9", Ended},
		{"not found", plain, &wire.Result{Exit: 127, Error: "job: not found"}, Failed, "job: not found", Ended},
		{"too long", plain, &wire.Result{Signal: 15, TimedOut: true}, TimedOut, "its time limit", Ended},
		{"too long, though it then ended well", plain, &wire.Result{TimedOut: true}, TimedOut, "its time limit", Ended},
		{"lost", plain, &wire.Result{Lost: true}, Queued, "cut short on web1", Requeued},
		{"ended by its member", plain, &wire.Result{Signal: 15, Cancelled: true}, Queued, "cut short on web1", Requeued},
		{"once: exit 7", once, exit(7), Failed, "exit 7", Ended},
		{"once: lost", once, &wire.Result{Lost: true}, Unknown, "its member restarted and does not know how it ended", Ended},
		{"once: ended by its member", once, &wire.Result{Cancelled: true}, Cancelled, "ended by its member", Ended},
		{"retry: exit 0", retry, exit(0), Succeeded, "", Ended},
		{"retry: exit 7", retry, exit(7), Queued, "retry 1 of 1 after exit 7", Ended},
		{"retry: too long", retry, &wire.Result{TimedOut: true}, Queued, "retry 1 of 1 after its time limit", Ended},
		{"retry: lost spends none", retry, &wire.Result{Lost: true}, Queued, "cut short on web1", Requeued},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(t)
			b.up(1)
			o := b.yes(finish(1, b.out(1, c.spec()), c.result))
			task := b.wantStatus(1, c.status, c.reason)
			a := task.Attempts[0]
			if a.Outcome != c.outcome || !proto.Equal(a.Result, c.result) {
				t.Fatalf("the attempt is %v", a)
			}
			final := IsFinal(c.status)
			if final != (task.Result != nil && proto.Equal(task.Result, c.result)) || final != (task.Final == uint64(o.Fence)) || final != (task.EndedNanos == b.now) {
				t.Fatalf("the record is %v", task)
			}
			if final != (len(o.Events) == 1) || final && (o.Events[0].Kind != "task-done" || !strings.HasPrefix(o.Events[0].Detail, c.status)) {
				t.Fatalf("the events are %v", o.Events)
			}
		})
	}
}

func TestRetriesAreSpentOneByOne(t *testing.T) {
	b := newBook(t)
	b.up(2)
	s := spec("flaky")
	s.Retries = 2
	b.yes(finish(1, b.out(1, s), exit(1)))
	b.yes(finish(1, b.again(1, 2), &wire.Result{Lost: true}))
	b.yes(finish(1, b.again(1, 1), exit(2)))
	b.wantStatus(1, Queued, "retry 2 of 2 after exit 2")
	b.yes(finish(1, b.again(1, 1), exit(3)))
	task := b.wantStatus(1, Failed, "exit 3")
	if task.Failures != 3 || len(task.Attempts) != 4 || task.Result.Exit != 3 {
		t.Fatalf("the record is %v", task)
	}
}

func TestOnlyTheOpenGrantCounts(t *testing.T) {
	b := newBook(t)
	b.up(2)
	old := b.out(1, spec("job"))
	b.yes(down("crash", 1, 1))
	b.yes(requeue(1, old))
	b.wantStatus(1, Queued, "web1 is down")

	// The member was not dead: its result is kept beside, and counts nothing.
	o := b.yes(finish(1, old, exit(0)))
	if len(o.Events) != 0 {
		t.Fatalf("a late result made the events %v", o.Events)
	}
	task := b.wantStatus(1, Queued, "web1 is down")
	if a := task.Attempts[0]; a.Outcome != Superseded || a.Result == nil {
		t.Fatalf("the late result is %v", a)
	}

	fresh := b.again(1, 2)
	if fresh <= old {
		t.Fatalf("fence %d comes after %d", fresh, old)
	}
	b.yes(finish(1, old, exit(3)))
	b.wantStatus(1, Assigned, "")
	b.yes(finish(1, fresh, exit(5)))
	b.wantStatus(1, Failed, "exit 5")
	if a := b.task(1).Attempts[0]; a.Result.Exit != 0 {
		t.Fatalf("the second late result replaced the first: %v", a)
	}
	b.no(core.CodeBadInput, finish(1, fresh+1, exit(0)))
}

func TestARepeatedReportIsAsGoodAsTheFirst(t *testing.T) {
	b := newBook(t)
	b.up(1)
	f := b.out(1, spec("job"))
	b.yes(finish(1, f, exit(0)))
	before := unplaced(b.State)
	if o := b.yes(finish(1, f, exit(0))); len(o.Events) != 0 {
		t.Fatalf("the second report made the events %v", o.Events)
	}
	b.yes(finish(1, f, exit(9))) // however it differs
	if unplaced(b.State) != before {
		t.Fatal("a repeated report changed the ledger")
	}
}

func TestAFinishThatMakesNoSenseIsRefused(t *testing.T) {
	b := newBook(t)
	b.up(1)
	f := b.out(1, spec("job"))
	b.no(core.CodeBadInput, finish(1, f, nil))
	b.no(core.CodeBadInput, finish(1, f+1, exit(0)))
	b.no(core.CodeUnheard, finish(2, f, exit(0)))
}

func TestTheLossOfAMember(t *testing.T) {
	b := newBook(t)
	b.up(1)
	ordinary := b.out(1, spec("job"))
	s := spec("job")
	s.Once = true
	once := b.out(2, s)
	b.no(core.CodeBusy, requeue(1, ordinary)) // it is up: it may be running
	b.yes(down("crash", 1, 1))
	b.yes(requeue(1, ordinary))
	b.yes(requeue(2, once))
	b.wantStatus(1, Queued, "web1 is down")
	b.wantStatus(2, Unknown, "web1 is down")
	b.no(core.CodeNo, requeue(1, ordinary))
	b.no(core.CodeNo, requeue(2, once))
	b.no(core.CodeUnheard, requeue(3, once))

	// A late result is shown beside the unknown.
	b.yes(finish(2, once, exit(0)))
	task := b.wantStatus(2, Unknown, "web1 is down")
	if a := task.Attempts[0]; task.Result != nil || a.Outcome != Superseded || a.Result.GetExit() != 0 {
		t.Fatalf("the record is %v", task)
	}
}

func TestAMemberThatNeverStartedAGrantGivesItBack(t *testing.T) {
	b := newBook(t)
	b.up(1)
	s := spec("job")
	s.Once = true
	f := b.out(1, s)
	b.yes(unstarted(1, f))
	b.wantStatus(1, Queued, "web1 never had it") // even --once: it has not run
	f = b.again(1, 1)
	b.yes(cancel(1))
	b.yes(unstarted(1, f))
	b.wantStatus(1, Cancelled, "cancelled by ann")
}

func TestARestartedMemberKeepsItsGrantsUntilItSpeaks(t *testing.T) {
	b := newBook(t)
	b.up(1)
	f := b.out(1, spec("job"))
	b.yes(up(row(1, 2)))
	b.wantStatus(1, Assigned, "")
	b.no(core.CodeBusy, requeue(1, f))
	b.yes(finish(1, f, &wire.Result{Lost: true}))
	b.wantStatus(1, Queued, "cut short on web1")
}

func TestOldAttemptsAreForgottenAndNumbersAreNot(t *testing.T) {
	b := newBook(t)
	b.up(1)
	b.yes(submit(1, spec("job")))
	for range KeepAttempts + 10 {
		b.yes(finish(1, b.again(1, 1), &wire.Result{Lost: true}))
	}
	task := b.task(1)
	if len(task.Attempts) != KeepAttempts || NextAttempt(task) != KeepAttempts+11 {
		t.Fatalf("%d attempts are kept, the next is %d", len(task.Attempts), NextAttempt(task))
	}
}

func TestLongTailsAreCut(t *testing.T) {
	b := newBook(t)
	b.up(1)
	tail := []byte(strings.Repeat("a", KeepTail) + "the end")
	b.yes(finish(1, b.out(1, spec("job")), &wire.Result{StdoutTail: tail, Error: strings.Repeat("é", KeepTail)}))
	r := b.task(1).Result
	if len(r.StdoutTail) != KeepTail || !strings.HasSuffix(string(r.StdoutTail), "the end") || !r.Truncated || len(r.Error) > KeepTail {
		t.Fatalf("%d bytes of output are kept, truncated %t, %d of the error", len(r.StdoutTail), r.Truncated, len(r.Error))
	}
}
