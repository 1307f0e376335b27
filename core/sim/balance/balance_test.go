package balance

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// usual is ten members of speeds 1 to 8, ten tasks a slot.
func usual() Case {
	return Case{
		Policy: HB, Members: 10, Slots: 4, Low: 1, High: 8, TasksPerSlot: 10, Sizes: Uniform, Estimates: Known,
		Stale: time.Second, Arrivals: Batch, Seed: 1,
	}
}

// TestTheChoiceIsNearTheBound is a small part of scripts/balance, so that nobody
// makes the choice worse without noticing.
func TestTheChoiceIsNearTheBound(t *testing.T) {
	for _, size := range Sizes() {
		for estimates, most := range map[string]float64{Known: 1.06, Learned: 1.15} {
			c := usual()
			c.Sizes, c.Estimates = size, estimates
			if r := c.Run(nil); r.Ratio() > most || r.Ratio() < 0.9999 {
				t.Errorf("%s, %s: %v, %.3f times the bound", size, estimates, r.Makespan, r.Ratio())
			}
		}
	}
}

// TestToldALearnedLoadIsDealtWithLikeAKnownOne holds the load itself the same.
func TestToldALearnedLoadIsDealtWithLikeAKnownOne(t *testing.T) {
	c := usual()
	c.Estimates = Learned
	told := c
	told.Told = true
	a, b := c.Run(nil), told.Run(nil)
	if a.Bound != b.Bound || b.Ratio() > 1.06 || b.Ratio() > a.Ratio() {
		t.Errorf("bounds of %v and %v; %.3f, and told %.3f", a.Bound, b.Bound, a.Ratio(), b.Ratio())
	}
}

func TestEveryOtherPolicyIsWorse(t *testing.T) {
	best := usual().Run(nil).Ratio()
	for _, policy := range Policies()[1:] {
		c := usual()
		c.Policy = policy
		if r := c.Run(nil); r.Ratio() < 2*best {
			t.Errorf("%s: %.3f times the bound, hb %.3f", policy, r.Ratio(), best)
		}
	}
}

func TestStaleReportsLeadToNoImbalance(t *testing.T) {
	for stale, most := range map[time.Duration]float64{time.Second: 1.1, 30 * time.Second: 1.2} {
		c := usual()
		c.Stale, c.Others, c.TasksPerSlot = stale, 0.2, 20
		if r := c.Run(nil); r.Imbalance > most {
			t.Errorf("reports every %v: imbalance %.3f", stale, r.Imbalance)
		}
	}
}

func TestAStragglerGetsNoNewWork(t *testing.T) {
	for seed := range uint64(3) {
		c := usual()
		c.Straggler, c.Seed, c.High = 10, seed+1, 1
		if r := c.Run(nil); r.SparedAfter > 2 || r.Ratio() > 1.15 {
			t.Errorf("seed %d: spared after %d reports, %.3f times the oracle", c.Seed, r.SparedAfter, r.Ratio())
		}
	}
}

func TestAStragglerThatDoesNotKnowItIsFoundByItsTasks(t *testing.T) {
	c := usual()
	c.Straggler, c.Hidden, c.High, c.TasksPerSlot = 10, true, 1, 30
	if r := c.Run(nil); r.SparedAfter > 60 || r.Ratio() > 1.6 {
		t.Errorf("spared after %d reports, %.3f times the oracle", r.SparedAfter, r.Ratio())
	}
}

func TestTheSameSeedGivesTheSameFigures(t *testing.T) {
	for _, policy := range Policies() {
		c := usual()
		c.Policy, c.Estimates, c.Arrivals, c.Others, c.Straggler = policy, Learned, Poisson, 0.1, 5
		if a, b := c.Run(nil), c.Run(nil); !reflect.DeepEqual(a, b) {
			t.Errorf("%v, then %v", a, b)
		}
	}
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	for what, spoil := range map[string]func(*Case){
		"policy": func(c *Case) { c.Policy = "best" }, "sizes": func(c *Case) { c.Sizes = "x" },
		"members": func(c *Case) { c.Members = 0 }, "slots": func(c *Case) { c.Slots = 0 },
		"speeds": func(c *Case) { c.Low, c.High = 2, 1 }, "no speed": func(c *Case) { c.Low = math.NaN() },
		"too many": func(c *Case) { c.TasksPerSlot = 1 << 20 }, "error": func(c *Case) { c.Error = -1 },
		"stale": func(c *Case) { c.Stale = 0 }, "others": func(c *Case) { c.Others = 0.6 },
		"straggler": func(c *Case) { c.Straggler = 0.5 },
	} {
		c := usual()
		if spoil(&c); c.Check() == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
	if c := usual(); c.Check() != nil {
		t.Error(c.Check())
	}
}

func TestTheBoundOfSmallLoadsIsKnown(t *testing.T) {
	two := []machine{{slots: 1, speed: 1, spells: []spell{{rate: 1}}}, {slots: 1, speed: 3, spells: []spell{{rate: 1}}}}
	for what, c := range map[string]struct {
		tasks []task
		want  float64
	}{
		"all the work over all the speed":     {[]task{{size: 4}, {size: 4}, {size: 4}}, 3},
		"the largest on the fastest":          {[]task{{size: 12}, {size: 1}}, 4},
		"the two largest on the two":          {[]task{{size: 6}, {size: 6}}, 3},
		"what arrives late":                   {[]task{{size: 1}, {size: 9, arrives: 10 * time.Second}}, 13},
		"much that arrives not quite so late": {[]task{{size: 1}, {size: 8, arrives: time.Second}, {size: 8, arrives: time.Second}}, 5},
	} {
		w := &workload{members: two, tasks: c.tasks}
		if got := w.bound().Seconds(); math.Abs(got-c.want) > 0.001 {
			t.Errorf("%s: %.3f s, not %g", what, got, c.want)
		}
	}
}

// TestAMachineDoesWhatItsSpellsAllow compares the end of a task with what the
// machine could do until then.
func TestAMachineDoesWhatItsSpellsAllow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := usual()
		c.Others, c.Straggler = rapid.Float64Range(0, 0.5).Draw(rt, "others"), rapid.Float64Range(1, 20).Draw(rt, "straggler")
		m := machine{slots: 1, speed: rapid.Float64Range(0.1, 10).Draw(rt, "speed")}
		m.live(&c, rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)), true, time.Minute)
		start := time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(rt, "start"))
		size := rapid.Float64Range(0.01, 1000).Draw(rt, "size")
		if did := m.capacity(start, m.done(start, size)); math.Abs(did/size-1) > 1e-3 {
			rt.Fatalf("of %g it has done %g", size, did)
		}
	})
}

func TestSizesHaveTheirMean(t *testing.T) {
	for _, kind := range Sizes() {
		luck, sum := rand.New(rand.NewPCG(1, 2)), 0.0
		const n = 400_000
		for range n {
			sum += sizes(kind)(luck)
		}
		if mean := sum / n; math.Abs(mean/meanSize-1) > 0.05 {
			t.Errorf("%s: a mean of %g", kind, mean)
		}
	}
}

func BenchmarkATaskOfTheLaboratory(b *testing.B) {
	for b.Loop() {
		c := usual()
		c.Run(nil)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*400), "µs/task")
}
