package lab

import (
	"testing"
	"time"

	"hb/core"
)

func TestWhatFindsNoProcessorFreeWaitsForOne(t *testing.T) {
	const handling, delay = 10, 6
	p := newProcessors(Machine{Processors: 2, Handling: handling}, delay)
	turns := map[string]*turn{"a": {}, "b": {}, "c": {}, "d": {}}
	for i, c := range []struct {
		who       string
		now, done core.Instant
	}{
		{"a", 100, 100}, {"b", 100, 100}, // their turns began at 94, and go on until 104
		{"a", 103, 103},                  // in the same turn
		{"c", 101, 110},                  // waits for one of them, until 104
		{"c", 105, 110}, {"c", 113, 113}, // in that turn
		{"d", 102, 110},
		{"b", 105, 120}, // its turn is over, and both are busy until 114
		{"a", 200, 200}, // long idle
	} {
		if done := p.serve(c.now, turns[c.who]); done != c.done {
			t.Errorf("%d, for %s at %d, is done at %d and not at %d", i, c.who, c.now, done, c.done)
		}
	}
	alone := newProcessors(Machine{}, delay)
	for range 100 {
		if done := alone.serve(5, &turn{}); done != 5 {
			t.Fatalf("a machine of one's own is busy until %d", done)
		}
	}
}

func TestAKillOnASharedMachineIsKnownLaterAndNoLessOften(t *testing.T) {
	trial := Trial{Seed: 1, Members: 20, Detector: Variants()[5].Tuning.New, Kills: 40,
		Network: Network{Refuse: true, Exit: 20 * time.Millisecond}}
	own := trial.Run()
	trial.Machine = Machine{Processors: 1, Handling: 500 * time.Microsecond}
	shared := trial.Run()
	if first := own.DeadFirst.Quantile(0); first < 0.02 {
		t.Errorf("a process that ends after 20 ms is dead after %g s", first)
	}
	if shared.Missed+own.Missed > 0 || shared.DeadAll.Count() != 40 {
		t.Errorf("of %d %d are missed", shared.DeadAll.Count(), shared.Missed)
	}
	if a, b := own.DeadAll.Quantile(0.5), shared.DeadAll.Quantile(0.5); b < a+0.01 {
		t.Errorf("everywhere after %g s, on a shared machine after %g", a, b)
	}
}
