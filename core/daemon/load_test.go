package daemon

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"hb/core/runnerd"
)

func TestTheProcessorsFiguresAreReadAndNonsenseIsNot(t *testing.T) {
	busy, total, err := parseProcessors("cpu  100 20 30 800 50 1 2 3 7 7\ncpu0 1 2 3")
	if err != nil || busy != 1.56 || total != 10.06 {
		t.Fatalf("%v of %v, %v", busy, total, err)
	}
	for _, bad := range []string{"", "cpu", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8 9", "cpu a b c d e f g h", "cpu -1 2 3 4 5 6 7 8"} {
		if _, _, err := parseProcessors(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestASharesBounds(t *testing.T) {
	for _, c := range []struct {
		part, whole float64
		want        uint16
	}{{1, 4, 250}, {4, 4, 1000}, {5, 4, 1000}, {-1, 4, 0}, {1, 0, 0}, {0, 0, 0}} {
		if got := share(c.part, c.whole); got != c.want {
			t.Errorf("%v of %v is %d, want %d", c.part, c.whole, got, c.want)
		}
	}
	for _, c := range []struct {
		available, total uint64
		want             uint16
	}{{1000, 1000, 0}, {250, 1000, 0}, {125, 1000, 500}, {0, 1000, 1000}, {0, 0, 0}} {
		if got := memoryStress(c.available, c.total); got != c.want {
			t.Errorf("%d of %d is %d, want %d", c.available, c.total, got, c.want)
		}
	}
}

func TestMemoryIsReadInBytesAndNonsenseIsNone(t *testing.T) {
	text := "MemTotal:       24684092 kB\nMemFree:  1 kB\nMemAvailable:       2048 kB\nBuffers: 7 kB\nCac"
	for label, want := range map[string]uint64{"MemTotal:": 24684092 << 10, "MemAvailable:": 2 << 20, "Cached:": 0, "Cac": 0} {
		if got := memoryOf(text, label); got != want {
			t.Errorf("%s %d, want %d", label, got, want)
		}
	}
	if got := memoryOf("MemTotal: -1 kB", "MemTotal:"); got != 0 {
		t.Errorf("a negative size is %d", got)
	}
}

// newTestSampler is a sampler of this machine.
func newTestSampler(t *testing.T) *sampler {
	t.Helper()
	s, err := newSampler(&own{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func TestASampleOfThisMachine(t *testing.T) {
	s := newTestSampler(t)
	load, err := s.sample()
	if err != nil || load.FreeMemoryMiB == 0 || load.BusyPermille > 1000 || load.Stress > 1000 || s.total == 0 {
		t.Fatalf("%+v, %v", load, err)
	}
}

// What hb's own tasks use is taken off: here all that was used at all.
func TestOwnTasksDoNotCountAsLoad(t *testing.T) {
	s := newTestSampler(t)
	if _, err := s.sample(); err != nil {
		t.Fatal(err)
	}
	s.own.ended.Add(int64(1000 * time.Hour))
	if load, err := s.sample(); err != nil || load.BusyPermille != 0 {
		t.Fatalf("%+v, %v", load, err)
	}
}

func TestTheTimeOfAProcessAndItsChildrenIsSeen(t *testing.T) {
	// A shell whose child burns; both wait for their end afterwards.
	c := exec.Command("sh", "-c", "(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; read x) & wait")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer in.Close()
	defer c.Process.Kill()
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if spent := cpuOf([]int{c.Process.Pid}); spent <= 0 {
		if _, err := os.Stat("/proc/self/task"); err == nil && len(runnerd.Children(os.Getpid(), os.Getpid())) == 0 {
			t.Skip("SKIPPED: this kernel does not list children, so their time is NOT seen")
		}
		t.Fatalf("%v were spent", spent)
	}
	if spent := cpuOf([]int{1 << 30}); spent != 0 {
		t.Fatalf("a process that is not there spent %v", spent)
	}
}
