package lab

import (
	"math"
	"testing"
	"time"

	"hb/core/detect/kinds"
	"hb/core/spread"
)

// The script scripts/theory holds the same against more trials.

func TestCrashesAreFoundWhenSWIMSaysSo(t *testing.T) {
	for _, members := range []int{10, 40} {
		got := Pure{Seed: 1, Members: members, Helpers: 3, Loss: 0.05}.Detections(1500)
		if want := DetectionTheory(members); math.Abs(got.Mean()-want) > 4*got.Error() || got.Error() > 0.04 {
			t.Errorf("%d members: %.3f ± %.3f periods, theory %.3f", members, got.Mean(), got.Error(), want)
		}
	}
	if got := DetectionTheory(100_000); math.Abs(got-math.E/(math.E-1)) > 1e-4 {
		t.Errorf("for very many: %v", got)
	}
}

func TestGoingRoundBoundsTheTimeUntilACrashIsFound(t *testing.T) {
	const members = 8
	got := Pure{Seed: 2, Members: members, Helpers: 3, RoundRobin: true}.Detections(400)
	if got.Max() > 2*members-1 {
		t.Errorf("it took %g periods, more than 2N−1 = %d", got.Max(), 2*members-1)
	}
}

func TestTheLivingAreAccusedAsOftenAsSWIMSays(t *testing.T) {
	for k := range 4 {
		for _, loss := range []float64{0.01, 0.1} {
			p := Pure{Seed: uint64(k), Members: 50, Helpers: k, Loss: loss}
			got, want := p.Mistakes(20_000), MistakeTheory(loss, k)
			if slack := 1.2 * (got.High - got.Low); got.Low-slack > want || got.High+slack < want {
				t.Errorf("K %d, loss %g: %.3g (%.3g to %.3g), theory %.3g", k, loss, got.Value, got.Low, got.High, want)
			}
		}
	}
}

func TestWeighingAndCountingAgree(t *testing.T) {
	p := Pure{Seed: 9, Members: 50, Helpers: 1, Loss: 0.1}
	tally := p.tallies(40_000, 0)
	counted, weighed := poissonRate(tally.count, tally.trials), p.weighedMistakes(20_000)
	if counted.Weighed || !weighed.Weighed || !p.Mistakes(40_000).Weighed || p.Mistakes(100_000).Weighed {
		t.Fatalf("%+v, %+v", counted, weighed)
	}
	if math.Abs(counted.Value-weighed.Value) > 0.06*counted.Value {
		t.Errorf("counted %.4g, weighed %.4g", counted.Value, weighed.Value)
	}
}

func TestTheTableOfDETECTORSIsComputed(t *testing.T) {
	for loss, want := range map[float64][4]float64{
		0.01: {3.2e-2, 1.2e-3, 4.9e-5, 1.9e-6}, 0.05: {.154, .029, 5.3e-3, 9.8e-4}, 0.1: {.301, .103, .036, .012},
	} {
		for k := range 4 {
			if got := MistakeTheory(loss, k) * SwimFactor(); math.Abs(got/want[k]-1) > 0.04 {
				t.Errorf("loss %g, K %d: %.3g, want %.3g", loss, k, got, want[k])
			}
		}
	}
}

func TestNewsSpreadsAsSWIMSays(t *testing.T) {
	const members = 50
	curve := Pure{Seed: 4, Members: members, Helpers: 3}.Spreads(400)
	for share, within := range map[float64]float64{0.99: 0.06, 1: 0.06} {
		got := curve.At(share)
		if want := SpreadTheory(members, share); math.Abs(got.Mean()/want-1) > within {
			t.Errorf("share %g: %.3f ± %.3f periods, theory %.3f", share, got.Mean(), got.Error(), want)
		}
	}
	// The exact mean of the process that the curve is the limit of.
	exact := 0.
	for i := 1; i < members/2; i++ {
		exact += float64(members-1) / float64(2*i*(members-i))
	}
	if got := curve.At(0.5); math.Abs(got.Mean()-exact) > 5*got.Error()+0.02 {
		t.Errorf("half of them: %.3f ± %.3f, exactly %.3f", got.Mean(), got.Error(), exact)
	}
	if at := SpreadTheory(members, 0.5); math.Abs(SpreadCurve(members, at)-0.5) > 1e-9 {
		t.Error("the curve and its inverse differ")
	}
}

