package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hb/core/control"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// running is a node under test.
type running struct {
	t      *testing.T
	info   Info
	client *control.Client
	stop   context.CancelFunc
	ended  chan error
}

// launch starts a real node and waits until it answers.
func launch(t *testing.T, o Options) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{t: t, stop: stop, ended: make(chan error, 1)}
	ready := make(chan Info, 1)
	o.Ready = func(i Info) { ready <- i }
	o.Log = &lines{t: t, name: o.Name}
	go func() { r.ended <- Run(ctx, o) }()
	t.Cleanup(func() { stop() })
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
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Fatalf("%s ended with: %v", r.info.Name, err)
		}
	case <-time.After(patience):
		r.t.Fatalf("%s did not end", r.info.Name)
	}
}

type lines struct {
	t    *testing.T
	name string
}

func (l *lines) Write(b []byte) (int, error) {
	fmt.Fprintf(os.Stderr, "%s: %s", l.name, b)
	return len(b), nil
}

func options(t *testing.T, name string) Options {
	dir := t.TempDir()
	return Options{
		Version: "test", Name: name, DataDir: filepath.Join(dir, "data"), Socket: filepath.Join(dir, "hb.sock"),
		Dev: true, Slots: 4, Bind: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")},
	}
}

func TestARealNodeFoundsAndStops(t *testing.T) {
	o := options(t, "one")
	o.Found, o.ClusterName = true, "test"
	n := launch(t, o)
	fmt.Fprintf(os.Stderr, "%+v\n", n.info)
	n.end()
}
