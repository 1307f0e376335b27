package runnerd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/wire"
)

func TestATaskOutlivesItsDaemonAndIsAdopted(t *testing.T) {
	w := newWith(t, Options{Linger: time.Hour})
	f := w.start(shell("echo one; while ! [ -e " + w.dir + "/go ]; do sleep 0.01; done; echo two; exit 7"))
	started := w.started()
	stray := w.start(shell("sleep 1000"))
	strayStarted := w.started()
	if core.Fence(strayStarted.Fence) != stray {
		t.Fatalf("%v started", strayStarted)
	}
	w.link.Abort()
	w.connect(started, &wire.Started{Fence: 77})
	seen := map[string]bool{}
	for len(seen) < 2 {
		switch m := w.next(); {
		case m.GetStarted() != nil:
			if m.GetStarted().Pid != started.Pid {
				t.Fatalf("%v came back as %v", started, m.GetStarted())
			}
			seen["running"] = true
		case m.GetGone() == 77:
			seen["gone"] = true
		}
	}
	awaitGone(t, int(strayStarted.Pid)) // nobody knows it
	w.link.Abort()
	if err := os.WriteFile(filepath.Join(w.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, int(started.Pid)) // without a daemon
	for range 2 {
		w.connect(started)
		if r := w.result(); r.Exit != 7 {
			t.Fatalf("%v", r)
		}
		w.link.Abort()
	}
	w.connect(started)
	text := ""
	for _, p := range w.output(f) {
		text += p.data
	}
	if text != "one\ntwo\n" {
		t.Errorf("it printed %q", text)
	}
}

func TestWithoutADaemonOrAHomeTasksEnd(t *testing.T) {
	for what, upset := range map[string]func(w *workshop){
		"the daemon is gone": func(w *workshop) {},
		"the home is gone":   func(w *workshop) { os.RemoveAll(w.dir) },
	} {
		t.Run(strings.ReplaceAll(what, " ", "-"), func(t *testing.T) {
			linger := time.Hour
			if what == "the daemon is gone" {
				linger = 0
			}
			w := newWith(t, Options{Linger: linger})
			w.start(shell("trap '' TERM; sleep 1000"))
			pid := w.started().Pid
			upset(w)
			w.link.Abort()
			awaitGone(t, int(pid))
			if err := await(t, w.ended, "its end"); err != nil {
				t.Fatal(err)
			}
			w.ended <- nil
		})
	}
}

func TestOnlyOneRunnerProcessWorksForADirectory(t *testing.T) {
	w := newWorkshop(t)
	err := Serve(Options{DataDir: w.dir})
	var f *core.Fault
	if !errors.As(err, &f) || f.Code != core.CodeBusy {
		t.Fatalf("the second says %v", err)
	}
}

func TestARunnerProcessOfItsOwnIsStartedAndItsEndTakesItsTasks(t *testing.T) {
	dir := t.TempDir()
	if err := Start(Options{DataDir: dir, Linger: time.Hour, Build: "test"}); err != nil {
		t.Fatal(err)
	}
	w := &workshop{t: t, dir: dir}
	w.connect()
	_, hello, err := Dial(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	w.connect() // the newest counts
	f := w.start(shell("sleep 1000 & setsid sleep 1000 & echo $!; wait"))
	started := w.started()
	var child int
	fmt.Sscan(w.until(f, func(text string) bool { return strings.HasSuffix(text, "\n") }), &child)
	if err := unix.Kill(int(hello.Pid), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, int(started.Pid))
	if err := Start(Options{DataDir: dir, Linger: time.Hour, Build: "test"}); err != nil {
		t.Fatal(err)
	}
	w.connect(started)
	if gone := w.next().GetGone(); core.Fence(gone) != f {
		for range 10 {
			if gone = w.next().GetGone(); core.Fence(gone) == f {
				break
			}
		}
		if core.Fence(gone) != f {
			t.Fatalf("%v is gone", gone)
		}
	}
	awaitGone(t, child)
	w.send(&wire.ToRunner{Body: &wire.ToRunner_Quit{Quit: true}})
	for range w.told {
	}
}
