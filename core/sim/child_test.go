package sim

import (
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// run starts an attempt on a host. The log grants nothing to toys, so the
// executions stay unproven; no book objects to that before the end.
func run(w *World, host int, fence core.Fence, argv ...string) {
	adopt(w, host)
	tell(w, host, node.Exec{Fence: fence, Task: core.TaskID{byte(fence)}, Attempt: 1, Spec: &wire.Spec{Argv: argv}})
}

// adopt begins a session with the runner process, once.
func adopt(w *World, host int, left ...*wire.Started) {
	if w.hosts[host].children.session == nil {
		tell(w, host, node.Adopt{Attempts: left})
	}
}

func endsOf(m *toy) []*wire.Result {
	var all []*wire.Result
	for _, e := range of[node.ExecEnded](m) {
		all = append(all, e.Result)
	}
	return all
}

const early = core.Fence(1 << 40)

func TestAProcessRunsAndEnds(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, nil)
	run(w, 0, early, Work, "2s", "exit=7", "out=hello", "err=oh")
	pass(t, w, time.Second)
	started := of[node.ExecStarted](ms[0])
	if len(started) != 1 || started[0].Pid == 0 || started[0].Boot == "" || len(endsOf(ms[0])) != 0 {
		t.Fatalf("%v %v", started, endsOf(ms[0]))
	}
	pass(t, w, 2*time.Second)
	ends := endsOf(ms[0])
	if len(ends) != 1 || ends[0].Exit != 7 || string(ends[0].StdoutTail) != "hello" || string(ends[0].StderrTail) != "oh" {
		t.Fatalf("%v", ends)
	}
	if d := time.Duration(ends[0].EndedNanos - ends[0].StartedNanos); d < 2*time.Second || d > 2200*time.Millisecond {
		t.Fatalf("it ran for %s", d)
	}
}

func TestAProgramThatIsNotThereExits127(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, nil)
	run(w, 0, early, "wrok")
	pass(t, w, time.Second)
	if ends := endsOf(ms[0]); len(ends) != 1 || ends[0].Exit != 127 || ends[0].Error == "" {
		t.Fatalf("%v", ends)
	}
}

func TestTermEndsAProcessUnlessItIsDeaf(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, nil)
	run(w, 0, early, Work, "1h")
	run(w, 0, early+1, Work, "1h", "deaf")
	pass(t, w, time.Second)
	tell(w, 0, node.Terminate{Fence: early, Grace: 3 * time.Second}, node.Terminate{Fence: early + 1, Grace: 3 * time.Second})
	pass(t, w, time.Second)
	if ends := of[node.ExecEnded](ms[0]); len(ends) != 1 || ends[0].Fence != early || ends[0].Result.Signal != 15 {
		t.Fatalf("%v", ends)
	}
	pass(t, w, 3*time.Second)
	if ends := of[node.ExecEnded](ms[0]); len(ends) != 2 || ends[1].Result.Signal != 9 || !ends[1].Result.Cancelled {
		t.Fatalf("%v", ends)
	}
}

func TestAProcessOutlivesItsNodeAndIsAdopted(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, nil)
	run(w, 0, early, Work, "3s", "exit=4")
	pass(t, w, 100*time.Millisecond)
	run(w, 0, early+1, Work, "1h")
	pass(t, w, 900*time.Millisecond)
	s := of[node.ExecStarted](ms[0])
	w.Kill(0)
	w.Restart(0)
	adopt(w, 0, &wire.Started{Fence: uint64(s[0].Fence)}, &wire.Started{Fence: 77})
	stranger := w.hosts[0].children.byFence[early+1]
	pass(t, w, time.Second)
	if again := of[node.ExecStarted](ms[0]); len(again) != 1 || again[0] != s[0] {
		t.Fatalf("it started as %v and is adopted as %v", s[0], again)
	}
	gone := []core.Fence{}
	for _, g := range of[node.Reaped](ms[0]) {
		gone = append(gone, g.Fence)
	}
	if slices.Sort(gone); !slices.Equal(gone, []core.Fence{77, early + 1}) || stranger.alive {
		t.Fatalf("gone: %v; what nobody knows runs: %t", gone, stranger.alive)
	}
	pass(t, w, 3*time.Second)
	if ends := endsOf(ms[0]); len(ends) != 1 || ends[0].Exit != 4 {
		t.Fatalf("%v", ends)
	}
}

