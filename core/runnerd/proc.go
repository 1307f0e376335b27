package runnerd

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/wire"
)

// reapPatience is how long old processes may take to be gone after SIGKILL.
// Longer takes only a process stuck in the kernel; it cannot be waited for, and
// the node must come up.
const reapPatience = 10 * time.Second

// FenceVariable and NodeVariable stand in the environment of every process of an
// attempt, which is how one that was lost is found again.
func FenceVariable(f core.Fence) string { return "HB_FENCE=" + f.String() }

// NodeVariable is for a node what FenceVariable is for an attempt.
func NodeVariable(id core.NodeID) string { return "HB_NODE_ID=" + id.String() }

// stat is what /proc/PID/stat says of a process, as far as it matters here.
type stat struct {
	state          byte
	parent         int
	group, session int
	start          uint64 // in the kernel's ticks since boot
}

// readShort reads the beginning of a file of the kernel's, with no more calls
// than that takes.
func readShort(path string, room []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, room)
	if err != nil {
		return nil, err
	}
	return room[:n], nil
}

// statOf reads it; false when there is no such process.
func statOf(pid int) (s stat, ok bool) {
	var room [1024]byte
	b, err := readShort("/proc/"+strconv.Itoa(pid)+"/stat", room[:])
	if err != nil {
		return s, false
	}
	// The name, in parentheses, may hold anything but the last one of them.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 {
		return s, false
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(f[i])
		return n
	}
	s = stat{state: f[0][0], parent: number(1), group: number(2), session: number(3)}
	s.start, err = strconv.ParseUint(f[19], 10, 64)
	return s, err == nil
}

// startTicks is when a process started; with its ID and the boot's it names the
// process for all time. Zero: it is gone.
func startTicks(pid int) uint64 {
	s, _ := statOf(pid)
	return s.start
}

// Children are the direct children that one thread of a process has made or
// taken over, none where the kernel was built without that file. The first
// thread of a process has the process's number.
func Children(pid, thread int) []int {
	path := fmt.Sprintf("/proc/%d/task/%d/children", pid, thread)
	return numbers(path, func(room []byte) (int, error) {
		b, err := readShort(path, room)
		return len(b), err
	})
}

// numbers are the process IDs in a list of the kernel's. Most are so short that one
// read, with what room a new goroutine's stack has, is enough.
func numbers(path string, read func(room []byte) (int, error)) (pids []int) {
	var room [512]byte
	n, err := read(room[:])
	list := room[:max(n, 0)]
	if n == len(room) {
		list, err = os.ReadFile(path)
	}
	if err != nil {
		return nil
	}
	for word := range bytes.FieldsSeq(list) {
		if pid, err := strconv.Atoi(string(word)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// carries says whether a process has all of these in its environment.
func carries(pid int, variables ...string) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil || len(b) == 0 {
		return false
	}
	env := strings.Split(string(b), "\x00")
	for _, v := range variables {
		if !slices.Contains(env, v) {
			return false
		}
	}
	return true
}

// reap ends what an earlier runner process left of an attempt, and says what it
// did, for the operator. The node's ID belongs to what is looked for: nodes of
// other clusters on this machine count their fences alike.
func reap(s *wire.Started, id core.NodeID, boot string) string {
	if s.Boot != "" && s.Boot != boot {
		return "" // the machine started anew since: nothing of it can be left
	}
	var ended []int
	if s.Pid != 0 && s.StartTicks != 0 && startTicks(int(s.Pid)) == s.StartTicks {
		_ = unix.Kill(-int(s.Pid), unix.SIGKILL)
		AwaitEnd(int(s.Pid), reapPatience)
		ended = append(ended, int(s.Pid))
	}
	// Its children may live on, and the leader may never have been noted.
	for range 10 { // they may fork meanwhile
		left := carriers(FenceVariable(core.Fence(s.Fence)), NodeVariable(id))
		if len(left) == 0 {
			break
		}
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for _, pid := range left {
			AwaitEnd(pid, reapPatience)
		}
		ended = append(ended, left...)
	}
	if len(ended) == 0 {
		return ""
	}
	return fmt.Sprintf("ended processes %v, which an earlier run had left", ended)
}

// carriers are the processes that carry variables in their environment.
func carriers(variables ...string) (pids []int) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || pid == os.Getpid() || !carries(pid, variables...) {
			continue
		}
		pids = append(pids, pid)
	}
	return pids
}

// AwaitEnd waits, so long at most, until a process has ended; it may be a zombie
// then.
func AwaitEnd(pid int, most time.Duration) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	ended := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(ended, int(most/time.Millisecond))
		if err != unix.EINTR {
			return n == 1
		}
	}
}
