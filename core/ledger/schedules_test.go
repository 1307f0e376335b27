package ledger

import (
	"slices"
	"strings"
	"testing"

	"hb/core"
	"hb/core/wire"
)

func schedule(name string, spec *wire.Spec) *wire.Schedule {
	return &wire.Schedule{Name: name, Cron: "@hourly", Overlap: OverlapSkip, CatchUp: CatchUpOnce, Spec: spec}
}

func setSchedule(sc *wire.Schedule, replace bool) *wire.Command {
	return &wire.Command{Body: &wire.Command_SetSchedule{SetSchedule: &wire.SetSchedule{Schedule: sc, Replace: replace}}}
}

func dropSchedule(name string) *wire.Command {
	return &wire.Command{Body: &wire.Command_DropSchedule{DropSchedule: &wire.DropSchedule{Name: name}}}
}

func pauseSchedule(name string, on bool) *wire.Command {
	return &wire.Command{Body: &wire.Command_PauseSchedule{PauseSchedule: &wire.PauseSchedule{Name: name, On: on}}}
}

func fireAt(sc *wire.Schedule, at int64) *wire.Command {
	return &wire.Command{Body: &wire.Command_Fire{Fire: &wire.Fire{Name: sc.GetName(), Order: sc.GetOrder(), AtNanos: at}}}
}

func fireByHand(name string, n byte) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Fire{Fire: &wire.Fire{Name: name, Task: id[:]}}}
}

// scheduled takes in a schedule and gives its record.
func (b *book) scheduled(sc *wire.Schedule) *wire.Schedule {
	b.Helper()
	b.yes(setSchedule(sc, false))
	sc, _ = b.Schedule(sc.Name)
	return sc
}

func (b *book) wantCounts(name string, fired, skipped uint64) *wire.Schedule {
	b.Helper()
	sc, ok := b.Schedule(name)
	if !ok || sc.Fired != fired || sc.Skipped != skipped {
		b.Fatalf("it is %v, not %d fired and %d skipped", sc, fired, skipped)
	}
	return sc
}

func TestATimeThatIsDueMakesOneTask(t *testing.T) {
	b := newBook(t)
	sc := b.scheduled(schedule("backup", spec("tar")))
	at := b.now + 1e9
	o := b.yes(fireAt(sc, at))
	if o.Task == nil || core.TaskID(o.Task.Id) != FiringID("backup", sc.Order, at) || o.Task.Schedule != "backup" || o.Task.DueNanos != at ||
		!slices.Contains(o.Task.Spec.Env, "HB_SCHEDULE=backup") {
		t.Fatalf("it made %v", o.Task)
	}
	for _, again := range []int64{at, at - 1} {
		b.no(core.CodeNo, fireAt(sc, again))
	}
	b.wantCounts("backup", 1, 0)
	if len(b.Tasks()) != 1 {
		t.Fatalf("there are %d tasks", len(b.Tasks()))
	}
}

func TestWhatIsDueWhileTheLastTaskIsOpen(t *testing.T) {
	for _, c := range []struct {
		overlap        string
		fired, skipped uint64
		exclusive      string
	}{{OverlapSkip, 1, 1, ""}, {OverlapAllow, 2, 0, ""}, {OverlapQueue, 2, 0, "schedule/x"}} {
		b := newBook(t)
		sc := schedule("x", spec("tar"))
		sc.Overlap = c.overlap
		sc = b.scheduled(sc)
		b.yes(fireAt(sc, b.now+1e9))
		b.yes(fireAt(sc, b.now+2e9))
		b.wantCounts("x", c.fired, c.skipped)
		if got := b.Tasks()[0].Spec.Exclusive; got != c.exclusive {
			t.Errorf("%s: the tasks exclude each other by %q", c.overlap, got)
		}
		// Once the last has ended it is made again.
		for _, open := range b.Tasks() {
			b.yes(&wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{Task: open.Id}}})
		}
		b.yes(fireAt(sc, b.now+9e9))
		b.wantCounts("x", c.fired+1, c.skipped)
	}
}

func TestAScheduleIsSetOnceAndReplacedOnPurpose(t *testing.T) {
	b := newBook(t)
	sc := b.scheduled(schedule("x", spec("tar")))
	b.yes(fireAt(sc, b.now+1e9))
	if b.yes(setSchedule(schedule("x", spec("tar")), false)); b.wantCounts("x", 1, 0).Order != sc.Order {
		t.Fatal("the same definition made another of it")
	}
	b.no(core.CodeBadInput, setSchedule(schedule("x", spec("zip")), false))
	b.yes(setSchedule(schedule("x", spec("zip")), true))
	now := b.wantCounts("x", 1, 0)
	b.no(core.CodeNo, fireAt(sc, b.now+9e9))
	b.yes(dropSchedule("x"))
	b.no(core.CodeUnheard, fireAt(now, b.now+9e9))
	b.no(core.CodeUnheard, dropSchedule("x"))
	b.no(core.CodeUnheard, pauseSchedule("x", true))
}

func TestAPauseIsNotMadeGood(t *testing.T) {
	b := newBook(t)
	sc := b.scheduled(schedule("x", spec("tar")))
	due := b.now + 5e8
	b.yes(pauseSchedule("x", true))
	b.no(core.CodeNo, fireAt(sc, due+9e9))
	b.yes(pauseSchedule("x", false))
	b.no(core.CodeNo, fireAt(sc, due))
	b.yes(fireAt(sc, b.now+1e9))
}

