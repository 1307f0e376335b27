package membership_test

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/wire"
)

// allHealthy checks that nobody has been called dead since an instant.
func (l *lab) allHealthy(since core.Instant) {
	l.t.Helper()
	for _, s := range l.nodes {
		if by := l.everCalled(core.Dead, s, since); len(by) > 0 {
			l.t.Errorf("%s was called dead by %v\n%s", s.id, by, l.views())
		}
	}
}

func TestNobodyDiesOfLostPackets(t *testing.T) {
	for _, n := range []int{2, 3, 10, 20} {
		for seed := range uint64(3) {
			l := cluster(t, seed, n)
			l.loss = 0.2
			since := l.now
			l.run(5 * time.Minute)
			l.allHealthy(since)
		}
	}
}

func TestAProcessStoppedForThreeSecondsIsNeverCalledDead(t *testing.T) {
	for _, n := range []int{2, 3, 5, 20} {
		for seed := range uint64(10) {
			l := cluster(t, seed, n)
			l.run(time.Duration(l.rand.Int64N(int64(time.Second))))
			since := l.now
			l.pause(l.nodes[0], 3*time.Second)
			l.run(20 * time.Second)
			l.allHealthy(since)
		}
	}
}

func TestAProcessStoppedForLongIsCalledDeadAndComesBack(t *testing.T) {
	for seed := range uint64(5) {
		l := cluster(t, seed, 5)
		since := l.now
		stopped := l.nodes[2]
		l.pause(stopped, 15*time.Second)
		l.until(12*time.Second, "dead everywhere", func() bool {
			return !slices.ContainsFunc(l.nodes, func(s *station) bool { return s != stopped && s.status(stopped) != core.Dead })
		})
		l.run(15*time.Second - l.now.Sub(since))
		l.until(time.Second, "alive everywhere", func() bool { return l.agree(core.Alive, l.nodes...) })
		for _, s := range l.nodes {
			if s != stopped && len(l.everCalled(core.Suspect, s, since)) > 0 {
				t.Errorf("the one that was stopped came back and accused %s\n%s", s.id, l.views())
			}
		}
	}
}

func TestAClusterStoppedAsAWholeGoesOnAsIfNothingWas(t *testing.T) {
	l := cluster(t, 1, 5)
	since := l.now
	for _, s := range l.nodes {
		l.pause(s, 10*time.Second)
	}
	l.run(30 * time.Second)
	for _, s := range l.nodes {
		if by := l.everCalled(core.Suspect, s, since); len(by) > 0 {
			t.Errorf("%s was suspected by %v", s.id, by)
		}
	}
}

func TestWhoeverWasStoppedItselfReadsItsMailBeforeItJudges(t *testing.T) {
	for seed := range uint64(5) {
		l := cluster(t, seed, 2+int(seed%2)*3) // with two, the isolation gate does not help
		since := l.now
		judge, suspect := l.nodes[0], l.nodes[1]
		l.pause(suspect, 3*time.Second)
		l.until(3*time.Second, "suspected", func() bool { return judge.status(suspect) == core.Suspect })
		l.pause(judge, 20*time.Second)
		l.run(40 * time.Second)
		if by := l.everCalled(core.Dead, suspect, since); len(by) > 0 {
			t.Errorf("seed %d: called dead by %v, though it refuted", seed, by)
		}
	}
}

func TestACutBetweenTwoMembersAccusesNobody(t *testing.T) {
	for seed := range uint64(5) {
		l := cluster(t, seed, 5)
		since := l.now
		l.cut = func(a, b *station) bool { return a == l.nodes[0] && b == l.nodes[1] }
		l.run(time.Minute)
		l.allHealthy(since)
		for _, s := range l.nodes {
			if by := l.everCalled(core.Suspect, s, since); len(by) > 0 {
				t.Errorf("seed %d: %s was suspected by %v", seed, s.id, by)
			}
		}
	}
}

