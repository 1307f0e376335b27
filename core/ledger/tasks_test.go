package ledger

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

func TestASubmittedTaskIsQueued(t *testing.T) {
	b := newBook(t)
	o := b.yes(submit(1, spec("true")))
	task := b.wantStatus(1, Queued, "")
	if o.Task != task || task.Index != o.Fence.Index() || task.SubmittedNanos != b.now {
		t.Fatalf("the outcome is %v, the record %v", o, task)
	}
	if want := (Event{"task-submitted", tid(1).String(), "true"}); len(o.Events) != 1 || o.Events[0] != want {
		t.Fatalf("the events are %v, not %v", o.Events, want)
	}
}

func TestTheSameSubmitAgainIsAnsweredAlike(t *testing.T) {
	b := newBook(t)
	b.up(1)
	first := b.yes(submit(1, spec("true")))
	again := b.yes(submit(1, spec("true")))
	if again.Task.Index != first.Task.Index || len(again.Events) != 0 || len(b.Tasks()) != 1 {
		t.Fatalf("again it is %v", again)
	}
	f := b.again(1, 1)
	b.yes(finish(1, f, exit(0)))
	if again = b.yes(submit(1, spec("true"))); again.Task.Status != Succeeded {
		t.Fatalf("after its end it is %v", again.Task)
	}
	b.no(core.CodeBadInput, submit(1, spec("false")))
}

func TestAKeyNamesOneTask(t *testing.T) {
	b := newBook(t)
	keyed := func(argv ...string) *wire.Spec { s := spec(argv...); s.Key = "nightly"; return s }
	b.yes(submit(1, keyed("backup")))
	if o := b.yes(submit(2, keyed("backup"))); core.TaskID(o.Task.Id) != tid(1) {
		t.Fatalf("the same key and content gave task %v", o.Task)
	}
	o := b.no(core.CodeBadInput, submit(3, keyed("backup", "--all")))
	if !strings.Contains(o.Verdict.Message, tid(1).String()) {
		t.Fatalf("the refusal does not name the task: %s", o.Verdict.Message)
	}
	if len(b.Tasks()) != 1 {
		t.Fatalf("there are %d tasks", len(b.Tasks()))
	}
	if first, ok := b.Keyed("nightly"); !ok || core.TaskID(first.Id) != tid(1) {
		t.Fatalf("the key is %v's", first)
	}
	b.yes(cancel(1))
	b.yes(expire(1))
	if o := b.yes(submit(4, keyed("other"))); core.TaskID(o.Task.Id) != tid(4) {
		t.Fatalf("a key whose task has expired is still held by %v", o.Task)
	}
}

func TestASubmitThatMakesNoSenseIsRefused(t *testing.T) {
	with := func(change func(*wire.Spec)) *wire.Command {
		c := submit(1, spec("true"))
		change(c.GetSubmit().Spec)
		return c
	}
	for name, c := range map[string]*wire.Command{
		"no spec":          submit(1, nil),
		"no command":       submit(1, &wire.Spec{Name: "x"}),
		"an empty command": submit(1, &wire.Spec{Argv: []string{""}}),
		"no ID":            {Body: &wire.Command_Submit{Submit: &wire.Submit{Spec: spec("true")}}},
		"a zero ID":        {Body: &wire.Command_Submit{Submit: &wire.Submit{Task: make([]byte, 16), Spec: spec("true")}}},
		"a short ID":       {Body: &wire.Command_Submit{Submit: &wire.Submit{Task: make([]byte, 15), Spec: spec("true")}}},
		"too big":          with(func(s *wire.Spec) { s.Argv = append(s.Argv, strings.Repeat("x", MaxSpecBytes)) }),
		"a negative limit": with(func(s *wire.Spec) { s.TimeLimitNanos = -1 }),
		"weight NaN":       with(func(s *wire.Spec) { s.Weight = math.NaN() }),
		"weight infinite":  with(func(s *wire.Spec) { s.Weight = math.Inf(1) }),
		"weight negative":  with(func(s *wire.Spec) { s.Weight = -1 }),
		"once and retries": with(func(s *wire.Spec) { s.Once, s.Retries = true, 1 }),
		"where without =":  with(func(s *wire.Spec) { s.Where = []string{"disk"} }),
		"where without tag": with(func(s *wire.Spec) {
			s.Where = []string{"disk=big", "!=big"}
		}),
		"environment without =":    with(func(s *wire.Spec) { s.Env = []string{"HOME"} }),
		"environment without name": with(func(s *wire.Spec) { s.Env = []string{"=x"} }),
	} {
		t.Run(name, func(t *testing.T) { newBook(t).no(core.CodeBadInput, c) })
	}
}

