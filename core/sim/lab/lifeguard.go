package lab

import (
	"math/rand/v2"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/swim"
	"hb/core/member"
	"hb/core/membership"
)

// Variant is a failure detector as the Lifeguard paper's experiments compare
// them.
type Variant struct {
	Name    string
	Tuning  swim.Tuning
	Without detect.Extras
	// Gossip is the time between the ticks of a clock that bulletins wait for; 0 is
	// hb's way.
	Gossip time.Duration
}

// Variants are those of the paper's table, and hb's own. The paper's are
// memberlist's: pings that are repeated over TCP when the helpers are asked, a
// gossip tick every 200 ms, a direct timeout of half a period, and suspicions of
// α·log10(N) periods, α = 5, up to β = 6 times as long where they are shortened by
// confirmations. What memberlist exchanges by push and pull hb's anti-entropy
// stands for, and for gossip to the dead its search for them.
func Variants() []Variant {
	const alpha, beta = 5, 6
	paper := swim.Standard()
	paper.Direct, paper.PingTwice = 0.5, true
	paper.Min, paper.MaxFactor = 2*alpha, beta // Tuning.Min counts log10(N) from 100
	plain := detect.AllExtras &^ (detect.Bulletins | detect.AntiEntropy | detect.Healing)
	variant := func(name string, with detect.Extras) Variant {
		return Variant{Name: name, Tuning: paper, Without: plain &^ with, Gossip: 200 * time.Millisecond}
	}
	return []Variant{
		variant("SWIM", 0),
		variant("LHA-Probe", detect.LocalHealth),
		variant("LHA-Suspicion", detect.Confirmation),
		variant("Buddy", detect.Buddy),
		variant("Lifeguard", detect.LocalHealth|detect.Confirmation|detect.Buddy),
		{Name: "hb", Tuning: swim.Standard()},
	}
}

// Anomaly is one run of the paper's experiments (§V): after 15 s of quiet, some
// random members block, all at once, for a while; in the Interval experiment
// again and again for two minutes, in Threshold once.
type Anomaly struct {
	Seed uint64
	// Blocked is C, how many members; Duration is D; Interval is I, the time
	// between two blocks, or 0 for the Threshold experiment.
	Blocked            int
	Duration, Interval time.Duration
	// Handling is how long a process takes over each datagram that waited while it
	// was blocked; 0 is anomalyHandling.
	Handling time.Duration
}

// Toll is what a run cost.
type Toll struct {
	// False counts how often a member came to hold one dead that was never
	// blocked; FalseByHealthy those of them at members that were never blocked
	// either.
	False, FalseByHealthy int
	// First and Full are when the first and the last sound member held a blocked
	// one dead, in seconds from the beginning of the block: for each of the
	// blocked that all of them found. Of Threshold runs only.
	First, Full []float64
	// Datagrams and Bytes are what all sent.
	Datagrams, Bytes uint64
}

const (
	anomalyMembers = 128
	anomalyQuiet   = 15 * time.Second
	anomalyTime    = 2 * time.Minute
	// anomalyHandling is how long a process takes over each datagram that waited
	// while it was blocked. The paper does not say; it decides how much of its mail
	// a member reads between two blocks, and is chosen so that SWIM has about as
	// many false positives as there. That is much for a program; at 20 µs SWIM has a
	// fifth of them, and Lifeguard a sixth of its own. What Lifeguard has more here
	// than there lies nearly all where members go on for 4 ms or less: whoever reads
	// less then than has come since the last time finds no refutation, however long
	// it waits.
	anomalyHandling = 400 * time.Microsecond
)

// Intervals are all runs of the Interval experiment: 4,320 with the paper's ten
// repetitions.
func Intervals(seed uint64, repetitions int) []Anomaly {
	return anomalies(seed, repetitions, milliseconds(1, 4, 16, 64, 256, 1024, 4096, 16384))
}

// Thresholds are all runs of the Threshold experiment.
func Thresholds(seed uint64, repetitions int) []Anomaly {
	return anomalies(seed, repetitions, []time.Duration{0})
}

func anomalies(seed uint64, repetitions int, intervals []time.Duration) (all []Anomaly) {
	for range repetitions {
		for _, c := range []int{1, 4, 8, 12, 16, 20, 24, 28, 32} {
			for _, d := range milliseconds(128, 512, 2048, 8192, 16384, 32768) {
				for _, i := range intervals {
					all = append(all, Anomaly{Seed: seed<<32 + uint64(len(all)), Blocked: c, Duration: d, Interval: i})
				}
			}
		}
	}
	return all
}

