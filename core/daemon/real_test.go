package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hb/core"
	"hb/core/control"
	"hb/core/enroll"
	"hb/core/runnerd"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// TestMain lets the test binary be a runner process, or another user's client,
// when it is called so.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == runnerd.Word {
		os.Exit(runnerd.Main(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == asUser {
		ask(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// running is a node under test.
type running struct {
	t      *testing.T
	o      Options
	info   Info
	client *control.Client
	stop   context.CancelFunc
	ended  chan error
}

// launch starts a real node and waits until it answers.
func launch(t *testing.T, o Options) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{t: t, o: o, client: control.NewClient(o.Socket), stop: stop, ended: make(chan error, 1)}
	ready := make(chan Info, 1)
	said := &transcript{}
	o.Ready = func(i Info) { ready <- i }
	o.Log = said
	go func() { r.ended <- Run(ctx, o) }()
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", o.Name, said)
		}
	})
	select {
	case r.info = <-ready:
	case err := <-r.ended:
		t.Fatalf("the node ended before it was ready: %v", err)
	case <-time.After(patience):
		t.Fatal("the node did not become ready")
	}
	return r
}

// end stops a node in order.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := await(r.t, r.ended, "the end of "+r.info.Name); err != nil {
		r.t.Fatalf("%s ended with: %v", r.info.Name, err)
	}
}

// wait waits for conditions.
func (r *running) wait(conditions ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.client.Wait(ctx, conditions); err != nil {
		r.t.Fatalf("%s waited for %v: %v", r.info.Name, conditions, err)
	}
}

// run submits a command and waits for its end.
func (r *running) run(argv ...string) *control.Task {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	submitted, err := r.client.Submit(ctx, control.Spec{Argv: argv})
	if err != nil {
		r.t.Fatal(err)
	}
	task, err := r.client.WaitTask(ctx, submitted.Task)
	if err != nil {
		r.t.Fatal(err)
	}
	return task
}

// transcript keeps what a node logs.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func options(t *testing.T, name string) Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "hb") // t.TempDir's name may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Options{
		Version: "test", Name: name, DataDir: filepath.Join(dir, "data"), Socket: filepath.Join(dir, "hb.sock"),
		Dev: true, Slots: 4,
	}
}

func founder(t *testing.T) Options {
	o := options(t, "one")
	o.Found, o.ClusterName = true, "test"
	return o
}

