// Command seeds runs many seeds of the simulator, in parallel by processes,
// because a process can run only one at a time (core/sim says why). The parent
// starts itself again with --worker, writes seeds to the workers' stdin and
// reads a verdict a line from their stdout.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"hb/core/sim"
	"hb/scripts/linear"
)

// settings are the flags.
type settings struct {
	seeds, from, seed uint64
	nodes, jobs, most int
	time              time.Duration
	calm, trace       bool
	worker, once      bool
	profile           string
	detector, spread  string
}

func main() {
	var s settings
	flag.Uint64Var(&s.seeds, "seeds", 1000, "how many seeds")
	flag.Uint64Var(&s.from, "from", 1, "the first of them")
	flag.Uint64Var(&s.seed, "seed", 0, "run this seed only, in this process")
	flag.IntVar(&s.nodes, "nodes", 5, "nodes of the cluster")
	flag.DurationVar(&s.time, "time", time.Minute, "virtual time of each run")
	flag.BoolVar(&s.calm, "calm", false, "no faults")
	flag.StringVar(&s.detector, "detector", "", "the nodes' failure detector, as [detector] kind names it")
	flag.StringVar(&s.spread, "spread", "", "how their news of members spreads, as [detector] spread names it")
	flag.BoolVar(&s.once, "once", false, "run each seed once and compare no hashes")
	flag.BoolVar(&s.trace, "trace", false, "with --seed: print every event and effect")
	flag.IntVar(&s.jobs, "jobs", runtime.NumCPU(), "processes")
	flag.IntVar(&s.most, "failures", 5, "stop after so many failed seeds")
	flag.StringVar(&s.profile, "profile", "", "with --seed: write a CPU profile here")
	flag.BoolVar(&s.worker, "worker", false, "internal: read seeds from stdin")
	flag.Parse()
	os.Exit(s.run())
}

func (s settings) run() int {
	switch {
	case s.worker:
		return work(s, os.Stdin, os.Stdout)
	case s.seed != 0:
		return single(s)
	}
	return parallel(s)
}

// options says what to simulate for one seed.
func (s settings) options(seed uint64) sim.Options {
	o := sim.Options{Seed: seed, Nodes: s.nodes, Time: s.time, Faults: sim.AllFaults(), Detector: s.detector, Spread: s.spread}
	if s.calm {
		o.Faults = sim.Faults{}
	}
	return o
}

// single runs one seed here, for people.
func single(s settings) int {
	stop, err := profile(s.profile)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	o := s.options(s.seed)
	if s.trace {
		o.Trace = os.Stdout
		s.once = true
	}
	begin := cpuTime()
	report, err := run(o)
	spent := cpuTime() - begin
	if err == nil && !s.once {
		err = again(s.options(s.seed), report)
	}
	fmt.Printf("%+v\n%.0f × real time on one core\n", report, s.time.Seconds()/spent.Seconds())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// run simulates one seed and judges what its clients saw.
func run(o sim.Options) (sim.Report, error) {
	var seen linear.Recorder
	o.Watch = seen.Watch
	report, err := sim.Run(o)
	if err == nil {
		err = linear.Check(seen.History())
	}
	var v *sim.Violation
	if err != nil && !errors.As(err, &v) {
		err = fmt.Errorf("seed %d: what clients saw is linearizable: %w", o.Seed, err)
	}
	return report, err
}

// again runs a seed once more and compares the hashes.
func again(o sim.Options, first sim.Report) error {
	second, err := sim.Run(o)
	if err == nil && second != first {
		err = fmt.Errorf("seed %d: two runs differ: something reads a clock, a map's order or foreign chance\n%+v\n%+v",
			o.Seed, first, second)
	}
	return err
}
