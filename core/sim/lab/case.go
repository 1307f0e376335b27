package lab

import (
	"fmt"
	"math"
	"time"

	"hb/core/detect"
	"hb/core/detect/gossip"
	"hb/core/detect/heartbeat"
	"hb/core/detect/kinds"
	"hb/core/detect/swim"
	"hb/core/spread"
)

// Case is one row of a comparison: a detector, a size, a network.
type Case struct {
	// Kind is the detector's, of core/detect/kinds.
	Kind string
	// Spread is how news leaves; pure SWIM has only piggyback.
	Spread  spread.Mode
	Members int
	// Helpers is K of SWIM; the others ask nobody.
	Helpers int
	Loss    float64
	// Delay is the mean time that a datagram takes, Period T.
	Delay, Period time.Duration
	// Time is how long members are watched before the first crash; 0 leaves it to
	// the case.
	Time  time.Duration
	Kills int
	Seed  uint64
	// Pure leaves out all that goes beyond the published algorithm, and gives
	// SWIM the synchronous rounds and random targets that its theory assumes.
	Pure bool
	// Refuse lets the hosts of crashed processes answer that nobody listens, as
	// soon as the system has ended them, which takes Exit.
	Refuse bool
	Exit   time.Duration
	// Streams is how many members have a stream to each; 0 is those that watch it.
	Streams int
	// Machine is one that all members share, if it has processors.
	Machine Machine
}

// Result is what a Case showed, times in periods. A Theory or Bound is NaN where
// there is none.
type Result struct {
	Case
	// Detection is from a crash to the first accusation by anybody.
	Detection                       *Sample
	DetectionTheory, DetectionBound float64
	// Missed are crashes that not everybody knew in time.
	Missed int
	// DeadFirst and DeadAll are from a crash to the first and the last member
	// that holds it dead; empty in pure SWIM, which measures each part alone.
	DeadFirst, DeadAll *Sample
	// Mistakes is how often a living member is accused, per member and period.
	Mistakes       Rate
	MistakesTheory float64
	FalseDeaths    int
	// Sent is the datagrams a member sends a period, SentMost those of the
	// busiest, Bytes their mean payload together.
	Sent, SentMost, SentTheory, Bytes float64
	// News is from the first accusation until so many know; its theory is of
	// all of them.
	News         *Curve
	SpreadTheory float64
}

// Check says what is wrong with a case, if anything.
func (c Case) Check() error {
	_, known := kinds.Find(c.Kind)
	switch {
	case !known:
		return fmt.Errorf("there is no detector %q", c.Kind)
	case c.Members < 2 || c.Members > MostMembers(c.Kind):
		return fmt.Errorf("%d members: from 2 to %d with %s", c.Members, MostMembers(c.Kind), c.Kind)
	case math.IsNaN(c.Loss) || c.Loss < 0 || c.Loss >= 1:
		return fmt.Errorf("a loss of %g: a probability from 0 to less than 1", c.Loss)
	case c.Helpers < 0 || c.Helpers > 16:
		return fmt.Errorf("%d helpers: from 0 to 16", c.Helpers)
	case c.Period < 10*time.Millisecond || c.Period > time.Hour:
		return fmt.Errorf("a period of %s: from 10ms to 1h", c.Period)
	case c.Delay <= 0 || c.Delay > c.Period:
		return fmt.Errorf("a delay of %s: more than nothing, and at most a period (%s)", c.Delay, c.Period)
	case c.Kills < 0:
		return fmt.Errorf("%d kills", c.Kills)
	case c.Pure && c.Kind == "swim" && c.Spread != spread.Piggyback:
		return fmt.Errorf("pure swim spreads its news by piggyback, not by %s", c.Spread)
	case c.Exit < 0 || c.Exit > c.Period || c.Exit > 0 && !c.Refuse:
		return fmt.Errorf("an exit of %s: from 0 to a period (%s), of processes whose hosts refuse", c.Exit, c.Period)
	case c.Streams < 0 || c.Streams > 0 && !c.Refuse:
		return fmt.Errorf("%d streams to each member: at least 0, to processes whose hosts refuse", c.Streams)
	case c.Machine.Processors < 0 || c.Machine.Handling < 0 || (c.Machine.Processors == 0) != (c.Machine.Handling == 0):
		return fmt.Errorf("%d processors on which a datagram takes %s: one does not go without the other", c.Machine.Processors, c.Machine.Handling)
	case c.Machine.Handling > c.Period:
		return fmt.Errorf("a handling of %s: at most a period (%s)", c.Machine.Handling, c.Period)
	case c.Pure && c.Machine.Processors > 0:
		return fmt.Errorf("the published algorithms compute nothing with processors")
	case c.Time < 0:
		return fmt.Errorf("a time of %s", c.Time)
	}
	return nil
}