func TestAPartitionHealsAndNobodyFlapsTwice(t *testing.T) {
	for _, c := range []struct{ n, left int }{{3, 1}, {5, 2}, {6, 3}, {20, 10}} {
		for seed := range uint64(5) {
			l := cluster(t, seed, c.n)
			l.silent = true
			side := func(s *station) bool { return int(s.id) <= c.left }
			l.cut = func(a, b *station) bool { return side(a) != side(b) }
			l.run(40 * time.Second)
			for _, s := range l.nodes {
				for _, o := range l.nodes {
					if alone := c.left == 1 && side(s); s != o && side(s) != side(o) && !alone && s.status(o) != core.Dead {
						t.Fatalf("n %d seed %d: %s holds %s %s across the cut\n%s", c.n, seed, s.id, o.id, s.status(o), l.views())
					}
				}
			}
			l.cut = func(a, b *station) bool { return false }
			since := l.now
			took := l.until(15*time.Second, "alive everywhere", func() bool { return l.agree(core.Alive, l.nodes...) })
			t.Log("n", c.n, "seed", seed, "healed after", took)
			l.run(30 * time.Second)
			for _, s := range l.nodes {
				for _, o := range l.nodes {
					flaps := 0
					for _, c := range s.changes {
						if c.at >= since && c.After.ID == o.id && c.After.Status == core.Dead {
							flaps++
						}
					}
					if flaps > 1 || flaps == 1 && side(s) == side(o) {
						t.Errorf("n %d seed %d: %s called %s dead %d times while healing", c.n, seed, s.id, o.id, flaps)
					}
				}
			}
		}
	}
}

func TestWhoHearsNobodySaysSoAndJudgesNobody(t *testing.T) {
	l := cluster(t, 1, 5)
	l.silent = true
	lost := l.nodes[0]
	l.cut = func(a, b *station) bool { return a == lost || b == lost }
	l.run(time.Minute)
	if !lost.m.Isolated() {
		t.Error("it does not call itself isolated")
	}
	for _, o := range l.nodes[1:] {
		if s := lost.status(o); s == core.Dead {
			t.Errorf("it calls %s %s", o.id, s)
		}
	}
	l.cut = func(a, b *station) bool { return false }
	l.until(15*time.Second, "alive everywhere", func() bool { return l.agree(core.Alive, l.nodes...) })
	if lost.m.Isolated() || len(lost.notes) != 2 {
		t.Errorf("isolated %v, notes %q", lost.m.Isolated(), lost.notes)
	}
}

func TestARestartedProcessSupersedesItsDeadSelf(t *testing.T) {
	for _, whileDead := range []bool{false, true} {
		l := cluster(t, 2, 5)
		s := l.nodes[3]
		disk := s.m.Table().ToWire(l.now)
		l.kill(s)
		if whileDead {
			l.until(4*time.Second, "dead everywhere", func() bool { return l.agree(core.Dead, s) })
		}
		l.start(s, 2, tag)
		l.step(s, membership.Rows{Rows: disk})
		l.until(2*time.Second, "alive in the new start, everywhere", func() bool {
			for _, o := range l.nodes {
				row, _ := o.m.Table().Get(s.id)
				if row.Instance != 2 || row.Status != core.Alive {
					return false
				}
			}
			return l.agree(core.Alive, l.nodes...)
		})
	}
}

func TestAMemberThatComesBackAtAnotherAddressIsFoundThere(t *testing.T) {
	l := cluster(t, 2, 5)
	s := l.nodes[3]
	disk := s.m.Table().ToWire(l.now)
	l.kill(s)
	s.addr = netip.MustParseAddrPort("10.9.9.9:7117")
	l.start(s, 2, tag)
	l.step(s, membership.Rows{Rows: disk})
	l.until(2*time.Second, "known at its new address", func() bool {
		for _, o := range l.nodes {
			if row, _ := o.m.Table().Get(s.id); row.Addr != s.addr || row.Status != core.Alive {
				return false
			}
		}
		return true
	})
	since := l.now
	l.run(30 * time.Second)
	l.allHealthy(since)
}

