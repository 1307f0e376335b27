package daemon

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
	"hb/netutil"
)

const (
	// tailLength is how much of the end of each stream goes into the result.
	tailLength = 4 << 10
	// drainTime is how long pipes are still read after their process has ended:
	// for what its children write on the way out. A child that lives on keeps
	// the pipes open, and cannot keep the attempt.
	drainTime = 200 * time.Millisecond
)

// attempt is one Exec on its way from command to result.
type attempt struct {
	exec    node.Exec
	spool   *spool
	signals chan syscall.Signal
	pid     atomic.Int64 // 0 before it is a process
	lease   atomic.Int64 // the Instant at which it must be gone; 0: none
	done    chan struct{}

	// What an attempt needs of its surroundings.
	env  []string
	boot string
	now  func() time.Time
	tell func(node.Event) bool
}

// signal sends a signal to the process group as soon as there is one. Too many
// at once are dropped: the runner repeats them.
func (a *attempt) signal(sig syscall.Signal) {
	select {
	case a.signals <- sig:
	default:
	}
}

// run is the life of an attempt.
func (a *attempt) run() {
	defer close(a.done)
	result := &wire.Result{StartedNanos: a.now().UnixNano()}
	if bad := a.live(result); bad != nil {
		result.Exit, result.Error = int32(bad.code), bad.why
	}
	result.EndedNanos = a.now().UnixNano()
	result.Truncated = a.spool.end()
	a.tell(node.ExecEnded{Fence: a.exec.Fence, Result: result})
}

// live starts the process, reads what it writes and waits for its end.
func (a *attempt) live(result *wire.Result) *refusal {
	if err := a.spool.create(); err != nil {
		return &refusal{core.CodeTaskLost, "its output cannot be kept: " + err.Error()}
	}
	stdout, outEnd, err := os.Pipe()
	if err != nil {
		return &refusal{core.CodeTaskLost, err.Error()}
	}
	defer stdout.Close()
	stderr, errEnd, err := os.Pipe()
	if err != nil {
		outEnd.Close()
		return &refusal{core.CodeTaskLost, err.Error()}
	}
	defer stderr.Close()
	process, bad := start(a.exec, a.env, outEnd, errEnd)
	outEnd.Close()
	errEnd.Close()
	if bad != nil {
		return bad
	}
	a.pid.Store(int64(process.Pid))
	a.tell(node.ExecStarted{Fence: a.exec.Fence, Pid: process.Pid, StartTicks: startTicks(process.Pid), Boot: a.boot})

	var pumps sync.WaitGroup
	pumps.Go(func() { result.StdoutTail = a.pump(1, stdout) })
	pumps.Go(func() { result.StderrTail = a.pump(2, stderr) })
	signalled := a.await(process.Pid)
	deadline := a.now().Add(drainTime)
	stdout.SetReadDeadline(deadline)
	stderr.SetReadDeadline(deadline)
	pumps.Wait()
	if signalled {
		// Whoever was told to end and stayed behind its leader is ended. The
		// group is still the attempt's: its leader was not reaped yet.
		_ = unix.Kill(-process.Pid, unix.SIGKILL)
	}
	state, err := process.Wait()
	if err != nil {
		return &refusal{core.CodeTaskLost, "waiting for the process: " + err.Error()}
	}
	account(result, state)
	return nil
}

// await passes signals on until the process has ended, and leaves it unreaped,
// so that its process group cannot become another's.
func (a *attempt) await(pid int) (signalled bool) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
			if err != unix.EINTR {
				return
			}
		}
	}()
	late := a.leaseTimer()
	defer late.Stop()
	for {
		select {
		case <-late.C:
			if left := a.leaseLeft(); left > 0 {
				late.Reset(left)
				continue
			}
			signalled = true
			_ = unix.Kill(-pid, unix.SIGKILL)
			late.Reset(killAgain)
		case sig := <-a.signals:
			signalled = true
			_ = unix.Kill(-pid, sig)
		case <-ended:
			return signalled
		}
	}
}

// killAgain is how often a group whose lease is over is killed: what it forks
// meanwhile must not escape.
const killAgain = 100 * time.Millisecond

// leaseLeft is how long the attempt may still run.
func (a *attempt) leaseLeft() time.Duration {
	return time.Duration(a.lease.Load()) - netutil.BootClock()
}

// leaseTimer fires when the lease may be over; never without one.
func (a *attempt) leaseTimer() *time.Timer {
	if a.lease.Load() == 0 {
		t := time.NewTimer(time.Hour)
		t.Stop()
		return t
	}
	return time.NewTimer(a.leaseLeft())
}

// account fills in how a process ended.
func account(result *wire.Result, state *os.ProcessState) {
	if status, is := state.Sys().(syscall.WaitStatus); is && status.Signaled() {
		result.Signal = int32(status.Signal())
		result.Exit = 128 + result.Signal
	} else {
		result.Exit = int32(state.ExitCode())
	}
	result.CpuNanos = int64(state.UserTime() + state.SystemTime())
	if usage, is := state.SysUsage().(*syscall.Rusage); is {
		result.MaxRssBytes = usage.Maxrss << 10
	}
}

// pump moves a stream into the spool until it ends, and gives its last bytes.
func (a *attempt) pump(stream byte, r *os.File) (tail []byte) {
	buf := make([]byte, maxRecord)
	keep := func(b []byte) {
		a.spool.write(stream, b)
		tail = append(tail, b...)
		if over := len(tail) - tailLength; over > 0 {
			tail = append(tail[:0], tail[over:]...)
		}
	}
	for {
		n, err := r.Read(buf)
		if n > 0 {
			keep(buf[:n])
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			drain(r, buf, keep)
			return tail
		}
		if err != nil {
			return tail
		}
	}
}

// drain reads what is in a pipe already. A deadline that has passed fails reads
// even of what is there, and on a busy machine much may be.
func drain(r *os.File, buf []byte, keep func([]byte)) {
	const most = 1 << 20 // the largest pipe; beyond it someone is still writing
	if r.SetReadDeadline(time.Time{}) != nil {
		return
	}
	raw, err := r.SyscallConn()
	if err != nil {
		return
	}
	for total := 0; total < most; {
		var n int
		err := raw.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), buf)
			return true
		})
		if err != nil || n <= 0 {
			return
		}
		keep(buf[:n])
		total += n
	}
}
