package core

import "time"

// Instant is a point on the clock that counts suspend (CLOCK_BOOTTIME), in
// nanoseconds; in the simulator, on the virtual clock. Machines get it as an
// argument and never read a clock. Instants of different hosts do not compare.
type Instant int64

// Never is later than every other Instant: no deadline.
const Never = Instant(1<<63 - 1)

// Add moves the instant by d; Never stays Never.
func (t Instant) Add(d time.Duration) Instant {
	if t == Never {
		return Never
	}
	return t + Instant(d)
}

// Sub is the time from u to t.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Earlier gives the earlier of two instants.
func Earlier(a, b Instant) Instant {
	if a < b {
		return a
	}
	return b
}
