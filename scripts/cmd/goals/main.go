// Command goals measures in the laboratories (core/sim/lab, core/sim/balance) what
// hb's choice of members for tasks and its failure
// detection is meant to reach, and prints it beside the goal and beside what the
// best known reach. What misses its goal says so; what the laboratory does not
// measure is not in the list.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"time"

	"hb/core/sim/lab"
)

// scale is how much work is done.
type scale struct {
	seed uint64
	// trials of each theory, waves of news, crashes, members of a large cluster,
	// joiners at once; whole nodes, logs and all, of a large cluster, and members of
	// one that is split.
	trials, waves, crashes, large, joiners, nodes int
	// huge is for how long clusters of ten and a hundred thousand run.
	huge time.Duration
}

// goal is one row of the table.
type goal struct {
	what, best, want string
	// measure gives the figures in words, and the verdict.
	measure func(scale) (string, verdict)
	// tried says what is known of why it is missed, if it is.
	tried string
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

// judgeNodes is judgeLarge for what takes longer: whole nodes, and a split.
func (s scale) judgeNodes(ok bool) verdict {
	if ok && s.nodes < 1000 {
		return unjudged
	}
	return judge(ok)
}

func main() {
	only := flag.String("only", "", "measure only what matches this `REGEXP`")
	seed := flag.Uint64("seed", 1, "`N`: the same seed gives the same figures")
	full := flag.Bool("full", false, "also 100,000 waves of news, 20,000 crashes, 10,000 joiners, 1000 whole nodes, 100,000 members for a minute; takes hours")
	without := flag.Bool("ablation", false, "print instead what each mechanism beyond the published algorithm is worth")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "goals: --only must be a regular expression, and nothing may follow the flags")
		os.Exit(64)
	}
	s := scale{seed: *seed, trials: 100_000, waves: 10_000, crashes: 2000, large: 1000, joiners: 2000, nodes: 200, huge: 5 * time.Second}
	if *full {
		s = scale{seed: *seed, trials: 100_000, waves: 100_000, crashes: 20_000, large: 1000, joiners: 10_000, nodes: 1000, huge: time.Minute}
	}
	if *without {
		ablation(s)
		return
	}
	debug.SetGCPercent(400)
	fmt.Printf("seed %d; T = 1 s, loss and refusals as said, else none\n", s.seed)
	fmt.Printf("\n%d missed\n", run(os.Stdout, s, append(goals(), balanceGoals()...), pattern))
}

// run measures the goals that match, some at a time, prints them in order, and
// gives the number of those that are missed.
func run(out io.Writer, s scale, all []goal, pattern *regexp.Regexp) (short int) {
	var chosen []goal
	for _, g := range all {
		if pattern.MatchString(g.what) {
			chosen = append(chosen, g)
		}
	}
	answers := make([]chan answer, len(chosen))
	for i := range answers {
		answers[i] = make(chan answer, 1)
	}
	go lab.SideBySide(len(chosen), nil, func(i int, _ func(float64)) {
		began := time.Now()
		text, v := chosen[i].measure(s)
		answers[i] <- answer{text, v, time.Since(began)}
	})
	for i, g := range chosen {
		a := <-answers[i]
		fmt.Fprintf(out, "\n%s  %s\n  goal      %s\n  best      %s\n  measured  %s   (%.0f s)\n", a.verdict, g.what, g.want, g.best, a.text, a.took.Seconds())
		if a.verdict != missed {
			continue
		}
		short++
		if g.tried != "" {
			fmt.Fprintf(out, "  tried     %s\n", g.tried)
		}
	}
	return short
}

// answer is what a goal's measuring came to.
type answer struct {
	text    string
	verdict verdict
	took    time.Duration
}
