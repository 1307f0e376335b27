package membership_test

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

func TestTwentyThatJoinAtOnceKnowEachOtherWithinASecond(t *testing.T) {
	for seed := range uint64(5) {
		l := newLab(t, seed)
		first := l.add(tag)
		for range 19 {
			l.join(l.add(wire.Tag{}), first)
		}
		took := l.until(time.Second, "all alive everywhere", func() bool { return l.agree(core.Alive, l.nodes...) })
		t.Log("seed", seed, "took", took, "packets", l.packets)
	}
}

func TestAKilledProcessIsDeadEverywhereSoon(t *testing.T) {
	for _, n := range []int{2, 3, 5, 20} {
		for seed := range uint64(5) {
			l := cluster(t, seed, n)
			victim := l.nodes[n/2]
			l.kill(victim)
			took := l.until(4*time.Second, "dead everywhere", func() bool { return l.agree(core.Dead, victim) })
			t.Log("n", n, "seed", seed, "took", took)
		}
	}
}

func TestASilentHostIsDeadEverywhereButNotBeforeItHadTime(t *testing.T) {
	for _, n := range []int{3, 5, 20} {
		for seed := range uint64(5) {
			l := cluster(t, seed, n)
			l.silent = true
			victim := l.nodes[n/2]
			l.kill(victim)
			took := l.until(12*time.Second, "dead everywhere", func() bool { return l.agree(core.Dead, victim) })
			t.Log("n", n, "seed", seed, "took", took)
			if took < 3500*time.Millisecond {
				t.Errorf("dead after %s", took)
			}
		}
	}
}
