package daemon

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// trialsMost and trialsLong bound the benchmark: the best of so many rounds, in
	// less than five milliseconds.
	trialsMost = 8
	trialsLong = 4 * time.Millisecond
	// ordinaryRound is what a round takes on a core of strength 1000: a server's of
	// the early 2020s.
	ordinaryRound = 400 * time.Microsecond
	// slowFrom is how many times longer than its best a round must take to say that
	// the machine is slow at the moment: caches and neighbours make some difference.
	slowFrom = 1.5
)

// strength is how fast a core of this machine is.
type strength struct {
	round time.Duration // the best
}

// knownStrength is what the data directory remembers, or is measured now and
// remembered there.
func knownStrength(dir string) strength {
	path := filepath.Join(dir, "strength")
	var nanos int64
	if text, err := os.ReadFile(path); err == nil {
		if n, _ := fmt.Sscanf(string(text), "%d", &nanos); n == 1 && nanos > 0 && nanos < int64(time.Second) {
			return strength{time.Duration(nanos)}
		}
	}
	s := strength{bestRound(trialsMost)}
	// Without it the next start measures again.
	_ = os.WriteFile(path, fmt.Appendf(nil, "%d nanoseconds a round of the benchmark\n", s.round.Nanoseconds()), 0o600)
	return s
}

// permille is the strength in thousandths of an ordinary core.
func (s strength) permille() uint16 { return ratio(ordinaryRound, s.round) }

// slowdown is how many times slower than at its best the machine is now, in
// thousandths; what others use of it does not count.
func (s strength) slowdown() uint16 {
	now := bestRound(2)
	if s.round == 0 || now < time.Duration(slowFrom*float64(s.round)) {
		return 1000
	}
	return ratio(now, s.round)
}

func ratio(a, b time.Duration) uint16 {
	if b <= 0 {
		return 0
	}
	return uint16(min(math.MaxUint16, max(1, 1000*float64(a)/float64(b))))
}

// bestRound is the processor time of the fastest of some rounds.
func bestRound(most int) (best time.Duration) {
	runtime.LockOSThread() // the clock is the thread's
	defer runtime.UnlockOSThread()
	begin := threadTime()
	for n := range most {
		from := threadTime()
		burn()
		took := threadTime() - from
		if n == 0 || took < best {
			best = took
		}
		if threadTime()-begin > trialsLong {
			break
		}
	}
	return max(1, best)
}

func threadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// burn is a round: arithmetic and reads from a table that fits a first-level cache.
func burn() uint64 {
	var table [1 << 10]uint64
	x := uint64(0x9e3779b97f4a7c15)
	for range 1 << 17 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		table[x&(1<<10-1)] += x
		x += table[(x>>20)&(1<<10-1)]
	}
	return x
}