func milliseconds(all ...int) (ds []time.Duration) {
	for _, ms := range all {
		ds = append(ds, time.Duration(ms)*time.Millisecond)
	}
	return ds
}

// IntervalSample is a ninth of one repetition of the Interval experiment: each
// duration with each interval once, and all numbers of blocked members as often
// as each other. Its means are those of the whole, but for chance.
func IntervalSample(seed uint64) (chosen []Anomaly) {
	order := rand.New(rand.NewPCG(seed, 0x11f)).Perm(9)
	all := Intervals(seed, 1)
	for cell := range len(all) / 9 {
		c := order[(cell+cell/9)%9]
		chosen = append(chosen, all[c*len(all)/9+cell])
	}
	return chosen
}

// ThresholdSample is a few runs of the Threshold experiment in which those that
// block are found.
func ThresholdSample(seed uint64) (chosen []Anomaly) {
	for _, a := range Thresholds(seed, 1) {
		if a.Duration > 30*time.Second {
			chosen = append(chosen, a)
		}
	}
	return chosen
}

// Run lets the variant live through it.
func (a Anomaly) Run(v Variant) *Toll {
	l := New(Options{
		Seed: a.Seed, Members: anomalyMembers, Detector: v.Tuning.New, Without: v.Without,
		Gap: v.Gossip, Ticking: v.Gossip > 0, Network: Network{Delay: 100 * time.Microsecond},
	})
	r := &anomalyRun{lab: l, toll: &Toll{}, blocked: make([]bool, anomalyMembers), deaths: map[int]*deathOf{}}
	l.OnChange = r.changed
	l.Run(anomalyQuiet)
	for _, i := range l.rand.Perm(anomalyMembers)[:a.Blocked] {
		r.blocked[i] = true
		r.deaths[i] = &deathOf{holders: make([]bool, anomalyMembers)}
	}
	r.begun = l.now
	handling := a.Handling
	if handling == 0 {
		handling = anomalyHandling
	}
	for again := true; again; again = a.Interval > 0 && l.now.Sub(r.begun) < anomalyTime {
		r.each(l.Block)
		l.Run(a.Duration)
		r.each(func(i int) { l.Unblock(i, handling) })
		l.Run(a.Interval)
	}
	if a.Interval == 0 {
		l.Until(anomalyTime-a.Duration, time.Second, r.healthy)
		r.latencies()
	}
	for i := range l.hosts {
		r.toll.Datagrams += l.hosts[i].traffic.Sent
		r.toll.Bytes += l.hosts[i].traffic.SentBytes
	}
	return r.toll
}

// anomalyRun follows one run.
type anomalyRun struct {
	lab     *Lab
	toll    *Toll
	blocked []bool
	begun   core.Instant // the first block
	deaths  map[int]*deathOf
}

// deathOf is who holds a blocked member dead.
type deathOf struct {
	holders     []bool
	count       int
	first, full core.Instant
}

// each does something with each of the blocked.
func (r *anomalyRun) each(do func(int)) {
	for i, blocked := range r.blocked {
		if blocked {
			do(i)
		}
	}
}

func (r *anomalyRun) changed(at int, c *membership.Changed) {
	if c.After.Status != core.Dead || c.Before.Status == core.Dead {
		return
	}
	of := Place(c.After.ID)
	if r.blocked[of] {
		if !r.blocked[at] {
			r.deaths[of].by(r.lab.now, at, len(r.blocked)-len(r.deaths))
		}
		return
	}
	r.toll.False++
	if !r.blocked[at] {
		r.toll.FalseByHealthy++
	}
}

// by notes that one of the sound holds it dead.
func (d *deathOf) by(now core.Instant, at, sound int) {
	if d.holders[at] {
		return
	}
	d.holders[at] = true
	d.count++
	if d.count == 1 {
		d.first = now
	}
	if d.count == sound {
		d.full = now
	}
}

// healthy says whether everybody holds everybody alive.
func (r *anomalyRun) healthy() bool {
	healthy := true
	for i := range r.lab.hosts {
		r.lab.Table(i).Each(func(row member.Row) bool {
			healthy = healthy && row.Status == core.Alive
			return healthy
		})
	}
	return healthy
}

func (r *anomalyRun) latencies() {
	r.each(func(i int) {
		if d := r.deaths[i]; d.full != 0 {
			r.toll.First = append(r.toll.First, d.first.Sub(r.begun).Seconds())
			r.toll.Full = append(r.toll.Full, d.full.Sub(r.begun).Seconds())
		}
	})
}
