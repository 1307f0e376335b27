package runnerd

import (
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
)

// family knows which processes belong to which attempt.
type family struct {
	node func() core.NodeID

	// forking is held, shared, from a fork until its child is among the leaders.
	forking sync.RWMutex
	mu      sync.Mutex
	leaders map[int]*attempt
	unknown map[int][]*attempt // strays of whom nothing tells whose they are: who may own them
}

func newFamily() *family {
	return &family{leaders: map[int]*attempt{}, unknown: map[int][]*attempt{}}
}

// adoptOrphans makes this process the parent of those whose own has ended.
func adoptOrphans() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// born starts a process and puts it among the leaders.
func (f *family) born(a *attempt, start func() (*process, *refusal)) (*process, *refusal) {
	f.forking.RLock()
	defer f.forking.RUnlock()
	p, bad := start()
	if bad != nil {
		return nil, bad
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaders[p.pid] = a
	return p, nil
}

// forget takes a leader out again, before it is reaped.
func (f *family) forget(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.leaders, pid)
}

// strays are the children of this process that are no leaders: orphans of
// attempts. Those that have ended are reaped. The kernel gives orphans to the
// first thread, which forks none itself.
func (f *family) strays() []int {
	self := os.Getpid()
	children := Children(self, self)
	if len(children) == 0 {
		return nil
	}
	f.forking.Lock() // whoever was in the list is among the leaders now
	f.forking.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(children, func(pid int) bool {
		if f.leaders[pid] != nil {
			return true
		}
		s, ok := statOf(pid)
		if ok && s.state == 'Z' && s.parent == self {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			delete(f.unknown, pid)
		}
		return !ok || s.state == 'Z' || s.parent != self
	})
}

// of are the living processes of an attempt beside its process group.
func (f *family) of(a *attempt) []int {
	if a.cgroup != nil {
		return slices.DeleteFunc(a.cgroup.pids(), func(pid int) bool { return pid == a.pid })
	}
	pids := slices.DeleteFunc(f.strays(), func(pid int) bool { return !f.owns(a, pid) })
	for i := 0; i < len(pids); i++ {
		pids = append(pids, Children(pids[i], pids[i])...)
	}
	return append(pids, f.descendants(a.pid)...)
}

// descendants are the children of a leader that lives, and theirs.
func (f *family) descendants(pid int) (pids []int) {
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		more := Children(queue[0], queue[0])
		pids, queue = append(pids, more...), append(queue, more...)
	}
	return pids
}

// owns says whether a stray is an attempt's: by its session, by what is in its
// environment, or because nobody else is left who may have made it.
func (f *family) owns(a *attempt, pid int) bool {
	s, ok := statOf(pid)
	switch {
	case !ok:
		return false
	case s.session == a.pid:
		return true
	case carries(pid, FenceVariable(a.fence), NodeVariable(f.node())):
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leaders[s.session] != nil {
		return false // another's, who runs
	}
	if _, seen := f.unknown[pid]; !seen {
		for _, other := range f.leaders {
			if !carries(pid, FenceVariable(other.fence)) {
				f.unknown[pid] = append(f.unknown[pid], other)
			}
		}
	}
	f.unknown[pid] = slices.DeleteFunc(f.unknown[pid], func(o *attempt) bool { return o != a && f.leaders[o.pid] != o })
	return len(f.unknown[pid]) == 0 || len(f.unknown[pid]) == 1 && f.unknown[pid][0] == a
}

// signal sends a signal to everything of an attempt whose leader was not reaped
// yet.
func (f *family) signal(a *attempt, sig syscall.Signal) {
	_ = unix.Kill(-a.pid, sig)
	if sig == syscall.SIGKILL {
		a.cgroup.kill()
	}
	for _, pid := range f.of(a) {
		if s, ok := statOf(pid); ok && s.group != a.pid {
			_ = unix.Kill(pid, sig)
		}
	}
}

// end ends what an attempt has left behind, and waits for that. False: something
// is stuck in the kernel.
func (f *family) end(a *attempt) bool {
	for deadline := time.Now().Add(reapPatience); ; {
		_ = unix.Kill(-a.pid, unix.SIGKILL) // its number is its own: the leader is a zombie still
		left := slices.DeleteFunc(f.of(a), func(pid int) bool { s, ok := statOf(pid); return !ok || s.state == 'Z' })
		if len(left) == 0 {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		a.cgroup.kill()
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for _, pid := range left {
			AwaitEnd(pid, reapPatience)
		}
	}
}
