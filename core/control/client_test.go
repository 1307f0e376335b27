package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

func codeOf(t *testing.T, err error) core.Code {
	t.Helper()
	var f *core.Fault
	if !errors.As(err, &f) {
		t.Fatalf("%v is no fault", err)
	}
	return f.Code
}

func TestAClientNamesEverySocketItTried(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	_, err = NewClient(filepath.Join(dir, "absent"), dead).Members(soon(t))
	if codeOf(t, err) != core.CodeNoNode {
		t.Errorf("got %v", err)
	}
	for _, words := range []string{dir + "/absent: no such socket", dead + ": the socket is there, but no node runs behind it"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q does not say %q", err, words)
		}
	}
}

func TestAClientTakesTheFirstSocketThatAnswers(t *testing.T) {
	alive := serve(t, adminServer(backend(example)))
	got, err := NewClient(filepath.Join(t.TempDir(), "absent"), alive).Appended(soon(t))
	if err != nil || got.Index != "41" {
		t.Errorf("got %v, %v", got, err)
	}
}

// Appended is Append with something to append.
func (c *Client) Appended(ctx context.Context) (*Appended, error) { return c.Append(ctx, []byte("x")) }

func TestASocketWithoutPermissionIsNotAllowed(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("SKIPPED: root may connect everywhere, so this one is NOT tested as root; core/daemon's TestUsersGetWhatTheyAreAllowed asks as others instead")
	}
	path := serve(t, adminServer(backend(example)))
	os.Chmod(path, 0)
	_, err := NewClient(path).Members(soon(t))
	if codeOf(t, err) != core.CodeDenied {
		t.Errorf("got %v", err)
	}
}

func TestANodeThatHangsIsATimeout(t *testing.T) {
	path := serve(t, adminServer(backend(func(node.Request) []node.Reply { return nil })))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := NewClient(path).Members(ctx)
	if codeOf(t, err) != core.CodeTimeout {
		t.Errorf("got %v", err)
	}
}

func TestEveryAnswerComesBackAsItWasSent(t *testing.T) {
	c := NewClient(serve(t, adminServer(backend(example))))
	ctx := soon(t)
	id := taskID(exampleTask().Id)
	members, err := c.Members(ctx)
	if err != nil || len(members.Members) != 2 || members.Members[0].Name != "a" || *members.Members[0].RTT != 0.0015 {
		t.Errorf("members: %+v, %v", members, err)
	}
	if s, err := c.Status(ctx); err != nil || s.Health != "healthy" || len(s.Voters) != 3 {
		t.Errorf("status: %+v, %v", s, err)
	}
	if l, err := c.Leader(ctx, false); err != nil || *l.Name != "b" {
		t.Errorf("leader: %+v, %v", l, err)
	}
	if l, err := c.Leader(ctx, true); err != nil || l.Name != nil {
		t.Errorf("stale leader: %+v, %v", l, err)
	}
	if l, err := c.Transfer(ctx, "b"); err != nil || *l.Name != "b" {
		t.Errorf("transfer: %+v, %v", l, err)
	}
	if l, err := c.Tasks(ctx); err != nil || len(l.Tasks) != 2 {
		t.Errorf("tasks: %+v, %v", l, err)
	}
	for name, ask := range map[string]func(context.Context, string) (*Task, error){"task": c.Task, "wait": c.WaitTask, "cancel": c.Cancel} {
		if task, err := ask(ctx, id); err != nil || task.ID != id || *task.Exit != 7 {
			t.Errorf("%s: %+v, %v", name, task, err)
		}
	}
	if s, err := c.Submit(ctx, Spec{Argv: []string{"true"}}); err != nil || len(s.Task) != 26 || *s.Node != "b" {
		t.Errorf("submit: %+v, %v", s, err)
	}
	if p, err := c.Probe(ctx, []string{"b"}); err != nil || !p.Results[0].UDP.OK {
		t.Errorf("probe: %+v, %v", p, err)
	}
	if err := c.Wait(ctx, []string{"ready"}); err != nil {
		t.Errorf("wait: %v", err)
	}
	if err := c.Leave(ctx); err != nil {
		t.Errorf("leave: %v", err)
	}
}

