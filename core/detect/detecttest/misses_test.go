package detecttest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/gossip"
)

// What each kind is known to miss, and whom it wrongs.

func TestCentralDoesNotNoticeItsCentresCrash(t *testing.T) {
	for _, pure := range []bool{true, false} {
		k := named("central")
		l := New(Options{New: k.new, Members: 6, Seed: 1, Without: without(pure), Spread: !pure})
		l.Run(periods(10))
		l.Crash(0)
		l.Run(periods(1000))
		if len(l.Found()) > 0 {
			t.Errorf("it was noticed:\n%s", l.story())
		}
		for i := 1; i < 6; i++ {
			if !l.Detector(i).Unreachable(id(0)) || len(l.Remarks(i)) != 1 {
				t.Errorf("%d does not say once that its centre is unreachable: %v", i, l.Remarks(i))
			}
			if l.Detector(i).Isolated() && !pure {
				t.Errorf("%d takes itself to be isolated", i)
			}
		}
	}
}

func TestTheNextCentreFindsItsPredecessorDead(t *testing.T) {
	k := named("central")
	l := k.lab(6, 1)
	l.Elect(3)
	l.Run(periods(10))
	l.Crash(3)
	l.Run(periods(20))
	if len(l.Found()) > 0 {
		t.Fatalf("noticed before the election:\n%s", l.story())
	}
	elected := l.Now()
	l.Elect(5)
	l.Run(k.patience(6))
	if !l.everywhere(3, core.Dead) {
		t.Fatal(l.story())
	}
	f, _ := l.first(3, core.Suspect, 0)
	near(t, "central: the next centre's T_d / T", inPeriods(f.At-elected), 4, 0.01)
	if f.By != 5 {
		t.Errorf("found by %d", f.By)
	}
	if n := l.count(core.Suspect, 0, func(f Finding) bool { return f.About != 3 }); n > 0 {
		t.Errorf("the move of the centre cost others:\n%s", l.story())
	}
}

// TestACentreThatHearsBadlyFailsEverybody, and nobody but the accused objects.
func TestACentreThatHearsBadlyFailsEverybody(t *testing.T) {
	const n = 10
	suspected := func(pure bool, hears ...int) (suspects, dead map[int]bool) {
		l := New(Options{New: named("central").new, Members: n, Seed: 1, Without: without(pure)})
		l.Run(periods(10))
		l.Deafen(0, hears...)
		l.Run(periods(10))
		suspects, dead = map[int]bool{}, map[int]bool{}
		for _, f := range l.Found() {
			switch {
			case f.By == 0 && f.Status == core.Suspect:
				suspects[f.About] = true
			case f.By == 0 && f.Status == core.Dead:
				dead[f.About] = true
			}
		}
		return suspects, dead
	}
	if _, dead := suspected(true); len(dead) != n-1 {
		t.Errorf("pure: %d of %d", len(dead), n-1)
	}
	if s, _ := suspected(false); len(s) != 0 {
		t.Errorf("with gates a deaf centre accused %d", len(s))
	}
	if _, dead := suspected(false, 4); len(dead) != n-2 {
		t.Errorf("a centre that hears one member only called %d of %d others dead", len(dead), n-2)
	}
}

// foundAtFirst crashes members of a ring at once and counts those that are found
// before the ring has had the time to be repaired.
func foundAtFirst(k kind, n int, seed uint64, victims ...int) int {
	l := k.pure(n, seed)
	l.Run(periods(3))
	crash := l.Now()
	l.Crash(victims...)
	l.Run(periods(4.5))
	found := map[int]bool{}
	for _, f := range l.Found() {
		if f.Status == core.Suspect && f.At >= crash {
			found[f.About] = true
		}
	}
	return len(found)
}

