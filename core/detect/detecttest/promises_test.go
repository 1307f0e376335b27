package detecttest

import (
	"slices"
	"testing"
	"time"

	"hb/core"
)

// What all kinds promise alike.

func TestAHealthyClusterAccusesNobody(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for _, n := range []int{2, 3, 5, 16} {
			l := k.lab(n, uint64(n))
			l.Run(periods(300))
			if len(l.Found()) > 0 {
				t.Errorf("%d members:\n%s", n, l.story())
			}
		}
	})
}

func TestACrashedMemberIsDeadInEveryView(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for _, n := range []int{3, 5, 16} {
			for seed := range uint64(5) {
				l := k.lab(n, seed)
				l.Run(periods(10 + float64(seed)/5))
				victim := n - 1 // never the centre, which nobody watches
				l.Crash(victim)
				l.Run(k.patience(n))
				if !l.everywhere(victim, core.Dead) {
					t.Errorf("%d members, seed %d: not dead everywhere after %s:\n%s", n, seed, k.patience(n), l.story())
				}
				if others := l.count(core.Dead, 0, func(f Finding) bool { return f.About != victim }); others > 0 {
					t.Errorf("%d members, seed %d: others were called dead, too:\n%s", n, seed, l.story())
				}
			}
		}
	})
}

func TestOfTwoMembersOneFindsTheOther(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.lab(2, 1)
		l.Run(periods(10))
		l.Crash(1)
		l.Run(k.patience(2))
		if l.Status(0, 1) != core.Dead {
			t.Error(l.story())
		}
	})
}

func TestLostPacketsKillNobody(t *testing.T) {
	models := map[string]func() Loss{
		"5 %":       func() Loss { return Lose(0.05) },
		"20 %":      func() Loss { return Lose(0.2) },
		"in bursts": func() Loss { return LoseInBursts(0.02, 0.6) },
	}
	each(t, func(t *testing.T, k kind) {
		for name, model := range models {
			suspicions := 0
			for seed := range uint64(3) {
				l := New(Options{New: k.new, Members: 8, Seed: seed, Spread: true, Loss: model()})
				l.Run(periods(300))
				suspicions += l.count(core.Suspect, 0, func(f Finding) bool { return f.Own })
				if dead := l.count(core.Dead, 0, anything); dead > 0 {
					t.Errorf("%s, seed %d: %d times dead\n%s", name, seed, dead, l.story())
				}
			}
			t.Logf("%-9s lost: %d suspicions, all refuted, in 7200 member periods", name, suspicions)
		}
	})
}

func TestAProcessThatStoodStillIsAtMostSuspectedAndAccusesNobody(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for seed := range uint64(10) {
			l := k.lab(6, seed)
			l.Run(periods(10) + time.Duration(seed)*97*time.Millisecond)
			stopped := 5 - int(seed%6)
			l.Pause(stopped, periods(3))
			l.Run(periods(30))
			if l.count(core.Dead, 0, anything) > 0 || l.count(core.Suspect, 0, func(f Finding) bool { return f.Own && f.By == stopped }) > 0 {
				t.Errorf("seed %d: member %d stood still\n%s", seed, stopped, l.story())
			}
			for i := range 6 {
				if !l.everywhere(i, core.Alive) {
					t.Errorf("seed %d: %d is not alive everywhere at the end\n%s", seed, i, l.story())
				}
			}
		}
	})
}

func TestAClusterThatStoodStillAsAWholeGoesOn(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.lab(6, 1)
		l.Run(periods(10))
		for i := range 6 {
			l.Pause(i, periods(20))
		}
		l.Run(periods(40))
		if len(l.Found()) > 0 {
			t.Error(l.story())
		}
	})
}

func TestWhoHearsNobodySaysSoAndJudgesNobody(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.lab(6, 1)
		l.Run(periods(10))
		l.Deafen(0) // the centre of central
		l.Run(periods(2.1))
		since := l.Now()
		l.Run(periods(20))
		if !l.Detector(0).Isolated() {
			t.Error("it does not take itself to be isolated")
		}
		if n := l.count(core.Suspect, since, func(f Finding) bool { return f.By == 0 && f.Own }); n > 0 {
			t.Errorf("it suspected %d\n%s", n, l.story())
		}
		l.Heal()
		l.Run(periods(20))
		if n := l.count(core.Suspect, since, func(f Finding) bool { return f.By == 0 && f.Own }); n > 0 || l.Detector(0).Isolated() {
			t.Errorf("when it heard again it suspected %d\n%s", n, l.story())
		}
	})
}

func TestAnAccusedMemberRefutes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.lab(5, 1)
		l.Run(periods(10))
		row := l.members[3].row
		row.Status, row.Accuser = core.Suspect, id(2)
		for _, s := range l.members {
			l.learn(s, evidence(row), s.i == 2)
		}
		l.Run(periods(1))
		if got, _ := l.members[0].table.Get(id(3)); got.Status != core.Alive || got.Incarnation != 1 {
			t.Errorf("%+v", got)
		}
		l.Run(periods(30))
		if l.count(core.Dead, 0, anything) > 0 {
			t.Error(l.story())
		}
	})
}

func TestASuspicionWhoseAccuserCrashesEndsAllTheSame(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		l := k.lab(8, 1)
		l.Run(periods(10))
		l.Crash(7)
		for range 400 {
			if _, found := l.first(7, core.Suspect, 0); found {
				break
			}
			l.Run(periods(0.1))
		}
		accuser, found := l.first(7, core.Suspect, 0)
		if !found {
			t.Fatal(l.story())
		}
		l.Run(10 * delay)
		l.Crash(accuser.By)
		l.Run(2 * k.patience(8))
		if !l.everywhere(7, core.Dead) {
			t.Error(l.story())
		}
	})
}

func TestTheSameSeedFindsTheSame(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		run := func() []Finding {
			l := New(Options{New: k.new, Members: 8, Seed: 3, Spread: true, Loss: Lose(0.3)})
			l.Run(periods(30))
			l.Crash(7)
			l.Run(periods(60))
			return l.Found()
		}
		if a, b := run(), run(); len(a) == 0 || !slices.Equal(a, b) {
			t.Errorf("%v\n%v", a, b)
		}
	})
}

// TestTheSameTraceEndsWithTheRightTable strikes all kinds with the same faults.
func TestTheSameTraceEndsWithTheRightTable(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for seed := range uint64(6) {
			const n = 12
			l := New(Options{New: k.new, Members: n, Seed: seed, Spread: true, Loss: Lose(0.02)})
			l.Run(periods(10))
			dead := map[int]bool{}
			for range 6 {
				switch a, b := 1+l.Chance(n-1), 1+l.Chance(n-1); l.Chance(4) {
				case 0:
					if len(dead) < 4 {
						l.Crash(a)
						dead[a] = true
					}
				case 1:
					if !dead[a] {
						l.Pause(a, periods(2.5))
					}
				case 2:
					l.Cut(a, b)
				case 3:
					l.Heal()
				}
				l.Run(periods(3))
			}
			l.Heal()
			l.Run(k.patience(n) * 5)
			for i := range n {
				want := core.Alive
				if dead[i] {
					want = core.Dead
				}
				if !l.everywhere(i, want) {
					t.Errorf("seed %d: %d is not %s everywhere (dead: %v)\n%s", seed, i, want, dead, l.story())
				}
			}
		}
	})
}
