package replog

import (
	"fmt"
	"testing"
	"time"

	"hb/core"
)

// roles counts the roles of those who are up.
func (w *world) roles() map[string]int {
	n := map[string]int{}
	for _, s := range w.sites {
		if s.log != nil {
			n[s.log.Role(s.raft)]++
		}
	}
	return n
}

// follower is a voter that does not lead.
func (w *world) follower() *site {
	for _, s := range w.sites {
		if s.log != nil && s.log.Role(s.raft) == "voter" && s != w.leader() {
			return s
		}
	}
	return nil
}

func TestADeadVoterIsReplacedInOneChangeAndComesBackAsAMember(t *testing.T) {
	w := newWorld(t, 1)
	w.cluster(7)
	w.run(15 * time.Second) // all have been up for a while
	dead := w.follower()
	w.crash(dead, true)
	died := w.now
	w.until("it is replaced", 20*time.Second, func() bool {
		for _, s := range w.sites {
			if s.log != nil && !joint(s.log.state.conf) && len(s.log.Voters()) != 3 {
				t.Fatalf("site %d has %d voters", s.n, len(s.log.Voters()))
			}
		}
		return w.votersAre(3)() && w.leader().log.Role(dead.raft) == "member"
	})
	if took := w.now.Sub(died); took < 10*time.Second || took > 13*time.Second {
		t.Errorf("it was replaced after %v", took)
	}
	w.write("without it", 5)
	w.start(dead)
	w.until("it follows as a member", 20*time.Second, func() bool {
		return w.level() && dead.log.Role(dead.raft) == "member" && dead.log.engine == nil
	})
	// Its raft ID is as good as ever: it may vote again one day.
	w.crash(w.follower(), true)
	w.run(30 * time.Second)
	if n := w.roles(); n["voter"] != 2 || n["leader"] != 1 {
		t.Errorf("%v", n)
	}
	w.commit("still")
}

func TestADeadVoterWithoutSuccessorStays(t *testing.T) {
	w := newWorld(t, 2)
	w.cluster(3)
	w.crash(w.follower(), true)
	w.run(time.Minute)
	if !w.votersAre(3)() {
		t.Errorf("%s", w.describe())
	}
	w.commit("two of three")
}

func TestAVoterThatLeavesIsReplacedOrTheClusterShrinksToOne(t *testing.T) {
	w := newWorld(t, 3)
	w.cluster(4)
	w.run(time.Second)
	leave := func(s *site) {
		s.left = true
		w.tellPeers(0)
	}
	first := w.follower()
	leave(first)
	w.until("it is replaced", 5*time.Second, func() bool { return w.votersAre(3)() && w.leader().log.Role(first.raft) == "member" })
	second := w.leader()
	leave(second)
	w.until("one voter is left", 10*time.Second, func() bool { return w.votersAre(1)() && w.leader() != second })
	w.commit("alone")
	w.until("all level", 5*time.Second, w.level)
}

func TestTheOnlyVoterHandsOverBeforeItLeaves(t *testing.T) {
	w := newWorld(t, 4)
	w.cluster(2)
	w.write("a", 3)
	first := w.leader()
	first.left = true
	w.tellPeers(0)
	w.until("the other leads alone", 10*time.Second, func() bool { return w.votersAre(1)() && w.leader() != first })
	w.crash(first, true)
	w.write("b", 3)
}

func TestARecruitThatCannotBeReachedGivesWayToAnother(t *testing.T) {
	w := newWorld(t, 5)
	w.found()
	a, b := w.join(), w.join()
	w.cut = func(from, to int) bool { return from == a.n || to == a.n } // its streams, not its pings
	w.run(5 * time.Second)
	if len(w.leader().log.Voters()) != 1 {
		t.Fatalf("%s", w.describe())
	}
	c := w.join()
	w.until("the others vote", time.Minute, func() bool {
		l := w.leader().log
		return len(l.Voters()) == 3 && l.Role(b.raft) == "voter" && l.Role(c.raft) == "voter"
	})
	w.commit("x")
}

func TestVotersAreSpreadOverZones(t *testing.T) {
	zones := []string{"a", "a", "a", "b", "b", "c"}
	w := newWorld(t, 6)
	l := New(Options{Self: 1, Node: 1, Rand: w.rng}, Restored{Snapshot: Genesis(1, nil)})
	var list []Peer
	for i, z := range zones {
		list = append(list, Peer{Raft: core.RaftID(i + 1), Node: core.NodeID(i + 1), Up: true, Zone: z})
	}
	l.Step(1, Peers{List: list})
	if got := fmt.Sprint(l.candidates([]core.RaftID{1})[:2]); got != fmt.Sprint([]core.RaftID{4, 6}) {
		t.Errorf("the best candidates are %v", got)
	}
}

func TestTheNumberOfVotersIsTheLargestOddOneThatTheMembersAllow(t *testing.T) {
	for _, c := range []struct{ target, members, voters int }{
		{1, 5, 1}, {3, 1, 1}, {3, 2, 1}, {3, 3, 3}, {3, 6, 3}, {5, 4, 3}, {5, 5, 5}, {7, 7, 7},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			w := newWorld(t, 7)
			w.opt.Voters = c.target
			w.found()
			for range c.members - 1 {
				w.join()
			}
			w.until("so many", 10*time.Second, w.votersAre(c.voters))
			w.run(10 * time.Second)
			if !w.votersAre(c.voters)() {
				t.Errorf("%s", w.describe())
			}
		})
	}
}

func TestALoweredTargetGivesUpVotersButNotTheLeader(t *testing.T) {
	w := newWorld(t, 8)
	w.cluster(3)
	leader := w.leader()
	for _, s := range w.sites {
		s.log.opt.Voters = 1
	}
	w.until("one voter", 5*time.Second, w.votersAre(1))
	if w.leader() != leader {
		t.Errorf("site %d leads", w.leader().n)
	}
	w.commit("x")
	w.until("all level", 3*time.Second, w.level)
}
