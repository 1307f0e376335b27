package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"hb/core/sim/lab"
)

// published is a row of the paper's table: 4,320 Interval runs with α 5, β 6.
type published struct {
	name                   string
	positives, byHealthy   float64 // of all runs
	first, full            [3]float64
	megamessages, gibibyte float64
}

const publishedRuns = 4320

var paper = []published{
	{"SWIM", 339002, 1326, [3]float64{12.44, 16.96, 19.40}, [3]float64{12.90, 16.93, 20.17}, 435.33, 149.15},
	{"LHA-Probe", 229574, 436, [3]float64{12.42, 17.75, 20.10}, [3]float64{12.90, 17.98, 20.56}, 428.62, 134.28},
	{"LHA-Suspicion", 10174, 89, [3]float64{12.42, 17.47, 25.41}, [3]float64{12.89, 17.33, 23.80}, 484.55, 158.87},
	{"Buddy", 318935, 591, [3]float64{12.45, 17.12, 19.16}, [3]float64{12.92, 17.18, 19.81}, 435.62, 147.67},
	{"Lifeguard", 5193, 25, [3]float64{12.45, 17.90, 21.20}, [3]float64{12.91, 18.05, 21.68}, 481.42, 146.13},
}

// row is a row of the table, published or measured. Figures are per run.
type row struct {
	name                 string
	runs                 int
	positives, byHealthy float64
	deviation            float64 // standard error of positives; 0 where unknown
	breathless           float64 // share of the positives in runs that are so
	first, full          [3]float64
	messages, bytes      float64
}

func (p published) row() row {
	const n = publishedRuns
	return row{
		name: "  in the paper", runs: n, positives: p.positives / n, byHealthy: p.byHealthy / n, first: p.first, full: p.full,
		messages: p.megamessages * 1e6 / n, bytes: p.gibibyte * (1 << 30) / n,
	}
}

// measured sums up a variant's runs.
func measured(name string, jobs []job, k *keep) row {
	r := row{name: name}
	var positives, first, full lab.Sample
	for _, j := range jobs {
		toll := k.found[j.key()]
		switch {
		case j.variant.Name != name:
		case j.anomaly.Interval == 0:
			for i := range toll.First {
				first.Add(toll.First[i])
				full.Add(toll.Full[i])
			}
		default:
			r.runs++
			positives.Add(float64(toll.False))
			if breathless(j.anomaly) {
				r.breathless += float64(toll.False)
			}
			r.byHealthy += float64(toll.FalseByHealthy)
			r.messages += float64(toll.Datagrams)
			r.bytes += float64(toll.Bytes)
		}
	}
	n := float64(max(1, r.runs))
	r.breathless /= max(1, n*positives.Mean())
	r.positives, r.byHealthy, r.messages, r.bytes = positives.Mean(), r.byHealthy/n, r.messages/n, r.bytes/n
	if e := positives.Error(); !math.IsInf(e, 1) {
		r.deviation = e
	}
	for i, share := range []float64{0.5, 0.99, 0.999} {
		r.first[i], r.full[i] = first.Quantile(share), full.Quantile(share)
	}
	return r
}

// report prints the table, and what becomes of the goal.
func report(w io.Writer, jobs []job, k *keep) {
	fmt.Fprintf(w, "\n%-15s %6s %16s %9s %8s %23s %23s %10s %8s\n", "", "runs", "FP a run", "of SWIM's", "FP− a run",
		"first p50/p99/p99.9 s", "everywhere s", "datagrams", "MiB")
	baselines := map[bool]float64{}
	var swim, own row
	var shares []string
	for _, v := range lab.Variants() {
		r := measured(v.Name, jobs, k)
		if r.runs == 0 {
			continue
		}
		r.print(w, baselines)
		shares = append(shares, fmt.Sprintf("%s %.0f %%", r.name, 100*r.breathless))
		for _, p := range paper {
			if p.name == v.Name {
				p.row().print(w, baselines)
			}
		}
		switch v.Name {
		case "SWIM":
			swim = r
		case "hb":
			own = r
		}
	}
	fmt.Fprintln(w, "\nFP: a member that was never blocked is called dead, counted at each member that holds it so; FP−: at one that was")
	fmt.Fprintln(w, "never blocked either. First, everywhere: from a block of the Threshold experiment until the first, and the last sound")
	fmt.Fprintln(w, "member holds the blocked one dead. The time that a member takes over waiting mail is fitted to the paper's FP of SWIM.")
	fmt.Fprintf(w, "\nOf the FP in runs whose members block for 2 s and more, and run for 4 ms and less in between: %s.\n", strings.Join(shares, ", "))
	fmt.Fprintln(w, "They read some ten datagrams each time, less than has come meanwhile; so they find no refutation, and a longer suspicion")
	fmt.Fprintln(w, "(LHA-Suspicion) runs out all the same. At --handling 20µs, which is more like a program, a sixth of Lifeguard's FP is left, but")
	fmt.Fprintln(w, "of SWIM's a fifth, too: no time that is the same for all datagrams brings both near the paper's figures.")
	if swim.runs > 0 && own.runs > 0 {
		fmt.Fprintln(w, "\n"+verdict(swim, own))
	}
}

// breathless says that members have hardly any time between two blocks.
func breathless(a lab.Anomaly) bool {
	return a.Interval > 0 && a.Interval <= 4*time.Millisecond && a.Duration > 2*time.Second
}

// goalShare is how many of SWIM's false positives hb may have.
const goalShare = 0.003

func verdict(swim, own row) string {
	share := own.positives / swim.positives
	what := fmt.Sprintf("goal: FP at most 0.3 %% of SWIM's, no FP−. hb has %.2f %% (%.0f of %.0f), and %.0f FP−",
		100*share, own.positives*float64(own.runs), swim.positives*float64(swim.runs), own.byHealthy*float64(own.runs))
	if share <= goalShare && own.byHealthy == 0 {
		return "reached  " + what
	}
	return "MISSED   " + what
}

// print prints a row. The first one of each sort, published or measured, is what
// the others' false positives are compared with.
func (r row) print(w io.Writer, baselines map[bool]float64) {
	mine := !strings.HasPrefix(r.name, " ")
	if _, known := baselines[mine]; !known {
		baselines[mine] = r.positives
	}
	positives := fmt.Sprintf("%.3f", r.positives)
	if mine {
		positives += fmt.Sprintf(" ± %.2f", 1.96*r.deviation)
	}
	times := func(q [3]float64) string { return fmt.Sprintf("%.2f / %.2f / %.2f", q[0], q[1], q[2]) }
	fmt.Fprintf(w, "%-15s %6d %16s %8.2f%% %9.3f %23s %23s %10.0f %8.1f\n", r.name, r.runs, positives,
		100*r.positives/baselines[mine], r.byHealthy, times(r.first), times(r.full), r.messages, r.bytes/(1<<20))
}