func TestAllRestartAtOnceWithNothingButTheirDisks(t *testing.T) {
	l := cluster(t, 3, 3)
	disks := make([][]*wire.Row, 3)
	for i, s := range l.nodes {
		disks[i] = s.m.Table().ToWire(l.now)
		l.kill(s)
	}
	l.run(time.Second)
	for i, s := range l.nodes {
		l.after(time.Duration(i)*2*time.Second, func() {
			l.start(s, 2, tag)
			l.step(s, membership.Rows{Rows: disks[i]})
		})
	}
	l.run(4100 * time.Millisecond)
	l.until(5*time.Second, "alive everywhere", func() bool { return l.agree(core.Alive, l.nodes...) })
}

func TestWhoLeavesIsKnownToHaveLeftAndMayComeBackWithoutRestart(t *testing.T) {
	for _, loss := range []float64{0, 0.2} {
		l := cluster(t, 4, 8)
		l.loss = loss
		s := l.nodes[5]
		l.step(s, membership.Leave{})
		l.until(3*time.Second, "told that it has left", func() bool { return s.left })
		l.until(2*time.Second, "left everywhere", func() bool { return l.agree(core.Left, s) })
		since := l.now
		sent := s.sent
		l.run(20 * time.Second)
		if s.sent != sent {
			t.Errorf("it sent %d packets after it had left", s.sent-sent)
		}
		if by := l.everCalled(core.Dead, s, since); len(by) > 0 {
			t.Errorf("it was called dead by %v", by)
		}
		l.join(s, l.nodes[0])
		l.until(3*time.Second, "alive again", func() bool { return l.agree(core.Alive, l.nodes...) })
	}
}

func TestTheLastOneLeavesAtOnce(t *testing.T) {
	l := newLab(t, 1)
	s := l.add(tag)
	l.step(s, membership.Leave{})
	if !s.left {
		t.Error("it waits for nobody")
	}
}

func TestWhoJoinsAnotherClusterForgetsTheFirst(t *testing.T) {
	l := cluster(t, 4, 3)
	s := l.nodes[2]
	l.step(s, membership.Leave{})
	l.run(3 * time.Second)
	s.m.SetCluster(wire.Tag{9})
	l.step(s, membership.Tick{})
	if n := s.m.Table().Len(); n != 1 || s.m.Table().Self().Status != core.Alive {
		t.Errorf("%d rows are left, itself %s", n, s.m.Table().Self().Status)
	}
}

func TestGarbageDuplicatesAndReorderingChangeNothing(t *testing.T) {
	l := cluster(t, 5, 6)
	l.mangle = func(b []byte) []byte {
		if l.rand.IntN(5) > 0 {
			return b
		}
		b = slices.Clone(b)
		return b[:l.rand.IntN(len(b))]
	}
	since := l.now
	// Everything node 1 ever gets, node 2 gets again, late and twice.
	old := l.nodes[1]
	replay := [][]byte{}
	inner := l.mangle
	l.mangle = func(b []byte) []byte {
		if len(replay) < 2000 {
			replay = append(replay, b)
		}
		return inner(b)
	}
	l.run(time.Minute)
	for _, b := range replay {
		var p wire.Packet
		if wire.DecodePacket(&p, b) == nil && p.From != old.id {
			l.step(old, membership.Packet{From: address(int(p.From)), P: &p})
		}
	}
	l.run(time.Minute)
	l.allHealthy(since)
}