func TestOfAdjacentCrashesTheRingFindsOneInEachDirection(t *testing.T) {
	for f := 1; f <= 5; f++ {
		victims := make([]int, f)
		for i := range victims {
			victims[i] = (7 + i) % 10
		}
		for seed := range uint64(10) {
			if got := foundAtFirst(named("ring"), 10, seed, victims...); got != 1 {
				t.Errorf("uni: of %d adjacent crashes %d were found", f, got)
			}
			if got := foundAtFirst(named("ring-bi"), 10, seed, victims...); got != min(f, 2) {
				t.Errorf("bi: of %d adjacent crashes %d were found", f, got)
			}
		}
	}
}

func TestTheRingFindsTheRestAfterItsRepair(t *testing.T) {
	for _, name := range []string{"ring", "ring-bi"} {
		l := named(name).lab(10, 1)
		l.Run(periods(10))
		crash := l.Now()
		victims := []int{3, 4, 5}
		l.Crash(victims...)
		l.Run(periods(25))
		var found Sample
		for _, v := range victims {
			f, ok := l.first(v, core.Dead, crash)
			if !ok || !l.everywhere(v, core.Dead) {
				t.Fatalf("%s: %d is not dead everywhere\n%s", name, v, l.story())
			}
			found = append(found, inPeriods(f.At-crash))
		}
		slices.Sort(found)
		t.Logf("%s: three adjacent members that crashed at once are dead after %.1f, %.1f and %.1f T", name, found[0], found[1], found[2])
		if found[2] < 10 {
			t.Errorf("%s: all were found without a repair in between: %v", name, found)
		}
	}
}

// TestTheRingMissesWhoseWatchersCrashWithIt: of f random crashes a given one is
// missed with probability (f−1)/(N−1); bi, with two watchers,
// (f−1)(f−2)/((N−1)(N−2)).
func TestTheRingMissesWhoseWatchersCrashWithIt(t *testing.T) {
	const n, trials = 10, 1000
	for _, c := range []struct {
		kind string
		f    int
		miss float64
	}{
		{"ring", 2, 1.0 / 9}, {"ring", 3, 2.0 / 9}, {"ring", 5, 4.0 / 9},
		{"ring-bi", 3, 2.0 / 72}, {"ring-bi", 4, 6.0 / 72}, {"ring-bi", 6, 20.0 / 72},
	} {
		r := rand.New(rand.NewPCG(1, uint64(c.f)))
		missed := 0
		for seed := range uint64(trials) {
			missed += c.f - foundAtFirst(named(c.kind), n, seed, r.Perm(n)[:c.f]...)
		}
		deviation := math.Sqrt(c.miss * (1 - c.miss) / float64(c.f*trials))
		near(t, c.kind+": P(miss) of random crashes", float64(missed)/float64(c.f*trials), c.miss, 4*deviation/c.miss)
	}
}

func TestInAllToAllOneDeafMemberFailsAllOthers(t *testing.T) {
	const n = 10
	wronged := func(pure bool, hears ...int) int {
		l := New(Options{New: named("all-to-all").new, Members: n, Seed: 1, Without: without(pure)})
		l.Run(periods(10))
		l.Deafen(6, hears...)
		l.Run(periods(10))
		return l.count(core.Dead, 0, func(f Finding) bool { return f.By == 6 })
	}
	if got := wronged(true); got != n-1 {
		t.Errorf("pure: %d", got)
	}
	if got := wronged(false); got != 0 {
		t.Errorf("with gates a deaf member called %d dead", got)
	}
	if got := wronged(false, 2); got != n-2 {
		t.Errorf("one that hears a single other called %d dead", got)
	}
}

func TestAllToAllFindsAnyNumberOfCrashes(t *testing.T) {
	for _, name := range []string{"all-to-all", "gossip", "swim"} {
		const n = 10
		k := named(name)
		l := k.lab(n, 2)
		l.Run(periods(15))
		l.Crash(1, 2, 3, 4, 5, 6, 7)
		l.Run(2 * k.patience(n))
		for i := 1; i <= 7; i++ {
			if !l.everywhere(i, core.Dead) {
				t.Errorf("%s: %d is not dead everywhere\n%s", name, i, l.story())
			}
		}
	}
}

