package control

import (
	"context"
	"net/http"

	"hb/core/node"
)

// This file is the part of the API about the keys that datagrams are sealed with:
// both halves of it.

func (s server) keys(r *http.Request) (any, error) { return s.aboutKeys(r, node.GetKeys{}) }

func (s server) rotateKeys(r *http.Request) (any, error) { return s.aboutKeys(r, node.RotateKeys{}) }

func (s server) aboutKeys(r *http.Request, q node.Request) (any, error) {
	v, err := one[node.KeysView](r.Context(), s, q)
	if err != nil {
		return nil, err
	}
	return keysOf(v), nil
}

func keysOf(v node.KeysView) Keys {
	out := Keys{Schema: "hb.keys/1", Keys: []Key{}, Missing: []string{}}
	for i, k := range v.Keys {
		newest := i == 0
		out.Keys = append(out.Keys, Key{
			Generation: k.Generation, State: k.State, Since: wallTime(k.SinceNanos), Index: number(k.Index),
			Members: known(k.Members, newest), Why: k.Why,
		})
	}
	for _, m := range v.Missing {
		out.Missing = append(out.Missing, m.Name)
	}
	return out
}

// Keys lists the keys that datagrams are sealed with, but not the keys
// themselves.
func (c *Client) Keys(ctx context.Context) (*Keys, error) { return get[Keys](ctx, c, "/v1/keys") }

// RotateKeys makes the next one.
func (c *Client) RotateKeys(ctx context.Context) (*Keys, error) {
	return post[Keys](ctx, c, "/v1/keys/rotate", empty{})
}
