package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/membership"
	"hb/core/sim/lab"
)

// ablation prints what each mechanism beyond the published algorithm is worth: the
// same experiments with all of them, with each left out, and with none.
//
//   - crash: silent hosts among 128; periods to the first suspicion, to the first
//     and the last member that holds the crashed one dead; refused: the same to
//     the last one if the host answers that nobody listens;
//   - loss: a fifth of all datagrams among 64 is lost for two minutes;
//   - stall: 6 of 64 block for 8 s, four times, as in Lifeguard §V;
//   - deaf: of 64, two hear nobody and two hear 8 others only, for 40 s, while all
//     hear them;
//   - pause: 6 of 64 stand still for 1.5 s, twenty times, while a fifth of all
//     datagrams is lost: a slow machine on a bad network;
//   - detached: of 6, and of 20, one hears 5 % and is heard by 30 % for ten minutes
//     (consul#5928);
//   - split: two halves of 64 apart for a minute: seconds until all is whole;
//   - lossy: 1 of 64 loses 80 %: how many of the others call it dead or unsteady.
//
// Suspicions and deaths are those of members that are well, in anybody's table.
func ablation(s scale) {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Printf("seed %d; T = 1 s; %d crashes\n", s.seed, ablationCrashes)
	fmt.Fprintln(out, "\tcrash:\t\t\t\t\trefused:\tloss:\t\tstall:\t\tdeaf:\t\tpause:\tdetached:\t\tsplit:\tlossy:\t")
	fmt.Fprintln(out, "without\tsuspected\tworst\tdead p50\tall p50\tp99\tall p50\tsent/T\tsuspicions\tsuspicions\tdeaths\tsuspicions\tdeaths\tsuspicions\tsuspicions\tdeaths\twhole\tknown\t")
	rows := []detect.Extras{0}
	for e := detect.Extras(1); detect.AllExtras.Has(e); e <<= 1 {
		if e&(detect.Question|detect.Grace) == 0 { // of the other detectors
			rows = append(rows, e)
		}
	}
	rows = append(rows, detect.AllExtras)
	lines := make([]string, len(rows))
	lab.SideBySide(len(rows), nil, func(i int, _ func(float64)) { lines[i] = ablated(s, rows[i]) })
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	out.Flush()
}

const ablationCrashes = 120

func ablated(s scale, without detect.Extras) string {
	name := without.String()
	switch without {
	case 0:
		name = "nothing"
	case detect.AllExtras:
		name = "everything"
	}
	t := lab.Trial{Seed: s.seed, Members: 128, Detector: options(s, 0).Detector, Without: without, Kills: ablationCrashes, Watch: 5 * time.Minute}
	silent := t.Run()
	t.Network.Refuse, t.Kills = true, ablationCrashes/4
	refused := t.Run()
	loss := lab.Trial{Seed: s.seed, Members: 64, Detector: t.Detector, Without: without, Quiet: 2 * time.Minute, Network: lab.Network{Loss: 0.2}}.Run()
	stall, deaf, pause, torn := hardship(s, without, stalls), hardship(s, without, deafen), hardship(s, without, pauses), detached(s, without)
	return fmt.Sprintf("%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t", name,
		silent.Suspected.Mean(), silent.Suspected.Max(), silent.DeadFirst.Quantile(0.5), silent.DeadAll.Quantile(0.5), silent.DeadAll.Quantile(0.99),
		refused.DeadAll.Quantile(0.5), loss.Sent, loss.Mistakes.Count,
		stall.suspicions, stall.deaths, deaf.suspicions, deaf.deaths, pause.suspicions, torn.suspicions, torn.deaths, apart(s, without), known(s, without))
}

// ailing is every tenth member: those that suffer.
func ailing(i int) bool { return i%10 == 5 }

// harm is what was said of members that are well.
type harm struct{ suspicions, deaths int }

// hardship lets some members of 64 suffer, and counts the harm to the others.
func hardship(s scale, without detect.Extras, suffer func(*lab.Lab)) harm {
	return harmTo(s, 64, without, suffer)
}

func harmTo(s scale, members int, without detect.Extras, suffer func(*lab.Lab)) (h harm) {
	o := options(s, members)
	o.Without = without
	l := lab.New(o)
	l.OnChange = func(_ int, c *membership.Changed) {
		switch {
		case ailing(lab.Place(c.After.ID)) || c.Before.Status == c.After.Status:
		case c.After.Status == core.Suspect:
			h.suspicions++
		case c.After.Status == core.Dead:
			h.deaths++
		}
	}
	l.Run(10 * time.Second)
	suffer(l)
	l.Run(20 * time.Second)
	return h
}

func stalls(l *lab.Lab) {
	for range 4 {
		eachAiling(l, l.Block)
		l.Run(8 * time.Second)
		eachAiling(l, func(i int) { l.Unblock(i, time.Millisecond) })
		l.Run(4 * time.Second)
	}
}

func eachAiling(l *lab.Lab, do func(int)) {
	for i := range l.Members() {
		if ailing(i) {
			do(i)
		}
	}
}

func pauses(l *lab.Lab) {
	l.Loss = func(int, int) float64 { return 0.2 }
	for range 20 {
		eachAiling(l, l.Stop)
		l.Run(1500 * time.Millisecond)
		eachAiling(l, func(i int) { l.Unblock(i, 0) })
		l.Run(2500 * time.Millisecond)
	}
	l.Loss = nil
}

// detached tears one member half off small clusters.
func detached(s scale, without detect.Extras) (sum harm) {
	for _, members := range []int{6, 20} {
		h := harmTo(s, members, without, func(l *lab.Lab) {
			l.Loss = func(from, to int) float64 {
				switch {
				case to == 5: // an ailing one
					return 0.95
				case from == 5:
					return 0.7
				}
				return 0
			}
			l.Run(10 * time.Minute)
			l.Loss = nil
		})
		sum.suspicions, sum.deaths = sum.suspicions+h.suspicions, sum.deaths+h.deaths
	}
	return sum
}

func deafen(l *lab.Lab) {
	l.Loss = func(from, to int) float64 {
		if to < 40 && ailing(to) && (to < 20 || from >= 8) {
			return 1
		}
		return 0
	}
	l.Run(40 * time.Second)
	l.Loss = nil
}

// apart splits a cluster for a minute, and says how long it takes to be whole.
func apart(s scale, without detect.Extras) string {
	o := options(s, 64)
	o.Without = without
	l := lab.New(o)
	l.Run(10 * time.Second)
	l.Loss = func(from, to int) float64 { return float64((from ^ to) & 1) }
	l.Run(time.Minute)
	l.Loss = nil
	healed := l.Now()
	whole := l.Until(time.Minute, 100*time.Millisecond, func() bool {
		for at := range l.Members() {
			if l.Table(at).Living() != l.Members() {
				return false
			}
		}
		return true
	})
	if !whole {
		return "never"
	}
	return fmt.Sprintf("%.1f", (l.Now() - healed).Seconds())
}

// known lets one member lose most packets, and counts who holds it to be of no use
// after 20 s.
func known(s scale, without detect.Extras) (n int) {
	const bad = 5
	o := options(s, 64)
	o.Without = without
	l := lab.New(o)
	l.Run(10 * time.Second)
	l.Loss = func(from, to int) float64 {
		if from == bad || to == bad {
			return 0.8
		}
		return 0
	}
	l.Run(20 * time.Second)
	for at := range l.Members() {
		if at != bad && (l.Status(at, bad) == core.Dead || l.Steadiness(at, bad) == membership.Unsteady) {
			n++
		}
	}
	return n
}