func TestABigTaskWithinTheLimitIsTaken(t *testing.T) {
	s := spec("x")
	s.Argv = append(s.Argv, strings.Repeat("x", MaxSpecBytes-proto.Size(s)-4))
	if size := proto.Size(s); size > MaxSpecBytes || size < MaxSpecBytes-2 {
		t.Fatalf("the spec takes %d bytes", size)
	}
	newBook(t).yes(submit(1, s))
}

func TestTooManyOpenTasksMeanBusy(t *testing.T) {
	b := newBook(t)
	b.bounds.open = 2
	b.up(1)
	f := b.out(1, spec("true"))
	b.yes(submit(2, spec("true")))
	b.no(core.CodeBusy, submit(3, spec("true")))
	b.yes(submit(2, spec("true"))) // a repeated one is no further one
	b.yes(finish(1, f, exit(0)))
	b.yes(submit(3, spec("true")))
}

func TestTooManyBytesOfOpenTasksMeanBusy(t *testing.T) {
	b := newBook(t)
	b.bounds.openBytes = 1000
	b.yes(submit(1, spec("echo", strings.Repeat("x", 1000))))
	b.no(core.CodeBusy, submit(2, spec("true")))
	b.yes(cancel(1))
	b.yes(submit(2, spec("true")))
}

func TestAnAssignGrantsTheNextAttempt(t *testing.T) {
	b := newBook(t)
	b.up(1)
	b.yes(submit(1, spec("true")))
	o := b.yes(assign(1, 1, 1, 1))
	task := b.wantStatus(1, Assigned, "")
	a := OpenAttempt(task)
	if a == nil || a.Fence != uint64(o.Fence) || a.N != 1 || a.Node != 1 || a.Instance != 1 || a.GrantedNanos != b.now {
		t.Fatalf("the grant is %v", a)
	}
	if want := (Event{"task-assigned", tid(1).String(), "attempt 1 on web1"}); len(o.Events) != 1 || o.Events[0] != want {
		t.Fatalf("the events are %v, not %v", o.Events, want)
	}
	if got, ok := b.OpenGrant(o.Fence); !ok || got != task {
		t.Fatalf("the open grant is %v", got)
	}
	if on := b.OpenOn(1); len(on) != 1 || on[0] != task {
		t.Fatalf("open on member 1: %v", on)
	}
}

func TestSubmitAndAssignShareAnEntry(t *testing.T) {
	b := newBook(t)
	b.up(1)
	out := b.do(submit(1, spec("true")), assign(1, 1, 1, 1), submit(2, spec("true")), assign(2, 1, 1, 1))
	for i := range out {
		if out[i].Verdict != nil || out[i].Fence != core.NewFence(b.Applied(), i) {
			t.Fatalf("outcome %d is %v", i, out[i])
		}
	}
	if first := b.OpenGrants()[0]; core.TaskID(first.Id) != tid(1) {
		t.Fatalf("the first grant is %v", first)
	}
}

func TestAnAssignThatDoesNotFitIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		code core.Code
		do   *wire.Command
	}{
		{"an unknown task", core.CodeUnheard, assign(9, 1, 1, 2)},
		{"a task that is out", core.CodeBusy, assign(1, 2, 1, 2)},
		{"a task that has ended", core.CodeBusy, assign(2, 2, 1, 2)},
		{"an attempt too early", core.CodeBusy, assign(3, 0, 1, 2)},
		{"an attempt too late", core.CodeBusy, assign(3, 2, 1, 2)},
		{"an older instance", core.CodeBusy, assign(3, 1, 1, 1)},
		{"a newer instance", core.CodeBusy, assign(3, 1, 1, 3)},
		{"a member that is down", core.CodeBusy, assign(3, 1, 2, 1)},
		{"a member nobody knows", core.CodeBusy, assign(3, 1, 7, 1)},
		{"no ID", core.CodeBadInput, &wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(t)
			b.yes(up(row(1, 2)))
			b.yes(up(row(2, 1)))
			b.yes(down("crash", 2, 1))
			b.out(1, spec("true"))
			b.yes(finish(2, b.out(2, spec("true")), exit(0)))
			b.yes(submit(3, spec("true")))
			b.no(c.code, c.do)
		})
	}
}

