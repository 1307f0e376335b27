package daemon

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/procfs"

	"hb/core"
	"hb/core/node"
)

const (
	// samplePeriod is the detector's default period: a fresher figure would
	// have nothing to ride on.
	samplePeriod = time.Second
	// clockEvery is after how many samples the wall clock is told anew: it may
	// have been set.
	clockEvery = 5
)

// userHz is how many ticks /proc counts in a second, the same on every Linux.
const userHz = 100

// own is what hb's tasks use, kept by the loop for the sampler.
type own struct {
	pids  atomic.Pointer[[]int] // leaders of the attempts that run
	ended atomic.Int64          // processor nanoseconds of those that ended
}

// sampler measures the machine's load: what is used by anything but hb's tasks.
type sampler struct {
	proc procfs.FS
	own  *own
	// The last sample, in seconds of processor time of all processors.
	busy, total float64
	tasks       time.Duration
}

func newSampler(own *own) (*sampler, error) {
	proc, err := procfs.NewDefaultFS()
	return &sampler{proc: proc, own: own}, err
}

// run samples until quit is closed. A sample that fails is left out: the load
// is then unknown to the others.
func (s *sampler) run(quit <-chan struct{}, tell func(node.Event) bool, offset func() time.Duration) {
	ticker := time.NewTicker(samplePeriod)
	defer ticker.Stop()
	for n := 1; ; n++ {
		if load, err := s.sample(); err == nil {
			tell(node.Measured{Load: load})
		}
		select {
		case <-ticker.C:
		case <-quit:
			return
		}
		if n%clockEvery == 0 {
			tell(node.Clock{Offset: offset()})
		}
	}
}

// sample measures since the last sample; the first one since boot.
func (s *sampler) sample() (core.Load, error) {
	busy, total, err := processors()
	if err != nil {
		return core.Load{}, err
	}
	memory, err := s.proc.Meminfo()
	if err != nil {
		return core.Load{}, err
	}
	tasks := time.Duration(s.own.ended.Load())
	if pids := s.own.pids.Load(); pids != nil {
		tasks += cpuOf(*pids)
	}
	others := share(busy-s.busy-max(0, (tasks-s.tasks).Seconds()), total-s.total)
	all := share(busy-s.busy, total-s.total)
	s.busy, s.total, s.tasks = busy, total, tasks

	var load core.Load
	load.BusyPermille = others
	if memory.MemAvailableBytes != nil {
		load.FreeMemoryMiB = uint32(*memory.MemAvailableBytes >> 20)
	}
	load.Stress = all
	if memory.MemTotalBytes != nil && memory.MemAvailableBytes != nil {
		load.Stress = max(all, memoryStress(*memory.MemAvailableBytes, *memory.MemTotalBytes))
	}
	return load, nil
}

// memoryStress is 0 as long as a quarter of the memory is available, and grows
// to 1000 when nothing is: until then the kernel only uses memory well.
func memoryStress(available, total uint64) uint16 {
	quarter := total / 4
	if quarter == 0 || available >= quarter {
		return 0
	}
	return uint16(1000 - available*1000/quarter)
}

// share gives part/whole in permille, within bounds: the kernel's figures of
// different files are not of the same moment.
func share(part, whole float64) uint16 {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return uint16(min(1000, part/whole*1000))
}

// processors reads the first line of /proc/stat: seconds of processor time
// since boot, busy and in all. procfs would parse the interrupts of every
// processor with it, which takes most of an idle node's time.
func processors() (busy, total float64, err error) {
	file, err := os.Open("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	line := make([]byte, 256)
	n, err := file.Read(line)
	if err != nil {
		return 0, 0, err
	}
	return parseProcessors(string(line[:n]))
}

// parseProcessors reads "cpu user nice system idle iowait irq softirq steal …"
// in ticks; guest time is part of user time.
func parseProcessors(text string) (busy, total float64, err error) {
	first, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(first)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0, fmt.Errorf("/proc/stat begins with %q", first)
	}
	var all, resting uint64
	for i, field := range fields[1:9] {
		ticks, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat begins with %q: %w", first, err)
		}
		const idle, iowait = 3, 4
		all += ticks
		if i == idle || i == iowait {
			resting += ticks
		}
	}
	return float64(all-resting) / userHz, float64(all) / userHz, nil
}

// childrenOf reads the direct children of a process's first thread; none where
// the kernel was built without that file.
func childrenOf(pid int) []int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var pids []int
	for _, word := range strings.Fields(string(b)) {
		if child, err := strconv.Atoi(word); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}
