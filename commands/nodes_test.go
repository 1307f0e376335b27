package commands

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestRealScripts runs the command line against real nodes, each a process of
// its own with a disk and sockets of its own.
func TestRealScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED by -short: what takes real nodes is NOT tested in this run")
	}
	all := &stages{of: map[*testscript.TestScript]*stage{}}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/real",
		Setup:               manyTasks,
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(8 * time.Minute),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"nodes":   all.nodes,
			"start":   all.start,
			"crash":   all.crash,
			"shut":    all.shut,
			"restart": all.restart,
			"use":     all.use,
			"lines":   lines,
			"guide":   guide,
			"manager": all.manager,
			"told":    all.told,
			"hangup":  all.hangup,
			"said":    all.said,
			"runner":  all.runner,
		},
	})
}

// manyTasks tells scripts how many tasks are many, each a process of its own.
func manyTasks(e *testscript.Env) error {
	many := "200"
	if underRace {
		many = "30"
	}
	e.Setenv("TASKS", many)
	return quietEnvironment(e)
}

// stages has the nodes of each script that runs.
type stages struct {
	mutex sync.Mutex
	of    map[*testscript.TestScript]*stage
}

// stage is the nodes of one script, by name.
type stage struct {
	addrs map[string]string
	procs map[string]*exec.Cmd
	logs  map[string]*bytes.Buffer
	// messages are what a service manager was told, if there is one.
	messages chan string
	last     string // that was waited for
}

func (s *stages) get(ts *testscript.TestScript) *stage {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	st := s.of[ts]
	if st == nil {
		st = &stage{addrs: map[string]string{}, procs: map[string]*exec.Cmd{}, logs: map[string]*bytes.Buffer{}}
		s.of[ts] = st
		ts.Defer(func() {
			for name, p := range st.procs {
				p.Process.Kill()
				p.Wait()
				ts.Logf("node %s said:\n%s", name, st.logs[name])
			}
		})
	}
	return st
}

// nodes N starts nodes a, b, c… of one cluster, and asks a.
func (s *stages) nodes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || len(args[0]) != 1 {
		ts.Fatalf("usage: nodes N")
	}
	for i := range int(args[0][0] - '0') {
		name := string(rune('a' + i))
		var flags []string
		if i > 0 {
			flags = []string{"--seed", s.get(ts).addrs["a"]}
		}
		s.start(ts, false, append([]string{name}, flags...))
	}
	s.use(ts, false, []string{"a"})
}

// start NAME [FLAGS...] starts a node on its own data directory, at the same
// address every time, and waits until it is usable.
func (s *stages) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: start NAME [FLAGS...]")
	}
	st, name := s.get(ts), args[0]
	if st.addrs[name] == "" {
		st.addrs[name] = freeAddress(ts)
	}
	binary, err := os.Executable()
	ts.Check(err)
	p := exec.Command(binary, append([]string{"node", "--dev", "--name", name, "--data", ts.MkAbs(name), "--bind", st.addrs[name]}, args[1:]...)...)
	p.Args[0] = "hb"
	p.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC"} {
		if value := ts.Getenv(name); value != "" {
			p.Env = append(p.Env, name+"="+value)
		}
	}
	log := &bytes.Buffer{}
	p.Stderr = log
	out, err := p.StdoutPipe()
	ts.Check(err)
	ts.Check(p.Start())
	st.procs[name], st.logs[name] = p, log
	line, err := bufio.NewReader(out).ReadString('\n')
	socket, is := strings.CutPrefix(strings.TrimSpace(line), "export HB_SOCKET=")
	if err != nil || !is {
		p.Wait()
		delete(st.procs, name)
		ts.Fatalf("node %s said %q, %v:\n%s", name, line, err, log)
	}
	ts.Setenv(strings.ToUpper(name), socket)
	ts.Setenv("ADDR_"+strings.ToUpper(name), st.addrs[name])
}

// freeAddress is one that nobody has at the moment, by TCP and UDP.
func freeAddress(ts *testscript.TestScript) string {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		addr := l.Addr().String()
		u, err := net.ListenPacket("udp", addr)
		l.Close()
		if err == nil {
			u.Close()
			return addr
		}
	}
	ts.Fatalf("no free port")
	return ""
}

