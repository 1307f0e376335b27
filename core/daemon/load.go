package daemon

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/node"
)

const (
	// samplePeriod is the detector's default period: a fresher figure would
	// have nothing to ride on. A sample is taken when the loop is awake anyway:
	// most of what an idle node costs is waking up.
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
	stat, memory procFile
	pressure     pressure
	cgroup       cgroup
	strength     strength
	dev          bool // all machines count alike
	own          *own
	// The last sample, in seconds of processor time of all processors.
	busy, total float64
	tasks       time.Duration
}

func newSampler(own *own) (*sampler, error) {
	stat, err := openProc("/proc/stat")
	if err != nil {
		return nil, err
	}
	memory, err := openProc("/proc/meminfo")
	if err != nil {
		stat.close()
		return nil, err
	}
	return &sampler{stat: stat, memory: memory, pressure: openPressure(), cgroup: ownCgroup().limited(), own: own, dev: true}, nil
}

func (s *sampler) close() {
	s.stat.close()
	s.memory.close()
	s.pressure.close()
}

// run samples whenever it is due, until quit is closed. A sample that fails is
// left out: the load is then unknown to the others. A node that may rest does
// so here.
func (s *sampler) run(quit <-chan struct{}, p *pace, r *rest, tell func(node.Event) bool, offset func() time.Duration) {
	m := newMemory()
	for n := 1; ; n++ {
		m.look()
		if load, err := s.sample(); err == nil {
			tell(node.Measured{Load: load})
		}
		if n%clockEvery == 0 {
			tell(node.Clock{Offset: offset()})
		}
		if r != nil {
			r.look(now(), p.steps.Load())
		}
		select {
		case <-p.due:
		case <-quit:
			return
		}
	}
}

// sample measures since the last sample; the first one since boot.
func (s *sampler) sample() (core.Load, error) {
	text, err := s.stat.head()
	if err != nil {
		return core.Load{}, err
	}
	busy, total, err := parseProcessors(text)
	if err != nil {
		return core.Load{}, err
	}
	if text, err = s.memory.head(); err != nil {
		return core.Load{}, err
	}
	memory, available := memoryOf(text, "MemTotal:"), memoryOf(text, "MemAvailable:")
	tasks := time.Duration(s.own.ended.Load())
	if pids := s.own.pids.Load(); pids != nil {
		tasks += cpuOf(*pids)
	}
	others := share(busy-s.busy-max(0, (tasks-s.tasks).Seconds()), total-s.total)
	all := share(busy-s.busy, total-s.total)
	s.busy, s.total, s.tasks = busy, total, tasks

	if left, limit, limited := s.cgroup.memoryLeft(); limited && left < available {
		memory, available = limit, max(1, left)
	}
	load := core.Load{BusyPermille: others, FreeMemoryMiB: uint32(available >> 20), Stress: max(all, s.pressure.worst())}
	if memory > 0 && available > 0 {
		load.Stress = max(load.Stress, memoryStress(available, memory))
	}
	if s.dev {
		load.Strength, load.Slowdown = 1000, 1000
		return load, nil
	}
	load.Strength, load.Slowdown = s.strength.permille(), 1000
	if pids := s.own.pids.Load(); pids != nil && len(*pids) > 0 { // an idle machine may sleep
		load.Slowdown = s.strength.slowdown()
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

// procFile is a file of /proc that is read again and again. It stays open, and
// is not shown to Go's poller: opening it anew costs six times as much. procfs
// would parse all of it, the interrupts of every processor among the rest, which
// takes most of an idle node's time.
type procFile struct{ fd int }

func openProc(path string) (procFile, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return procFile{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return procFile{fd}, nil
}

// head reads what the file begins with, as it is now: more than the lines that
// are looked for.
func (f procFile) head() (string, error) {
	var text [256]byte
	n, err := unix.Pread(f.fd, text[:], 0)
	if err != nil {
		return "", err
	}
	return string(text[:n]), nil
}

func (f procFile) close() { unix.Close(f.fd) }

// memoryOf finds a line of /proc/meminfo, in bytes; 0 where it is missing.
func memoryOf(text, label string) uint64 {
	_, rest, found := strings.Cut(text, label)
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseUint(fields[0], 10, 54)
	if err != nil {
		return 0
	}
	return kib << 10
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
