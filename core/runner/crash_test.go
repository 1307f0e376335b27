package runner

import (
	"fmt"
	"testing"

	"hb/core/wire"
)

func TestACrashAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(b *bench)
		first  string // what the next run does at once
		report string // and what it reports in the end; empty for nothing
	}{
		{"before the intent is on disk", func(b *bench) { b.grant(1) }, "adopt;", ""},
		{"between intent and start", func(b *bench) { b.grant(1); b.sync() }, "adopt 1 pid 0;", "report 1 lost;"},
		{"before the process is noted", func(b *bench) {
			b.grant(1)
			b.sync()
			b.do(Started{Fence: 1, Pid: 101})
		}, "adopt 1 pid 0;", "report 1 lost;"},
		{"while it runs", func(b *bench) { b.running(1) }, "adopt 1 pid 101;", "report 1 lost;"},
		{"before the end is on disk", func(b *bench) { b.running(1); b.do(Ended{1, &wire.Result{Exit: 7}}) }, "adopt 1 pid 101;", "report 1 lost;"},
		{"before the end is acknowledged", func(b *bench) { b.reported(1, &wire.Result{Exit: 7}) }, "adopt;report 1 exit 7;", "report 1 exit 7;"},
		{"before the acknowledgement is on disk", func(b *bench) {
			b.reported(1, &wire.Result{Exit: 7})
			b.do(Acked{1})
		}, "adopt;report 1 exit 7;", "report 1 exit 7;"},
		{"after everything", func(b *bench) {
			b.reported(1, &wire.Result{Exit: 7})
			b.forgotten(1)
		}, "adopt;", ""},
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
			b.forgotten(1)
			b.restart()
			b.want("adopt;")
		})
	}
}

func TestNothingNewStartsBeforeTheOldIsGone(t *testing.T) {
	b := newBench(t, 3)
	b.running(1)
	b.running(2)
	b.restart()
	b.want("adopt 1 pid 101 2 pid 102;")
	b.grant(3)
	b.want("")
	b.do(Reaped{2})
	b.sync()
	b.want("report 2 lost;")
	b.do(Reaped{1})
	b.want("journal intent 3 ended 1;")
	b.sync()
	b.want("report 1 lost;exec 3;")
}

func TestWhatStillRunsIsAdopted(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.restart()
	b.grant(2)
	b.sync()
	if got := fmt.Sprint(b.Fences()); got != "[1 2]" || b.Running() != 1 {
		t.Fatalf("it holds %s, runs %d", got, b.Running())
	}
	b.do(Started{Fence: 1, Pid: 101, StartTicks: 7, Boot: "boot"})
	b.want("journal intent 2;") // it is noted, and takes the slot
	b.sync()
	b.want("queue at 1 2;")
	b.do(kill(1, 1))
	b.want("terminate 1 after 5s;")
	b.do(Ended{1, &wire.Result{Exit: 3}})
	b.want("journal ended 1;")
	b.sync()
	b.want("report 1 exit 3;")
	b.restart()
	b.want("adopt 2 pid 0;report 1 exit 3;")
	b.do(Unbegun{2}) // it waited all the time
	b.want("refuse 2;")
	b.do(Unbegun{2})
	b.want("")
	b.do(Acked{1})
	b.after(soon)
	b.want("journal forgotten 2 forgotten 1;")
}

func TestTheEndWithoutANodeIsReported(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.restart()
	b.do(Ended{1, &wire.Result{Exit: 3}})
	b.sync()
	b.want("report 1 exit 3;")
}

func TestAWishMeanwhileIsFulfilled(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.restart()
	b.do(kill(1, 1))
	b.want("")
	b.do(Started{Fence: 1, Pid: 101})
	b.want("terminate 1 after 5s;")
}

func TestWithoutItsRunnerProcessWhatRanIsLost(t *testing.T) {
	b := newBench(t, 3)
	b.reported(1, &wire.Result{})
	b.running(2)
	b.grant(3)
	b.sync()
	b.want("exec 3;")
	b.grant(4)
	b.do(Orphaned{})
	b.want("adopt 2 pid 102 3 pid 0;")
	b.sync()
	b.want("") // nothing new before that
	b.do(Reaped{2})
	b.do(Reaped{3})
	b.want("exec 4;journal ended 3;")
	b.sync()
	b.want("report 2 lost;report 3 lost;")
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
	b.want("disown 1;journal intent 1;") // it may run, whatever the journal says
	b.do(Reaped{1})
	b.want("journal ended 1;")
	b.sync()
	b.want("report 1 lost;")

	// A wish to end one that may have run finds no less.
	b.do(Killed{&wire.Kill{Task: grant(2, 1, 2).Task, Fence: 2, Instance: 1}})
	b.want("disown 2;journal intent 2;")
	b.do(Killed{&wire.Kill{Task: grant(3, 1, 3).Task, Fence: 3, Instance: 2}})
	b.want("refuse 3;")
	b.opt.Instance++ // another start: what the journal lost stays lost
	g = grant(4, 1, 4)
	g.Instance = 1
	b.do(Granted{g})
	b.want("disown 4;journal intent 4;")
}

func TestAJournalOfGarbageDoesNoHarm(t *testing.T) {
	id := tid(1)
	m := New(Options{}, []*wire.Record{
		nil, {}, {Body: &wire.Record_Intent{}}, {Body: &wire.Record_Intent{Intent: &wire.Intent{Grant: &wire.Grant{Task: id[:3], Fence: 5}}}},
		{Body: &wire.Record_Started{}}, {Body: &wire.Record_Ended{Ended: &wire.Done{Fence: 7}}}, {Body: &wire.Record_Forgotten{Forgotten: 9}},
	})
	if effects := shape(m.Step(0, Tick{})); effects != "adopt;" || len(m.Fences()) != 0 {
		t.Fatalf("it does %q and holds %v", effects, m.Fences())
	}
}
