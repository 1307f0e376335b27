package daemon

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/wire"
)

// reapPatience is how long an old process group may take to be gone after
// SIGKILL. Longer takes only a process stuck in the kernel; it cannot be
// waited for, and the node must come up.
const reapPatience = 10 * time.Second

// startTicks is when a process started, in the kernel's ticks since boot; with
// its ID and the boot's it names the process for all time. Zero: it is gone.
func startTicks(pid int) uint64 {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0
	}
	stat, err := p.Stat()
	if err != nil {
		return 0
	}
	return stat.Starttime
}

// reap ends what an earlier run of the node left of an attempt, and says what
// it did, for the operator.
func reap(s *wire.Started, id core.NodeID, boot string) string {
	if s.Pid != 0 && s.Boot == boot && startTicks(int(s.Pid)) == s.StartTicks && s.StartTicks != 0 {
		end(int(s.Pid))
		return fmt.Sprintf("ended process group %d, which an earlier run had left", s.Pid)
	}
	if s.Boot != "" && s.Boot != boot {
		return "" // the machine started anew since: nothing of it can be left
	}
	// The leader is gone or was never noted; its children may not be.
	groups := groupsOf(core.Fence(s.Fence), id)
	for _, pgid := range groups {
		end(pgid)
	}
	if len(groups) == 0 {
		return ""
	}
	return fmt.Sprintf("ended process groups %v, which an earlier run had left", groups)
}

// groupsOf finds the process groups whose processes carry a fence of this node
// in their environment, sorted. The node's ID belongs to it: nodes of other
// clusters on this machine count their fences alike.
func groupsOf(f core.Fence, id core.NodeID) []int {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil
	}
	var groups []int
	for _, p := range all {
		env, err := p.Environ()
		if err != nil || !slices.Contains(env, fenceVariable(f)) || !slices.Contains(env, nodeVariable(id)) {
			continue
		}
		if stat, err := p.Stat(); err == nil && stat.PGRP > 1 && stat.PGRP != unix.Getpgrp() {
			groups = append(groups, stat.PGRP)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// end kills a process group and waits until its leader is gone.
func end(pgid int) {
	leader, err := unix.PidfdOpen(pgid, 0)
	_ = unix.Kill(-pgid, unix.SIGKILL)
	if err != nil {
		return // only children were left, and SIGKILL needs no waiting to bind
	}
	defer unix.Close(leader)
	ended := []unix.PollFd{{Fd: int32(leader), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(ended, int(reapPatience/time.Millisecond))
		if err != unix.EINTR {
			return
		}
	}
}

// cpuOf is the processor time that processes and their descendants have used,
// as far as it can be seen; of those that ended only what a parent waited for.
func cpuOf(pids []int) time.Duration {
	const most = 1000 // processes looked at in one sample
	var total uint
	queue := slices.Clone(pids)
	for looked := 0; len(queue) > 0 && looked < most; looked++ {
		pid := queue[0]
		queue = queue[1:]
		p, err := procfs.NewProc(pid)
		if err != nil {
			continue
		}
		stat, err := p.Stat()
		if err != nil {
			continue
		}
		total += stat.UTime + stat.STime + uint(max(stat.CUTime, 0)) + uint(max(stat.CSTime, 0))
		queue = append(queue, childrenOf(pid)...)
	}
	return time.Duration(total) * time.Second / userHz
}
