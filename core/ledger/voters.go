package ledger

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// Vote is what people wish about one member's vote.
type Vote uint32

// The wishes. They last until another one takes their place, or the member
// leaves.
const (
	// VoteAuto leaves it to the leader.
	VoteAuto Vote = iota
	// VoteWanted: it votes, in the place of one that nobody wished for.
	VoteWanted
	// VoteUnwanted: it gives its vote to another as soon as there is one.
	VoteUnwanted
	// VoteNever: it gives its vote up even if nobody can take it.
	VoteNever
)

var voteNames = [...]string{VoteAuto: "auto", VoteWanted: "promoted", VoteUnwanted: "demoted", VoteNever: "demoted"}

// String gives the word that users see.
func (v Vote) String() string {
	if int(v) < len(voteNames) {
		return voteNames[v]
	}
	return fmt.Sprintf("vote(%d)", uint32(v))
}

// DefaultVoters is how many members vote, once there are so many, unless the
// log says otherwise: 3 survive the loss of one.
const DefaultVoters = 3

// KeepTombstones bounds the tombstones; the oldest go first.
const KeepTombstones = 10_000

// reasonForgotten is why a member is left that hb forget took out.
const reasonForgotten = "forgotten"

// ValidVoters says whether so many may vote: an even number survives no more
// losses than the odd one below it, and beyond seven every entry waits for
// too many disks.
func ValidVoters(n uint32) bool { return n == 1 || n == 3 || n == 5 || n == 7 }

// Voters is how many members shall vote.
func (s *State) Voters() int {
	if s.voters == 0 {
		return DefaultVoters
	}
	return int(s.voters)
}

// VoteOf is what people wish about a member's vote.
func (s *State) VoteOf(id core.NodeID) Vote {
	if m, ok := s.members[id]; ok {
		return Vote(m.Vote)
	}
	return VoteAuto
}

// Forgotten finds the tombstone of a node.
func (s *State) Forgotten(id core.NodeID) (*wire.Tombstone, bool) {
	t, ok := s.graves[id]
	return t, ok
}

// Tombstones are those of all that are remembered as forgotten, oldest first;
// read only.
func (s *State) Tombstones() []*wire.Tombstone { return s.tombstones }

func (s *State) setVoters(o *Outcome, c *wire.SetVoters) {
	if !ValidVoters(c.GetTarget()) {
		o.Verdict = refuse(core.CodeBadInput, "%d voters: 1, 3, 5 or 7 are meant", c.GetTarget())
		return
	}
	s.voters = c.Target
}

// setVote keeps a wish. More members than there are places cannot be promoted.
func (s *State) setVote(o *Outcome, c *wire.SetVote) {
	old, known := s.members[core.NodeID(c.GetNode())]
	vote := Vote(c.GetVote())
	switch {
	case !known || old.State == Left:
		o.Verdict = refuse(core.CodeUnheard, "no member has the ID %v", core.NodeID(c.GetNode()))
		return
	case vote > VoteNever:
		o.Verdict = refuse(core.CodeBadInput, "%v is no wish about a vote", vote)
		return
	case Vote(old.Vote) == vote:
		return
	case vote == VoteWanted && s.promoted() >= s.Voters():
		o.Verdict = refuse(core.CodeNo, "all %d places are taken by members that were promoted", s.Voters())
		o.Verdict.Hint = "hb voters auto NODE gives one free, hb voters set makes more"
		return
	}
	m := proto.CloneOf(old)
	m.Vote = c.Vote
	s.setMember(m)
	o.Members = append(o.Members, m)
}

// promoted counts the members that were promoted.
func (s *State) promoted() (n int) {
	for _, m := range s.members {
		if Vote(m.Vote) == VoteWanted {
			n++
		}
	}
	return n
}

// forgetWithToken forgets a member, and revokes the token that it came by: it knows
// that, and so does whoever has its disk or its history.
func (s *State) forgetWithToken(o *Outcome, c *wire.Forget) {
	token := s.admission.credentials[core.NodeID(c.GetNode())].GetToken()
	s.forgetMember(o, c)
	if o.Verdict == nil && len(token) > 0 && s.features >= core.FeaturesForgetToken {
		s.revokeToken(&wire.RevokeToken{Id: token})
	}
}

// forgetMember makes a member one that has left and can never come back. What is up
// is not forgotten by mistake.
func (s *State) forgetMember(o *Outcome, c *wire.Forget) {
	id := core.NodeID(c.GetNode())
	old, known := s.members[id]
	switch _, buried := s.graves[id]; {
	case buried:
		return
	case !known:
		o.Verdict = refuse(core.CodeUnheard, "no member has the ID %v", id)
		return
	case old.Row.Instance != c.Instance:
		o.Verdict = refuse(core.CodeBusy, "%s has started again meanwhile", old.Row.Name)
		return
	case old.State == Up && !c.Force:
		o.Verdict = refuse(core.CodeNo, "%s is up, as agreed", old.Row.Name)
		o.Verdict.Hint = "hb leave takes a running node out; one that just died is agreed down in a moment"
		return
	}
	s.bury(&wire.Tombstone{Node: c.Node, Raft: old.Row.Raft, Name: old.Row.Name, Index: s.applied})
	delete(s.admission.credentials, id)
	m := &wire.Agreed{Row: old.Row, State: Left, Reason: reasonForgotten, SinceNanos: s.wall, Index: s.applied}
	s.setMember(m)
	o.Members = append(o.Members, m)
	o.Events = append(o.Events, Event{"agreed-down", old.Row.Name, reasonForgotten})
	s.endWaiting(o, id)
	s.forgetLeft()
}

// bury adds a tombstone.
func (s *State) bury(t *wire.Tombstone) {
	s.tombstones = append(s.tombstones, t)
	s.graves[core.NodeID(t.Node)] = t
	if extra := len(s.tombstones) - KeepTombstones; extra > 0 {
		for _, old := range s.tombstones[:extra] {
			delete(s.graves, core.NodeID(old.Node))
		}
		s.tombstones = slices.Clone(s.tombstones[extra:])
	}
}

// buried says whether a row would bring back what was forgotten.
func (s *State) buried(row *wire.Row) (*wire.Tombstone, bool) {
	if t, ok := s.graves[core.NodeID(row.Id)]; ok {
		return t, true
	}
	for _, t := range s.tombstones {
		if row.Raft != 0 && t.Raft == row.Raft {
			return t, true
		}
	}
	return nil, false
}
