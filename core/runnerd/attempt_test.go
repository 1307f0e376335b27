package runnerd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hb/core/wire"
)

func TestHowACommandEnds(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	script := filepath.Join(dir, "script")
	for path, mode := range map[string]os.FileMode{plain: 0o644, script: 0o755} {
		if err := os.WriteFile(path, []byte("#!/no/such/interpreter\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		spec   spec
		exit   int32
		signal int32
		why    string
	}{
		{shell("exit 0"), 0, 0, ""},
		{shell("exit 7"), 7, 0, ""},
		{shell("kill -TERM $$"), 143, 15, ""},
		{spec{argv: []string{"no-such-command"}}, 127, 0, "no-such-command: command not found"},
		{spec{argv: []string{"/no/such/command"}}, 127, 0, "/no/such/command: command not found"},
		{spec{argv: []string{plain}}, 126, 0, "permission denied"},
		{spec{argv: []string{dir}}, 126, 0, "is a directory"},
		{spec{argv: []string{script}}, 127, 0, "its interpreter is not there"},
		{spec{argv: []string{"./plain"}, cwd: dir}, 126, 0, "permission denied"},
		{spec{argv: []string{"plain"}, env: []string{"PATH=" + dir}}, 126, 0, "permission denied"},
		{spec{argv: []string{"true"}, cwd: "/no/such/directory"}, 125, 0, "cannot change to /no/such/directory: no such file or directory"},
		{spec{}, 127, 0, "no command"},
	} {
		w := newWorkshop(t)
		w.start(c.spec)
		r := w.result()
		if r.Exit != c.exit || r.Signal != c.signal || !strings.Contains(r.Error, c.why) || (c.why == "") != (r.Error == "") {
			t.Errorf("%q in %q: exit %d, signal %d, %q; want %d, %d, %q", c.spec.argv, c.spec.cwd, r.Exit, r.Signal, r.Error, c.exit, c.signal, c.why)
		}
		if r.StartedNanos <= 0 || r.EndedNanos < r.StartedNanos {
			t.Errorf("%q: from %d to %d", c.spec.argv, r.StartedNanos, r.EndedNanos)
		}
	}
}

func TestATaskIsTheLeaderOfItsOwnSession(t *testing.T) {
	w := newWorkshop(t)
	w.start(shell("read pid comm state ppid pgrp session rest < /proc/self/stat; sleep 60"))
	started := w.started()
	pid := int(started.Pid)
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Fatalf("session %d of process %d, %v", sid, pid, err)
	}
	if pgid, err := unix.Getpgid(pid); err != nil || pgid != pid {
		t.Fatalf("group %d of process %d, %v", pgid, pid, err)
	}
	if started.StartTicks == 0 || started.StartTicks != startTicks(pid) || started.Boot == "" {
		t.Fatalf("%+v does not name the process", started)
	}
}

func TestBothStreamsAreKeptInOrderAndTheirTailsInTheResult(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell("echo out; echo err >&2; i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"))
	r := w.result()
	streams := map[byte]*strings.Builder{1: {}, 2: {}}
	for _, p := range w.output(f) {
		streams[p.stream].WriteString(p.data)
	}
	out := streams[1].String()
	if !strings.HasPrefix(out, "out\nline 0\n") || !strings.HasSuffix(out, "line 1999\n") || strings.Count(out, "\n") != 2001 {
		t.Errorf("stdout is %d bytes: %.40q…", len(out), out)
	}
	if streams[2].String() != "err\n" || string(r.StderrTail) != "err\n" {
		t.Errorf("stderr is %q, its tail %q", streams[2].String(), r.StderrTail)
	}
	if len(r.StdoutTail) != tailLength || !strings.HasSuffix(out, string(r.StdoutTail)) {
		t.Errorf("the tail of stdout is %d bytes: …%q", len(r.StdoutTail), r.StdoutTail)
	}
	if r.Truncated || r.MaxRssBytes != 0 {
		t.Errorf("truncated %v, and of a small process %d bytes resident: they are its parent's", r.Truncated, r.MaxRssBytes)
	}
}

