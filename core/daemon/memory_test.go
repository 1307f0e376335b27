package daemon

import (
	"runtime/debug"
	"testing"
)

func TestASmallHeapHasRoomAndALargeOneGrowsByAThird(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 4 << 20: 400, 5 << 20: 400, 6 << 20: 300, 10 << 20: 200, 11 << 20: 100, 40 << 20: 100, 50 << 20: 30, 1 << 40: 30} {
		if got := growthOf(live); got != want {
			t.Errorf("with %d living it grows by %d %%, not %d", live, got, want)
		}
	}
	before := debug.SetGCPercent(77)
	defer debug.SetGCPercent(before)
	var m memory
	m.look()
	if got := debug.SetGCPercent(before); got != m.growth || got < growthMany || got > growthMost {
		t.Errorf("it has set %d, and says %d", got, m.growth)
	}
}