// flaky is a handler that breaks the connection of its first calls.
func flaky(breaks int32, h http.Handler) (http.Handler, *atomic.Int32) {
	var calls atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) <= breaks {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	}), &calls
}

func TestALostSubmitIsRepeatedUnderTheSameID(t *testing.T) {
	var ids []string
	h, _ := flaky(0, adminServer(backend(func(r node.Request) []node.Reply {
		ids = append(ids, r.(node.SubmitTask).Task.String())
		if len(ids) < 3 {
			panic(http.ErrAbortHandler)
		}
		return example(r)
	})))
	got, err := NewClient(serve(t, h)).Submit(soon(t), Spec{Argv: []string{"true"}})
	if err != nil || len(ids) != 3 || ids[0] != ids[2] || got.Task != ids[0] {
		t.Errorf("got %+v, %v after %v", got, err, ids)
	}
}

func TestABusyNodeIsNotAskedAgain(t *testing.T) {
	asked := 0
	path := serve(t, adminServer(backend(func(node.Request) []node.Reply {
		asked++
		return last(core.Faultf(core.CodeBusy, "full"))
	})))
	_, err := NewClient(path).Submit(soon(t), Spec{Argv: []string{"true"}})
	if codeOf(t, err) != core.CodeBusy || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestAWaitForATaskOutlivesTheNode(t *testing.T) {
	h, calls := flaky(2, adminServer(backend(example)))
	task, err := NewClient(serve(t, h)).WaitTask(soon(t), taskID(exampleTask().Id))
	if err != nil || *task.Exit != 7 || calls.Load() != 3 {
		t.Errorf("got %+v, %v after %d calls", task, err, calls.Load())
	}
}

func TestEventsGoOnAfterTheLastOneSeen(t *testing.T) {
	var asked []node.FollowEvents
	path := serve(t, adminServer(backend(func(r node.Request) []node.Reply {
		q := r.(node.FollowEvents)
		asked = append(asked, q)
		n := uint64(len(asked))
		replies := []node.Reply{{Body: node.Record{Cursor: 10 * n, Kind: "leader"}}, {Body: node.Record{Cursor: 10*n + 1, Kind: "leader"}}}
		if n == 3 {
			return append(replies, node.Reply{Last: true})
		}
		return replies // and then the node stops
	})))
	var seen []string
	err := NewClient(path).Events(soon(t), EventQuery{Follow: true}, func(e *Event, _ Place) error {
		seen = append(seen, e.Cursor)
		return nil
	})
	if err != nil || strings.Join(seen, " ") != "10 11 20 21 30 31" {
		t.Errorf("saw %v, %v", seen, err)
	}
	if !asked[0].FromNow || asked[1].FromNow || asked[1].Since != 11 || asked[2].Since != 21 {
		t.Errorf("asked %+v", asked)
	}
}

func TestAStreamWaitsForANodeThatHadAnsweredBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listen := func() (stop func()) {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: adminServer(backend(example))}
		go s.Serve(l)
		return func() { s.Close() }
	}
	c := NewClient(path)
	stop := listen()
	if _, err := c.Submit(soon(t), Spec{Argv: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
	stop()
	done := make(chan error, 1)
	go func() {
		_, err := c.Output(soon(t), taskID(exampleTask().Id), true, func(*Output) error { return nil })
		done <- err
	}()
	defer listen()()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTheLogGoesOnAtTheNextIndex(t *testing.T) {
	asked := 0
	path := serve(t, adminServer(backend(func(r node.Request) []node.Reply {
		switch q := r.(type) {
		case node.FollowLog:
			if asked++; asked == 1 {
				return []node.Reply{{Body: node.LogRecord{Index: 7}}}
			}
			return []node.Reply{{Body: node.LogRecord{Index: q.From}}, {Last: true}}
		}
		return example(r)
	})))
	var seen []string
	err := NewClient(path).Log(soon(t), 0, true, func(e *Entry) error {
		seen = append(seen, e.Index)
		return nil
	})
	if err != nil || strings.Join(seen, " ") != "7 8" {
		t.Errorf("saw %v, %v", seen, err)
	}
}

func TestOutputIsSeenOnceOverReconnections(t *testing.T) {
	asked := 0
	path := serve(t, adminServer(backend(func(r node.Request) []node.Reply {
		if _, is := r.(node.FollowOutput); !is {
			return example(r)
		}
		pieces := []node.Reply{
			{Body: node.Output{Attempt: 1, Stream: 1, Data: []byte("ab")}},
			{Body: node.Output{Attempt: 1, Stream: 2, Data: []byte("cdef")}},
			{Body: node.Output{Attempt: 2, Stream: 1, Data: []byte("gh")}},
			{Body: exampleTask(), Last: true},
		}
		asked++
		return pieces[:min(asked, 4)]
	})))
	var out strings.Builder
	task, err := NewClient(path).Output(soon(t), taskID(exampleTask().Id), true, func(o *Output) error {
		out.WriteString(o.Stream + ":" + string(o.Data) + " ")
		return nil
	})
	if err != nil || task.ID != taskID(exampleTask().Id) || out.String() != "stdout:ab stderr:cdef stdout:gh " {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestNoReconnectEndsWithTheNode(t *testing.T) {
	path := serve(t, adminServer(backend(func(node.Request) []node.Reply { return []node.Reply{{Body: node.Record{Cursor: 1}}} })))
	c := NewClient(path)
	c.NoReconnect = true
	if err := c.Events(soon(t), EventQuery{Since: "0", Follow: true}, func(*Event, Place) error { return nil }); codeOf(t, err) != core.CodeNoNode {
		t.Errorf("got %v", err)
	}
}

func TestAFaultInTheMiddleOfAStreamEndsIt(t *testing.T) {
	path := serve(t, adminServer(backend(func(node.Request) []node.Reply {
		return []node.Reply{{Body: node.Record{Cursor: 1}}, {Body: core.Faultf(core.CodeUnheard, "gone"), Last: true}}
	})))
	if err := NewClient(path).Events(soon(t), EventQuery{Since: "0", Follow: true}, func(*Event, Place) error { return nil }); codeOf(t, err) != core.CodeUnheard {
		t.Errorf("got %v", err)
	}
}

func TestWaitKeepsTryingUntilThereIsANode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "late")
	done := make(chan error, 1)
	go func() { done <- NewClient(path).Wait(soon(t), []string{"leader"}) }()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: adminServer(backend(example))}
	go s.Serve(l)
	defer s.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWaitTellsNobodyThereFromNotYetTrue(t *testing.T) {
	waits := serve(t, adminServer(backend(func(node.Request) []node.Reply { return nil })))
	for path, want := range map[string]core.Code{filepath.Join(t.TempDir(), "absent"): core.CodeNoNode, waits: core.CodeTimeout} {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		if err := NewClient(path).Wait(ctx, []string{"leader"}); codeOf(t, err) != want {
			t.Errorf("%s: %v, want %d", path, err, want)
		}
		cancel()
	}
}

func TestACancelledCallIsNoFault(t *testing.T) {
	path := serve(t, adminServer(backend(func(node.Request) []node.Reply { return nil })))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := NewClient(path).Members(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAFullSocketIsToldAtOnceFromADeadOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	first, err := net.Dial("unix", path) // the only one that may wait
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = NewClient(path).Members(soon(t))
	if codeOf(t, err) != core.CodeNoNode || !strings.Contains(err.Error(), path+": a node runs, but takes no more calls") {
		t.Error(err)
	}
}
