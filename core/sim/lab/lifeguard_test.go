package lab

import (
	"testing"
	"time"
)

func TestWhoBlocksAgainAndAgainCallsOthersDeadUnderSWIMAndNotUnderHb(t *testing.T) {
	a := Anomaly{Seed: 1, Blocked: 4, Duration: 8 * time.Second, Interval: time.Millisecond}
	variants := Variants()
	swim, hb := a.Run(variants[0]), a.Run(variants[len(variants)-1])
	if swim.False < 20 || swim.FalseByHealthy != 0 || len(swim.First) != 0 {
		t.Errorf("SWIM: %+v", swim)
	}
	if hb.False != 0 {
		t.Errorf("hb: %+v", hb)
	}
}

// Half a period at a time is too short for many a gate, and long enough to fall ever
// further behind one's mail.
func TestWhoBlocksForHalfAPeriodAllTheTimeCallsNobodyDead(t *testing.T) {
	a := Anomaly{Seed: 1<<32 + 152, Blocked: 12, Duration: 512 * time.Millisecond, Interval: time.Millisecond}
	if hb := a.Run(Variants()[5]); hb.False != 0 {
		t.Errorf("hb: %+v", hb)
	}
}

func TestOneLongBlockIsFoundEverywhere(t *testing.T) {
	toll := Anomaly{Seed: 1, Blocked: 2, Duration: 20 * time.Second}.Run(Variants()[0])
	if len(toll.First) != 2 || len(toll.Full) != 2 || toll.False != 0 {
		t.Fatalf("%+v", toll)
	}
	for i := range toll.First { // 5·log10(128) s of suspicion, after at least a period
		if toll.First[i] < 10.9 || toll.Full[i] < toll.First[i] || toll.Full[i] > 18 {
			t.Errorf("first after %g s, everywhere after %g", toll.First[i], toll.Full[i])
		}
	}
}

func TestTheSampleHasEachDurationWithEachIntervalOnce(t *testing.T) {
	type cell struct{ d, i time.Duration }
	cells, blocked := map[cell]int{}, map[int]int{}
	sample := IntervalSample(7)
	for _, a := range sample {
		cells[cell{a.Duration, a.Interval}]++
		blocked[a.Blocked]++
	}
	if len(sample) != 48 || len(cells) != 48 || len(blocked) != 9 {
		t.Errorf("%d runs of %d cells with %d numbers of blocked members", len(sample), len(cells), len(blocked))
	}
	for c, n := range blocked {
		if n < 5 || n > 6 {
			t.Errorf("%d are blocked %d times", c, n)
		}
	}
	if n := len(Intervals(1, 10)); n != 4320 {
		t.Errorf("%d runs in all", n)
	}
	if n := len(Thresholds(1, 10)); n != 540 {
		t.Errorf("%d runs in all", n)
	}
}
