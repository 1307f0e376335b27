// Command lifeguard repeats the Interval and the Threshold experiment of the
// Lifeguard paper (Dadgar, Phillips, Currey, DSN 2018, §V) in core/sim/lab, and
// prints what each variant of SWIM and hb's own make of them beside what the
// paper measured. Runs are independent, and go on all cores; what is done is
// written to a file if there is one, and not done again.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"time"

	"hb/core/sim/lab"
)

func main() {
	seed := flag.Uint64("seed", 1, "`N`: the same seed gives the same figures")
	full := flag.Bool("full", false, "all 4,320 Interval and 540 Threshold runs of each variant, instead of 48 and 9")
	only := flag.String("only", "", "only the variants that match this `REGEXP`: SWIM, LHA-Probe, LHA-Suspicion, Buddy, Lifeguard, hb")
	file := flag.String("file", "", "`FILE` to keep finished runs in, and to go on from; with --full lifeguard.jsonl unless another is named")
	handling := flag.Duration("handling", 0, "`DURATION` that a process takes over each datagram that waited while it was blocked; by default 400µs, at which SWIM's false positives are the paper's")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 || *handling < 0 {
		fmt.Fprintln(os.Stderr, "lifeguard: --only must be a regular expression, --handling not negative, and nothing may follow the flags")
		os.Exit(64)
	}
	if *full && *file == "" {
		*file = "lifeguard.jsonl"
	}
	if err := run(*seed, *full, pattern, *file, *handling); err != nil {
		fmt.Fprintln(os.Stderr, "lifeguard:", err)
		os.Exit(74)
	}
}

func run(seed uint64, full bool, only *regexp.Regexp, file string, handling time.Duration) error {
	debug.SetGCPercent(400) // runs are small and many
	jobs := plan(seed, full, only, handling)
	k, err := open(file)
	if err != nil {
		return err
	}
	defer k.close()
	left := k.missing(jobs)
	fmt.Printf("seed %d: %d runs, %d of them done before\n", seed, len(jobs), len(jobs)-len(left))
	began := time.Now()
	lab.SideBySide(len(left), progress(began), func(i int, _ func(float64)) { k.add(left[i], left[i].anomaly.Run(left[i].variant)) })
	if k.err != nil {
		return k.err
	}
	fmt.Printf("took %.0f s\n", time.Since(began).Seconds())
	report(os.Stdout, jobs, k)
	return nil
}

// progress says every half a minute how far it is, for whoever waits.
func progress(began time.Time) func(float64) {
	said := began
	return func(share float64) {
		if now := time.Now(); now.Sub(said) > 30*time.Second {
			said = now
			left := time.Duration(float64(now.Sub(began)) * (1 - share) / max(share, 1e-9))
			fmt.Fprintf(os.Stderr, "%.1f %% done, about %s left\n", 100*share, left.Round(time.Second))
		}
	}
}

// job is one run of one variant.
type job struct {
	variant lab.Variant
	anomaly lab.Anomaly
}

// plan lists the runs, those of all variants by turns, so that an interrupted
// experiment has something of each.
func plan(seed uint64, full bool, only *regexp.Regexp, handling time.Duration) (jobs []job) {
	anomalies := append(lab.IntervalSample(seed), lab.ThresholdSample(seed)...)
	if full {
		anomalies = append(lab.Intervals(seed, 10), lab.Thresholds(seed, 10)...)
	}
	for _, a := range anomalies {
		a.Handling = handling
		for _, v := range lab.Variants() {
			if only.MatchString(v.Name) {
				jobs = append(jobs, job{v, a})
			}
		}
	}
	return jobs
}