func TestTheLastWordsOfALargeOutputAreNotLost(t *testing.T) {
	w := newWorkshop(t)
	const size = 5 << 20
	f := w.start(shell(fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x; echo END", size)))
	r := w.result()
	n := 0
	for _, p := range w.output(f) {
		n += len(p.data)
	}
	if n != size+len("END\n") || !bytes.HasSuffix(r.StdoutTail, []byte("xEND\n")) {
		t.Fatalf("%d bytes, the tail ends with %q", n, r.StdoutTail[max(0, len(r.StdoutTail)-10):])
	}
}

func TestWhoIgnoresTermIsKilled(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell(`trap '' TERM; echo ready; while :; do sleep 0.1; done`))
	w.until(f, func(text string) bool { return text != "" })
	w.terminate(f, 10*time.Millisecond)
	if r := w.result(); r.Signal != int32(syscall.SIGKILL) || !r.Cancelled {
		t.Fatalf("%v", r)
	}
}

func TestTheTimeLimitEndsATask(t *testing.T) {
	w := newWorkshop(t)
	s := shell("sleep 1000")
	s.limit = 10 * time.Millisecond
	w.start(s)
	if r := w.result(); r.Signal != int32(syscall.SIGTERM) || !r.TimedOut {
		t.Fatalf("%v", r)
	}
}

func TestTheLeaseEndsATask(t *testing.T) {
	w := newWorkshop(t)
	s := shell("trap '' TERM; sleep 1000")
	s.until = now().Add(100 * time.Millisecond)
	w.start(s)
	if r := w.result(); !r.Lost {
		t.Fatalf("%v", r)
	}
}

// awaitGone waits until a process is gone, or a zombie that nobody reaps.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	if !AwaitEnd(pid, patience) {
		t.Fatalf("process %d lives on", pid)
	}
}

func TestOutputIsReadWhileTheTaskRuns(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell("echo first; sleep 1000"))
	w.until(f, func(text string) bool { return text == "first\n" })
	// Nothing more: an answer without data, and not the end.
	if got := w.read(f, uint64(spoolHeader+len("first\n"))); len(got.Data) != 0 || got.Eof || got.Error != "" {
		t.Fatalf("got %+v", got)
	}
}

func TestOutputThatIsNotHereIsAnError(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell("echo x"))
	w.result()
	w.output(f)
	w.send(&wire.ToRunner{Body: &wire.ToRunner_Drop{Drop: uint64(f)}})
	for w.read(f, 0).Error == "" {
	}
}

func TestWithoutASpoolATaskRunsAndSaysWhatIsMissing(t *testing.T) {
	w := newWorkshop(t)
	if err := os.RemoveAll(filepath.Join(w.dir, "spool")); err != nil {
		t.Fatal(err)
	}
	w.start(shell("echo x; exit 4"))
	if r := w.result(); r.Exit != 4 || !r.Truncated || r.OutputLost == "" || string(r.StdoutTail) != "x\n" {
		t.Fatalf("%v", r)
	}
}

func TestATaskThatPrintsNothingHasAnEmptyOutput(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell("exit 0"))
	w.result()
	if out := w.output(f); len(out) > 0 {
		t.Fatalf("it printed %v", out)
	}
}

func TestATaskMayCloseItsOutput(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell("echo x; exec >&- 2>&-; sleep 0.3; exit 9"))
	if r := w.result(); r.Exit != 9 || string(r.StdoutTail) != "x\n" {
		t.Fatalf("%v", r)
	}
	w.output(f)
}

func TestATaskKilledFromOutsideSaysSo(t *testing.T) {
	w := newWorkshop(t)
	w.start(shell("sleep 1000"))
	if err := unix.Kill(int(w.started().Pid), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r := w.result(); r.Signal != int32(unix.SIGKILL) || r.Exit != 137 || r.Cancelled || r.Lost {
		t.Fatalf("%v", r)
	}
}

func TestOldSpoolsAreClearedAtStart(t *testing.T) {
	data := t.TempDir()
	dir, err := openSpools(data, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "5"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for after, kept := range map[time.Duration]bool{spoolsKept / 2: true} {
		if _, err := openSpools(data, time.Now().Add(after)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "5")); (err == nil) != kept {
			t.Fatalf("after %v: %v", after, err)
		}
	}
	if _, err := openSpools(data, time.Now().Add(2*spoolsKept)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "5")); err == nil {
		t.Fatal("an old spool is still there")
	}
}

func TestOnlyMemoryAboveTheParentsIsTheTasks(t *testing.T) {
	for _, c := range [][3]int64{{18 << 10, 18 << 10, 0}, {17 << 10, 18 << 10, 0}, {90 << 10, 18 << 10, 90 << 10}} {
		if got := memory(c[0], c[1]); got != c[2] {
			t.Errorf("%d of a process whose parent had %d is %d, not %d", c[0], c[1], got, c[2])
		}
	}
}
