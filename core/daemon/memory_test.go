package daemon

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestAHeapThatFillsGetsNoMoreRoom(t *testing.T) {
	m := newMemory()
	for i, step := range []struct {
		live uint64
		want int
	}{
		{0, 60}, {1 << 20, 60}, {10 << 20, 60}, {10 << 20, 60}, {11 << 20, 60}, {10 << 20, 200}, {10 << 20, 200}, {12 << 20, 100},
		{20 << 20, 100}, {60 << 20, 30}, {60 << 20, 30}, {20 << 20, 30}, {20 << 20, 100},
	} {
		if m.growth = m.allow(step.live); m.growth != step.want {
			t.Errorf("step %d: with %d living it grows by %d %%, not %d", i, step.live, m.growth, step.want)
		}
	}
}

func TestASmallHeapHasRoomAndALargeOneGrowsByAThird(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 4 << 20: 400, 5 << 20: 400, 6 << 20: 300, 10 << 20: 200, 11 << 20: 100, 40 << 20: 100, 50 << 20: 30, 1 << 40: 30} {
		if got := growthOf(live); got != want {
			t.Errorf("with %d living it grows by %d %%, not %d", live, got, want)
		}
	}
	before := debug.SetGCPercent(77)
	defer debug.SetGCPercent(before)
	m := newMemory()
	runtime.GC()
	for range 1 + steadyFrom {
		m.look()
	}
	if got := debug.SetGCPercent(before); got != m.growth || got < growthMany || got > growthMost {
		t.Errorf("it has set %d, and says %d", got, m.growth)
	}
}
