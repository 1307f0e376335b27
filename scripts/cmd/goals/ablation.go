package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/kinds"
	"hb/core/membership"
	"hb/core/sim/lab"
)

// ablation prints what each mechanism beyond the published algorithm is worth:
// the same three experiments with all of them, with each left out, and with none.
//
//   - crashes: silent hosts among 128; periods to the first suspicion, to the first
//     and to the last member that holds the crashed one dead;
//   - loss: a fifth of all datagrams among 64 is lost for two minutes;
//   - stalls: 6 of 64 block for 8 s, four times, as in Lifeguard §V.
func ablation(s scale) {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Printf("seed %d; T = 1 s. Crashes of silent hosts, %d among 128, in periods; 20 %% loss among 64; 6 of 64 stall for 8 s\n", s.seed, s.crashes)
	fmt.Fprintln(out, "without\tsuspected mean\tworst\tdead p50\teverywhere p50\tp99\tmissed\tloss: sent/T\tsuspicions/min\tfalse deaths\tstalls: false deaths\t")
	row := func(name string, without detect.Extras) {
		f := ablated(s, without, 128, s.crashes, 0, 0)
		l := ablated(s, without, 64, 0, 0.2, 2*time.Minute)
		fmt.Fprintf(out, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%.2f\t%.1f\t%d\t%d\t\n", name,
			f.Suspected.Mean(), f.Suspected.Max(), f.DeadFirst.Quantile(0.5), f.DeadAll.Quantile(0.5), f.DeadAll.Quantile(0.99), f.Missed,
			l.Sent, l.Mistakes.Value*64*60, l.FalseDeaths, stalls(s, without))
	}
	row("nothing", 0)
	for e := detect.Extras(1); detect.AllExtras.Has(e); e <<= 1 {
		if e&(detect.Question|detect.Grace) == 0 { // of the other detectors
			row(e.String(), e)
		}
	}
	row("everything", detect.AllExtras)
	out.Flush()
}

func ablated(s scale, without detect.Extras, members, kills int, loss float64, quiet time.Duration) *lab.Findings {
	make, _ := kinds.Find(kinds.Default)
	return lab.Trial{
		Seed: s.seed, Members: members, Detector: make, Without: without, Kills: kills, Quiet: quiet,
		Network: lab.Network{Loss: loss}, Watch: 5 * time.Minute,
	}.Run()
}

// stalls counts how often a member that never stalls is called dead.
func stalls(s scale, without detect.Extras) int {
	o := options(s, 64)
	o.Without = without
	l := lab.New(o)
	wrong := 0
	l.OnChange = func(_ int, c *membership.Changed) {
		if c.After.Status == core.Dead && lab.Place(c.After.ID)%10 != 5 {
			wrong++
		}
	}
	l.Run(10 * time.Second)
	for range 4 {
		for i := 5; i < l.Members(); i += 10 {
			l.Block(i)
		}
		l.Run(8 * time.Second)
		for i := 5; i < l.Members(); i += 10 {
			l.Unblock(i, time.Millisecond)
		}
		l.Run(4 * time.Second)
	}
	l.Run(20 * time.Second)
	return wrong
}
