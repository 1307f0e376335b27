package daemon

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
	"hb/netutil"
)

const someNode = core.NodeID(0x1234)

// workshop runs attempts for a test.
type workshop struct {
	t *testing.T
	*tasks
	told  chan node.Event
	fence core.Fence
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	dir, err := openSpools(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	boot, err := netutil.BootID()
	if err != nil {
		t.Fatal(err)
	}
	w := &workshop{t: t, told: make(chan node.Event, 1000)}
	w.tasks = &tasks{
		dir: dir, user: userVariables(), name: "here", id: someNode, boot: boot, live: map[core.Fence]*attempt{},
		spawn: func(f func()) { go f() }, log: func(bool, string) {}, quit: make(chan struct{}),
		tell: func(ev node.Event) bool { w.told <- ev; return true },
	}
	t.Cleanup(w.killAll)
	return w
}

// start makes an attempt of a spec.
func (w *workshop) start(spec *wire.Spec) core.Fence {
	w.fence += 1 << 20
	w.exec(node.Exec{Fence: w.fence, Task: core.TaskID{1}, Attempt: 3, Spec: spec})
	return w.fence
}

func (w *workshop) next() node.Event {
	w.t.Helper()
	ev := await(w.t, w.told, "an event")
	w.seen(ev)
	return ev
}

// result waits for the end of the only attempt.
func (w *workshop) result() *wire.Result {
	w.t.Helper()
	for {
		if ev, is := w.next().(node.ExecEnded); is {
			return ev.Result
		}
	}
}

// output reads a whole spool by ReadSpool.
func (w *workshop) output(f core.Fence) (out []piece) {
	w.t.Helper()
	for from := uint64(0); ; {
		w.read(node.ReadSpool{Ticket: 9, Fence: f, From: from, Max: 1000})
		got, is := w.next().(node.Spooled)
		if !is || got.Ticket != 9 || got.Err != nil {
			w.t.Fatalf("got %+v", got)
		}
		out = append(out, pieces(w.t, got.Data)...)
		from += uint64(len(got.Data))
		if got.EOF {
			return out
		}
	}
}

func shell(script string) *wire.Spec { return &wire.Spec{Argv: []string{"sh", "-c", script}} }

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
		spec   *wire.Spec
		exit   int32
		signal int32
		why    string
	}{
		{shell("exit 0"), 0, 0, ""},
		{shell("exit 7"), 7, 0, ""},
		{shell("kill -TERM $$"), 143, 15, ""},
		{&wire.Spec{Argv: []string{"no-such-command"}}, 127, 0, "no-such-command: command not found"},
		{&wire.Spec{Argv: []string{"/no/such/command"}}, 127, 0, "/no/such/command: command not found"},
		{&wire.Spec{Argv: []string{plain}}, 126, 0, "permission denied"},
		{&wire.Spec{Argv: []string{dir}}, 126, 0, "is a directory"},
		{&wire.Spec{Argv: []string{script}}, 127, 0, "its interpreter is not there"},
		{&wire.Spec{Argv: []string{"./plain"}, Cwd: dir}, 126, 0, "permission denied"},
		{&wire.Spec{Argv: []string{"plain"}, Env: []string{"PATH=" + dir}}, 126, 0, "permission denied"},
		{&wire.Spec{Argv: []string{"true"}, Cwd: "/no/such/directory"}, 125, 0, "cannot change to /no/such/directory: no such file or directory"},
		{&wire.Spec{}, 127, 0, "no command"},
	} {
		w := newWorkshop(t)
		w.start(c.spec)
		r := w.result()
		if r.Exit != c.exit || r.Signal != c.signal || !strings.Contains(r.Error, c.why) || (c.why == "") != (r.Error == "") {
			t.Errorf("%q in %q: exit %d, signal %d, %q; want %d, %d, %q", c.spec.Argv, c.spec.Cwd, r.Exit, r.Signal, r.Error, c.exit, c.signal, c.why)
		}
		if r.StartedNanos <= 0 || r.EndedNanos < r.StartedNanos {
			t.Errorf("%q: from %d to %d", c.spec.Argv, r.StartedNanos, r.EndedNanos)
		}
		if len(w.live) != 0 {
			t.Errorf("%q is still among those that run", c.spec.Argv)
		}
	}
}

func TestATaskFindsACleanEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "x")
	w := newWorkshop(t)
	spec := shell("pwd; cat; env | sort")
	spec.Env = []string{"COLOUR=blue", "LANG=de_DE.UTF-8", "HB_FENCE=forged"}
	f := w.start(spec)
	if r := w.result(); r.Exit != 0 {
		t.Fatalf("exit %d, %s", r.Exit, r.Error)
	}
	var text strings.Builder
	for _, p := range w.output(f) {
		text.WriteString(p.data)
	}
	got := strings.Split(strings.TrimSpace(text.String()), "\n")
	for _, want := range []string{"/", "COLOUR=blue", "LANG=de_DE.UTF-8", "HB_ATTEMPT=3", "HB_FENCE=" + f.String(), "HB_NODE=here",
		"HB_NODE_ID=" + someNode.String(), "HB_TASK_ID=" + core.TaskID{1}.String(), "PATH=" + cleanPath, userVariables()[0], userVariables()[1]} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	for _, line := range got {
		if strings.HasPrefix(line, "SECRET") || strings.HasPrefix(line, "NOTIFY_SOCKET") {
			t.Errorf("the daemon's own %s", line)
		}
	}
}

func TestATaskIsTheLeaderOfItsOwnSession(t *testing.T) {
	w := newWorkshop(t)
	w.start(shell("read pid comm state ppid pgrp session rest < /proc/self/stat; sleep 60"))
	started := w.next().(node.ExecStarted)
	if sid, err := unix.Getsid(started.Pid); err != nil || sid != started.Pid {
		t.Fatalf("session %d of process %d, %v", sid, started.Pid, err)
	}
	if pgid, err := unix.Getpgid(started.Pid); err != nil || pgid != started.Pid {
		t.Fatalf("group %d of process %d, %v", pgid, started.Pid, err)
	}
	if started.StartTicks == 0 || started.StartTicks != startTicks(started.Pid) || started.Boot == "" {
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
	if r.Truncated || r.MaxRssBytes == 0 {
		t.Errorf("truncated %v, %d bytes resident", r.Truncated, r.MaxRssBytes)
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

// A daemon left behind keeps the pipes open for as long as it lives, and must
// not keep the attempt.
func TestAChildThatLivesOnDoesNotKeepTheAttempt(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell("sleep 1000 & echo $!"))
	r := w.result()
	if r.Exit != 0 {
		t.Fatalf("exit %d", r.Exit)
	}
	out := w.output(f)
	var pid int
	if _, err := fmt.Sscan(out[0].data, &pid); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, 0); err != nil {
		t.Fatalf("the child was ended: %v", err)
	}
	unix.Kill(pid, unix.SIGKILL)
}

func TestASignalReachesTheWholeGroup(t *testing.T) {
	w := newWorkshop(t)
	// The child ignores TERM and would live on behind its leader.
	f := w.start(shell(`(trap '' TERM; echo ready; exec sleep 1000) & echo $!; wait`))
	w.next()
	var child int
	text := ""
	for from := uint64(0); !strings.Contains(text, "ready\n") || strings.Count(text, "\n") < 2; {
		w.read(node.ReadSpool{Fence: f, From: from, Max: 1000})
		got := w.next().(node.Spooled)
		from += uint64(len(got.Data))
		for _, p := range pieces(t, got.Data) {
			text += p.data
		}
	}
	if _, err := fmt.Sscan(strings.ReplaceAll(text, "ready\n", ""), &child); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	w.signal(node.Signal{Fence: f, Sig: syscall.SIGTERM})
	if r := w.result(); r.Signal != int32(syscall.SIGTERM) || r.Exit != 143 {
		t.Fatalf("exit %d, signal %d", r.Exit, r.Signal)
	}
	awaitGone(t, child)
}

// awaitGone waits until a process is gone, or a zombie that nobody reaps.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience/time.Millisecond))
	if n != 1 || err != nil {
		t.Fatalf("process %d lives on", pid)
	}
}

