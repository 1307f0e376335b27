package balance

import (
	"slices"
	"time"
)

// bound is what no policy can beat: all the work over all the speed, or the k
// largest tasks on the k fastest cores, for the worst k; and all of that for what
// arrives from any moment on. Speed that others take is not there; for the largest
// tasks the cores are taken at their best.
func (w *workload) bound() (best time.Duration) {
	var cores []float64
	for i := range w.members {
		for range w.members[i].slots {
			cores = append(cores, w.members[i].speed)
		}
	}
	slices.SortFunc(cores, descending)
	var sizes []float64 // of what arrives from t on, largest first
	sum := 0.0
	for i := len(w.tasks) - 1; i >= 0; i-- {
		t := w.tasks[i]
		at, _ := slices.BinarySearchFunc(sizes, t.size, descending)
		sizes = slices.Insert(sizes, at, t.size)
		sum += t.size
		if i > 0 && w.tasks[i-1].arrives == t.arrives {
			continue
		}
		best = max(best, w.served(t.arrives, sum), t.arrives+largest(sizes, cores))
	}
	return best
}

func descending(a, b float64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

// largest is the longest that the k largest need on the k fastest cores.
func largest(sizes, cores []float64) (worst time.Duration) {
	work, speed := 0.0, 0.0
	for k := range min(len(sizes), len(cores)) {
		work += sizes[k]
		speed += cores[k]
		worst = max(worst, time.Duration(work/speed*float64(time.Second)))
	}
	return worst
}

// served is when all machines together have done so much work from a moment on.
func (w *workload) served(from time.Duration, work float64) time.Duration {
	all := func(to time.Duration) (sum float64) {
		for i := range w.members {
			sum += w.members[i].capacity(from, to)
		}
		return sum
	}
	low, high := from, from+time.Second
	for all(high) < work {
		low, high = high, from+2*(high-from)
	}
	for high-low > time.Millisecond/10 {
		if mid := (low + high) / 2; all(mid) < work {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// imbalance is how much more a member was given of what it could do than all
// were, at most.
func (w *workload) imbalance(runs []run, end time.Duration) (most float64) {
	given := make([]float64, len(w.members))
	sum, can := 0.0, 0.0
	for _, r := range runs {
		given[r.member] += w.tasks[r.task].size
		sum += w.tasks[r.task].size
	}
	each := make([]float64, len(w.members))
	for i := range w.members {
		each[i] = w.members[i].capacity(0, end)
		can += each[i]
	}
	for i := range w.members {
		most = max(most, given[i]/each[i]/(sum/can))
	}
	return most
}

// sparedAfter is how many reports of the straggler, since it turned slow, had
// come before it was sent its last task.
func (w *workload) sparedAfter(runs []run, stale time.Duration) (reports int) {
	m := &w.members[w.straggler]
	count := func(t time.Duration) int { return int((t - m.phase) / stale) }
	for _, r := range runs {
		if r.member == w.straggler && r.sent > w.turned {
			reports = max(reports, count(r.sent)-count(w.turned)+1)
		}
	}
	return reports
}

// inFlight is the end of what the straggler was running when it turned slow: hb
// moves no task that runs.
func (w *workload) inFlight(runs []run) (last time.Duration) {
	for _, r := range runs {
		if r.member == w.straggler && r.start <= w.turned {
			last = max(last, r.end)
		}
	}
	return last
}
