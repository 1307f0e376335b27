package netutil

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// WatchSlack is the timer slack for the watcher of the Go runtime, a thread that,
// while a process works, sleeps for 20 µs at a time. In a process that often works
// for a little while these wakings are a fifth of its processor time; a millisecond
// between them is early enough for what it looks for (threads stuck in the kernel,
// goroutines that have run for 10 ms).
const WatchSlack = time.Millisecond

// TimerSlack is by how much the kernel may let the calling thread sleep longer than
// it asked for.
func TimerSlack() time.Duration {
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return 0
	}
	return time.Duration(slack)
}

// UsualSlack is that of this process as it was started, whatever RelaxThreads did to
// the calling thread.
func UsualSlack() time.Duration {
	text, err := os.ReadFile("/proc/self/timerslack_ns") // of the first thread
	if err == nil {
		if slack, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			return time.Duration(slack)
		}
	}
	return TimerSlack() // who may not look at another thread could not relax one
}

// SetTimerSlack sets it; zero is what the thread began with. What the thread makes,
// threads and processes, inherits it.
func SetTimerSlack(slack time.Duration) error {
	return unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0)
}

// RelaxThreads gives a slack to all threads of this process but the first: when it
// has just begun these are the runtime's own. That takes the right to change the
// priorities of others (CAP_SYS_NICE).
func RelaxThreads(slack time.Duration) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	var all error
	for _, thread := range threads {
		if thread.Name() == strconv.Itoa(os.Getpid()) {
			continue
		}
		err := os.WriteFile("/proc/"+thread.Name()+"/timerslack_ns", strconv.AppendInt(nil, int64(slack), 10), 0)
		if !errors.Is(err, os.ErrNotExist) { // it has ended
			all = errors.Join(all, err)
		}
	}
	return all
}
