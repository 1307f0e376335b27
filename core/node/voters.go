package node

import (
	"cmp"
	"slices"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// askVoters answers who votes, and why. What only the leader knows it is asked
// for; without one it stays unknown.
func (n *Node) askVoters(id uint64) {
	n.survey(n.engines(), func(answers map[core.NodeID]*wire.Position) {
		n.reply(id, n.votersView(answers), true)
	})
}

// engines are the members that vote or learn, and live.
func (n *Node) engines() (ids []core.NodeID) {
	for _, m := range n.ledger.Members() {
		id := core.NodeID(m.Row.Id)
		if row, ok := n.membership.Table().Get(id); n.roleOf(id) != "member" && (id == n.self.id || ok && row.Living()) {
			ids = append(ids, id)
		}
	}
	return ids
}

// votersView lists the members of the directory, voters first.
func (n *Node) votersView(answers map[core.NodeID]*wire.Position) VotersView {
	v := VotersView{Target: n.ledger.Voters(), Changing: n.replog.Joint()}
	standings := map[core.RaftID]*wire.Standing{}
	if leader := n.leader(); leader.id != 0 {
		v.Leader, v.Known = leader.id, answers[leader.id] != nil
		v.Settled = answers[leader.id].GetSettled()
		for _, s := range answers[leader.id].GetStandings() {
			standings[core.RaftID(s.Raft)] = s
		}
	}
	seen := map[core.RaftID]bool{}
	for _, m := range n.ledger.Members() {
		if raft := core.RaftID(m.Row.Raft); m.State != ledger.Left || isVoter(n.replog.Role(raft)) {
			seen[raft] = true
			v.Members = append(v.Members, n.voterView(m, standings[raft], answers[core.NodeID(m.Row.Id)]))
		}
	}
	for _, raft := range n.replog.Voters() {
		if !seen[raft] { // its row is not in the log yet, or not any more
			id, _ := n.nodeOf(raft)
			v.Members = append(v.Members, n.voterView(&wire.Agreed{Row: &wire.Row{Id: uint64(id), Raft: uint64(raft), Name: n.nameOf(id)}}, standings[raft], answers[id]))
		}
	}
	for i := range v.Members {
		if isVoter(v.Members[i].Role) {
			v.Voting++
		}
	}
	slices.SortFunc(v.Members, func(a, b VoterView) int {
		return cmp.Or(cmp.Compare(rank(a.Role), rank(b.Role)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return v
}

func isVoter(role string) bool { return role == "leader" || role == "voter" }

// rank orders roles: who leads, votes, learns, and everybody else.
func rank(role string) int {
	roles := []string{"leader", "voter", "learner"}
	if at := slices.Index(roles, role); at >= 0 {
		return at
	}
	return len(roles)
}

func (n *Node) voterView(m *wire.Agreed, s *wire.Standing, p *wire.Position) VoterView {
	id := core.NodeID(m.Row.Id)
	v := VoterView{
		ID: id, Name: m.Row.Name, Role: n.roleOf(id), State: m.State, Vote: ledger.Vote(m.Vote).String(),
		Match: s.GetMatch(), Applied: n.appliedBy(id), Zone: m.Row.Tags["zone"], Since: m.SinceNanos, Why: s.GetWhy(),
	}
	if row, ok := n.membership.Table().Get(id); ok {
		v.Status = row.Status
	}
	v.Applied = max(v.Applied, p.GetApplied())
	switch {
	case v.Why != "":
	case isVoter(v.Role):
		v.Why = "votes"
	case v.Role == "member" && len(n.replog.Voters()) >= n.ledger.Voters():
		v.Why = "stands by: all places are taken"
	case v.Role == "member":
		v.Why = "stands by: an even number would survive no more"
	}
	return v
}

// appliedBy is how far a member has applied the log, as its heartbeats say.
func (n *Node) appliedBy(id core.NodeID) uint64 {
	if id == n.self.id {
		return n.ledger.Applied()
	}
	return n.peers[id].applied
}

// setVoters puts in the log how many shall vote.
func (n *Node) setVoters(id uint64, q SetVoters) {
	n.wish(id, &wire.Command{Body: &wire.Command_SetVoters{SetVoters: &wire.SetVoters{Target: uint32(q.Target)}}})
}

// setVote puts in the log who shall vote.
func (n *Node) setVote(id uint64, q SetVote) {
	if f := n.whyNotVote(q); f != nil {
		n.reply(id, f, true)
		return
	}
	n.wish(id, &wire.Command{Body: &wire.Command_SetVote{SetVote: &wire.SetVote{Node: uint64(q.Node), Vote: uint32(q.Vote)}}})
}

// wish proposes something about the voters, and answers with what follows from
// it once it is applied here.
func (n *Node) wish(id uint64, c *wire.Command) {
	n.propose(c, func(a answer) {
		if f := answerFault(a); f != nil {
			n.reply(id, f, true)
			return
		}
		n.readIndex(true, func(res readResult) {
			if !res.ok {
				n.reply(id, n.noQuorum(), true)
				return
			}
			n.askVoters(id)
		})
	})
}

// whyNotVote is the reason to refuse a wish about a vote; nil for none.
func (n *Node) whyNotVote(q SetVote) *core.Fault {
	m, known := n.ledger.Member(q.Node)
	if !known || m.State == ledger.Left {
		return core.Faultf(core.CodeUnheard, "%s is not in the log's directory", n.nameOf(q.Node)).WithHint("hb voters list shows who is")
	}
	voters := n.replog.Voters()
	votes := isVoter(n.replog.Role(core.RaftID(m.Row.Raft)))
	switch {
	case q.Vote == ledger.VoteWanted && m.State != ledger.Up:
		return core.Faultf(core.CodeNo, "%s is down: it cannot vote", m.Row.Name)
	case q.Vote < ledger.VoteUnwanted || !votes || n.couldVote(q.Node) >= len(voters):
		return nil
	case len(voters) == 1 && n.couldVote(q.Node) == 0:
		return core.Faultf(core.CodeNo, "%s is the only member that can vote", m.Row.Name).
			WithHint("without a voter there is no log: let another member join first")
	case q.Vote == ledger.VoteUnwanted:
		left := n.couldVote(q.Node)
		left -= (left + 1) % 2
		return core.Faultf(core.CodeNo, "nobody can take the vote of %s: of %d voters %d would be left", m.Row.Name, len(voters), max(left, 1)).
			WithHint("let another member join first; --force demotes it all the same")
	}
	return nil
}

// couldVote counts the members that could vote if it were not for one of them.
func (n *Node) couldVote(without core.NodeID) (count int) {
	for _, m := range n.ledger.Members() {
		raft := core.RaftID(m.Row.Raft)
		able := m.State == ledger.Up && ledger.Vote(m.Vote) < ledger.VoteUnwanted
		if id := core.NodeID(m.Row.Id); id != without && m.State != ledger.Left && (able || isVoter(n.replog.Role(raft))) {
			count++
		}
	}
	return count
}