func TestAFalseAccusationIsRefutedEverywhere(t *testing.T) {
	for _, status := range []core.Status{core.Suspect, core.Dead} {
		l := cluster(t, 6, 10)
		victim, liar := l.nodes[4], l.nodes[7]
		accusation := &wire.Packet{Kind: wire.KindBulletin, Cluster: tag, From: liar.id, Instance: 1, News: []wire.News{{
			ID: victim.id, Status: status, Instance: 1, Accuser: liar.id, Why: wire.ReasonSilent,
		}}}
		l.step(l.nodes[0], membership.Packet{From: liar.addr, P: accusation})
		if got := l.nodes[0].status(victim); got != status {
			t.Fatalf("it is %s", got)
		}
		if blame := l.nodes[0].m.Blame(victim.id); !strings.Contains(blame, "n8") || !strings.Contains(blame, "no answer") {
			t.Errorf("blame: %q", blame)
		}
		l.until(time.Second, "refuted everywhere", func() bool {
			for _, s := range l.nodes {
				if row, _ := s.m.Table().Get(victim.id); row.Incarnation != 1 || row.Status != core.Alive {
					return false
				}
			}
			return true
		})
		if blame := l.nodes[0].m.Blame(victim.id); blame != "" {
			t.Errorf("blame afterwards: %q", blame)
		}
	}
}

func TestAnIncarnationThatNobodyCanHaveReachedIsNotBelieved(t *testing.T) {
	for _, status := range []core.Status{core.Suspect, core.Dead} {
		l := cluster(t, 6, 4)
		victim, since := l.nodes[1], l.now
		for _, s := range l.nodes {
			for range 3 {
				l.step(s, membership.Packet{From: l.nodes[0].addr, P: &wire.Packet{
					Kind: wire.KindBulletin, Cluster: tag, From: l.nodes[0].id, Instance: 1, News: []wire.News{{
						ID: victim.id, Status: status, Instance: 1, Incarnation: math.MaxUint32, Accuser: l.nodes[0].id,
					}},
				}})
			}
		}
		l.run(time.Minute)
		l.allHealthy(since)
		if own := victim.m.Table().Self(); own.Incarnation != 0 || own.Status != core.Alive {
			t.Errorf("it holds itself %s at %d", own.Status, own.Incarnation)
		}
		if len(victim.notes) != 1 || !strings.Contains(victim.notes[0], "not believed") {
			t.Errorf("notes %q", victim.notes)
		}
	}
}

func TestACopiedDataDirectoryIsSaidAndTheTableStaysSane(t *testing.T) {
	l := cluster(t, 7, 4)
	original := l.nodes[1]
	disk := original.m.Table().ToWire(l.now)
	double := &station{id: original.id, addr: address(99)}
	l.nodes = append(l.nodes, double)
	l.start(double, 1, tag)
	l.step(double, membership.Rows{Rows: disk})
	since := l.now
	l.run(2 * time.Minute)
	said := 0
	for _, s := range l.nodes {
		if i := slices.IndexFunc(s.notes, func(n string) bool { return strings.Contains(n, "copied") }); i >= 0 {
			said++
		}
		if s.m.Table().Len() != 4 || len(s.notes) > 4 {
			t.Errorf("%s has %d rows, notes %q", s.id, s.m.Table().Len(), s.notes)
		}
	}
	if said == 0 {
		t.Errorf("nobody said anything\n%s", l.views())
	}
	for _, s := range []*station{l.nodes[0], l.nodes[2], l.nodes[3]} {
		if by := l.everCalled(core.Dead, s, since); len(by) > 0 {
			t.Errorf("%s was called dead by %v", s.id, by)
		}
	}
}

func TestAStolenNameIsSaidOnceAndBothRowsStay(t *testing.T) {
	l := cluster(t, 8, 3)
	thief := member.Row{ID: 77, Name: "n1", Addr: address(77), Instance: 1, Status: core.Alive, Version: "t"}
	for range 3 {
		l.step(l.nodes[1], membership.Rows{From: 77, Addr: thief.Addr, Rows: []*wire.Row{member.ToWire(l.now, thief)}})
	}
	l.run(2 * time.Second)
	if notes := l.nodes[1].notes; len(notes) != 1 || !strings.Contains(notes[0], "two members are called n1") {
		t.Errorf("notes %q", notes)
	}
	if n := l.nodes[1].m.Table().Len(); n != 4 {
		t.Errorf("%d rows", n)
	}
}

