package commands

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be hb when it is called so.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "hb" {
		flag.Parse()
		if err := flag.Set("test.parallel", "4"); err != nil { // scripts wait, they hardly work
			panic(err)
		}
	}
	testscript.Main(m, map[string]func(){
		"hb": func() { os.Exit(Main("0.1.0", os.Args)) },
	})
}

// TestFakeScripts runs the command line against nodes that answer anything.
func TestFakeScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/fake",
		Setup:               quietEnvironment,
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Deadline:            time.Now().Add(8 * time.Minute),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"fake":    scriptFake,
			"mayfind": mayFind,
		},
	})
}

// quietEnvironment has no user's configuration, and no socket of anybody's.
func quietEnvironment(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("XDG_RUNTIME_DIR", env.WorkDir+"/run")
	env.Setenv("TZ", "UTC")
	return nil
}

// exits CODE PROGRAM ARGS... runs a program that must end with this code; its
// output can be looked at afterwards.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// mayFind PROGRAM ARGS... runs hb doctor where the machine itself may have something
// wrong with it: exit code 0 or 1.
func mayFind(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mayfind PROGRAM ARGS...")
	}
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		ts.Fatalf("%v", err)
	}
}

// fake MODE starts a fake node, and names its socket in HB_SOCKET.
func scriptFake(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fake MODE")
	}
	dir, err := os.MkdirTemp("", "hb")
	ts.Check(err)
	socket := filepath.Join(dir, args[0])
	_, stop, err := startFake(args[0], socket)
	ts.Check(err)
	ts.Defer(func() {
		stop()
		os.RemoveAll(dir)
	})
	ts.Setenv("HB_SOCKET", socket)
}

// Scripts act upon the exit code, so each is one that a script here has seen. (130,
// a second ^C, takes a terminal: signals_test.go.)
func TestEveryExitCodeIsReachedByAScript(t *testing.T) {
	source, err := os.ReadFile("../core/fault.go")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	codes := regexp.MustCompile(`(?m)^\t(Code\w+) +Code = (\d+)`).FindAllSubmatch(source, -1)
	if len(codes) < 16 || len(all) == 0 {
		t.Fatalf("%d codes in core/fault.go, %d bytes of scripts", len(codes), len(all))
	}
	for _, code := range codes {
		if !regexp.MustCompile(`(?m)^exits ` + string(code[2]) + ` `).Match(all) {
			t.Errorf("no script comes to %s (%s)", code[2], code[1])
		}
	}
}

// beforeMain is how much a package may allocate before main, where 16 KiB do not suffice.
func beforeMain(pkg string) int {
	return map[string]int{
		"hb/core/wire":                                  160 << 10, // what protoc generates
		"go.etcd.io/raft/v3/raftpb":                     32 << 10,  // likewise
		"github.com/olekukonko/tablewriter/pkg/twwidth": 768 << 10, // a cache of widths
		"github.com/olekukonko/errors":                  96 << 10,  // a pool; tablewriter's
		"github.com/prometheus/procfs":                  128 << 10, // regular expressions
		"github.com/hashicorp/go-sockaddr":              32 << 10,  // likewise
		"github.com/russross/blackfriday/v2":            256 << 10, // likewise; left out of what is released
	}[pkg]
}

// Every command pays for what packages do before main, and scripts run many: a library
// that does much is noticed when it comes, and can be weighed.
func TestPackagesDoLittleBeforeMain(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	version := exec.Command(self, "version")
	version.Args[0], version.Env = "hb", append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := version.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	traced := regexp.MustCompile(`(?m)^init (\S+) .* (\d+) bytes`).FindAllStringSubmatch(string(out), -1)
	if len(traced) == 0 {
		t.Fatalf("no package was traced:\n%s", out)
	}
	for _, line := range traced {
		if bytes, err := strconv.Atoi(line[2]); err != nil || bytes > max(16<<10, beforeMain(line[1])) {
			t.Errorf("%s allocates %d bytes before main: %v", line[1], bytes, err)
		}
	}
}
