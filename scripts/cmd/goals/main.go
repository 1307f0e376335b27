// Command goals measures in the laboratory (core/sim/lab) what hb's failure
// detection is meant to reach, and prints it beside the goal and beside what the
// best known reach. What misses its goal says so; what the laboratory does not
// measure is not in the list.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"
)

// scale is how much work is done.
type scale struct {
	seed uint64
	// trials of each theory, crashes, members of a large cluster, joiners at once,
	// whole nodes, logs and all, of a large cluster.
	trials, crashes, large, joiners, nodes int
}

// goal is one row of the table.
type goal struct {
	what, best, want string
	// measure gives the figures in words, and the verdict.
	measure func(scale) (string, verdict)
}

// verdict is what became of a goal.
type verdict string

const (
	reached  verdict = "reached "
	missed   verdict = "MISSED  "
	unjudged verdict = "unjudged" // too small a trial for this goal
)

func judge(ok bool) verdict {
	if ok {
		return reached
	}
	return missed
}

// judgeLarge is judge for goals that are set for a thousand members.
func (s scale) judgeLarge(ok bool) verdict {
	if ok && s.large < 1000 {
		return unjudged
	}
	return judge(ok)
}

func main() {
	only := flag.String("only", "", "measure only what matches this `REGEXP`")
	seed := flag.Uint64("seed", 1, "`N`: the same seed gives the same figures")
	full := flag.Bool("full", false, "100,000 trials of each theory, 1000 crashes, 1000 members in a large cluster, 2000 joiners; takes hours")
	without := flag.Bool("ablation", false, "print instead what each mechanism beyond the published algorithm is worth")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "goals: --only must be a regular expression, and nothing may follow the flags")
		os.Exit(64)
	}
	s := scale{seed: *seed, trials: 10_000, crashes: 120, large: 1000, joiners: 300, nodes: 200}
	if *full {
		s = scale{seed: *seed, trials: 100_000, crashes: 1000, large: 1000, joiners: 2000, nodes: 1000}
	}
	if *without {
		ablation(s)
		return
	}
	fmt.Printf("seed %d; T = 1 s, loss and refusals as said, else none\n", s.seed)
	short := 0
	for _, g := range goals() {
		if !pattern.MatchString(g.what) {
			continue
		}
		began := time.Now()
		got, verdict := g.measure(s)
		if verdict == missed {
			short++
		}
		fmt.Printf("\n%s  %s\n  goal      %s\n  best      %s\n  measured  %s   (%.0f s)\n", verdict, g.what, g.want, g.best, got, time.Since(began).Seconds())
	}
	fmt.Printf("\n%d missed\n", short)
}
