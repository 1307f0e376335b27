package detecttest

import (
	"math"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect/swim"
)

// The figures: time to the first detection T_d and load L, against the
// formulas.

// window is within how long every detector has found a crash by itself.
func (k kind) window(n int) time.Duration {
	switch {
	case k.random: // there is no such time; for the first finder this is ample
		return periods(12)
	case k.silence == nil:
		return periods(float64(2*n + 1))
	}
	return periods(k.silence(n) + math.Log(float64(n)) + 1)
}

// detections crashes one member of n at a random time, over and over, and gives
// the first and the last detection in periods after the crash.
func (k kind) detections(n, trials int) (first, last Sample) {
	for seed := range uint64(trials) {
		l := k.pure(n, seed)
		l.Run(periods(12) + periods(float64(l.Chance(1_000_000))/1e6))
		crash := l.Now()
		victim := 1 + l.Chance(n-1)
		l.Crash(victim)
		l.Run(k.window(n))
		earliest, latest := math.Inf(1), 0.0
		for _, f := range l.Found() {
			if f.About == victim && f.Status == core.Suspect {
				after := inPeriods(f.At - crash)
				earliest, latest = min(earliest, after), max(latest, after)
			}
		}
		first, last = append(first, earliest), append(last, latest)
	}
	return first, last
}

// TestDetectionTakesWhatTheFormulaSays: (m − ½)·T on average and m·T at most,
// where a heartbeat is waited for m periods and the crash falls anywhere
// between two.
func TestDetectionTakesWhatTheFormulaSays(t *testing.T) {
	const n, trials = 6, 500
	for _, k := range all()[:4] {
		first, last := k.detections(n, trials)
		m := k.silence(n)
		near(t, k.name+": mean T_d / T", first.Mean(), m-0.5, 0.01)
		near(t, k.name+": p99 T_d / T", first.Quantile(0.99), m-0.01, 0.005)
		if most := first.Quantile(1); most > m+0.01 {
			t.Errorf("%s: T_d of up to %.3f T", k.name, most)
		}
		if k.name == "all-to-all" {
			for i := range first {
				if last[i]-first[i] > 2*inPeriods(delay) {
					t.Errorf("all-to-all: the last one found it %.3f T after the first", last[i]-first[i])
				}
			}
		}
	}
}

// TestGossipDetectsOneTFailAfterTheLastNews: the crashed member's last count
// reaches each of the others some rounds after it was sent, and each waits for
// T_fail from then on. So the first finds out before, the last after T_fail and
// half a period less, O(log N) rounds apart.
func TestGossipDetectsOneTFailAfterTheLastNews(t *testing.T) {
	k := named("gossip")
	for _, n := range []int{4, 16, 48} {
		first, last := k.detections(n, 240/n)
		m := k.silence(n)
		rounds := math.Log(float64(n))/math.Log(4) + 1
		t.Logf("%d members, T_fail %.2f T: first %s; last %s", n, m, first, last)
		if first.Mean() < m-1 || last.Mean() > m+rounds {
			t.Errorf("%d members: first after %.2f T, last after %.2f T; T_fail is %.2f T", n, first.Mean(), last.Mean(), m)
		}
	}
}

// TestGossipBringsAHeartbeatToAllInLogNRounds measures how old the latest news
// of a member is at the worst place.
func TestGossipBringsAHeartbeatToAllInLogNRounds(t *testing.T) {
	k := named("gossip")
	var stale []float64
	for _, n := range []int{8, 32, 128} {
		l := k.pure(n, 7)
		l.Run(periods(25))
		var worst Sample
		for range 20 {
			l.Run(periods(1))
			oldest := l.now
			for i := 1; i < n; i++ {
				if at, ok := l.Detector(i).Heard(id(0)); ok {
					oldest = min(oldest, at)
				}
			}
			worst = append(worst, inPeriods(l.now.Sub(oldest)))
		}
		t.Logf("%3d members: whoever knows least of a member heard of it %.1f T ago on average", n, worst.Mean())
		stale = append(stale, worst.Mean())
	}
	// Four times as many members cost log₄ 4 = 1 round more, and some.
	if stale[2]-stale[1] > 2.5 || stale[1]-stale[0] > 2.5 {
		t.Errorf("%.1f, %.1f, %.1f periods", stale[0], stale[1], stale[2])
	}
}

// TestSwimDetectsWithinTwoPeriodsOnAverage: the first ping of a crashed member
// comes 1/(1−1/e) periods after the crash in theory, with synchronous rounds and
// random targets. With random phases and a round robin it comes after about
// 1.01·(N−1)/N (a simulation of nothing but N−1 shuffled lists), and the probe
// fails one period later. Nobody waits longer than 2N−1 for his own ping.
func TestSwimDetectsWithinTwoPeriodsOnAverage(t *testing.T) {
	const n = 12
	first, last := named("swim").detections(n, 600)
	near(t, "swim: mean T_d / T", first.Mean(), 1.01*(n-1.0)/n+1, 0.05)
	if most := last.Quantile(1); most > 2*n-1+1.1 {
		t.Errorf("somebody found it %.2f periods after the crash, 2N−1 is %d", most, 2*n-1)
	}
}

// TestSwimOfThePaperDetectsWithin1582PeriodsOfTheNextRound: with synchronous
// rounds and random targets somebody pings the crashed member after
// 1/(1−(1−1/(N−1))^(N−1)) rounds on average, which grows to 1/(1−1/e) = 1.582
// (SWIM §3.3). A round begins half a period after the crash, on average.
func TestSwimOfThePaperDetectsWithin1582PeriodsOfTheNextRound(t *testing.T) {
	const n = 16
	paper := swim.Standard()
	paper.InStep, paper.RandomTargets = true, true
	first, _ := kind{name: "swim of the paper", new: paper.New, random: true}.detections(n, 500)
	rounds := 1 / (1 - math.Pow(1-1.0/(n-1), n-1))
	near(t, "swim of the paper: mean T_d / T", first.Mean(), 0.5+rounds, 0.04)
}

// loads runs a healthy cluster and gives what a plain member and the first one
// send and get in a period.
func (k kind) loads(n int) (plain, centre, centreGot float64) {
	l := k.pure(n, 5)
	l.Run(periods(5))
	sent, first, got := l.Sent(n-1), l.Sent(0), l.Got(0)
	l.Run(periods(100))
	return float64(l.Sent(n-1)-sent) / 100, float64(l.Sent(0)-first) / 100, float64(l.Got(0)-got) / 100
}

func TestTheLoadOfAMemberIsWhatTheTableSays(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for _, n := range []int{4, 8, 32} {
			plain, first, got := k.loads(n)
			near(t, k.name+": L", plain, k.load(n), 0.1)
			if k.name == "central" {
				near(t, "central: acks of the centre", first, float64(n-1), 0.02)
				near(t, "central: heartbeats to the centre", got, float64(n-1), 0.02)
			} else {
				near(t, k.name+": L of the first member", first, k.load(n), 0.1)
			}
		}
	})
}

func TestTheLoadOfAllTogetherGrowsWithTheSquareInAllToAllOnly(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		total := func(n int) float64 {
			plain, first, _ := k.loads(n)
			return plain*float64(n-1) + first
		}
		growth := total(32) / total(8)
		want := 4.0
		switch k.name {
		case "central": // all but one send one message, and get one ack
			want = 31.0 / 7
		case "all-to-all":
			want = 32.0 * 31 / (8 * 7)
		}
		near(t, k.name+": four times the members, messages times", growth, want, 0.05)
	})
}
