package lab

import (
	"testing"
	"time"

	"hb/core"
)

func TestWhatFindsNoProcessorFreeWaitsForOne(t *testing.T) {
	const handling = 10
	p := newProcessors(Machine{Processors: 2, Handling: handling})
	for i, c := range []struct{ now, done core.Instant }{
		{100, 100}, {100, 100}, // both began at 90
		{100, 110}, {105, 110}, // they wait for those
		{107, 120},
		{200, 200}, // long idle
	} {
		if done := p.serve(c.now); done != c.done {
			t.Errorf("%d, at %d, is done at %d and not at %d", i, c.now, done, c.done)
		}
	}
	alone := newProcessors(Machine{})
	for range 100 {
		if done := alone.serve(5); done != 5 {
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
