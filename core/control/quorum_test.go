package control

import (
	"testing"

	"hb/core/ledger"
	"hb/core/node"
)

func TestAWishAboutAVoteReachesTheNode(t *testing.T) {
	for body, want := range map[string]node.SetVote{
		`{"node":"b","wish":"promoted"}`:              {Node: 2, Vote: ledger.VoteWanted},
		`{"node":"b","wish":"auto","force":true}`:     {Node: 2, Vote: ledger.VoteAuto},
		`{"node":"b","wish":"demoted"}`:               {Node: 2, Vote: ledger.VoteUnwanted},
		`{"node":"b","wish":"demoted","force":true}`:  {Node: 2, Vote: ledger.VoteNever},
		`{"node":"b","wish":"promoted","force":true}`: {Node: 2, Vote: ledger.VoteWanted},
	} {
		var got node.SetVote
		b := backend(func(r node.Request) []node.Reply {
			if q, is := r.(node.SetVote); is {
				got = q
			}
			return example(r)
		})
		if status, answer := raw(t, b, "POST", "/v1/voters/vote", body); status != 200 || got != want {
			t.Errorf("%s: %+v, HTTP %d %s", body, got, status, answer)
		}
	}
}

func TestTheClientAsksForWhatItsMethodsSay(t *testing.T) {
	c := NewClient(serve(t, adminServer(backend(example))))
	ctx := soon(t)
	if v, err := c.Voters(ctx); err != nil || v.Settled != nil || v.Leader != nil {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := c.SetVoters(ctx, 5); err != nil || v.Target != 5 || *v.Leader != "b" {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := c.SetVote(ctx, "b", "promoted", false); err != nil || !*v.Settled {
		t.Errorf("%+v, %v", v, err)
	}
	if err := c.Forget(ctx, "b", true); err != nil {
		t.Error(err)
	}
	if k, err := c.Keys(ctx); err != nil || len(k.Keys) != 2 || k.Missing[0] != "c" {
		t.Errorf("%+v, %v", k, err)
	}
	if k, err := c.RotateKeys(ctx); err != nil || k.Keys[0].Generation != 3 {
		t.Errorf("%+v, %v", k, err)
	}
	if p, err := c.Positions(ctx); err != nil || *p.Members[0].Lag != 2 || p.Members[1].Lag != nil {
		t.Errorf("%+v, %v", p, err)
	}
}
