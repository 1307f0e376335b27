package sim

import (
	"flag"
	"os"
	"testing"
	"time"
)

var (
	oneSeed  = flag.Uint64("seed", 0, "run this seed only")
	tracing  = flag.Bool("trace", false, "with -seed: print every event and effect")
	howMany  = flag.Uint64("seeds", defaultSeeds, "how many seeds TestSeeds runs")
	duration = flag.Duration("simulate", time.Minute, "virtual time of each seed")
)

// TestSeeds is the first of the seeds that scripts/seeds runs by the thousand.
func TestSeeds(t *testing.T) {
	first, last := uint64(1), *howMany
	if *oneSeed != 0 {
		first, last = *oneSeed, *oneSeed
	}
	for seed := first; seed <= last; seed++ {
		o := Options{Seed: seed, Faults: AllFaults(), Time: *duration}
		if *tracing {
			o.Trace = os.Stdout
		}
		report, err := Run(o)
		if err != nil {
			t.Fatal(err)
		}
		if report.Tasks == 0 || report.Executions == 0 || report.Terms == 0 {
			t.Errorf("nothing happened: %+v", report)
		}
		o.Trace = nil
		if again, err := Run(o); err != nil || again != report {
			t.Fatalf("two runs of seed %d differ: %+v and %+v (%v)", seed, report, again, err)
		}
	}
}
