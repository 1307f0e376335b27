package netutil

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Notifier tells the service manager that started this process how it fares, as
// sd_notify(3) does: in datagrams to a Unix socket.
type Notifier struct {
	fd   int
	path string
	// Watchdog is how long the manager waits for a sign of life before it ends
	// the process; 0: it does not.
	Watchdog time.Duration
}

// notifyPatience is how long Tell waits for a manager that does not read.
const notifyPatience = 5 * time.Second

// TakeNotifier gives the way to the service manager, nil if there is none, and
// takes what says so out of the environment: it is not for children.
func TakeNotifier() (*Notifier, error) {
	path, usec, pid := os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		os.Unsetenv(name)
	}
	if path == "" {
		return nil, nil
	}
	if path[0] != '/' && path[0] != '@' { // @: an abstract name
		return nil, fmt.Errorf("NOTIFY_SOCKET=%s: neither a path nor an abstract name", path)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	n := &Notifier{fd: fd, path: path}
	if pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if us, err := strconv.ParseUint(usec, 10, 52); err == nil {
			n.Watchdog = time.Duration(us) * time.Microsecond
		}
	}
	return n, nil
}

// Offer sends one message if it can be sent without waiting: for what is said
// again before long. A nil Notifier tells nobody.
func (n *Notifier) Offer(message string) error {
	if n == nil {
		return nil
	}
	// An address of its own: Sendto writes into it, and several may send at a time.
	return unix.Sendto(n.fd, []byte(message), unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: n.path})
}

// Tell sends one message, for which it waits a while where it must.
func (n *Notifier) Tell(message string) error {
	for until := time.Now().Add(notifyPatience); ; time.Sleep(10 * time.Millisecond) {
		err := n.Offer(message)
		if !errors.Is(err, unix.EAGAIN) || time.Now().After(until) {
			return err
		}
	}
}

// MonotonicMicros is the time by which a service manager orders what it asked for
// and what it is told (CLOCK_MONOTONIC, in microseconds).
func MonotonicMicros() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(fmt.Sprintf("clock_gettime(CLOCK_MONOTONIC): %v", err))
	}
	return ts.Nano() / 1000
}
