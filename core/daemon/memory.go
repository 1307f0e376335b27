package daemon

import (
	"runtime/debug"
	"runtime/metrics"
)

// By itself the collector lets the heap grow to twice of what lives in it before
// it looks. A node with a long queue holds almost nothing else, so from manyBytes
// on it looks when a third as much has come. A node with little in it makes a
// hundred megabytes a second of what is garbage at once when it is busy: it gets
// some room, and looks a quarter as often. An idle one does not fill that room
// before the collector comes by anyway, every two minutes.
const (
	manyBytes   = 48 << 20
	roomOfFew   = 20 << 20
	growthOfFew = 100 // percent, Go's own
	growthMost  = 400
	growthMany  = 30
	// growthStart is until it is known what lives: less would take longer to start,
	// more would take more than a node with a full queue should.
	growthStart = 60
)

// frugalMemory is for a node that starts: the log that it reads may be long.
func frugalMemory() { debug.SetGCPercent(growthStart) }

// memory sets how far the heap may grow.
type memory struct {
	growth int
	live   uint64 // when last looked
	steady int    // how often in a row it was no more than before
}

// steadyFrom is how often it must be so until the heap gets more room. The first two
// looks are at the start.
const steadyFrom = 3

func newMemory() memory { return memory{growth: growthStart} }

// look sets it by what lives in the heap now; it is called every second.
func (m *memory) look() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	if growth := m.allow(live[0].Value.Uint64()); growth != m.growth {
		m.growth = growth
		debug.SetGCPercent(growth)
	}
}

// allow is how far the heap may grow. As long as more and more lives in it, it gets
// no more room: five times the little that lived a moment ago may be too much when a
// log has been read meanwhile.
func (m *memory) allow(live uint64) int {
	m.steady++
	if live == 0 || live > m.live+m.live/4 { // 0: the collector has not come by
		m.steady = 0
	}
	m.live = live
	if m.steady < steadyFrom {
		return min(growthOf(live), m.growth)
	}
	return growthOf(live)
}

func growthOf(live uint64) int {
	if live >= manyBytes {
		return growthMany
	}
	growth := int(min(100*roomOfFew/max(live, 1), growthMost))
	return max(growth/growthOfFew*growthOfFew, growthOfFew) // in steps: to set it stops everything for a moment
}