func TestARealClusterFindsEveryCrashAndSendsWhatItShould(t *testing.T) {
	for _, kind := range kinds.Names() {
		c := Case{Kind: kind, Members: 20, Helpers: 3, Delay: time.Millisecond, Period: time.Second, Kills: 12, Seed: 5}
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		share := 0.
		r := c.Run(func(s float64) { share = s })
		if kind != "central" && r.Missed > 0 || r.Detection.Count()+r.Missed < 12 || share != 1 {
			t.Errorf("%s: %d found, %d missed, %g done", kind, r.Detection.Count(), r.Missed, share)
		}
		if math.Abs(r.Detection.Mean()/r.DetectionTheory-1) > 0.35 {
			t.Errorf("%s: found after %.2f periods, theory %.2f", kind, r.Detection.Mean(), r.DetectionTheory)
		}
		if kind != "gossip" && r.Detection.Max() > r.DetectionBound {
			t.Errorf("%s: one was found after %.2f periods, the bound is %.2f", kind, r.Detection.Max(), r.DetectionBound)
		}
		if math.Abs(r.Sent/r.SentTheory-1) > 0.06 {
			t.Errorf("%s: %.2f datagrams a period, theory %.2f", kind, r.Sent, r.SentTheory)
		}
		if r.Mistakes.Count != 0 || r.FalseDeaths != 0 {
			t.Errorf("%s: %d mistakes, %d false deaths without loss", kind, r.Mistakes.Count, r.FalseDeaths)
		}
		if d := r.DeadFirst.Mean() - r.Detection.Mean(); d < 0 || r.DeadAll.Mean() < r.DeadFirst.Mean() {
			t.Errorf("%s: accused after %.2f, dead after %.2f to %.2f", kind, r.Detection.Mean(), r.DeadFirst.Mean(), r.DeadAll.Mean())
		}
	}
}

func TestACrashIsKnownEverywhereHoweverNewsSpreads(t *testing.T) {
	for _, mode := range []spread.Mode{spread.Piggyback, spread.Unicast, spread.Multicast} {
		c := Case{Kind: "swim", Spread: mode, Members: 20, Helpers: 3, Delay: time.Millisecond, Period: time.Second, Kills: 6, Seed: 5}
		if r := c.Run(nil); r.Missed > 0 || r.News.At(1).Count() != 6 || r.Mistakes.Count > 0 {
			t.Errorf("%s: %d missed, %d known, %d mistakes", mode, r.Missed, r.News.At(1).Count(), r.Mistakes.Count)
		}
	}
}

func TestACaseSaysWhatIsWrongWithIt(t *testing.T) {
	good := Case{Kind: "swim", Members: 2, Delay: 1, Period: time.Second}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []func(*Case){
		func(c *Case) { c.Kind = "rumour" }, func(c *Case) { c.Members = 1 }, func(c *Case) { c.Members = 1 << 20 },
		func(c *Case) { c.Loss = 1 }, func(c *Case) { c.Loss = -0.1 }, func(c *Case) { c.Loss = math.NaN() },
		func(c *Case) { c.Helpers = -1 }, func(c *Case) { c.Period = 1 }, func(c *Case) { c.Delay = 0 },
		func(c *Case) { c.Delay = time.Hour }, func(c *Case) { c.Kills = -1 }, func(c *Case) { c.Time = -1 },
	} {
		bad := good
		spoil(&bad)
		if bad.Check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestSamplesAndRates(t *testing.T) {
	var s Sample
	if s.Mean() != 0 || s.Quantile(0.5) != 0 || !math.IsInf(s.Error(), 1) {
		t.Error("an empty sample has figures")
	}
	for i := 100; i > 0; i-- {
		s.Add(float64(i))
	}
	if s.Mean() != 50.5 || s.Quantile(0.99) != 99 || s.Quantile(0.5) != 50 || s.Max() != 100 || s.Values()[0] != 1 {
		t.Errorf("mean %g, p99 %g, max %g", s.Mean(), s.Quantile(0.99), s.Max())
	}
	// Exact Poisson limits (Ulm 1990): none of n: up to 3.689; 10: 4.795 to 18.390.
	for count, want := range map[int][2]float64{0: {0, 3.689}, 10: {4.795, 18.390}} {
		r := poissonRate(count, 1)
		if math.Abs(r.Low-want[0]) > 0.03 || math.Abs(r.High-want[1]) > 0.03 {
			t.Errorf("%d events: %.3f to %.3f, want %v", count, r.Low, r.High, want)
		}
	}
}