// TestACutBetweenTwoMembers is bridged by gossip and by swim's helpers; to
// all-to-all and the ring it is a crash of the other, until that one refutes.
func TestACutBetweenTwoMembers(t *testing.T) {
	wronged := map[string]bool{"all-to-all": true, "ring": true, "ring-bi": true}
	each(t, func(t *testing.T, k kind) {
		for _, pure := range []bool{true, false} {
			l := New(Options{New: k.new, Members: 6, Seed: 1, Without: without(pure), Spread: !pure})
			l.Run(periods(15))
			l.Cut(2, 3)
			l.Cut(3, 2)
			l.Run(periods(200))
			suspicions := l.count(core.Suspect, 0, func(f Finding) bool { return f.Own })
			if wronged[k.name] != (suspicions > 0) {
				t.Errorf("pure %v: %d suspicions\n%s", pure, suspicions, l.story())
			}
		}
	})
}

// TestForgettingTheFailedAtTFailRevivesGhosts: rows forgotten at T_fail come
// back from those who still believe in them; kept for 2·T_fail they do not.
func TestForgettingTheFailedAtTFailRevivesGhosts(t *testing.T) {
	const n = 16
	ghosts := func(after float64) (revived int, last time.Duration) {
		for seed := range uint64(5) {
			l := New(Options{New: gossip.Forgetting(after), Members: n, Seed: seed, Without: detect.AllExtras})
			l.Run(periods(15))
			crash := l.Now()
			l.Crash(9)
			for l.Now() < crash+periods(8*gossip.Fail(n)) {
				l.Run(periods(0.5))
				for i := range n {
					failed := l.Status(i, 9) == core.Dead
					at, heard := l.Detector(i).Heard(id(9))
					if failed && heard && l.now.Sub(at) < periods(0.5) {
						revived++
						last = max(last, l.Now()-crash)
					}
				}
			}
		}
		return revived, last
	}
	revived, last := ghosts(1)
	t.Logf("T_cleanup = T_fail: %d times a member that was called failed was taken for alive again, up to %.0f periods after its crash",
		revived, inPeriods(last))
	if revived == 0 {
		t.Error("no ghosts with T_cleanup = T_fail")
	}
	if revived, _ := ghosts(2); revived > 0 {
		t.Errorf("%d ghosts with T_cleanup = 2·T_fail", revived)
	}
}

// TestGossipHardlyEverMissesItsOwn: the accuracy that T_fail is chosen for.
func TestGossipHardlyEverMissesItsOwn(t *testing.T) {
	for _, c := range []struct {
		n    int
		loss float64
	}{{5, 0}, {24, 0}, {24, 0.1}} {
		l := New(Options{New: gossip.New, Members: c.n, Seed: 1, Without: detect.AllExtras, Loss: Lose(c.loss)})
		l.Run(periods(400))
		if n := l.count(core.Suspect, 0, anything); n > 0 {
			t.Errorf("%d members, %.0f %% lost: %d suspicions in %d pairs and periods", c.n, c.loss*100, n, c.n*c.n*400)
		}
	}
}

func TestSwimFindsEveryoneWithinTwoRounds(t *testing.T) {
	const n = 12
	for seed := range uint64(30) {
		l := named("swim").pure(n, seed)
		l.Run(periods(10))
		crash := l.Now()
		l.Crash(5)
		l.Run(periods(2*n + 1))
		for i := range n {
			if i != 5 && !slices.ContainsFunc(l.Found(), func(f Finding) bool { return f.By == i && f.About == 5 && f.At >= crash }) {
				t.Errorf("seed %d: %d has not found it within 2N+1 periods\n%s", seed, i, l.story())
			}
		}
	}
}
