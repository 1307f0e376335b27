package sim

import (
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
)

// settle waits until the leader means to change nothing about the voters, and
// gives who votes as a host sees it.
func settle(t *testing.T, w *World, host int, ok func(node.VotersView) bool) node.VotersView {
	t.Helper()
	for range 600 {
		v := answer[node.VotersView](t, w, w.Ask(host, node.GetVoters{}))
		if v.Settled && !v.Changing && ok(v) {
			return v
		}
		pass(t, w, 100*time.Millisecond)
	}
	v := answer[node.VotersView](t, w, w.Ask(host, node.GetVoters{}))
	t.Fatalf("the voters do not settle: %+v", v)
	return v
}

func voting(v node.VotersView, id core.NodeID) bool {
	for _, m := range v.Members {
		if m.ID == id {
			return m.Role == "leader" || m.Role == "voter"
		}
	}
	return false
}

// nonvoter is a host that does not vote, as another sees it.
func nonvoter(t *testing.T, w *World, of int) int {
	t.Helper()
	v := answer[node.VotersView](t, w, w.Ask(of, node.GetVoters{}))
	for i := range w.hosts {
		if w.hosts[i].up() && !voting(v, w.Node(i).ID()) {
			return i
		}
	}
	t.Fatalf("all vote: %+v", v)
	return -1
}

// agreedDown waits until the log says that a member is down.
func agreedDown(t *testing.T, w *World, at int, id core.NodeID) {
	t.Helper()
	for range 600 {
		for _, m := range answer[node.MembersView](t, w, w.Ask(at, node.GetMembers{})).Members {
			if m.ID == id && m.Agreed == ledger.Down {
				return
			}
		}
		pass(t, w, 100*time.Millisecond)
	}
	t.Fatalf("%v is not agreed down", id)
}

func TestAnyMemberMaySayHowManyVoteAndWho(t *testing.T) {
	w := cluster(t, 21, 7)
	pass(t, w, 12*time.Second)
	for _, n := range []int{5, 7, 1, 3} {
		answer[node.VotersView](t, w, w.Ask(n%4, node.SetVoters{Target: n}))
		settle(t, w, 6, func(v node.VotersView) bool { return v.Target == n && v.Voting == n })
	}
	chosen := nonvoter(t, w, 0)
	id := w.Node(chosen).ID()
	answer[node.VotersView](t, w, w.Ask(chosen, node.SetVote{Node: id, Vote: ledger.VoteWanted}))
	settle(t, w, 2, func(v node.VotersView) bool { return voting(v, id) && v.Voting == 3 })
	leader := w.Leader()
	lid := w.Node(leader).ID()
	answer[node.VotersView](t, w, w.Ask(chosen, node.SetVote{Node: lid, Vote: ledger.VoteUnwanted}))
	settle(t, w, 2, func(v node.VotersView) bool { return !voting(v, lid) && v.Voting == 3 })
	if w.Leader() == leader {
		t.Error("a demoted leader still leads")
	}
}

func TestADemotionWithoutAnHeirIsRefusedUnlessForced(t *testing.T) {
	w := cluster(t, 22, 3)
	id := w.Node((w.Leader() + 1) % 3).ID()
	f := answer[*core.Fault](t, w, w.Ask(0, node.SetVote{Node: id, Vote: ledger.VoteUnwanted}))
	if f.Code != core.CodeNo || !strings.Contains(f.Message, "of 3 voters 1 would be left") {
		t.Fatalf("%+v", f)
	}
	answer[node.VotersView](t, w, w.Ask(0, node.SetVote{Node: id, Vote: ledger.VoteNever}))
	settle(t, w, 1, func(v node.VotersView) bool { return v.Voting == 1 && !voting(v, id) })
}

func TestAForgottenNodeThatComesBackIsToldAndStops(t *testing.T) {
	w := cluster(t, 23, 5)
	pass(t, w, 11*time.Second)
	gone := (w.Leader() + 1) % 5
	at := others(w, gone)[0]
	id := w.Node(gone).ID()
	alive := answer[*core.Fault](t, w, w.Ask(at, node.Forget{Node: id}))
	if alive.Code != core.CodeNo || alive.Hint == "" {
		t.Fatalf("%+v", alive)
	}
	w.Kill(gone)
	agreedDown(t, w, at, id)
	answerNothing(t, w, w.Ask(at, node.Forget{Node: id}))
	settle(t, w, at, func(v node.VotersView) bool { return !voting(v, id) && v.Voting == 3 })
	w.Foresee(gone, core.CodeBadInput)
	w.Restart(gone)
	until(t, w, 30*time.Second, func() bool { return !w.hosts[gone].up() })
	if f := w.Fault(gone); f == nil || f.Code != core.CodeBadInput || !strings.Contains(f.Message, "was forgotten") || f.Hint == "" {
		t.Fatalf("it stopped with %+v", f)
	}
	pass(t, w, 10*time.Second)
	for _, m := range answer[node.MembersView](t, w, w.Ask(at, node.GetMembers{})).Members {
		if m.ID == id {
			t.Fatalf("it is among the members: %+v", m)
		}
	}
}