func TestCancel(t *testing.T) {
	b := newBook(t)
	b.up(1)
	b.yes(submit(1, spec("sleep")))
	if o := b.yes(cancel(1)); len(o.Events) != 1 || o.Events[0].Detail != "cancelled: cancelled by ann" {
		t.Fatalf("the events are %v", o.Events)
	}
	task := b.wantStatus(1, Cancelled, "cancelled by ann")
	if task.Final == 0 || task.EndedNanos != b.now || task.Result != nil {
		t.Fatalf("the record is %v", task)
	}
	b.yes(cancel(1))
	b.no(core.CodeBusy, assign(1, 1, 1, 1))

	f := b.out(2, spec("sleep"))
	if o := b.yes(cancel(2)); len(o.Events) != 0 || o.Task.Status != Cancelling {
		t.Fatalf("the outcome is %v", o)
	}
	b.yes(cancel(2))
	b.yes(finish(2, f, &wire.Result{Signal: 15, Cancelled: true}))
	if task = b.wantStatus(2, Cancelled, "cancelled by ann"); task.Result.Signal != 15 {
		t.Fatalf("the record is %v", task)
	}

	f = b.out(3, spec("true"))
	b.yes(finish(3, f, exit(0)))
	b.no(core.CodeNo, cancel(3))
	b.no(core.CodeUnheard, cancel(4))
}

func TestACancelledTaskEndsWithItsMember(t *testing.T) {
	b := newBook(t)
	b.up(1)
	f := b.out(1, spec("sleep"))
	b.yes(cancel(1))
	b.yes(down("crash", 1, 1))
	b.yes(requeue(1, f))
	b.wantStatus(1, Cancelled, "cancelled by ann")
}

func TestNotesChangeNothing(t *testing.T) {
	b := newBook(t)
	before := unplaced(b.State)
	b.yes(note("deployed 1.2"))
	b.yes(note(strings.Repeat("x", MaxNoteBytes)))
	b.no(core.CodeBadInput, note(strings.Repeat("x", MaxNoteBytes+1)))
	if unplaced(b.State) != before {
		t.Fatal("a note changed the ledger")
	}
}

func TestACommandWithoutContentIsRefused(t *testing.T) {
	newBook(t).no(core.CodeBadInput, &wire.Command{})
}

func TestRecordsAreDroppedInTheOrderOfTheirEnds(t *testing.T) {
	b := newBook(t)
	b.bounds.records = 2
	b.up(1)
	first, second := b.out(1, spec("true")), b.out(2, spec("true"))
	b.yes(finish(2, second, exit(0)))
	b.yes(finish(1, first, exit(0)))
	if b.Expired(tid(9)) {
		t.Fatal("nothing was dropped yet, and yet there is an expired ID")
	}
	b.yes(submit(3, spec("true")))
	b.yes(cancel(3))
	if _, kept := b.Task(tid(2)); kept || len(b.Tasks()) != 2 {
		t.Fatalf("the first to end should be gone: %v", b.Tasks())
	}
	if !b.Expired(tid(2)) || !b.Expired(tid(0)) || b.Expired(tid(1)) || b.Expired(tid(4)) {
		t.Fatalf("expired up to %d: 2 %t, 0 %t, 1 %t, 4 %t", b.expired, b.Expired(tid(2)), b.Expired(tid(0)), b.Expired(tid(1)), b.Expired(tid(4)))
	}
	o := b.no(core.CodeUnheard, cancel(2))
	if !strings.Contains(o.Verdict.Message, "expired") {
		t.Fatalf("of an expired task it says %q", o.Verdict.Message)
	}
	o = b.no(core.CodeUnheard, cancel(9))
	if !strings.Contains(o.Verdict.Message, "never heard") {
		t.Fatalf("of an unknown task it says %q", o.Verdict.Message)
	}
	b.no(core.CodeBadInput, submit(2, spec("true"))) // it may have run before
}

func TestRecordsAreDroppedByTheirBytes(t *testing.T) {
	b := newBook(t)
	b.bounds.recordBytes = 3000
	b.up(1)
	for n := range byte(4) {
		b.yes(finish(n+1, b.out(n+1, spec("true")), &wire.Result{StdoutTail: make([]byte, 1000)}))
	}
	if got := len(b.Tasks()); got != 2 {
		t.Fatalf("%d records are kept", got)
	}
}

func TestAWrongClockExpiresNobodyElse(t *testing.T) {
	b := newBook(t)
	ahead := core.MintTaskID(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), [10]byte{1})
	b.yes(&wire.Command{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: ahead[:], Spec: spec("true")}}})
	b.yes(&wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{Task: ahead[:]}}})
	b.yes(&wire.Command{Body: &wire.Command_Expire{Expire: &wire.Expire{Tasks: [][]byte{ahead[:]}}}})
	later := core.MintTaskID(b.now/1e6+60_000, [10]byte{2})
	if b.Expired(later) {
		t.Fatal("a task minted in 2100 made those of today expire")
	}

	// The leader's clock was wrong too: what it dropped says nothing now.
	b.now = time.Date(2100, 1, 2, 0, 0, 0, 0, time.UTC).UnixNano()
	b.yes(&wire.Command{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: ahead[:], Spec: spec("true")}}})
	b.yes(&wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{Task: ahead[:]}}})
	b.yes(&wire.Command{Body: &wire.Command_Expire{Expire: &wire.Expire{Tasks: [][]byte{ahead[:]}}}})
	b.now = time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC).UnixNano()
	b.yes(submit(1, spec("true")))
}

