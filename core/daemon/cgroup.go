package daemon

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// cgroup is what the control groups around this process let it have: those of
// version 2, of version 1, or both, and of each the groups above it, too.
type cgroup struct {
	cpu, memory []string // directories of the groups, by what they limit
}

// ownCgroup finds the groups of this process. Where nothing is said there are none.
func ownCgroup() cgroup {
	self, err := procfs.Self()
	if err != nil {
		return cgroup{}
	}
	all, err := self.Cgroups()
	if err != nil {
		return cgroup{}
	}
	return findCgroup("/sys/fs/cgroup", all)
}

func findCgroup(root string, all []procfs.Cgroup) (g cgroup) {
	for _, c := range all {
		if len(c.Controllers) == 0 || len(c.Controllers) == 1 && c.Controllers[0] == "" { // version 2
			g.cpu = append(g.cpu, above(root, "", c.Path)...)
			g.memory = append(g.memory, above(root, "", c.Path)...)
		}
		for _, controller := range c.Controllers {
			switch controller {
			case "cpu":
				g.cpu = append(g.cpu, above(root, strings.Join(c.Controllers, ","), c.Path)...)
			case "memory":
				g.memory = append(g.memory, above(root, "memory", c.Path)...)
			}
		}
	}
	return g
}

// above lists a group and those that it is in. Inside a container its path may not
// be visible; then the root of what is shown is its own.
func above(root, controller, path string) (dirs []string) {
	for path = filepath.Clean("/" + path); ; path = filepath.Dir(path) {
		dirs = append(dirs, filepath.Join(root, controller, path))
		if path == "/" {
			return dirs
		}
	}
}

// processors is how many the groups grant; infinite without a limit.
func (g cgroup) processors() float64 {
	least := math.Inf(1)
	for _, dir := range g.cpu {
		var quota, period float64
		if words := strings.Fields(readText(dir, "cpu.max")); len(words) == 2 {
			quota, period = number(words[0]), number(words[1])
		} else {
			quota, period = number(readText(dir, "cpu.cfs_quota_us")), number(readText(dir, "cpu.cfs_period_us"))
		}
		if quota > 0 && period > 0 {
			least = min(least, quota/period)
		}
	}
	return least
}

// limited leaves out the groups that do not limit memory: the others are read every
// second.
func (g cgroup) limited() cgroup {
	var those []string
	for _, dir := range g.memory {
		if _, _, limits := (cgroup{memory: []string{dir}}).memoryLeft(); limits {
			those = append(those, dir)
		}
	}
	return cgroup{cpu: g.cpu, memory: those}
}

// memoryLeft is how many bytes of the tightest group are free, and its limit;
// false without a limit. What only caches files is free.
func (g cgroup) memoryLeft() (left, limit uint64, limited bool) {
	for _, dir := range g.memory {
		most, used, cached := number(readText(dir, "memory.max")), number(readText(dir, "memory.current")), "inactive_file "
		if most <= 0 {
			most, used, cached = number(readText(dir, "memory.limit_in_bytes")), number(readText(dir, "memory.usage_in_bytes")), "total_inactive_file "
		}
		if most <= 0 || most > 1<<60 { // version 1 says "none" by a huge number
			continue
		}
		if _, rest, found := strings.Cut("\n"+readText(dir, "memory.stat"), "\n"+cached); found {
			word, _, _ := strings.Cut(rest, "\n")
			used -= max(0, number(word))
		}
		free := uint64(min(most, max(0, most-max(0, used))))
		if !limited || free < left {
			left, limit, limited = free, uint64(most), true
		}
	}
	return left, limit, limited
}

// slotsFor is how many tasks run at once on so many cores, of which the groups
// grant a part.
func slotsFor(cores int, granted float64) int {
	return max(1, int(math.Ceil(min(float64(cores), granted))))
}

func readText(dir, file string) string {
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// number reads a count; -1 for anything else, as for "max".
func number(word string) float64 {
	n, err := strconv.ParseFloat(word, 64)
	if err != nil || math.IsNaN(n) {
		return -1
	}
	return n
}