func TestAnEndWithoutANodeIsKept(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, nil)
	run(w, 0, early, Work, "3s", "exit=4")
	pass(t, w, time.Second)
	w.Kill(0)
	pass(t, w, time.Minute)
	for range 2 { // it is told until it was released
		w.Restart(0)
		adopt(w, 0, &wire.Started{Fence: uint64(early)})
		pass(t, w, time.Second)
		if ends := endsOf(ms[0]); len(ends) != 1 || ends[0].Exit != 4 {
			t.Fatalf("%v", ends)
		}
		w.Kill(0)
	}
	w.Restart(0)
	adopt(w, 0, &wire.Started{Fence: uint64(early)})
	tell(w, 0, node.Release{Fence: early})
	pass(t, w, time.Second)
	w.Kill(0)
	w.Restart(0)
	adopt(w, 0, &wire.Started{Fence: uint64(early)})
	pass(t, w, time.Second)
	if gone := of[node.Reaped](ms[0]); len(gone) != 1 || len(endsOf(ms[0])) != 0 {
		t.Fatalf("after its release: %v", ms[0].got)
	}
}

func TestWithItsRunnerProcessEverythingOfAnAttemptEnds(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, nil)
	for f := range core.Fence(8) { // of some, something outlives their runner process
		run(w, 0, early+f, Work, "1h")
	}
	pass(t, w, time.Second)
	var left []*wire.Started
	for _, s := range of[node.ExecStarted](ms[0]) {
		left = append(left, &wire.Started{Fence: uint64(s.Fence), Pid: int64(s.Pid), StartTicks: s.StartTicks, Boot: s.Boot})
	}
	w.KillRunner(0)
	pass(t, w, time.Second)
	if n := len(of[node.Orphaned](ms[0])); n != 1 {
		t.Fatalf("the node was told %d times", n)
	}
	ghosts := 0
	for _, k := range w.hosts[0].children.byFence {
		if k.alive {
			ghosts++
		}
	}
	if ghosts == 0 {
		t.Fatal("nothing is left to be looked for")
	}
	tell(w, 0, node.Adopt{Attempts: left})
	pass(t, w, time.Second)
	for f, k := range w.hosts[0].children.byFence {
		if k.alive {
			t.Errorf("of %v something is left", f)
		}
	}
	if n := len(of[node.Reaped](ms[0])); n != 8 {
		t.Fatalf("%d of 8 are reported", n)
	}
}

func TestWithoutANodeTasksGoOnAsLongAsTheyMay(t *testing.T) {
	w, _ := toys(t, Options{Nodes: 1, Linger: time.Minute}, nil)
	run(w, 0, early, Work, "1h")
	pass(t, w, time.Second)
	k := w.hosts[0].children.byFence[early]
	w.Kill(0)
	pass(t, w, 59*time.Second)
	if !k.alive {
		t.Fatal("it ended too early")
	}
	pass(t, w, 2*time.Second)
	if k.alive || w.hosts[0].children.runner != nil {
		t.Fatalf("alive %t, runner %v", k.alive, w.hosts[0].children.runner)
	}
}

func TestPowerTakesTheProcesses(t *testing.T) {
	w, _ := toys(t, Options{Nodes: 1}, nil)
	run(w, 0, early, Work, "1h")
	pass(t, w, time.Second)
	k := w.hosts[0].children.byFence[early]
	boot := w.hosts[0].children.boot()
	w.PowerCut(0)
	w.Restart(0)
	if k.alive || w.hosts[0].children.boot() == boot {
		t.Fatal("the host was not without power")
	}
}

func TestASpoolIsReadAsItGrows(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, nil)
	run(w, 0, early, Work, "2s", "out=ab", "err=c")
	pass(t, w, 100*time.Millisecond)
	tell(w, 0, node.ReadSpool{Ticket: 1, Fence: early, Max: 100})
	tell(w, 0, node.ReadSpool{Ticket: 2, Fence: early, From: 6, Max: 100})
	tell(w, 0, node.ReadSpool{Ticket: 3, Fence: 99})
	pass(t, w, 50*time.Millisecond)
	got := of[node.Spooled](ms[0])
	slices.SortFunc(got, func(a, b node.Spooled) int { return int(a.Ticket) - int(b.Ticket) }) // files are read in any order
	if len(got) != 2 || string(got[0].Data) != "\x01\x00\x00\x02ab" || got[0].EOF || got[1].Ticket != 3 || got[1].Err == nil {
		t.Fatalf("%v", got)
	}
	pass(t, w, time.Second)
	got = of[node.Spooled](ms[0])
	if len(got) != 3 || got[2].Ticket != 2 || len(got[2].Data) != 0 || got[2].EOF {
		t.Fatalf("a silent spool: %v", got)
	}
	tell(w, 0, node.ReadSpool{Ticket: 4, Fence: early, From: 6, Max: 100})
	pass(t, w, 400*time.Millisecond)
	pass(t, w, time.Second)
	got = of[node.Spooled](ms[0])
	tell(w, 0, node.ReadSpool{Ticket: 5, Fence: early, From: 6, Max: 100})
	pass(t, w, 50*time.Millisecond)
	got = of[node.Spooled](ms[0])
	if last := got[len(got)-1]; string(last.Data) != "\x02\x00\x00\x01c" || !last.EOF {
		t.Fatalf("the end: %+v", last)
	}
}
