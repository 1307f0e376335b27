package lab

import (
	"runtime"
	"sync"
)

// SideBySide does so many parts of one work, as many at a time as there are
// cores, and returns when all are done. Each part must be independent of the
// others, have a seed of its own, and depend on nothing but its number. Progress,
// if not nil, hears now and then how much of the whole is done; it is not called
// by two at a time.
func SideBySide(parts int, progress func(share float64), do func(part int, progress func(float64))) {
	var workers sync.WaitGroup
	var all sync.Mutex
	next, done := 0, make([]float64, parts)
	sum := 0.
	tell := func(part int, share float64) {
		all.Lock()
		defer all.Unlock()
		sum += share - done[part]
		done[part] = share
		if progress != nil {
			progress(min(1, sum/float64(parts)))
		}
	}
	for range min(parts, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for {
				all.Lock()
				part := next
				next++
				all.Unlock()
				if part >= parts {
					return
				}
				do(part, func(share float64) { tell(part, share) })
				tell(part, 1)
			}
		})
	}
	workers.Wait()
}

// inParts divides so many trials into parts of equal size, but the last, does
// them side by side, and gives what each found, in order.
func inParts[T any](trials, size int, progress func(float64), do func(part, trials int, progress func(float64)) T) []T {
	found := make([]T, max(1, (trials+size-1)/size))
	SideBySide(len(found), progress, func(i int, progress func(float64)) {
		found[i] = do(i, min(size, trials-i*size), progress)
	})
	return found
}
