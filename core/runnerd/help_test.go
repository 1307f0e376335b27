package runnerd

import (
	"os"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

const someNode = core.NodeID(0x1234)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// TestMain lets the test binary be a runner process when it is called so.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Word {
		os.Exit(Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// workshop is a runner process, within the test's own, and a daemon's end of
// the link to it.
type workshop struct {
	t     *testing.T
	dir   string
	link  *Link
	pid   int64 // as it says
	told  chan *wire.FromRunner
	ended chan error // of Serve
	fence core.Fence
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	return newWith(t, Options{})
}

func newWith(t *testing.T, o Options) *workshop {
	t.Helper()
	w := &workshop{t: t, dir: t.TempDir(), ended: make(chan error, 1)}
	ready := make(chan struct{})
	go func() {
		o.DataDir, o.Build, o.Ready = w.dir, "test", func() { close(ready) }
		w.ended <- Serve(o)
	}()
	select {
	case <-ready:
	case err := <-w.ended:
		t.Fatalf("it does not start: %v", err)
	case <-time.After(patience):
		t.Fatal("it does not become ready")
	}
	w.connect()
	t.Cleanup(func() {
		w.send(&wire.ToRunner{Body: &wire.ToRunner_Quit{Quit: true}})
		w.link.Close()
		os.RemoveAll(w.dir) // if that came too late
		select {
		case <-w.ended:
		case <-time.After(patience):
			t.Error("it does not end")
		}
	})
	return w
}

// connect is a daemon that comes.
func (w *workshop) connect(left ...*wire.Started) {
	w.t.Helper()
	link, hello, err := Dial(w.dir, "test")
	if err != nil || hello.Version != Version || hello.Build != "test" {
		w.t.Fatalf("it says %v, %v", hello, err)
	}
	w.link, w.pid, w.told = link, hello.Pid, make(chan *wire.FromRunner, 1000)
	told := w.told
	go func() {
		defer close(told)
		for {
			m := &wire.FromRunner{}
			if link.Receive(m) != nil {
				return
			}
			told <- m
		}
	}()
	w.send(&wire.ToRunner{Body: &wire.ToRunner_Adopt{Adopt: &wire.RunnerAdopt{Attempts: left, Node: uint64(someNode)}}})
}

func (w *workshop) send(m *wire.ToRunner) { w.link.Send(m) }

// spec is what a test wants to run.
type spec struct {
	argv, env []string
	cwd       string
	limit     time.Duration
	until     core.Instant
}

// start makes an attempt of a spec.
func (w *workshop) start(s spec) core.Fence {
	w.fence += 1 << 20
	bytesOf := func(words []string) (list [][]byte) {
		for _, word := range words {
			list = append(list, []byte(word))
		}
		return list
	}
	env := append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", FenceVariable(w.fence), NodeVariable(someNode)}, s.env...)
	if len(s.env) > 0 && strings.HasPrefix(s.env[0], "PATH=") {
		env = s.env
	}
	w.send(&wire.ToRunner{Body: &wire.ToRunner_Exec{Exec: &wire.RunnerExec{
		Fence: uint64(w.fence), Argv: bytesOf(s.argv), Env: bytesOf(env), Cwd: s.cwd, LimitNanos: int64(s.limit), Until: int64(s.until),
	}}})
	return w.fence
}

func (w *workshop) terminate(f core.Fence, grace time.Duration) {
	w.send(&wire.ToRunner{Body: &wire.ToRunner_Terminate{Terminate: &wire.RunnerTerminate{Fence: uint64(f), GraceNanos: int64(grace)}}})
}

func (w *workshop) next() *wire.FromRunner {
	w.t.Helper()
	return await(w.t, w.told, "word from the runner process")
}

// await waits for something on a channel.
func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v, ok := <-c:
		if !ok {
			t.Fatalf("the channel was closed instead of %s", what)
		}
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// started waits for the start of an attempt.
func (w *workshop) started() *wire.Started {
	w.t.Helper()
	for {
		if s := w.next().GetStarted(); s != nil {
			return s
		}
	}
}

// result waits for the end of an attempt.
func (w *workshop) result() *wire.Result {
	w.t.Helper()
	for {
		if e := w.next().GetEnded(); e != nil {
			return e.Result
		}
	}
}

// read asks for a piece of a spool.
func (w *workshop) read(f core.Fence, from uint64) *wire.RunnerOutput {
	w.t.Helper()
	w.send(&wire.ToRunner{Body: &wire.ToRunner_Read{Read: &wire.RunnerRead{Ticket: 9, Fence: uint64(f), From: from, MaxBytes: 1000}}})
	for {
		if o := w.next().GetOutput(); o != nil {
			return o
		}
	}
}

// output reads a whole spool.
func (w *workshop) output(f core.Fence) (out []piece) {
	w.t.Helper()
	for from := uint64(0); ; {
		got := w.read(f, from)
		if got.Ticket != 9 || got.Error != "" {
			w.t.Fatalf("got %+v", got)
		}
		out = append(out, pieces(w.t, got.Data)...)
		from += uint64(len(got.Data)) + got.Skipped
		if got.Eof {
			return out
		}
	}
}

// until reads output until it says what is wanted, and gives all of it.
func (w *workshop) until(f core.Fence, enough func(text string) bool) (text string) {
	w.t.Helper()
	for from := uint64(0); !enough(text); {
		got := w.read(f, from)
		from += uint64(len(got.Data))
		for _, p := range pieces(w.t, got.Data) {
			text += p.data
		}
		if got.Eof && !enough(text) {
			w.t.Fatalf("it says only %q", text)
		}
	}
	return text
}

func shell(script string) spec { return spec{argv: []string{"sh", "-c", script}} }
