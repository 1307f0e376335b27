package daemon

import (
	"runtime/debug"
	"runtime/metrics"
)

// By itself the collector lets the heap grow to twice of what lives in it before
// it looks. A node with a long queue holds almost nothing else, so from manyBytes
// on it looks when a third as much has come.
const (
	manyBytes   = 48 << 20
	growthOfFew = 100 // percent, Go's own
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
	if live < manyBytes {
		return growthOfFew
	}
	return growthMany
}
