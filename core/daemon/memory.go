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
)

// memory sets how far the heap may grow.
type memory struct{ growth int }

// look sets it by what lives in the heap now; it is called every second.
func (m *memory) look() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	if growth := growthOf(live[0].Value.Uint64()); growth != m.growth {
		m.growth = growth
		debug.SetGCPercent(growth)
	}
}

// frugalMemory holds until the first look: the log that a node reads when it
// starts may be long.
func frugalMemory() { debug.SetGCPercent(growthMany) }

func growthOf(live uint64) int {
	if live >= manyBytes {
		return growthMany
	}
	growth := int(min(100*roomOfFew/max(live, 1), growthMost))
	return max(growth/growthOfFew*growthOfFew, growthOfFew) // in steps: to set it stops everything for a moment
}