func TestANodeRefusesToBeAnother(t *testing.T) {
	// A new node, with an ID of its own, at the address of one that is gone.
	l := cluster(t, 9, 4)
	gone := l.nodes[2]
	l.kill(gone)
	other := &station{id: 50, addr: gone.addr}
	l.nodes[2] = other
	l.start(other, 1, tag)
	l.nodes = append(l.nodes, gone) // for the views; its address now finds the other
	l.join(other, l.nodes[0])
	l.until(15*time.Second, "the old one dead, the new one alive", func() bool {
		return l.agree(core.Dead, gone) && l.agree(core.Alive, other)
	})
}

func TestANodeInNoClusterProbesNobodyAndAnswersNobody(t *testing.T) {
	l := newLab(t, 1)
	s := l.add(wire.Tag{})
	l.step(s, membership.Rows{From: 9, Addr: address(9), Rows: []*wire.Row{
		member.ToWire(0, member.Row{ID: 9, Name: "x", Addr: address(9), Status: core.Alive}),
	}})
	l.step(s, membership.Packet{From: address(9), P: &wire.Packet{Kind: wire.KindPing, Cluster: tag, From: 9, Target: s.id, Nonce: 1}})
	l.run(time.Minute)
	if s.sent != 0 {
		t.Errorf("it sent %d packets", s.sent)
	}
}

func TestAnotherClusterIsIgnoredAndSaidOnce(t *testing.T) {
	l := cluster(t, 1, 3)
	s := l.nodes[0]
	for range 5 {
		l.step(s, membership.Packet{From: address(200), P: &wire.Packet{
			Kind: wire.KindBulletin, Cluster: wire.Tag{7}, From: 200, News: []wire.News{{ID: 2, Status: core.Left, Instance: 9}},
		}})
	}
	if len(s.notes) != 1 || s.status(l.nodes[1]) != core.Alive {
		t.Errorf("notes %q, member %s", s.notes, s.status(l.nodes[1]))
	}
}

func TestABadRowDoesNotSpoilTheOthers(t *testing.T) {
	l := cluster(t, 1, 2)
	good := member.ToWire(l.now, member.Row{ID: 60, Name: "good", Addr: address(60), Status: core.Alive, Instance: 1})
	l.step(l.nodes[0], membership.Rows{From: 2, Addr: l.nodes[1].addr, Rows: []*wire.Row{{}, nil, {Id: 3, Addr: "x"}, good}})
	if _, ok := l.nodes[0].m.Table().Get(60); !ok || len(l.nodes[0].notes) != 1 {
		t.Errorf("known %v, notes %q", ok, l.nodes[0].notes)
	}
}

func TestAMemberThatMissedTheNewsLearnsItFromATable(t *testing.T) {
	l := cluster(t, 3, 6)
	deaf := l.nodes[0]
	// No bulletin and no news reaches it while another joins.
	l.cut = func(a, b *station) bool { return a == deaf || b == deaf }
	late := l.add(wire.Tag{})
	l.join(late, l.nodes[1])
	l.run(1500 * time.Millisecond)
	if _, ok := deaf.m.Table().Get(late.id); ok {
		t.Fatal("it was not deaf")
	}
	l.cut = func(a, b *station) bool { return false }
	l.until(5*time.Second, "known to the one that was deaf", func() bool { return deaf.status(late) == core.Alive })
}

func TestOneSeedGivesOneHistory(t *testing.T) {
	history := func() string {
		l := cluster(t, 11, 10)
		l.loss = 0.3
		l.pause(l.nodes[3], 6*time.Second)
		l.kill(l.nodes[7])
		l.run(time.Minute)
		return fmt.Sprint(l.packets, l.bytes, l.log)
	}
	if a, b := history(), history(); a != b {
		t.Errorf("two histories:\n%s\n%s", a, b)
	}
}
