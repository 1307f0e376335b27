package daemon

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

func TestTheStrengthIsMeasuredOnceAndRemembered(t *testing.T) {
	dir := t.TempDir()
	s := knownStrength(dir)
	if s.round <= 0 || s.permille() == 0 {
		t.Fatalf("a round takes %v, strength %d", s.round, s.permille())
	}
	if again := knownStrength(dir); again != s {
		t.Fatalf("it was %v and is %v", s, again)
	}
	if err := os.WriteFile(filepath.Join(dir, "strength"), []byte("-7 lies"), 0o600); err != nil {
		t.Fatal(err)
	}
	if mended := knownStrength(dir); mended.round <= 0 {
		t.Fatalf("nonsense in the file is taken for %v", mended)
	}
}

func TestAStrengthIsBesideAnOrdinaryCore(t *testing.T) {
	for round, want := range map[time.Duration]uint16{ordinaryRound: 1000, ordinaryRound / 2: 2000, 10 * ordinaryRound: 100, 1: math.MaxUint16, 0: 0} {
		if got := (strength{round}).permille(); got != want {
			t.Errorf("%v a round is %d, not %d", round, got, want)
		}
	}
	// At its best a round took a nanosecond, so the machine has become slow.
	if got := (strength{1}).slowdown(); got < 1000*slowFrom {
		t.Errorf("a slow machine says %d", got)
	}
	if got := (strength{time.Hour}).slowdown(); got != 1000 {
		t.Errorf("a fast machine says %d", got)
	}
}

func TestPressureIsReadInPermille(t *testing.T) {
	for text, want := range map[string]uint16{
		"some avg10=12.34 avg60=0.00 avg300=0.00 total=7\nfull avg10=1.00": 123,
		"some avg10=0.00 avg60=9.00":                                       0, "some avg10=250.00 ": 1000, "": 0, "some avg10=x ": 0, "full avg10=5.00": 0,
	} {
		if got := parsePressure(text); got != want {
			t.Errorf("%q is %d, not %d", text, got, want)
		}
	}
}

// groups makes files of control groups; a name may have directories.
func groups(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLimitsOfControlGroupsAreHonoured(t *testing.T) {
	two := []procfs.Cgroup{{Path: "/a/b"}}
	one := []procfs.Cgroup{{Controllers: []string{"cpu", "cpuacct"}, Path: "/a"}, {Controllers: []string{"memory"}, Path: "/a"}}
	for what, c := range map[string]struct {
		files      map[string]string
		of         []procfs.Cgroup
		processors float64
		left       uint64
		limited    bool
	}{
		"none": {nil, two, math.Inf(1), 0, false},
		"version 2, the tightest above": {map[string]string{
			"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000", "a/b/memory.max": "1000", "a/b/memory.current": "700",
			"a/b/memory.stat": "anon 1\ninactive_file 200", "a/memory.max": "max",
		}, two, 1.5, 500, true},
		"version 1": {map[string]string{
			"cpu,cpuacct/a/cpu.cfs_quota_us": "50000", "cpu,cpuacct/a/cpu.cfs_period_us": "100000",
			"memory/a/memory.limit_in_bytes": "4096", "memory/a/memory.usage_in_bytes": "96",
			"memory/memory.limit_in_bytes": "9223372036854771712",
		}, one, 0.5, 4000, true},
		"version 1 without": {map[string]string{"cpu,cpuacct/a/cpu.cfs_quota_us": "-1", "cpu,cpuacct/a/cpu.cfs_period_us": "100000"}, one, math.Inf(1), 0, false},
		"full":              {map[string]string{"a/b/memory.max": "100", "a/b/memory.current": "200"}, two, math.Inf(1), 0, true},
		"nonsense":          {map[string]string{"a/b/memory.max": "much", "a/b/cpu.max": "x y"}, two, math.Inf(1), 0, false},
	} {
		g := findCgroup(groups(t, c.files), c.of)
		left, _, limited := g.limited().memoryLeft()
		if g.processors() != c.processors || left != c.left || limited != c.limited {
			t.Errorf("%s: %v processors, %d bytes left, %t", what, g.processors(), left, limited)
		}
	}
	if g := ownCgroup(); g.processors() <= 0 {
		t.Errorf("this machine's own grant %v processors", g.processors())
	}
}

func TestSlotsAreTheProcessorsThatMayBeUsed(t *testing.T) {
	for _, c := range []struct {
		cores   int
		granted float64
		want    int
	}{{8, math.Inf(1), 8}, {8, 2.5, 3}, {8, 0.2, 1}, {2, 4, 2}} {
		if got := slotsFor(c.cores, c.granted); got != c.want {
			t.Errorf("%d cores, %v granted: %d slots, not %d", c.cores, c.granted, got, c.want)
		}
	}
}
