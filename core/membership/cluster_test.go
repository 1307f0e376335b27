package membership_test

import (
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/membership"
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

func TestASilentHostIsDeadEverywhereSoonButNotBeforeItHadTime(t *testing.T) {
	for _, n := range []int{3, 5, 20} {
		var took []time.Duration
		for seed := range uint64(30) {
			l := cluster(t, seed, n)
			l.silent = true
			l.run(time.Duration(l.rand.Int64N(int64(time.Second))))
			victim := l.nodes[n/2]
			l.kill(victim)
			took = append(took, l.until(12*time.Second, "dead everywhere", func() bool { return l.agree(core.Dead, victim) }))
			for _, s := range l.nodes {
				for _, c := range s.changes {
					if c.After.Status == core.Dead && c.at.Sub(victim.last) < 3500*time.Millisecond {
						t.Errorf("n %d seed %d: called dead by %s %s after it was last heard", n, seed, s.id, c.at.Sub(victim.last))
					}
				}
			}
		}
		slices.Sort(took)
		t.Logf("n %d: dead everywhere after %s, median %s, at most %s", n, took[0], took[15], took[29])
		if took[15] > 4700*time.Millisecond || took[29] > 8*time.Second {
			t.Errorf("n %d: too slow", n)
		}
	}
}

func TestAnIdleNodeSendsLittle(t *testing.T) {
	for _, n := range []int{2, 5, 20} {
		l := cluster(t, 1, n)
		for _, s := range l.nodes {
			s.m.SetLog(wire.LogHint{Commit: 10, Leader: 1, Term: 1})
			s.m.SetLoad(core.Load{Slots: 4}, 10)
		}
		packets, bytes := l.packets, l.bytes
		l.run(100 * time.Second)
		rate := float64(l.packets-packets) / 100 / float64(n)
		t.Logf("n %d: %.2f packets/s, %.0f bytes/s a node", n, rate, float64(l.bytes-bytes)/100/float64(n))
		if rate > 2.2 {
			t.Errorf("n %d: %.2f packets/s a node", n, rate)
		}
	}
}

func TestHeartbeatsCarryTheLogAndTheLoad(t *testing.T) {
	l := cluster(t, 1, 3)
	s := l.nodes[0]
	s.m.SetLog(wire.LogHint{Commit: 77, Leader: s.id, Term: 5})
	s.m.SetLoad(core.Load{Stress: 10, Slots: 4}, 76)
	l.run(10 * time.Second)
	for _, o := range l.nodes[1:] {
		if h := o.heard[s.id]; h.Commit != 77 || h.Leader != s.id || h.Term != 5 {
			t.Errorf("%s heard %+v", o.id, h)
		}
		if o.loads[s.id] != 76 {
			t.Errorf("%s knows of applied %d", o.id, o.loads[s.id])
		}
	}
	s.m.SetLoad(core.Load{Stress: 10, Slots: 4}, 80)
	l.step(s, membership.Report{To: l.nodes[2].addr})
	l.run(10 * time.Millisecond)
	if l.nodes[2].loads[s.id] != 80 {
		t.Error("the report did not arrive")
	}
}

func TestAnOperatorsProbeGoesDirectlyAndThroughOthers(t *testing.T) {
	l := cluster(t, 1, 6)
	s, target := l.nodes[0], l.nodes[3]
	l.cut = func(a, b *station) bool { return a == s && b == target }
	l.step(s, membership.Reach{Ticket: 9, Target: target.id, Addr: target.addr, Helpers: 3})
	l.run(2 * time.Second)
	direct, through := 0, 0
	for _, r := range s.reached {
		switch {
		case r.Ticket != 9:
			t.Errorf("ticket %d", r.Ticket)
		case r.Via == 0 && !r.OK:
			direct++
		case r.Via != 0 && r.OK && r.RTT > 0 && r.RTT < 20*time.Millisecond:
			through++
		}
	}
	if direct != 1 || through != 3 {
		t.Errorf("answers %+v", s.reached)
	}
}

func TestAStrangerAnswersAnEcho(t *testing.T) {
	l := cluster(t, 1, 2)
	stranger := l.add(wire.Tag{})
	l.step(l.nodes[0], membership.Reach{Ticket: 1, Addr: stranger.addr})
	l.step(l.nodes[0], membership.Reach{Ticket: 2, Addr: address(222)})
	l.run(2 * time.Second)
	if got := l.nodes[0].reached; len(got) != 2 || !got[0].OK || got[1].OK {
		t.Errorf("answers %+v", got)
	}
}

func TestTheMachineNeverSpins(t *testing.T) {
	l := cluster(t, 1, 5)
	l.kill(l.nodes[1])
	before := l.queue.Added()
	l.run(time.Minute)
	if events := l.queue.Added() - before; events > 5*60*40 {
		t.Errorf("%d events in a minute", events)
	}
}
