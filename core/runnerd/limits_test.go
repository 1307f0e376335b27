package runnerd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hb/core"
	"hb/core/wire"
	"hb/netutil"
)

// as is an attempt with a user and limits; it gives the result.
func (w *workshop) as(user *wire.RunnerUser, limits *wire.RunnerLimits, argv ...string) *wire.Result {
	w.t.Helper()
	w.fence += 1 << 20
	e := &wire.RunnerExec{
		Fence: uint64(w.fence), User: user, Limits: limits,
		Env: [][]byte{[]byte("PATH=/usr/local/bin:/usr/bin:/bin"), []byte(FenceVariable(w.fence)), []byte(NodeVariable(someNode))},
	}
	for _, word := range argv {
		e.Argv = append(e.Argv, []byte(word))
	}
	w.send(&wire.ToRunner{Body: &wire.ToRunner_Exec{Exec: e}})
	return w.result()
}

func TestNoAttemptGainsPrivileges(t *testing.T) {
	w := newWorkshop(t)
	if r := w.as(nil, nil, "sh", "-c", "grep NoNewPrivs /proc/self/status"); string(r.StdoutTail) != "NoNewPrivs:\t1\n" {
		t.Errorf("%q, %v", r.StdoutTail, r)
	}
}

func TestAnAttemptRunsAsItsUserAndNobodyElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can run tasks as others, which is NOT tested in this run; run this as root, too")
	}
	w := newWorkshop(t)
	user := &wire.RunnerUser{Uid: 54331, Gid: 54321, Groups: []uint32{54321, 54322}}
	for _, limits := range []*wire.RunnerLimits{nil, {Files: 64}} {
		r := w.as(user, limits, "sh", "-c", "grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapAmb|NoNewPrivs)' /proc/self/status | tr -s '\\t ' ' '; ulimit -n")
		want := "Uid: 54331 54331 54331 54331\nGid: 54321 54321 54321 54321\nGroups: 54321 54322 \nCapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapAmb: 0000000000000000\nNoNewPrivs: 1\n"
		if got := string(r.StdoutTail); !strings.HasPrefix(got, want) || limits != nil && !strings.HasSuffix(got, "\n64\n") {
			t.Errorf("%v:\n%swanted\n%s%v", limits, got, want, r)
		}
	}
	if r := w.as(user, nil, "cat", "/etc/shadow"); r.Exit != 1 || !strings.Contains(string(r.StderrTail), "ermission denied") {
		t.Errorf("reading what is root's: %v", r)
	}
}

func TestAProcessIsLimitedBeforeItIsTheCommand(t *testing.T) {
	w := newWorkshop(t)
	limits := &wire.RunnerLimits{MemoryBytes: 1 << 30, Files: 33, CpuPercent: 50}
	r := w.as(nil, limits, "sh", "-c", `ulimit -Hn; ulimit -Sn; ulimit -Hv; echo "$@"`, "sh", "a b", "")
	if got := string(r.StdoutTail); got != "33\n33\n1048576\na b \n" && got != "33\n33\nunlimited\na b \n" {
		t.Errorf("%q, %v", got, r)
	}
	for name, c := range map[string]struct {
		argv []string
		exit core.Code
	}{
		"a command that is not there": {[]string{"/no/such/command"}, core.CodeNotFound},
		"one that is none":            {[]string{"/etc/passwd"}, core.CodeNotExec},
	} {
		if r := w.as(nil, limits, c.argv...); core.Code(r.Exit) != c.exit {
			t.Errorf("%s: %v, want %d", name, r, c.exit)
		}
	}
}

// TestACgroupLimitsAllOfAnAttempt uses a directory in the place of a cgroup, for
// few machines that tests run on have controllers to give away.
func TestACgroupLimitsAllOfAnAttempt(t *testing.T) {
	path := t.TempDir()
	for _, file := range []string{"memory.max", "pids.max", "cpu.max"} {
		if err := os.WriteFile(filepath.Join(path, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	g := &cgroup{dir: dir}
	command, argv := g.limited(&wire.RunnerLimits{MemoryBytes: 64 << 20, Processes: 7, CpuPercent: 150}, "/bin/true", []string{"true"})
	if command != "/bin/true" || len(argv) != 1 || !g.narrow {
		t.Errorf("the command becomes %s %q", command, argv)
	}
	for file, want := range map[string]string{"memory.max": "67108864", "pids.max": "7", "cpu.max": "150000 100000"} {
		if got, err := os.ReadFile(filepath.Join(path, file)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	if err := os.Remove(filepath.Join(path, "memory.max")); err != nil {
		t.Fatal(err)
	}
	_, argv = g.limited(&wire.RunnerLimits{MemoryBytes: 64 << 20, Processes: 7, Files: 9}, "/bin/true", []string{"true", "x"})
	if got, want := strings.Join(argv, " "), "hb runner limited as=67108864,nofile=9 /bin/true true x"; got != want {
		t.Errorf("without a memory controller: %q, want %q", got, want)
	}
}

func TestTheTimersOfTasksAreAsPunctualAsTheNodes(t *testing.T) {
	w := &workshop{t: t, dir: t.TempDir()}
	want := fmt.Sprintln(netutil.UsualSlack().Nanoseconds())
	_ = netutil.RelaxThreads(netutil.WatchSlack) // as a node does that may
	if err := Start(Options{DataDir: w.dir, Linger: 0, Build: "test"}); err != nil {
		t.Fatal(err)
	}
	w.connect()
	if r := w.as(nil, nil, "cat", "/proc/self/timerslack_ns"); string(r.StdoutTail) != want {
		t.Errorf("%q instead of %q, %v", r.StdoutTail, want, r)
	}
	if os.Geteuid() == 0 { // the right to look at others
		about, err := os.ReadFile(fmt.Sprintf("/proc/%d/timerslack_ns", w.pid))
		if want := fmt.Sprintln(netutil.WatchSlack.Nanoseconds()); err != nil || string(about) != want {
			t.Errorf("the runner process itself has %q, not %q: %v", about, want, err)
		}
	}
	w.send(&wire.ToRunner{Body: &wire.ToRunner_Quit{Quit: true}})
	for range w.told {
	}
}
