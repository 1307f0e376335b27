package dispatch

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestOneOfEachNameIsTriedBeforeASecondOfAny(t *testing.T) {
	d := newDesk(t, 3)
	d.now = d.now.Add(time.Second)
	d.apply(submit(1, named("a")), submit(2, named("a")), submit(3, named("a")), submit(4, named("b")), submit(5, named("c")))
	d.settle()
	for n, want := range map[int]uint64{1: 1, 2: 0, 3: 0, 4: 1, 5: 1} {
		if d.on(n) != want {
			t.Errorf("task %d is on %d", n, d.on(n))
		}
	}
	d.apply(finish(4, d.fence(4), took(time.Second)))
	if d.settle(); d.on(2) != 1 {
		t.Error("then the next of the first name does not begin")
	}
}

func TestRunsThatGoOnCountAsLongerThanTheyHaveTaken(t *testing.T) {
	for what, c := range map[string]struct {
		ended, ages  []float64
		each, stands float64
		median, far  float64
	}{
		"all have ended":         {[]float64{1, 2, 3}, nil, 1, 1, 2, 3},
		"one of four":            {[]float64{1}, []float64{5, 5, 5}, 1, 1, 6.25, 6.25},
		"half, and then younger": {[]float64{4, 5}, []float64{1, 1, 1}, 1, 1, 5, 5},
		"each stands for two":    {[]float64{4, 5}, []float64{9}, 2, 1, 5, 9},
		"one stands for many":    {[]float64{4, 5}, []float64{9}, 1, 98, 9 * 1.48, 9 * 1.48},
	} {
		median, far := survive(c.ended, c.each, c.ages, c.stands)
		if differsAtAll(median, c.median) || differsAtAll(far, c.far) {
			t.Errorf("%s: %g and %g, not %g and %g", what, median, far, c.median, c.far)
		}
	}
}

func differsAtAll(a, b float64) bool { return a > b*(1+1e-9) || a < b*(1-1e-9) }

// TestWhatHasEndedFirstIsNotTakenForTheWhole lets many like tasks begin together, and
// asks for their time as soon as some of them have ended.
func TestWhatHasEndedFirstIsNotTakenForTheWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(20, 200).Draw(rt, "runs")
		at := rapid.IntRange(1, n-1).Draw(rt, "ended")
		var ended, ages []float64
		for i := range n { // of 10 to 20 seconds
			if took := 10 + 10*float64(i)/float64(n); i < at {
				ended = append(ended, took)
			} else {
				ages = append(ages, 10+10*float64(at)/float64(n))
			}
		}
		each, stands := 1.0, 1.0
		if len(ended) > HistoryRuns {
			each, ended = float64(at)/HistoryRuns, ended[at-HistoryRuns:]
		}
		if len(ages) > watchMost {
			stands, ages = float64(n-at)/watchMost, ages[:watchMost]
		}
		if median, far := survive(ended, each, ages, stands); median < 14 || median > 26 || far < median {
			rt.Fatalf("after %d of %d: %g, at most %g", at, n, median, far)
		}
	})
}

func TestWhatIsWatchedOfANameIsForgottenWithItsRuns(t *testing.T) {
	d := newDesk(t, 100)
	for n := 1; n <= 100; n++ {
		d.submit(n, named("a"))
		d.settle()
	}
	if w := d.watched["a"]; w == nil || w.running != 100 || len(w.runs) != watchMost {
		t.Fatalf("it watches %+v", w)
	}
	for n := 1; n <= 100; n++ {
		d.apply(finish(n, d.fence(n), took(time.Second)))
		d.settle()
	}
	if len(d.watched) != 0 || len(d.samples) != 0 {
		t.Fatalf("it still watches %v and samples %v", d.watched, d.samples)
	}
}
