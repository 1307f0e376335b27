package control

import (
	"context"
	"net/http"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
)

// This file is the voters' and the log's part of the API: both halves of it.

type votersBody struct {
	Target int `json:"target"`
}

type voteBody struct {
	Node  string `json:"node"`
	Wish  string `json:"wish"` // auto, promoted, demoted
	Force bool   `json:"force"`
}

type forgetBody struct {
	Node  string `json:"node"`
	Force bool   `json:"force"`
}

func (s server) voters(r *http.Request) (any, error) {
	return s.aboutVoters(r, node.GetVoters{})
}

func (s server) aboutVoters(r *http.Request, q node.Request) (any, error) {
	v, err := one[node.VotersView](r.Context(), s, q)
	if err != nil {
		return nil, err
	}
	return votersOf(v, s.names(r.Context())), nil
}

func (s server) setVoters(r *http.Request) (any, error) {
	var want votersBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	if want.Target < 0 || want.Target > 7 || !ledger.ValidVoters(uint32(want.Target)) {
		return nil, core.Faultf(core.CodeUsage, "%d voters: 1, 3, 5 or 7 are meant", want.Target)
	}
	return s.aboutVoters(r, node.SetVoters{Target: want.Target})
}

func (s server) setVote(r *http.Request) (any, error) {
	var want voteBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	vote, ok := map[string]ledger.Vote{"auto": ledger.VoteAuto, "promoted": ledger.VoteWanted, "demoted": ledger.VoteUnwanted}[want.Wish]
	if !ok {
		return nil, core.Faultf(core.CodeUsage, "%q is no wish: auto, promoted or demoted is meant", want.Wish)
	}
	if vote == ledger.VoteUnwanted && want.Force {
		vote = ledger.VoteNever
	}
	id, err := s.resolve(r.Context(), want.Node)
	if err != nil {
		return nil, err
	}
	return s.aboutVoters(r, node.SetVote{Node: id, Vote: vote})
}

func (s server) forget(r *http.Request) (any, error) {
	var want forgetBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	id, err := s.resolve(r.Context(), want.Node)
	if err != nil {
		return nil, err
	}
	return one[empty](r.Context(), s, node.Forget{Node: id, Force: want.Force})
}

func (s server) positions(r *http.Request) (any, error) {
	v, err := one[node.PositionsView](r.Context(), s, node.GetPositions{})
	return positionsOf(v), err
}

// Voters lists who votes, and why.
func (c *Client) Voters(ctx context.Context) (*Voters, error) {
	return get[Voters](ctx, c, "/v1/voters")
}

// SetVoters says how many members shall vote: 1, 3, 5 or 7.
func (c *Client) SetVoters(ctx context.Context, target int) (*Voters, error) {
	return post[Voters](ctx, c, "/v1/voters", votersBody{target})
}

// SetVote says of a member, by name or ID, whether it shall vote: the wish is
// auto, promoted or demoted. Force demotes even where nobody can take its place.
func (c *Client) SetVote(ctx context.Context, who, wish string, force bool) (*Voters, error) {
	return post[Voters](ctx, c, "/v1/voters/vote", voteBody{who, wish, force})
}

// Forget takes a member, by name or ID, out for good; with force even a live one.
func (c *Client) Forget(ctx context.Context, who string, force bool) error {
	_, err := post[empty](ctx, c, "/v1/forget", forgetBody{who, force})
	return err
}

// Positions says how far everybody's log is.
func (c *Client) Positions(ctx context.Context) (*Positions, error) {
	return get[Positions](ctx, c, "/v1/log/positions")
}
