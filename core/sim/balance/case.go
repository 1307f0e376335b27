package balance

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// The policies, the sizes, what is known of them, and how tasks arrive.
const (
	HB          = "hb"
	Random      = "random"
	RoundRobin  = "round-robin"
	LeastLoaded = "least-loaded"
	TwoChoices  = "two-choices"

	Uniform   = "uniform"
	LogNormal = "lognormal"
	Bimodal   = "bimodal"
	Pareto    = "pareto"

	Known   = "known"
	Learned = "learned"

	Batch   = "batch"
	Poisson = "poisson"
)

// Policies lists them, hb's first.
func Policies() []string { return []string{HB, Random, RoundRobin, LeastLoaded, TwoChoices} }

// Sizes lists the distributions of sizes.
func Sizes() []string { return []string{Uniform, LogNormal, Bimodal, Pareto} }

// Estimates lists what may be known.
func Estimates() []string { return []string{Known, Learned} }

// Arrivals lists how tasks may arrive.
func Arrivals() []string { return []string{Batch, Poisson} }

// Case is one row of a comparison.
type Case struct {
	Policy         string
	Members, Slots int
	// Low and High bound the members' speeds, which are spread evenly between.
	Low, High    float64
	TasksPerSlot int
	Sizes        string
	Estimates    string
	// Told has the tasks and members of a learned load say what they are after all: what
	// it takes then is what learning can come to at best.
	Told bool
	// Error is how far told weights are off, as the standard deviation of their
	// logarithm.
	Error float64
	// Stale is how often members report their load.
	Stale    time.Duration
	Arrivals string
	// Others is the mean share of a member that others use; it changes now and
	// then, on each member by itself.
	Others float64
	// Straggler is how many times slower one member turns when a third of the time
	// is over; 0 for none. Hidden keeps it out of the member's reports.
	Straggler float64
	Hidden    bool
	Seed      uint64
}

// Result is what a case showed.
type Result struct {
	Case
	Tasks int
	// Makespan is when the last task ended, Bound the least that it can be; with a
	// straggler, for one who is told when it turns slow and leaves it what it runs.
	Makespan, Bound time.Duration
	// Imbalance is the work a member was given over what it could do, at most,
	// beside the same of all members together.
	Imbalance float64
	// SparedAfter is after how many reports of the straggler it got no new task; -1
	// without a straggler.
	SparedAfter int
}

// Ratio is Makespan over Bound.
func (r *Result) Ratio() float64 { return float64(r.Makespan) / float64(r.Bound) }

// Check says what is wrong with a case, if anything.
func (c *Case) Check() error {
	for _, w := range []struct {
		what, word string
		known      []string
	}{
		{"policy", c.Policy, Policies()}, {"sizes", c.Sizes, Sizes()}, {"estimates", c.Estimates, Estimates()}, {"arrivals", c.Arrivals, Arrivals()},
	} {
		if !slices.Contains(w.known, w.word) {
			return fmt.Errorf("%s %q: there is %v", w.what, w.word, w.known)
		}
	}
	switch {
	case c.Members < 1 || c.Members > 10_000:
		return fmt.Errorf("%d members: from 1 to 10000", c.Members)
	case c.Slots < 1 || c.Slots > 1024:
		return fmt.Errorf("%d slots: from 1 to 1024", c.Slots)
	case !(c.Low > 0) || !(c.High >= c.Low) || c.High > 1000:
		return fmt.Errorf("speeds of %g-%g: from more than 0 to 1000, the lower first", c.Low, c.High)
	case c.TasksPerSlot < 1 || c.TasksPerSlot*c.Slots*c.Members > mostTasks:
		return fmt.Errorf("%d tasks a slot on %d slots: from 1 to %d in all", c.TasksPerSlot, c.Slots*c.Members, mostTasks)
	case !(c.Error >= 0) || c.Error > 5:
		return fmt.Errorf("an error of %g: from 0 to 5", c.Error)
	case c.Stale < 10*time.Millisecond || c.Stale > time.Hour:
		return fmt.Errorf("reports every %s: from 10ms to 1h", c.Stale)
	case !(c.Others >= 0) || c.Others > 0.5:
		return fmt.Errorf("a share of %g for others: from 0 to 0.5", c.Others)
	case math.IsNaN(c.Straggler) || c.Straggler != 0 && c.Straggler < 1 || c.Straggler > 1000:
		return fmt.Errorf("a straggler %g times slower: from 1 to 1000", c.Straggler)
	}
	return nil
}

// mostTasks is less than a ledger takes.
const mostTasks = 90_000

// Run carries the case out, which must pass Check. Progress, if not nil, hears
// now and then how much of the whole is done.
func (c Case) Run(progress func(share float64)) *Result {
	w := newWorkload(&c)
	r := &Result{Case: c, Tasks: len(w.tasks), Bound: w.bound(), SparedAfter: -1}
	var runs []run
	if c.Policy == HB {
		runs = dispatched(&c, w, progress)
	} else {
		runs = pushed(&c, w)
	}
	r.Makespan = makespan(runs)
	r.Imbalance = w.imbalance(runs, r.Makespan)
	if c.Straggler > 0 {
		r.SparedAfter = w.sparedAfter(runs, c.Stale)
		r.Bound = max(r.Bound, w.inFlight(runs))
	}
	return r
}

// run is a task as it was run.
type run struct {
	task, member int
	sent         time.Duration // when it was decided
	start, end   time.Duration
}

func makespan(runs []run) (last time.Duration) {
	for _, r := range runs {
		last = max(last, r.end)
	}
	return last
}
