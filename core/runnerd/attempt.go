package runnerd

import (
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/wire"
	"hb/netutil"
)

// attempt is one Exec on its way from command to result.
type attempt struct {
	fence  core.Fence
	exec   *wire.RunnerExec
	spool  *spool
	cgroup *cgroup
	*surroundings

	mu     sync.Mutex
	pid    int // 0 before it is a process
	reaped bool
}

// surroundings are what all attempts share.
type surroundings struct {
	boot    string
	nothing int           // to read
	slack   time.Duration // of the timers of tasks
	family  *family
	cgroups *cgroups
	started func(*wire.Started)
	ended   func(core.Fence, *wire.Result)
}

// signal sends a signal to everything of the attempt, while it has a number of
// its own.
func (a *attempt) signal(sig syscall.Signal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pid != 0 && !a.reaped {
		a.family.signal(a, sig)
	}
}

// startTicks is when its process started; zero: it is gone, and its number may be
// another's.
func (a *attempt) startTicks() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pid == 0 || a.reaped {
		return 0
	}
	return startTicks(a.pid)
}

// run is the life of an attempt.
func (a *attempt) run() {
	result := &wire.Result{StartedNanos: time.Now().UnixNano()}
	if bad := a.live(result); bad != nil {
		result.Exit, result.Error = int32(bad.code), bad.why
	}
	result.EndedNanos = time.Now().UnixNano()
	truncated, why := a.spool.end()
	result.Truncated = truncated
	if why != nil {
		result.OutputLost = netutil.Reason(why).Error()
	}
	a.ended(a.fence, result)
}

// live starts the process, reads what it writes and waits for its end.
func (a *attempt) live(result *wire.Result) *refusal {
	stdout, outEnd, err := newOutlet(a, 1)
	if err != nil {
		return &refusal{core.CodeTaskLost, err.Error()}
	}
	defer stdout.close()
	stderr, errEnd, err := newOutlet(a, 2)
	if err != nil {
		unix.Close(outEnd)
		return &refusal{core.CodeTaskLost, err.Error()}
	}
	defer stderr.close()
	p, bad := a.start(outEnd, errEnd)
	unix.Close(outEnd)
	unix.Close(errEnd)
	if bad != nil {
		return bad
	}
	a.started(&wire.Started{Fence: uint64(a.fence), Pid: int64(p.pid), Boot: a.boot})
	if !p.endsWithin(watchAfter) || !stdout.empty() || !stderr.empty() {
		pumpUntil(p, stdout, stderr)
	}
	result.StdoutTail, result.StderrTail = stdout.tail, stderr.tail
	return a.finish(p, result)
}

// start makes the process, in a cgroup if there can be one.
func (a *attempt) start(stdout, stderr int) (*process, *refusal) {
	a.cgroup = a.cgroups.take()
	p, bad := a.family.born(a, func() (*process, *refusal) {
		p, bad := a.command(stdout, stderr)
		if p != nil {
			a.mu.Lock()
			a.pid = p.pid
			a.mu.Unlock()
		}
		return p, bad
	})
	if bad != nil {
		a.cgroups.give(a.cgroup)
	}
	return p, bad
}

// finish ends what the process has left behind, and reaps it last: until then
// its number is its own.
func (a *attempt) finish(p *process, result *wire.Result) *refusal {
	empty := a.family.end(a)
	a.mu.Lock()
	a.reaped = true
	a.mu.Unlock()
	if empty { // and no signal is on its way there any more: it may be the next one's
		a.cgroups.give(a.cgroup)
	}
	a.family.forget(p.pid)
	status, usage, err := p.reap()
	if err != nil {
		return &refusal{core.CodeTaskLost, "waiting for the process: " + err.Error()}
	}
	account(result, status, &usage)
	return nil
}

// account fills in how a process ended.
func account(result *wire.Result, status unix.WaitStatus, usage *unix.Rusage) {
	if status.Signaled() {
		result.Signal = int32(status.Signal())
		result.Exit = 128 + result.Signal
	} else {
		result.Exit = int32(status.ExitStatus())
	}
	result.CpuNanos = usage.Utime.Nano() + usage.Stime.Nano()
	var own unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &own) == nil {
		result.MaxRssBytes = memory(usage.Maxrss, own.Maxrss) << 10
	}
}

// memory is the most that an attempt's largest process had resident; 0: unknown. A
// child starts with this process's memory, and the kernel counts the most that this
// one ever had as the child's: only what is above that is known to be its own.
func memory(most, own int64) int64 {
	if most <= own {
		return 0
	}
	return most
}