func TestExpireSparesOpenTasks(t *testing.T) {
	b := newBook(t)
	b.up(1)
	b.yes(submit(1, spec("true")))
	b.out(2, spec("true"))
	b.yes(submit(3, spec("true")))
	b.yes(cancel(3))
	b.yes(expire(1, 2, 3, 4))
	if got := len(b.Tasks()); got != 2 {
		t.Fatalf("%d records are left", got)
	}
}

func TestStaleFindsOldRecordsAndKeepsFailuresLonger(t *testing.T) {
	b := newBook(t)
	b.up(1)
	b.yes(finish(1, b.out(1, spec("false")), exit(1)))
	b.yes(finish(2, b.out(2, spec("true")), exit(0)))
	b.now += int64(2 * time.Hour)
	b.yes(finish(3, b.out(3, spec("true")), exit(0)))
	if got := b.Stale(time.Hour, 24*time.Hour, 10); !reflect.DeepEqual(got, []core.TaskID{tid(2)}) {
		t.Fatalf("stale are %v", got)
	}
	if got := b.Stale(time.Minute, time.Minute, 1); !reflect.DeepEqual(got, []core.TaskID{tid(1)}) {
		t.Fatalf("the first stale one is %v", got)
	}
}

func TestTasksAndQueueKeepTheOrderOfSubmits(t *testing.T) {
	b := newBook(t)
	b.up(1)
	for _, n := range []byte{7, 3, 9, 1} {
		b.yes(submit(n, spec("true")))
	}
	f := b.again(3, 1)
	b.yes(finish(3, f, &wire.Result{Lost: true})) // back in its old place
	got := ""
	for _, task := range b.QueuedTasks() {
		got += fmt.Sprint(task.Id[15], " ")
	}
	if got != "7 3 9 1 " {
		t.Fatalf("the queue is %s", got)
	}
}

func TestHandedOutRecordsDoNotChange(t *testing.T) {
	b := newBook(t)
	b.up(1)
	b.yes(submit(1, spec("true")))
	queued := b.task(1)
	before := proto.Clone(queued)
	f := b.again(1, 1)
	assigned := b.task(1)
	between := proto.Clone(assigned)
	b.yes(finish(1, f, exit(0)))
	if !proto.Equal(queued, before) || !proto.Equal(assigned, between) {
		t.Fatal("a record changed after it was handed out")
	}
}

func TestRevisionsLoseNoField(t *testing.T) {
	full := &wire.Task{}
	fill(full.ProtoReflect(), 3)
	if !proto.Equal(revise(full), full) {
		t.Fatalf("revise forgets a field of\n%v\nit gives\n%v", full, revise(full))
	}
	a := full.Attempts[0]
	if got := closed(a, a.Outcome, a.Result); !proto.Equal(got, a) {
		t.Fatalf("closed forgets a field: %v", got)
	}
	long := &wire.Result{}
	fill(long.ProtoReflect(), 1)
	long.StdoutTail = make([]byte, 2*KeepTail)
	want := proto.Clone(long).(*wire.Result)
	want.StdoutTail, want.Truncated = want.StdoutTail[:KeepTail], true
	if got := trim(long); !proto.Equal(got, want) {
		t.Fatalf("trim forgets a field: %v", got)
	}
}

func TestIndexesOnlyRise(t *testing.T) {
	b := newBook(t)
	b.Apply(5, nil)
	b.Apply(7, &wire.Entry{})
	if b.Applied() != 7 || b.Wall() != 0 {
		t.Fatalf("applied %d at %d", b.Applied(), b.Wall())
	}
	defer func() {
		if recover() == nil {
			t.Fatal("index 7 was applied twice")
		}
	}()
	b.Apply(7, &wire.Entry{})
}

func TestACommandOfAFutureVersionIsNotSkipped(t *testing.T) {
	c := &wire.Command{Proposer: 1}
	c.ProtoReflect().SetUnknown([]byte{0xf8, 0x07, 1}) // field 127
	e := &wire.Entry{Commands: []*wire.Command{note("x"), c}}
	if err := Understood(e); err == nil || !strings.Contains(err.Error(), "command 1") {
		t.Fatalf("the fault is %v", err)
	}
	if err := Understood(&wire.Entry{Commands: []*wire.Command{note("x"), {}}}); err != nil {
		t.Fatalf("an empty command is no news from the future: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Fatal("it was skipped")
		}
	}()
	newBook(t).do(c)
}
