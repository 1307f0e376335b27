package membership_test

import (
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/alltoall"
	"hb/core/detect/central"
	"hb/core/detect/gossip"
	"hb/core/detect/ring"
	"hb/core/detect/swim"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/spread"
	"hb/core/wire"
)

// way is a detector and a dissemination.
type way struct {
	name   string
	new    detect.Factory
	spread spread.Mode
}

// ways are all detectors with all disseminations.
func ways() []way {
	var list []way
	for _, w := range []way{
		{name: "central", new: central.New}, {name: "ring", new: ring.NewUni}, {name: "ring-bi", new: ring.NewBi},
		{name: "all-to-all", new: alltoall.New}, {name: "gossip", new: gossip.New}, {name: "swim", new: swim.New},
	} {
		for _, mode := range []spread.Mode{spread.Piggyback, spread.Unicast, spread.Multicast} {
			w.spread = mode
			list = append(list, w)
		}
	}
	return list
}

// inEveryWay runs a test for a cluster of n hosts in each way.
func inEveryWay(t *testing.T, n int, test func(t *testing.T, l *lab)) {
	t.Helper()
	for _, w := range ways() {
		t.Run(w.name+" by "+w.spread.String(), func(t *testing.T) {
			for seed := range uint64(2) {
				l := newLab(t, seed)
				l.detector, l.spread, l.wire, l.silent = w.new, w.spread, true, true
				test(t, l.found(n))
			}
		})
	}
}

// long is enough for the slowest detector, twice over a repaired ring.
const long = 40 * time.Second

func TestInEveryWayADeathReachesEverybodyThoughPacketsAreLost(t *testing.T) {
	inEveryWay(t, 8, func(t *testing.T, l *lab) {
		l.loss = 0.1
		since := l.now
		victim := l.nodes[5]
		l.kill(victim)
		l.until(long, "dead everywhere", func() bool { return l.agree(core.Dead, victim) })
		l.start(victim, 2, tag)
		l.step(victim, membership.Rows{Rows: l.nodes[0].m.Table().ToWire(l.now)})
		l.until(long, "alive everywhere", func() bool { return l.agree(core.Alive, l.nodes...) })
		for _, s := range l.nodes {
			if by := l.everCalled(core.Dead, s, since); s != victim && len(by) > 0 {
				t.Errorf("%s was called dead by %v\n%s", s.id, by, l.views())
			}
		}
	})
}

func TestInEveryWayAPartitionHeals(t *testing.T) {
	inEveryWay(t, 8, func(t *testing.T, l *lab) {
		side := func(s *station) bool { return s.id <= 3 }
		l.cut = func(a, b *station) bool { return side(a) != side(b) }
		l.run(time.Minute)
		l.cut = func(a, b *station) bool { return false }
		since := l.now
		took := l.until(long, "alive everywhere", func() bool { return l.agree(core.Alive, l.nodes...) })
		t.Log("healed after", took)
		l.run(long)
		for _, s := range l.nodes {
			if by := l.everCalled(core.Dead, s, since.Add(took)); len(by) > 0 || !l.agree(core.Alive, s) {
				t.Errorf("%s was called dead by %v when all was healed\n%s", s.id, by, l.views())
			}
		}
	})
}

func TestInEveryWayADepartureIsTold(t *testing.T) {
	inEveryWay(t, 8, func(t *testing.T, l *lab) {
		leaver := l.nodes[3]
		l.step(leaver, membership.Leave{})
		l.until(long, "left everywhere", func() bool { return leaver.left && l.agree(core.Left, leaver) })
	})
}

func TestInEveryWayEverybodyHearsOfTheLog(t *testing.T) {
	inEveryWay(t, 8, func(t *testing.T, l *lab) {
		hint := wire.LogHint{Commit: 77, Leader: l.nodes[2].id, Term: 3}
		l.nodes[2].m.SetLog(hint)
		knows := func(s *station) bool {
			for _, heard := range s.heard {
				if heard.LogHint == hint {
					s.m.SetLog(hint) // as a node does
					return true
				}
			}
			return s == l.nodes[2]
		}
		// Round a ring it takes a period for each member.
		l.until(10*time.Second, "everybody knows the commit index", func() bool {
			all := true
			for _, s := range l.nodes {
				all = knows(s) && all
			}
			return all
		})
	})
}

func TestTheCentreFollowsTheLeader(t *testing.T) {
	l := newLab(t, 1)
	l.detector, l.silent = central.New, true
	l.found(6)
	lead := func(leader *station) {
		for _, s := range l.nodes {
			s.m.SetLog(wire.LogHint{Commit: 1, Leader: leader.id, Term: 1})
		}
		l.run(5 * time.Second)
	}
	lead(l.nodes[4])
	l.kill(l.nodes[4])
	l.run(time.Minute)
	for _, s := range l.nodes {
		switch {
		case s == l.nodes[4]:
		case s.status(l.nodes[4]) != core.Alive:
			t.Errorf("%s calls the dead centre %s", s.id, s.status(l.nodes[4]))
		case !s.m.Unreachable(l.nodes[4].id) || !strings.Contains(s.m.Blame(l.nodes[4].id), "only an election"):
			t.Errorf("%s does not say that it is unreachable: %q", s.id, s.m.Blame(l.nodes[4].id))
		}
	}
	lead(l.nodes[1])
	l.until(10*time.Second, "dead everywhere", func() bool { return l.agree(core.Dead, l.nodes[4]) })
	if why := l.nodes[3].m.Blame(l.nodes[4].id); !strings.HasPrefix(why, "called dead by n2: its heartbeats stopped") {
		t.Errorf("it is blamed: %s", why)
	}
}