// MostMembers is how many members a detector can be simulated with in the memory
// and the patience of one machine. Where everybody tells everybody, the work of a
// period grows with the square of their number.
func MostMembers(kind string) int {
	switch kind {
	case "all-to-all":
		return 2_000
	case "gossip":
		return 5_000
	}
	return 100_000
}

// Run carries the case out, which must pass Check. Progress, if not nil, hears
// now and then how much of the whole is done.
func (c Case) Run(progress func(share float64)) *Result {
	r := &Result{Case: c, DeadFirst: &Sample{}, DeadAll: &Sample{}}
	r.theory()
	if c.Pure && c.Kind == "swim" {
		c.runPure(r, progress)
	} else {
		c.runReal(r, progress)
	}
	return r
}

// leastProbes is how many probes a rate of mistakes rests on at least.
const leastProbes = 100_000

func (c Case) runPure(r *Result, progress func(float64)) {
	part := func(from, to float64) func(float64) {
		return func(share float64) {
			if progress != nil {
				progress(from + (to-from)*share)
			}
		}
	}
	p := Pure{Seed: c.Seed, Members: c.Members, Helpers: c.Helpers, Loss: c.Loss,
		Delay: time.Duration(float64(c.Delay) / float64(c.Period) * float64(period))}
	p.Progress = part(0, 0.5)
	r.Detection = p.Detections(c.Kills)
	probes := max(leastProbes, int(float64(c.Time)/float64(c.Period))*c.Members)
	p.Progress = part(0.5, 0.7)
	r.Mistakes = p.Mistakes(probes)
	p.Progress = part(0.7, 1)
	r.News = p.Spreads(min(c.Kills, max(1000, c.Kills/10)))
	load := Trial{Seed: c.Seed, Members: c.Members, Detector: c.factory(), Without: detect.AllExtras,
		Network: Network{Loss: c.Loss, Delay: p.Delay}}.Run()
	r.Sent, r.SentMost, r.Bytes = load.Sent, load.SentMost, load.Bytes
}

func (c Case) runReal(r *Result, progress func(float64)) {
	t := Trial{
		Seed: c.Seed, Members: c.Members, Detector: c.factory(), Period: c.Period, Kills: c.Kills, Quiet: c.Time,
		Spread: c.Spread, Machine: c.Machine,
		Network: Network{Loss: c.Loss, Delay: c.Delay, Refuse: c.Refuse, Exit: c.Exit, Streams: c.Streams}, Progress: progress,
	}
	if c.Pure {
		t.Without = detect.AllExtras
	}
	f := t.Run()
	r.Detection, r.DeadFirst, r.DeadAll, r.Missed = &f.Suspected, &f.DeadFirst, &f.DeadAll, f.Missed
	r.Mistakes, r.FalseDeaths = f.Mistakes, f.FalseDeaths
	r.Sent, r.SentMost, r.Bytes = f.Sent, f.SentMost, f.Bytes
	r.News = f.Spread
}

func (c Case) factory() detect.Factory {
	if c.Kind == "swim" {
		t := swim.Standard()
		t.Helpers = c.Helpers
		return t.New
	}
	make, _ := kinds.Find(c.Kind)
	return make
}

// theory fills in what is known beforehand.
func (r *Result) theory() {
	n, none := float64(r.Members), math.NaN()
	r.DetectionTheory, r.DetectionBound, r.MistakesTheory, r.SentTheory, r.SpreadTheory = none, none, none, none, none
	switch r.Kind {
	case "swim":
		r.MistakesTheory = MistakeTheory(r.Loss, r.Helpers)
		r.SentTheory = LoadTheory(r.Loss, r.Helpers)
		if r.Pure {
			r.DetectionTheory = DetectionTheory(r.Members)
			r.SpreadTheory = SpreadTheory(r.Members, 1)
			return // random targets have no bound
		}
		r.MistakesTheory, r.SentTheory = StandardMistakes(r.Loss, r.Helpers), StandardLoad(r.Loss, r.Helpers)
		r.DetectionTheory, r.DetectionBound = FirstPing()+1, 3.05 // the lane's two periods, the probe, and some slack
	case "central":
		r.heartbeats(2 * (n - 1) / n)
	case "ring":
		r.heartbeats(1)
	case "ring-bi":
		r.heartbeats(2)
	case "all-to-all":
		r.heartbeats(n - 1)
	case "gossip":
		r.DetectionTheory, r.SentTheory = gossip.Fail(r.Members)-0.5, gossip.Load(r.Members)
	}
}

// heartbeats is the theory of detectors that wait for m heartbeats in vain: on
// average the crash comes half a period after the last one.
func (r *Result) heartbeats(sent float64) {
	m := heartbeat.Four(r.Members)
	r.DetectionTheory, r.DetectionBound, r.SentTheory = m-0.5, m+2*float64(r.Delay)/float64(r.Period), sent
}