func TestASignalToWhatHasEndedIsNothing(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell("exit 0"))
	w.result()
	w.signal(node.Signal{Fence: f, Sig: syscall.SIGKILL})
}

func TestOutputIsReadWhileTheTaskRuns(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell("echo first; sleep 1000"))
	w.next()
	var got node.Spooled
	for len(got.Data) == 0 {
		w.read(node.ReadSpool{Fence: f, Max: 1000})
		got = w.next().(node.Spooled)
	}
	if out := pieces(t, got.Data); len(out) != 1 || out[0] != (piece{1, "first\n"}) || got.EOF {
		t.Fatalf("got %+v, end %v", out, got.EOF)
	}
	// Nothing more: an answer without data, and not the end.
	w.read(node.ReadSpool{Fence: f, From: uint64(len(got.Data)), Max: 1000})
	if got = w.next().(node.Spooled); len(got.Data) != 0 || got.EOF || got.Err != nil {
		t.Fatalf("got %+v", got)
	}
}

func TestOutputThatIsNotHereIsAnError(t *testing.T) {
	w := newWorkshop(t)
	f := w.start(shell("echo x"))
	w.result()
	w.output(f)
	w.drop(f)
	for {
		w.read(node.ReadSpool{Fence: f, Max: 1000})
		if got := w.next().(node.Spooled); got.Err != nil {
			break
		}
	}
}

func TestWithoutASpoolATaskIsNotStarted(t *testing.T) {
	w := newWorkshop(t)
	if err := os.RemoveAll(w.dir); err != nil {
		t.Fatal(err)
	}
	w.start(shell("exit 0"))
	if r := w.result(); r.Exit != 125 || !strings.Contains(r.Error, "output") {
		t.Fatalf("exit %d, %q", r.Exit, r.Error)
	}
}

func TestReapEndsTheOldProcessAndNoOther(t *testing.T) {
	w := newWorkshop(t)
	leftover := func(env ...string) *exec.Cmd {
		c := exec.Command("sleep", "1000")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		c.Env = env
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Process.Kill(); c.Wait() })
		return c
	}
	alive := func(c *exec.Cmd) bool {
		return unix.Waitid(unix.P_PID, c.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil) == nil && !zombie(c.Process.Pid)
	}

	known, reused, otherBoot := leftover(), leftover(), leftover()
	unnoted := leftover("HB_FENCE=4", "HB_NODE_ID="+someNode.String())
	foreign := leftover("HB_FENCE=4", "HB_NODE_ID="+core.NodeID(0x9999).String())
	for i, s := range []*wire.Started{
		{Fence: 1, Pid: int64(known.Process.Pid), StartTicks: startTicks(known.Process.Pid), Boot: w.boot},
		{Fence: 2, Pid: int64(reused.Process.Pid), StartTicks: startTicks(reused.Process.Pid) + 1, Boot: w.boot},
		{Fence: 3, Pid: int64(otherBoot.Process.Pid), StartTicks: startTicks(otherBoot.Process.Pid), Boot: "another"},
		{Fence: 4},
	} {
		w.reap(node.Reap{Started: s})
		if ev := w.next().(node.Reaped); ev.Fence != core.Fence(i+1) {
			t.Fatalf("got %+v", ev)
		}
	}
	awaitGone(t, known.Process.Pid)
	awaitGone(t, unnoted.Process.Pid)
	for name, c := range map[string]*exec.Cmd{"whose ID was reused": reused, "of another boot": otherBoot, "of another node": foreign} {
		if !alive(c) {
			t.Errorf("the process %s was ended", name)
		}
	}
}

func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(b, []byte(") Z "))
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