func TestUnicastSendsEachNewsOnceToEachOther(t *testing.T) {
	for _, w := range []way{{"ring", ring.NewUni, spread.Unicast}, {"ring", ring.NewUni, spread.Multicast}} {
		l := newLab(t, 1)
		l.detector, l.spread, l.wire, l.silent = w.new, w.spread, true, true
		l.found(10)
		l.kill(l.nodes[6])
		l.until(long, "suspected everywhere", func() bool { return l.agree(core.Suspect, l.nodes[6]) })
		l.casts = 0
		sent := l.packets
		l.until(long, "dead everywhere", func() bool { return l.agree(core.Dead, l.nodes[6]) })
		extra := l.packets - sent
		switch {
		case w.spread == spread.Multicast && l.casts != 1:
			t.Errorf("multicast: the death took %d multicasts", l.casts)
		case w.spread == spread.Unicast && (l.casts != 0 || extra > 9*5+9):
			t.Errorf("unicast: the death took %d multicasts; %d packets were sent meanwhile", l.casts, extra)
		}
	}
}

func TestWithoutAWireMulticastIsUnicastAndSaysSo(t *testing.T) {
	l := newLab(t, 1)
	l.spread = spread.Multicast
	l.found(4)
	for _, s := range l.nodes {
		if len(s.notes) != 1 || !strings.Contains(s.notes[0], `as with "unicast"`) {
			t.Errorf("%s notes %q", s.id, s.notes)
		}
	}
	l.kill(l.nodes[2])
	l.until(long, "dead everywhere", func() bool { return l.agree(core.Dead, l.nodes[2]) })
	if l.casts > 0 {
		t.Errorf("%d multicasts all the same", l.casts)
	}
}

func TestMembersWithDifferentDisseminationsUnderstandEachOther(t *testing.T) {
	l := newLab(t, 1)
	l.wire, l.silent = true, true
	first := l.add(tag)
	for i := range 8 {
		l.spread = spread.Mode(i % 3)
		l.join(l.add(wire.Tag{}), first)
	}
	l.until(5*time.Second, "all alive everywhere", func() bool { return l.agree(core.Alive, l.nodes...) })
	for _, i := range []int{2, 3, 4} {
		l.kill(l.nodes[i])
		l.until(long, "dead everywhere", func() bool { return l.agree(core.Dead, l.nodes[i]) })
	}
}

// told gives to whom a machine sends what when a stream brings it news of
// member 5, of whom it knows with 1 (itself) to 6: unicast, and multicasts.
func told(mode spread.Mode, status core.Status) (to map[core.NodeID]int, casts int) {
	row := func(id core.NodeID) member.Row {
		return member.Row{ID: id, Name: id.String(), Addr: address(int(id)), Instance: 1, Status: core.Alive}
	}
	now := core.Instant(time.Hour)
	m := membership.New(membership.Options{
		Self: row(1), Cluster: tag, NewDetector: ring.NewUni, Spread: mode, CanCast: true, Rand: rand.New(rand.NewPCG(1, 1)),
	})
	var rows []*wire.Row
	for id := core.NodeID(2); id <= 6; id++ {
		rows = append(rows, member.ToWire(now, row(id)))
	}
	m.Step(now, membership.Rows{Rows: rows})
	accused := row(5)
	accused.Status, accused.Accuser = status, 3
	to = map[core.NodeID]int{}
	for _, e := range m.Step(now, membership.Rows{From: 2, Addr: address(2), Rows: []*wire.Row{member.ToWire(now, accused)}}) {
		switch e := e.(type) {
		case membership.Send:
			to[core.NodeID(e.To.Addr().As4()[3])]++
		case membership.Cast:
			casts++
		}
	}
	return to, casts
}

func TestTheAccusedIsToldInEveryWay(t *testing.T) {
	all := map[core.NodeID]int{2: 1, 3: 1, 4: 1, 5: 1, 6: 1}
	for _, c := range []struct {
		mode   spread.Mode
		status core.Status
		to     map[core.NodeID]int
		casts  int
	}{
		{spread.Unicast, core.Suspect, all, 0},
		{spread.Unicast, core.Dead, all, 0}, // though the dead are none of the others
		{spread.Unicast, core.Left, map[core.NodeID]int{2: 1, 3: 1, 4: 1, 6: 1}, 0},
		{spread.Multicast, core.Suspect, map[core.NodeID]int{5: 1}, 1},
		{spread.Multicast, core.Dead, map[core.NodeID]int{5: 1}, 1},
		{spread.Multicast, core.Left, map[core.NodeID]int{}, 1},
	} {
		if to, casts := told(c.mode, c.status); !maps.Equal(to, c.to) || casts != c.casts {
			t.Errorf("%s of a %s: to %v and %d multicasts, want %v and %d", c.mode, c.status, to, casts, c.to, c.casts)
		}
	}
}