func TestOneNodeFoundsLeadsRunsAndRemembers(t *testing.T) {
	o := founder(t)
	n := launch(t, o)
	n.wait("leader", "voters=1")
	first := n.info
	if first.Cluster.IsZero() || first.Node == 0 || !first.Addr.Addr().IsLoopback() {
		t.Fatalf("ready as %+v", first)
	}
	if runnerd.Been(o.DataDir) {
		t.Error("there is a runner process before there is a task")
	}
	task := n.run("sh", "-c", "echo out; echo err >&2; exit 7")
	if task.Exit == nil || *task.Exit != 7 || task.Status != "failed" {
		t.Fatalf("the task is %+v", task)
	}
	var out, errs string
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := n.client.Output(ctx, task.ID, true, func(o *control.Output) error {
		if o.Stream == "stderr" {
			errs += string(o.Data)
		} else {
			out += string(o.Data)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if out != "out\n" || errs != "err\n" {
		t.Fatalf("out %q, err %q", out, errs)
	}
	n.end()

	n = launch(t, o)
	n.wait("leader")
	if n.info.Node != first.Node || n.info.Cluster != first.Cluster {
		t.Fatalf("back as %+v, was %+v", n.info, first)
	}
	again, err := n.client.Task(ctx, task.ID)
	if err != nil || again.Exit == nil || *again.Exit != 7 {
		t.Fatalf("the task is now %+v, %v", again, err)
	}
	n.end()
}

func TestThreeNodesFindEachOtherAndKeepTheirLog(t *testing.T) {
	one := launch(t, founder(t))
	nodes := []*running{one}
	for _, name := range []string{"two", "three"} {
		o := options(t, name)
		o.Seeds = []string{one.info.Addr.String()}
		nodes = append(nodes, launch(t, o))
	}
	for _, n := range nodes {
		n.wait("members=3", "voters=3")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	note, err := nodes[2].client.Append(ctx, []byte("to be kept"))
	if err != nil {
		t.Fatal(err)
	}
	one.end() // hands over; the others go on
	nodes[1].wait("leader")
	if task := nodes[1].run("true"); task.Status != "succeeded" {
		t.Fatalf("the task is %+v", task)
	}
	one = launch(t, one.o)
	one.wait("members=3", "applied="+note.Index)
	found := false
	if err := one.client.Log(ctx, 0, false, func(e *control.Entry) error {
		found = found || strings.Contains(fmt.Sprintf("%+v", *e), "to be kept")
		return nil
	}); err != nil || !found {
		t.Fatalf("the note is there: %v, %v", found, err)
	}
	for _, n := range []*running{nodes[2], nodes[1], one} {
		n.stop() // together: the last of three cannot tell the log that it stops
	}
	for _, n := range []*running{nodes[2], nodes[1], one} {
		n.end()
	}
}

func TestAnOrderlyEndLeavesNoProcessBehind(t *testing.T) {
	n := launch(t, founder(t))
	n.wait("leader")
	pidfile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := n.client.Submit(ctx, control.Spec{Argv: []string{"sh", "-c", "echo $$ > " + pidfile + ".new; mv " + pidfile + ".new " + pidfile + "; sleep 1000"}}); err != nil {
		t.Fatal(err)
	}
	var pid int
	for deadline := now().Add(patience); pid == 0 && now() < deadline; {
		n.wait("leader") // a question to the node takes its time
		if b, err := os.ReadFile(pidfile); err == nil {
			fmt.Sscan(string(b), &pid)
		}
	}
	if pid == 0 {
		t.Fatal("the task did not start")
	}
	n.end()
	if !runnerd.AwaitEnd(pid, patience) {
		t.Fatalf("process %d lives on", pid)
	}
	if _, err := os.Stat(n.o.Socket); err == nil {
		t.Fatal("the socket is still there")
	}
}

// fails starts a node that cannot run, and gives its fault.
func fails(t *testing.T, o Options) *core.Fault {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := Run(ctx, o)
	var f *core.Fault
	if !errors.As(err, &f) {
		t.Fatalf("the node ended with %v", err)
	}
	if strings.Contains(f.Message, "\n") || strings.Contains(f.Hint, "\n") {
		t.Errorf("%q, %q: one line each is promised", f.Message, f.Hint)
	}
	return f
}

// lettingIn founds a cluster with credentials for a node that has run nowhere yet.
func lettingIn(t *testing.T, o *Options) {
	t.Helper()
	_, err := enroll.Found(enroll.Founding{Data: o.DataDir, Name: o.Name, Cluster: "hb", Random: rand.Reader, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	o.Dev, o.Found = false, false
}

func TestWhatHindersAStartIsSaidInOneLine(t *testing.T) {
	n := launch(t, founder(t))
	port := fmt.Sprint(n.info.Addr.Port())
	for _, c := range []struct {
		name   string
		change func(o *Options)
		code   core.Code
		says   string
	}{
		{"a port in use", func(o *Options) { o.Bind = []netip.AddrPort{n.info.Addr} }, core.CodeIO, port},
		{"no such address", func(o *Options) {
			o.Bind = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("[2001:db8::1]:0")}
			lettingIn(t, o)
		}, core.CodeConfig, "2001:db8::1"},
		{"a data directory in use", func(o *Options) { o.DataDir = n.o.DataDir }, core.CodeBusy, n.o.DataDir},
		{"a socket in use", func(o *Options) { o.Socket = n.o.Socket }, core.CodeBusy, n.o.Socket},
		{"a socket with too long a path", func(o *Options) { o.Socket = "/tmp/" + strings.Repeat("x", 200) }, core.CodeIO, "107"},
		{"a data directory that is a file", func(o *Options) { o.DataDir = "/dev/null" }, 0, "/dev/null"},
		{"not loopback without credentials", func(o *Options) { o.Bind = []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")} }, core.CodeConfig, "loopback"},
		{"no credentials", func(o *Options) { o.Dev = false }, core.CodeConfig, "no credentials"},
		{"an unknown interface", func(o *Options) {
			lettingIn(t, o)
			o.Beacons, o.Interfaces = true, []string{"nosuch0"}
			o.Bind = []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}
		}, core.CodeConfig, "nosuch0"},
		{"a group that is none", func(o *Options) {
			lettingIn(t, o)
			o.Beacons, o.Multicast = true, netip.MustParseAddr("ff02::71")
			o.Bind = []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:0")}
			o.Advertise = netip.MustParseAddrPort("127.0.0.1:0")
		}, core.CodeConfig, "ff02::71"},
		{"no directory", func(o *Options) { o.DataDir = "" }, core.CodeConfig, "data directory"},
	} {
		o := options(t, "two")
		c.change(&o)
		f := fails(t, o)
		if c.code != 0 && f.Code != c.code || !strings.Contains(f.Message, c.says) {
			t.Errorf("%s: %d, %q; want %d and %q in it", c.name, f.Code, f.Message, c.code, c.says)
		}
	}
	n.end()

	other := n.o
	other.ClusterName = "another"
	if f := fails(t, other); f.Code != core.CodeBadInput || !strings.Contains(f.Message, "another") {
		t.Errorf("another cluster: %d, %q", f.Code, f.Message)
	}
	// A failed start takes nothing with it.
	launch(t, n.o).end()
}

// TestANodeThatEndsInItsFirstStepEnds: it is asked for its status meanwhile, by
// whoever wants to announce it.
func TestANodeThatEndsInItsFirstStepEnds(t *testing.T) {
	n := launch(t, founder(t))
	n.end()
	o := n.o
	o.Detector = "ring" // the disk remembers that the cluster has another
	o.Ready = func(Info) { t.Error("it is ready") }
	for range 10 {
		ended := make(chan error, 1)
		go func() { ended <- Run(context.Background(), o) }()
		var f *core.Fault
		if err := await(t, ended, "the end"); !errors.As(err, &f) || f.Code != core.CodeConfig || !strings.Contains(f.Hint, "swim") {
			t.Fatalf("the node ended with %v", err)
		}
	}
}