// crash NAME... ends nodes as a power cut would.
func (s *stages) crash(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		p := s.take(ts, name)
		ts.Check(p.Process.Kill())
		p.Wait()
	}
}

// shut NAME... ends nodes in order; each must exit 0. (A stop is testscript's own,
// and ends the script.)
func (s *stages) shut(ts *testscript.TestScript, neg bool, args []string) {
	s.end(ts, syscall.SIGTERM, args)
}

// restart NAME... ends nodes in order, and starts them again: their tasks go on.
func (s *stages) restart(ts *testscript.TestScript, neg bool, args []string) {
	s.end(ts, syscall.SIGUSR1, args)
	for _, name := range args {
		s.start(ts, false, []string{name})
	}
}

func (s *stages) end(ts *testscript.TestScript, sig syscall.Signal, names []string) {
	for _, name := range names {
		p := s.take(ts, name)
		ts.Check(p.Process.Signal(sig))
		if err := p.Wait(); err != nil {
			ts.Fatalf("node %s: %v:\n%s", name, err, s.get(ts).logs[name])
		}
	}
}

func (s *stages) take(ts *testscript.TestScript, name string) *exec.Cmd {
	st := s.get(ts)
	p := st.procs[name]
	if p == nil {
		ts.Fatalf("there is no node %q", name)
	}
	delete(st.procs, name)
	return p
}

// use NAME asks another node from now on; `use !NAME` asks the first that is
// not that one.
func (s *stages) use(ts *testscript.TestScript, neg bool, args []string) {
	name := args[0]
	if not, is := strings.CutPrefix(name, "!"); is {
		if name = "a"; not == "a" {
			name = "b"
		}
	}
	ts.Setenv("HB_SOCKET", ts.Getenv(strings.ToUpper(name)))
}

// lines N counts the lines of the last output, which must all be different.
func lines(ts *testscript.TestScript, neg bool, args []string) {
	seen := map[string]bool{}
	text := ts.ReadFile("stdout")
	for line := range strings.Lines(text) {
		seen[line] = true
	}
	if got := fmt.Sprint(len(seen)); got != args[0] || len(seen) != strings.Count(text, "\n") {
		ts.Fatalf("%s different lines of %d, want %s", got, strings.Count(text, "\n"), args[0])
	}
}

func TestTheDemoCleansUpAfterAnInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED by -short: what takes real nodes is NOT tested in this run")
	}
	t.Parallel()
	dir := t.TempDir()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "demo", "--yes")
	cmd.Args[0], cmd.Env = "hb", append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It is well under way when it shows the members.
	r := bufio.NewReader(out)
	for line := ""; !strings.Contains(line, "$ hb members"); {
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Process.Signal(syscall.SIGINT)
	for err == nil {
		_, err = r.ReadString('\n')
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	nothingLeft(t, dir)
}

// nothingLeft looks for files in a directory, and for processes that know it.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("files are left: %v, %v", files, err)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range lines {
		env, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "environ"))
		if bytes.Contains(env, []byte(dir)) {
			text, _ := os.ReadFile(file)
			t.Errorf("a process is left: %q", text)
		}
	}
}

func TestTheDemoIsTrueAndLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED by -short: what takes real nodes is NOT tested in this run")
	}
	t.Parallel()
	dir := t.TempDir()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "demo")
	cmd.Args[0], cmd.Env = "hb", append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	for _, words := range []string{"$ hb members", "$ kill -9 ", "hello from ", "All 12 succeeded", "All of this was true"} {
		if !bytes.Contains(out, []byte(words)) {
			t.Errorf("it does not say %q:\n%s", words, out)
		}
	}
	nothingLeft(t, dir)
}

func TestADemoNobodyReadsLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "demo", "--yes")
	cmd.Args[0], cmd.Env = "hb", append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	out.Close() // as in hb demo | head -1
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("it exits %d", code)
	}
	nothingLeft(t, dir)
}
