package netutil

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// manager is a service manager's end of the socket.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestTheManagerIsToldByPathAndByAbstractName(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "n"), fmt.Sprintf("@hb-notify-%d", os.Getpid())} {
		c := manager(t, name)
		t.Setenv("NOTIFY_SOCKET", name)
		t.Setenv("WATCHDOG_USEC", "1500000")
		t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
		n, err := TakeNotifier()
		if err != nil {
			t.Fatal(err)
		}
		if n.Watchdog != 1500*time.Millisecond {
			t.Errorf("the watchdog waits %v", n.Watchdog)
		}
		for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
			if v, there := os.LookupEnv(name); there {
				t.Errorf("%s=%s is left for children", name, v)
			}
		}
		for _, send := range []func(string) error{n.Tell, n.Offer} {
			if err := send("READY=1\nSTATUS=well"); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			c.SetReadDeadline(time.Now().Add(30 * time.Second))
			size, err := c.Read(b)
			if err != nil || string(b[:size]) != "READY=1\nSTATUS=well" {
				t.Errorf("the manager got %q, %v", b[:size], err)
			}
		}
	}
}

func TestWithoutAManagerNobodyIsTold(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n, err := TakeNotifier()
	if n != nil || err != nil {
		t.Fatal(n, err)
	}
	if err := n.Tell("READY=1"); err != nil {
		t.Fatal(err)
	}
}

func TestANotifySocketThatIsNoneIsSaid(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "vsock:2:1234")
	if n, err := TakeNotifier(); err == nil {
		t.Fatal(n)
	}
}

func TestAWatchdogForAnotherProcessIsNone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "@hb-nobody")
	t.Setenv("WATCHDOG_USEC", "1000000")
	t.Setenv("WATCHDOG_PID", "1")
	n, err := TakeNotifier()
	if err != nil || n.Watchdog != 0 {
		t.Fatal(n, err)
	}
}

func TestAManagerThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	c := manager(t, filepath.Join(t.TempDir(), "n"))
	t.Setenv("NOTIFY_SOCKET", c.LocalAddr().String())
	n, err := TakeNotifier()
	if err != nil {
		t.Fatal(err)
	}
	for range 1_000_000 { // until its queue is full
		if err = n.Offer("WATCHDOG=1"); err != nil {
			return
		}
	}
	t.Fatal("the queue is never full")
}
