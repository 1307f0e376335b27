package commands

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// child is one hb process against a fake node.
type child struct {
	*exec.Cmd
	reader io.Closer // of its output
	stderr bytes.Buffer
}

// startChild runs hb, as testscript does: this very binary under that name.
func startChild(t *testing.T, socket string, args ...string) *child {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(binary, args...)}
	c.Args[0] = "hb"
	c.Env = append(os.Environ(), "HB_SOCKET="+socket)
	c.Stderr = &c.stderr
	if c.reader, err = c.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	return c
}

// code waits for the end, and gives the exit code as a shell would.
func (c *child) code() int {
	var exit *exec.ExitError
	err := c.Wait()
	if errors.As(err, &exit) {
		if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
			return 128 + int(status.Signal())
		}
		return exit.ExitCode()
	}
	return 0
}

// running starts `hb run` and waits until it waits for its task.
func running(t *testing.T, task string, flags ...string) (*fake, *child) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	f, stop, err := startFake("three", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c := startChild(t, socket, append(append([]string{"run"}, flags...), "--", task)...)
	if !f.waitAsked("FollowOutput", 1) {
		t.Fatal("hb run did not wait for its task")
	}
	return f, c
}

func TestTheFirstInterruptCancelsTheTaskAndWaits(t *testing.T) {
	_, c := running(t, "forever")
	c.Process.Signal(syscall.SIGINT)
	if code := c.code(); code != 143 {
		t.Errorf("exit code %d, want that of a cancelled task: %s", code, c.stderr.String())
	}
	for _, words := range []string{"hb: cancelling task ", " was cancelled"} {
		if !strings.Contains(c.stderr.String(), words) {
			t.Errorf("it does not say %q: %s", words, c.stderr.String())
		}
	}
}

func TestTheSecondInterruptDetaches(t *testing.T) {
	f, c := running(t, "stubborn")
	c.Process.Signal(syscall.SIGINT)
	if !f.waitAsked("CancelTask", 1) {
		t.Fatal("the first interrupt cancelled nothing")
	}
	c.Process.Signal(syscall.SIGINT)
	if code := c.code(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	for _, id := range f.ids() {
		if !strings.Contains(c.stderr.String(), "detached from task "+id+", which is being cancelled") || !strings.Contains(c.stderr.String(), "hint: hb task wait "+id) {
			t.Errorf("it does not print the ID %s: %s", id, c.stderr.String())
		}
	}
}

func TestAnInterruptStopsARollingRun(t *testing.T) {
	f, c := running(t, "forever", "--all", "--drain")
	c.Process.Signal(syscall.SIGINT)
	if code := c.code(); code != 143 {
		t.Errorf("exit code %d, want that of a cancelled task: %s", code, c.stderr.String())
	}
	for _, words := range []string{"hb: cancelling task ", "stopped here, and left it drained", " was cancelled"} {
		if !strings.Contains(c.stderr.String(), words) {
			t.Errorf("it does not say %q: %s", words, c.stderr.String())
		}
	}
	if n := f.askedFor("SubmitTask"); n != 1 {
		t.Errorf("%d tasks were submitted", n)
	}
}

func TestTerminateAndHangUpDetachWithoutCancelling(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		f, c := running(t, "forever")
		c.Process.Signal(sig)
		if code := c.code(); code != 125 {
			t.Errorf("%v: exit code %d, want 125", sig, code)
		}
		if f.askedFor("CancelTask") > 0 || !strings.Contains(c.stderr.String(), "which goes on") {
			t.Errorf("%v: the task was not left alone: %s", sig, c.stderr.String())
		}
	}
}

func TestInterruptingAWaitNeverCancels(t *testing.T) {
	f, c := running(t, "forever")
	id := f.ids()[0]
	waiter := startChild(t, strings.TrimPrefix(c.Env[len(c.Env)-1], "HB_SOCKET="), "task", "wait", id)
	if !f.waitAsked("WaitTask", 1) {
		t.Fatal("hb task wait does not wait")
	}
	waiter.Process.Signal(syscall.SIGINT)
	if code := waiter.code(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if f.askedFor("CancelTask") > 0 {
		t.Error("the task was cancelled")
	}
}

func TestAStreamEndsWhenItsReaderGoesAwayThoughNothingHappens(t *testing.T) {
	f, c := running(t, "forever")
	socket, id := strings.TrimPrefix(c.Env[len(c.Env)-1], "HB_SOCKET="), f.ids()[0]
	for kind, args := range map[string][]string{
		"FollowEvents": {"events"}, "FollowLog": {"log", "-f", "--from", "9"}, "FollowOutput": {"logs", "-f", id},
	} {
		before := f.askedFor(kind)
		c := startChild(t, socket, args...)
		if !f.waitAsked(kind, before+1) {
			t.Fatalf("hb %v did not ask", args)
		}
		c.reader.Close()
		if code := c.code(); code != 141 || c.stderr.Len() > 0 && kind != "FollowOutput" {
			t.Errorf("hb %v: exit code %d: %s", args, code, c.stderr.String())
		}
	}
}