func TestAUserMayAskForItNow(t *testing.T) {
	b := newBook(t)
	b.scheduled(schedule("x", spec("tar")))
	b.yes(pauseSchedule("x", true))
	if o := b.yes(fireByHand("x", 1)); o.Task == nil || core.TaskID(o.Task.Id) != tid(1) {
		t.Fatalf("it made %v", o.Task)
	}
	b.yes(fireByHand("x", 1)) // the same wish again
	b.wantCounts("x", 1, 0)
	b.no(core.CodeNo, fireByHand("x", 2))
	b.yes(cancel(1))
	b.yes(fireByHand("x", 2))
	b.no(core.CodeUnheard, fireByHand("y", 3))
}

func TestAFullLedgerFiresLater(t *testing.T) {
	b := newBook(t)
	b.bounds.open = 1
	sc := b.scheduled(schedule("x", spec("tar")))
	b.yes(submit(1, spec("sleep")))
	at := b.now + 1e9
	b.no(core.CodeBusy, fireAt(sc, at))
	b.yes(cancel(1))
	b.yes(fireAt(sc, at))
}

func TestAnEventInTheLogMakesItsTask(t *testing.T) {
	b := newBook(t)
	b.up(3)
	for _, name := range []string{"mail", "page"} {
		sc := schedule(name, spec("page"))
		sc.Cron, sc.Event, sc.Overlap = "", "agreed-down", OverlapAllow
		b.scheduled(sc)
	}
	quiet := schedule("quiet", spec("page"))
	quiet.Cron, quiet.Event = "", "agreed-down"
	b.scheduled(quiet)
	b.yes(pauseSchedule("quiet", true))
	c := down("crash", 1, 1)
	c.GetMemberDown().Ids, c.GetMemberDown().Instances = []uint64{1, 2}, []uint32{1, 1}
	o := b.yes(c)
	if len(o.Also) != 4 || len(b.QueuedTasks()) != 4 {
		t.Fatalf("two deaths and two schedules made %d tasks", len(o.Also))
	}
	for i, task := range o.Also {
		env := strings.Join(task.Spec.Env, " ")
		want := []string{"HB_SCHEDULE=mail", "HB_SCHEDULE=page"}[i%2] + " HB_EVENT_KIND=agreed-down HB_EVENT_SUBJECT=web" + string(rune('1'+i/2)) + " HB_EVENT_DETAIL=crash"
		if env != want {
			t.Errorf("task %d is told %s", i, env)
		}
	}
	b.yes(down("crash", 1, 1)) // known already: no event
	b.wantCounts("page", 2, 0)
	b.wantCounts("quiet", 0, 0)
	for _, task := range b.QueuedTasks() { // their places in the log stay apart
		b.yes(&wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{Task: task.Id}}})
	}
	twin, err := Decode(b.Encode())
	if err != nil || len(twin.Schedules()) != 3 || len(twin.Tasks()) != 4 {
		t.Fatalf("from its bytes come %v", err)
	}
}

func TestTasksForAllThatOneEventMadeEndWithTheirMember(t *testing.T) {
	b := newBook(t)
	b.up(3)
	for _, name := range []string{"a", "b"} {
		sc := schedule(name, &wire.Spec{Name: "x", Argv: []string{"x"}, All: true, Once: true})
		sc.Cron, sc.Event = "", "agreed-down"
		b.scheduled(sc)
	}
	b.yes(down("crash", 3, 1))
	for _, id := range []uint64{2, 1} { // both parents end in the last of these
		b.yes(down("crash", id, 1))
	}
	if b.Open() != 0 {
		t.Fatalf("%d tasks are open", b.Open())
	}
}

func TestWhatMakesNoScheduleIsRefused(t *testing.T) {
	for what, spoil := range map[string]func(*wire.Schedule){
		"no name":      func(sc *wire.Schedule) { sc.Name = "" },
		"no time":      func(sc *wire.Schedule) { sc.Cron = "" },
		"two times":    func(sc *wire.Schedule) { sc.Event = "agreed-up" },
		"no such kind": func(sc *wire.Schedule) { sc.Cron, sc.Event = "", "leader" },
		"no overlap":   func(sc *wire.Schedule) { sc.Overlap = "maybe" },
		"no catch-up":  func(sc *wire.Schedule) { sc.CatchUp = "" },
		"no spec":      func(sc *wire.Schedule) { sc.Spec = nil },
		"no command":   func(sc *wire.Schedule) { sc.Spec.Argv = nil },
		"a key":        func(sc *wire.Schedule) { sc.Spec.Key = "k" },
		"a long line":  func(sc *wire.Schedule) { sc.Cron = strings.Repeat("*", 2000) },
	} {
		b := newBook(t)
		sc := schedule("x", spec("tar"))
		spoil(sc)
		if o := b.do(setSchedule(sc, false))[0]; o.Verdict == nil || o.Verdict.Code != uint32(core.CodeBadInput) || len(b.Schedules()) > 0 {
			t.Errorf("%s: the verdict is %v", what, o.Verdict)
		}
	}
	b := newBook(t)
	b.no(core.CodeBadInput, setSchedule(nil, false))
}
