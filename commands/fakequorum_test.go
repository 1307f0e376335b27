package commands

import (
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// quorum answers what is asked about voters, as three voters and a member would:
// b leads, d stands by. In the mode "slow" no change ever ends, in "leaderless"
// there is nobody who knows.
func (f *fake) quorum(r node.Request) any {
	switch q := r.(type) {
	case node.GetVoters:
		return f.voters()
	case node.SetVoters:
		f.target = q.Target
		return f.voters()
	case node.SetVote:
		if q.Node == 3 && q.Vote == ledger.VoteUnwanted {
			return core.Faultf(core.CodeNo, "nobody can take the vote of c: of 3 voters 1 would be left").WithHint("--force demotes it all the same")
		}
		f.wishes[q.Node] = q.Vote
		return f.voters()
	case node.Forget:
		if q.Node == 2 && !q.Force {
			return core.Faultf(core.CodeNo, "b is alive").WithHint("hb leave, on that node, takes it out in order")
		}
	case node.GetKeys, node.RotateKeys:
		return f.keys(q)
	case node.GetPositions:
		return f.positions()
	case node.GetTokens:
		return f.tokens(nil)
	case node.ChangeToken:
		return f.tokens(q.Command)
	}
	return nil
}

// keys are two generations, or three once a rotation was asked for; in the mode
// "bare" the cluster has none.
func (f *fake) keys(r node.Request) any {
	if f.mode == "bare" {
		return core.Faultf(core.CodeNo, "this cluster has no credentials, and its datagrams are not sealed").WithHint("hb init founds one that has")
	}
	first := node.KeyView{Generation: 1, State: "accepted", Index: 2, SinceNanos: instant, Why: "the cluster begins"}
	second := node.KeyView{Generation: 2, State: "current", Index: 40, SinceNanos: instant, Members: 3, Why: "a member was forgotten"}
	if _, rotate := r.(node.RotateKeys); !rotate {
		return node.KeysView{Keys: []node.KeyView{second, first}, Missing: []node.Name{{ID: 4, Name: "d"}}}
	}
	first.State, second.State, second.Members = "retired", "accepted", 0
	third := node.KeyView{Generation: 3, State: "current", Index: 41, SinceNanos: instant, Members: 4, Why: "asked for by hb keys rotate"}
	return node.KeysView{Keys: []node.KeyView{third, second, first}}
}

func (f *fake) voters() node.VotersView {
	v := node.VotersView{Target: 3, Leader: 2, Known: f.mode != "leaderless", Settled: f.mode != "slow", Changing: f.mode == "slow"}
	if f.target != 0 {
		v.Target = f.target
	}
	add := func(id core.NodeID, name, role, why string, match uint64) {
		if wish := f.wishes[id]; wish == ledger.VoteWanted {
			role, why = "voter", "promoted"
		} else if wish >= ledger.VoteUnwanted {
			role, why = "member", "demoted: never chosen"
		}
		v.Members = append(v.Members, node.VoterView{
			ID: id, Name: name, Role: role, State: "up", Status: core.Alive, Vote: f.wishes[id].String(), Match: match,
			Applied: match, Since: instant, Why: why,
		})
		if role != "member" {
			v.Voting++
		}
	}
	add(2, "b", "leader", "votes", 20)
	add(1, "a", "voter", "votes", 19)
	add(3, "c", "voter", "down for 4s: replaced after 10s", 12)
	v.Members[2].State, v.Members[2].Status, v.Members[0].Zone = "down", core.Dead, "x"
	add(4, "d", "member", "stands by: all places are taken", 0)
	if f.mode == "leaderless" {
		v.Leader, v.Settled = 0, false
	}
	return v
}

func (f *fake) positions() node.PositionsView {
	return node.PositionsView{Commit: 20, Members: []node.PositionView{
		{ID: 2, Name: "b", Role: "leader", Status: core.Alive, OK: true, Term: 4, Commit: 20, Applied: 20, First: 2, Last: 21, Snapshot: 1, Match: 21},
		{ID: 1, Name: "a", Role: "voter", Status: core.Alive, OK: true, Self: true, Term: 4, Commit: 20, Applied: 19, First: 2, Last: 20, Snapshot: 1, Match: 20},
		{ID: 4, Name: "d", Role: "member", Status: core.Suspect, Applied: 12},
		{ID: 5, Name: "e", Role: "member", Status: core.Dead},
	}}
}

// tokens carries out a command about tokens in a ledger of the fake's own, in
// which there is one from the beginning.
func (f *fake) tokens(c *wire.Command) any {
	if f.door == nil {
		f.door = ledger.New(core.ClusterID{1}, "lab")
		if f.mode != "leaderless" {
			f.door.Trust([]byte("ca"), &wire.Credential{Node: 1, Name: "a"}, &wire.JoinToken{
				Id: []byte{1, 2, 3, 4, 5}, Hash: make([]byte, 32), CreatedNanos: instant, ExpiresNanos: instant + int64(time.Hour), Uses: 3, Used: 1,
			})
		}
	}
	if c != nil {
		o := f.door.Apply(f.door.Applied()+1, &wire.Entry{WallNanos: instant, Commands: []*wire.Command{c}})
		if fault := o[0].Fault(); fault != nil {
			return fault
		}
	}
	return node.TokensView{Authority: f.door.Authority(), Tokens: f.door.Tokens(), Wall: instant}
}