func TestALiveMemberForgottenByForceStops(t *testing.T) {
	w := cluster(t, 24, 5)
	gone := nonvoter(t, w, w.Leader())
	w.Foresee(gone, core.CodeBadInput)
	answerNothing(t, w, w.Ask(w.Leader(), node.Forget{Node: w.Node(gone).ID(), Force: true}))
	until(t, w, 10*time.Second, func() bool { return !w.hosts[gone].up() })
	if f := w.Fault(gone); f == nil || f.Code != core.CodeBadInput {
		t.Fatalf("%+v", f)
	}
}

func TestAVoterWithoutWhichThereIsNoMajorityIsNotForgotten(t *testing.T) {
	w := cluster(t, 25, 3)
	leader := w.Leader()
	a, b := (leader+1)%3, (leader+2)%3
	ids := []core.NodeID{w.Node(a).ID(), w.Node(b).ID()}
	w.Kill(a)
	agreedDown(t, w, leader, ids[0])
	f := answer[*core.Fault](t, w, w.Ask(leader, node.Forget{Node: ids[1], Force: true}))
	if f.Code != core.CodeNo || !strings.Contains(f.Message, "only 1 of 3 voters") {
		t.Fatalf("%+v", f)
	}
	if f := answer[*core.Fault](t, w, w.Ask(leader, node.Forget{Node: w.Node(leader).ID(), Force: true})); f.Code != core.CodeUsage {
		t.Fatalf("itself: %+v", f)
	}
	if f := answer[*core.Fault](t, w, w.Ask(leader, node.Forget{Node: 77})); f.Code != core.CodeUnheard {
		t.Fatalf("a stranger: %+v", f)
	}
}

// Each of two who ask sees two voters of three that would be left.
func TestOfTwoVotersThatAreForgottenAtOnceOneStays(t *testing.T) {
	w := cluster(t, 27, 5)
	pass(t, w, 11*time.Second)
	leader := w.Leader()
	var voters, askers []int
	for i := range w.hosts {
		switch {
		case !w.votes(i):
			askers = append(askers, i)
		case i != leader:
			voters = append(voters, i)
			w.Foresee(i, core.CodeBadInput)
		}
	}
	var calls []*Call
	for k, at := range askers {
		calls = append(calls, w.Ask(at, node.Forget{Node: w.Node(voters[k]).ID(), Force: true}))
	}
	until(t, w, 10*time.Second, func() bool { return calls[0].Done && calls[1].Done })
	done, refused := calls[0].Fault(), calls[1].Fault()
	if done != nil {
		done, refused = refused, done
	}
	if done != nil || refused == nil || refused.Code != core.CodeNo || !strings.Contains(refused.Message, "no majority to go on with") {
		t.Fatalf("%+v and %+v", done, refused)
	}
	settle(t, w, leader, func(v node.VotersView) bool { return v.Voting == 3 })
}

// A machine was forgotten and begins anew. Then its old files, of a backup perhaps, run
// somewhere else: they are told to stop, and not the machine that was theirs.
func TestWhoHasTheAddressOfAForgottenNodeIsNotTakenForIt(t *testing.T) {
	w := cluster(t, 28, 5)
	at := w.Leader()
	gone := nonvoter(t, w, at)
	old := w.Node(gone).ID()
	w.Foresee(gone, core.CodeBadInput)
	answerNothing(t, w, w.Ask(at, node.Forget{Node: old, Force: true}))
	until(t, w, 10*time.Second, func() bool { return !w.hosts[gone].up() })
	w.Wipe(gone)
	w.Foresee(gone, 0)
	w.Restart(gone)
	reach(t, w, 30*time.Second, node.Condition{Kind: "members", N: 5})
	for range 5 {
		for _, i := range others(w, gone) {
			w.hosts[i].later(0, node.Knocked{Peer: old})
		}
		pass(t, w, 3*time.Second)
	}
	reach(t, w, 30*time.Second, node.Condition{Kind: "members", N: 5})
}

func TestEveryMemberTellsHowFarItsLogIs(t *testing.T) {
	w := cluster(t, 26, 5)
	answer[node.Appended](t, w, w.Ask(1, node.AppendNote{Text: []byte("x")}))
	pass(t, w, 5*time.Second)
	asked := (w.Leader() + 1) % 5
	mute := (w.Leader() + 2) % 5
	w.Cut(mute, asked)
	v := answer[node.PositionsView](t, w, w.Ask(asked, node.GetPositions{}))
	if len(v.Members) != 5 || v.Members[0].Role != "leader" || v.Commit == 0 {
		t.Fatalf("%+v", v)
	}
	for _, m := range v.Members {
		cut := m.ID == w.Node(mute).ID()
		if m.OK == cut || !cut && (m.Applied != v.Commit || m.Commit != v.Commit || m.First == 0 || m.Last < m.Commit || m.Snapshot == 0) {
			t.Errorf("%+v of %d", m, v.Commit)
		}
	}
}

// answerNothing waits for an empty last answer.
func answerNothing(t *testing.T, w *World, c *Call) {
	t.Helper()
	until(t, w, 10*time.Second, func() bool { return c.Done })
	if f := c.Fault(); f != nil {
		t.Fatalf("%T is refused: %+v", c.Body, f)
	}
}
