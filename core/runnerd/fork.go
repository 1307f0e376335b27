package runnerd

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hb/netutil"
)

// process is a child that runs. It is made and waited for with the kernel's own
// calls: package os would make five more of each.
type process struct {
	pid   int
	watch *os.File // readable when it has ended; nil where the kernel has no such file
}

// fork makes a process with a timer slack, zero for that of the thread that makes
// it. The process ends with this one: its parent-death signal comes when the thread
// that made it ends, and none of this process's threads does before, since no
// goroutine ends while it is bound to one.
func fork(path string, argv []string, attr *syscall.ProcAttr, slack time.Duration) (p *process, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if unix.Gettid() == os.Getpid() {
		// Orphans become children of the first thread: it forks none itself.
		elsewhere := make(chan struct{})
		go func() {
			defer close(elsewhere)
			p, err = fork(path, argv, attr, slack)
		}()
		<-elsewhere
		return p, err
	}
	// What a thread has given up, its children have, too: no program that they
	// execute, sudo say, makes them more than they are.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, err
	}
	if err := netutil.SetTimerSlack(slack); err != nil {
		return nil, err
	}
	pidfd := -1
	attr.Sys.Pdeathsig, attr.Sys.PidFD = syscall.SIGKILL, &pidfd
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return nil, err
	}
	p = &process{pid: pid}
	if pidfd >= 0 {
		if syscall.SetNonblock(pidfd, true) == nil {
			p.watch = os.NewFile(uintptr(pidfd), "pidfd")
		} else {
			syscall.Close(pidfd)
		}
	}
	return p, nil
}

// await waits until the process has ended, and leaves it unreaped.
func (p *process) await() {
	if p.watch != nil && p.watched() == nil {
		return
	}
	for {
		if err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			return
		}
	}
}

// endsWithin waits for that only so long; false: it goes on, or nobody can tell.
func (p *process) endsWithin(d time.Duration) bool {
	if p.watch == nil || p.watch.SetReadDeadline(time.Now().Add(d)) != nil {
		return false
	}
	err := p.watched()
	return p.watch.SetReadDeadline(time.Time{}) == nil && err == nil
}

// watched waits for the end by the file that tells of it.
func (p *process) watched() error {
	raw, err := p.watch.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PIDFD, int(fd), &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
		return err != nil && err != unix.EINTR || info.Signo != 0
	})
}

// reap waits for the process and lets its number go.
func (p *process) reap() (status unix.WaitStatus, usage unix.Rusage, err error) {
	if p.watch != nil {
		defer p.watch.Close()
	}
	for {
		if _, err = unix.Wait4(p.pid, &status, 0, &usage); err != unix.EINTR {
			return status, usage, err
		}
	}
}
