package daemon

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"hb/core/runnerd"
	"hb/core/wire"
	"hb/netutil"
)

// earlier is a runner process of another program, which says so and notes what it is
// told. It ends when it is asked to.
func earlier(t *testing.T, dir string, hello *wire.RunnerHello) (told chan *wire.ToRunner) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(dir, "runner.sock"))
	if err != nil {
		t.Fatal(err)
	}
	told = make(chan *wire.ToRunner, 10)
	go func() {
		defer l.Close()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Write(netutil.AppendFrame(nil, wire.Marshal(&wire.FromRunner{Body: &wire.FromRunner_Hello{Hello: hello}})))
		frames := netutil.NewFrameReader(conn)
		for {
			frame, err := frames.Next()
			m := &wire.ToRunner{}
			if err != nil || wire.Unmarshal(frame, m) != nil {
				return
			}
			told <- m
			if m.GetQuit() {
				return
			}
		}
	}()
	t.Cleanup(func() { l.Close() })
	return told
}

func TestANewDaemonKeepsTheTasksOfAnEarlierRunnerProcess(t *testing.T) {
	for _, c := range []struct {
		name     string
		hello    *wire.RunnerHello
		refuses  string // what it says to one that it cannot take
		replaces bool   // it ends it, and starts another
	}{
		{"of the same program", &wire.RunnerHello{Version: runnerd.Version, Build: "new", Attempts: 1}, "", false},
		{"of an earlier one, with tasks", &wire.RunnerHello{Version: runnerd.Version, Build: "old", Attempts: 3}, "", false},
		{"that it does not understand, with tasks", &wire.RunnerHello{Version: runnerd.Version + 1, Build: "old", Attempts: 3, Pid: 77},
			"the runner process 77 is of another program, which this one does not understand, and still runs 3 tasks", false},
		{"of an earlier one, without tasks", &wire.RunnerHello{Version: runnerd.Version, Build: "old"}, "", true},
		{"that it does not understand, without tasks", &wire.RunnerHello{Version: runnerd.Version + 1, Build: "old"}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			told := earlier(t, dir, c.hello)
			tasks := &tasks{runner: runnerd.Options{DataDir: dir, Build: "new"}}
			link, err := tasks.find()
			if (err != nil) != (c.refuses != "") || err != nil && !strings.Contains(err.Error(), c.refuses) {
				t.Fatalf("it finds %v, %v", link, err)
			}
			if m := await(t, told, "a hello"); m.GetHello().GetBuild() != "new" {
				t.Fatalf("it begins with %v", m)
			}
			if c.replaces {
				if !await(t, told, "its end").GetQuit() {
					t.Fatal("it is not ended")
				}
				link.Send(&wire.ToRunner{Body: &wire.ToRunner_Quit{Quit: true}})
				awaitEOF(link)
			} else if link != nil {
				link.Abort()
			}
		})
	}
}
