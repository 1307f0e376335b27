package replog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
)

// wish tells everybody what people want of a member's vote.
func (w *world) wish(s *site, is Wish) {
	s.wish = is
	w.tellPeers(0)
}

// aim tells everybody how many shall vote.
func (w *world) aim(n int) {
	w.target = n
	w.tellPeers(0)
}

// isVoter says that the leader counts a site among the voters, outside of any
// change.
func (w *world) isVoter(s *site) bool {
	l := w.leader()
	return l != nil && !l.log.Joint() && isVoter(l.log.state.conf, s.raft)
}

// member is a site that does not vote.
func (w *world) member() *site {
	for _, s := range w.sites {
		if s.log != nil && !w.isVoter(s) {
			return s
		}
	}
	return nil
}

// why is what the leader says of a site.
func (w *world) why(s *site) string {
	for _, st := range w.leader().log.Standings() {
		if st.Raft == s.raft {
			return st.Why
		}
	}
	return "unknown"
}

func TestTheNumberOfVotersFollowsTheLog(t *testing.T) {
	w := newWorld(t, 20)
	w.cluster(7)
	for _, n := range []int{5, 7, 1, 3} {
		w.aim(n)
		w.until(fmt.Sprintf("%d vote", n), 10*time.Second, w.votersAre(n))
		w.commit(fmt.Sprintf("with %d", n))
	}
}

func TestAPromotedMemberTakesTheVoteOfOneWithoutAWish(t *testing.T) {
	w := newWorld(t, 21)
	w.cluster(5)
	w.run(15 * time.Second)
	leader, promoted := w.leader(), w.member()
	w.wish(promoted, WishVote)
	w.until("it votes", 5*time.Second, func() bool { return w.isVoter(promoted) && w.votersAre(3)() })
	if w.leader() != leader {
		t.Errorf("site %d leads, not %d", w.leader().n, leader.n)
	}
	if why := w.why(promoted); why != "promoted" {
		t.Errorf("it votes because %q", why)
	}
	w.run(30 * time.Second)
	if !w.isVoter(promoted) || !w.votersAre(3)() {
		t.Error(w.describe())
	}
}

func TestALeaderMakesRoomWhenAllPlacesAreWanted(t *testing.T) {
	for _, target := range []int{1, 3} {
		t.Run(fmt.Sprint(target), func(t *testing.T) {
			w := newWorld(t, 22)
			w.cluster(4)
			w.aim(target)
			w.until("so many vote", 10*time.Second, w.votersAre(target))
			w.run(15 * time.Second)
			leader, n := w.leader(), 0
			for _, s := range w.sites {
				if s != leader && n < target {
					w.wish(s, WishVote)
					n++
				}
			}
			w.until("all wanted vote, and no other", 30*time.Second, func() bool {
				return w.votersAre(target)() && !w.isVoter(leader)
			})
			w.commit("x")
		})
	}
}

func TestADemotedVoterKeepsItsVoteUntilAnotherCanTakeIt(t *testing.T) {
	w := newWorld(t, 23)
	w.cluster(3)
	w.run(time.Second)
	demoted := w.follower()
	w.wish(demoted, WishYield)
	w.run(20 * time.Second)
	if !w.isVoter(demoted) || !w.votersAre(3)() {
		t.Fatal(w.describe())
	}
	if why := w.why(demoted); !strings.Contains(why, "nobody can take its place") {
		t.Errorf("it votes because %q", why)
	}
	heir := w.join()
	w.until("the fourth votes in its place", 10*time.Second, func() bool {
		return w.votersAre(3)() && w.isVoter(heir) && !w.isVoter(demoted)
	})
	if why := w.why(demoted); why != "demoted: never chosen" {
		t.Errorf("it does not vote because %q", why)
	}
	w.crash(heir, true)
	w.run(30 * time.Second)
	if w.isVoter(demoted) {
		t.Error("a demoted member replaced a dead voter")
	}
}

func TestAVoterDemotedByForceGoesWithoutAnHeir(t *testing.T) {
	w := newWorld(t, 24)
	w.cluster(3)
	w.run(time.Second)
	w.wish(w.follower(), WishGo)
	w.until("one votes", 10*time.Second, w.votersAre(1))
	w.commit("alone")
}

func TestADemotedLeaderHandsOverFirst(t *testing.T) {
	for members, voters := range map[int]int{2: 1, 4: 3} {
		t.Run(fmt.Sprint(members), func(t *testing.T) {
			w := newWorld(t, 25)
			w.cluster(members)
			w.run(time.Second)
			leader := w.leader()
			w.wish(leader, WishYield)
			w.until("another leads", 10*time.Second, func() bool {
				return w.leader() != nil && w.leader() != leader && !w.isVoter(leader) && w.votersAre(voters)()
			})
			w.commit("x")
		})
	}
}

// TestWhateverPeopleWishComesToRest draws wishes and targets, and sees that the
// voters become what they ask for, and then stay so.
func TestWhateverPeopleWishComesToRest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, uint64(rapid.IntRange(1, 1000).Draw(rt, "seed")))
		w.cluster(rapid.IntRange(2, 7).Draw(rt, "members"))
		w.run(11 * time.Second)
		for range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			w.target = rapid.SampledFrom([]int{1, 3, 5, 7}).Draw(rt, "target")
			for _, s := range w.sites {
				s.wish = Wish(rapid.IntRange(0, 3).Draw(rt, "wish"))
			}
			w.tellPeers(0)
			w.run(20 * time.Second)
			want := w.places()
			w.until(fmt.Sprintf("%d vote", want), 20*time.Second, w.votersAre(want))
			before := w.leader().log.state.conf.String()
			w.run(10 * time.Second)
			if after := w.leader().log.state.conf.String(); after != before {
				rt.Fatalf("%s, then %s", before, after)
			}
			w.checkWishes(rt)
		}
	})
}

// places is how many should vote when all are up and wishes are as they are.
func (w *world) places() int {
	able, keep := 0, 0
	for _, s := range w.sites {
		switch {
		case s.wish < WishYield:
			able++
		case s.wish == WishYield && w.isVoter(s):
			keep++ // only if nobody else can
		}
	}
	n := min(w.target, able+keep)
	return max(n-(n+1)%2, 1)
}

func (w *world) checkWishes(rt *rapid.T) {
	want, spare := 0, 0
	for _, s := range w.sites {
		switch votes := w.isVoter(s); {
		case s.wish == WishVote && !votes:
			want++
		case s.wish == WishNothing && votes:
			spare++
		}
	}
	if want > 0 && spare > 0 {
		rt.Fatalf("%d that are wanted do not vote, %d that are not do: %s", want, spare, w.describe())
	}
}

func TestWhoDoesNotLeadHasNoStandings(t *testing.T) {
	w := newWorld(t, 26)
	w.cluster(3)
	if s := w.follower().log.Standings(); s != nil {
		t.Errorf("%v", s)
	}
	var seen []core.RaftID
	for _, s := range w.leader().log.Standings() {
		seen = append(seen, s.Raft)
		if s.Match == 0 {
			t.Errorf("nothing is known of %v", s.Raft)
		}
	}
	if len(seen) != 3 {
		t.Errorf("%v", seen)
	}
}
