package commands

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// manager is a service manager's socket for the nodes that are started from now
// on, with a watchdog of two seconds.
func (s *stages) manager(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: manager")
	}
	dir, err := os.MkdirTemp("", "hb")
	ts.Check(err)
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ts.Check(err)
	messages := make(chan string, 10_000)
	s.get(ts).messages = messages
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			messages <- string(b[:n])
		}
	}()
	ts.Defer(func() { conn.Close(); os.RemoveAll(dir) })
	ts.Setenv("NOTIFY_SOCKET", path)
	ts.Setenv("WATCHDOG_USEC", "2000000")
}

// told REGEXP waits until the manager is told something of that form, and passes
// over what it is told before. What was waited for last counts once more: a slow
// node may say two things in one message.
func (s *stages) told(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: told REGEXP")
	}
	st, want, late, before := s.get(ts), regexp.MustCompile(args[0]), time.After(30*time.Second), []string{}
	if want.MatchString(st.last) {
		st.last = ""
		return
	}
	for {
		select {
		case message := <-st.messages:
			if want.MatchString(message) {
				st.last = message
				return
			}
			before = append(before, message)
		case <-late:
			ts.Fatalf("the manager was never told %s, but: %q", want, before)
		}
	}
}

// hangup NAME sends SIGHUP to a node.
func (s *stages) hangup(ts *testscript.TestScript, neg bool, args []string) {
	p := s.get(ts).procs[args[0]]
	if neg || p == nil {
		ts.Fatalf("there is no node %q", args[0])
	}
	ts.Check(p.Process.Signal(syscall.SIGHUP))
}

// said NAME REGEXP looks at what a node that has ended has logged.
func (s *stages) said(ts *testscript.TestScript, neg bool, args []string) {
	st := s.get(ts)
	if neg || len(args) != 2 || st.procs[args[0]] != nil {
		ts.Fatalf("usage: said NAME REGEXP, of a node that has ended")
	}
	if log := st.logs[args[0]].String(); !regexp.MustCompile("(?m)" + args[1]).MatchString(log) {
		ts.Fatalf("%s never said %s, but:\n%s", args[0], args[1], log)
	}
}

// runner NAME WORD looks for a word in the environment of a node's runner
// process, in which ! runner NAME WORD must not find it.
func (s *stages) runner(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] runner NAME WORD")
	}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	ts.Check(err)
	for _, file := range files {
		line, _ := os.ReadFile(file)
		if words := string(line); !strings.HasPrefix(words, "hb\x00runner\x00") || !strings.Contains(words, "\x00"+ts.MkAbs(args[0])+"\x00") {
			continue
		}
		env, err := os.ReadFile(filepath.Join(filepath.Dir(file), "environ"))
		ts.Check(err)
		if strings.Contains(string(env), args[1]) == neg {
			ts.Fatalf("the environment of the runner process: %q", env)
		}
		return
	}
	ts.Fatalf("%s has no runner process", args[0])
}
