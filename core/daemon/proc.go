package daemon

import (
	"slices"
	"time"

	"github.com/prometheus/procfs"

	"hb/core/runnerd"
)

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
		queue = append(queue, runnerd.Children(pid, pid)...)
	}
	return time.Duration(total) * time.Second / userHz
}
