package daemon

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hb/core"
	"hb/core/config"
	"hb/core/node"
	"hb/netutil"
)

// manager is a service manager's end of the notify socket; what it was told
// comes out of the channel.
func manager(t *testing.T, watchdog string) (*netutil.Notifier, <-chan string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hb")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); os.RemoveAll(dir) })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", watchdog)
	n, err := netutil.TakeNotifier()
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 10_000)
	go func() {
		b := make([]byte, 4096)
		for {
			size, err := c.Read(b)
			if err != nil {
				return
			}
			told <- string(b[:size])
		}
	}()
	return n, told
}

// hear waits for a message that has some words, passing over others.
func hear(t *testing.T, told <-chan string, words string) string {
	t.Helper()
	for {
		if message := await(t, told, words); strings.Contains(message, words) {
			return message
		}
	}
}

// hang holds up the loop of a running node until it is let go.
func hang(t *testing.T, d *daemon) (letGo func()) {
	t.Helper()
	hangs, end := make(chan struct{}), make(chan struct{})
	d.queue.put(input{ev: node.Clock{Offset: wallOffset()}, done: func() { close(hangs); <-end }})
	await(t, closed(hangs), "the loop")
	return func() { close(end) }
}

// closed brings a value when a channel is closed.
func closed(c <-chan struct{}) <-chan bool {
	is := make(chan bool, 1)
	go func() { <-c; is <- true }()
	return is
}

func TestALoopThatHangsStarvesTheWatchdog(t *testing.T) {
	const watchdog = 100 * time.Millisecond
	o := founder(t)
	n, told := manager(t, "100000")
	o.Notify = n
	d, fault := open(o)
	if fault != nil {
		t.Fatal(fault)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan *core.Fault, 1)
	go func() { ended <- d.run(ctx) }()
	hear(t, told, "READY=1")
	hear(t, told, "WATCHDOG=1")
	letGo := hang(t, d)
	for len(told) > 0 { // of before
		<-told
	}
	// Everything else in the process goes on: what it does must not look like life.
	late := time.After(10 * watchdog)
	for waits := true; waits; {
		select {
		case message := <-told:
			// One may have been on its way when the loop began to hang.
			for more := true; more; {
				select {
				case again := <-told:
					if strings.Contains(again, "WATCHDOG=1") {
						t.Fatalf("the loop hangs, and the watchdog is fed: %q, %q", message, again)
					}
				case <-late:
					more, waits = false, false
				}
			}
		case <-late:
			waits = false
		}
	}
	letGo()
	hear(t, told, "WATCHDOG=1")
	stop()
	hear(t, told, "STOPPING=1")
	if fault := await(t, ended, "the end"); fault != nil {
		t.Fatal(fault)
	}
}

func TestAnIdleLoopFeedsTheWatchdogInTime(t *testing.T) {
	n, told := manager(t, "40000")
	h := newHerald(n)
	r := startLoopWith(t, newFake(nil), func(l *loop) { l.turned, l.longest = h.turn, h.longest() })
	for range 5 {
		hear(t, told, "WATCHDOG=1")
	}
	r.stop()
}

func TestTheStatusLineSaysHowTheNodeFares(t *testing.T) {
	in := node.ClusterView{ID: core.ClusterID{1}}
	for want, s := range map[string]node.StatusView{
		"in no cluster yet":                    {},
		"leader, term 7, 5/5 alive":            {Cluster: in, Role: "leader", Leader: node.LeaderView{ID: 1, Self: true}, Term: 7, Members: 5, MembersAlive: 5},
		"voter led by web1, term 7, 4/5 alive": {Cluster: in, Role: "voter", Leader: node.LeaderView{ID: 1, Name: "web1"}, Term: 7, Members: 5, MembersAlive: 4},
		"voter, no leader, term 8, 1/3 alive":  {Cluster: in, Role: "voter", Term: 8, Members: 3, MembersAlive: 1},
	} {
		if got := statusLine(s); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}

func TestAReloadTakesOverWhatItCanAndAFaultChangesNothing(t *testing.T) {
	o := founder(t)
	o.Slots = 1
	n, told := manager(t, "")
	type reading struct {
		settings Settings
		err      error
	}
	wishes, readings := make(chan os.Signal, 1), make(chan reading, 1)
	o.Notify, o.Reload = n, &Reload{Wishes: wishes, Read: func() (Settings, []string, error) {
		r := <-readings
		return r.settings, []string{"read"}, r.err
	}}
	r := launch(t, o)
	r.wait("ready", "leader")
	status := hear(t, told, "READY=1\nSTATUS=")
	if !strings.Contains(status, "STATUS=leader") { // not yet
		status = hear(t, told, "STATUS=leader")
	}
	if !strings.HasSuffix(status, ", 1/1 alive") {
		t.Errorf("the status is %q", status)
	}
	reload := func(next reading) {
		t.Helper()
		readings <- next
		wishes <- syscall.SIGHUP
		if got := hear(t, told, "RELOADING=1"); !strings.Contains(got, "\nMONOTONIC_USEC=") {
			t.Errorf("it reloads with %q", got)
		}
		if got := hear(t, told, "READY=1"); strings.Contains(got, "RELOADING") {
			t.Errorf("it is ready with %q", got)
		}
	}
	slots := func(want int) {
		t.Helper()
		m, err := r.client.Members(context.Background())
		if err != nil || *m.Members[0].Tasks.Slots != want {
			t.Fatalf("it is %+v, %v, want %d slots", m, err, want)
		}
	}
	slots(1)
	reload(reading{settings: Settings{Slots: 7, Tasks: map[string]*config.Task{"greet": {Command: []string{"echo", "hello"}}}}})
	slots(7)
	reload(reading{Settings{Slots: 9}, errors.New("no such key")})
	slots(7)
	r.end()
	hear(t, told, "STOPPING=1")
}
