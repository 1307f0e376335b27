package control

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// This file is the join tokens' part of the API: both halves of it. A token's
// secret never comes here: whoever makes one keeps it, and says its hash.

// Token is a join token as the cluster knows it.
type Token struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	// Uses is how many machines may join by it, null for any number; Used how
	// many did.
	Uses *uint32 `json:"uses"`
	Used uint32  `json:"used"`
	// State is good, expired, revoked or used up.
	State string `json:"state"`
}

// Tokens is the answer about join tokens.
type Tokens struct {
	Schema string `json:"schema"`
	// Authority is the certificate of the cluster's CA (DER, base64).
	Authority []byte  `json:"authority"`
	Tokens    []Token `json:"tokens"`
}

// NewToken asks for a token whose secret the client has made.
type NewToken struct {
	ID   string `json:"id"`   // ten hexadecimal digits
	Hash string `json:"hash"` // of the secret: 64 hexadecimal digits
	// TTL is for how long it is good; Uses how many machines, 0 any number.
	TTL  float64 `json:"ttl_seconds"`
	Uses uint32  `json:"uses"`
}

func (s server) tokens(r *http.Request) (any, error) {
	v, err := one[node.TokensView](r.Context(), s, node.GetTokens{})
	return shownTokens(v), err
}

func (s server) changeToken(r *http.Request, c *wire.Command) (any, error) {
	v, err := one[node.TokensView](r.Context(), s, node.ChangeToken{Command: c})
	return shownTokens(v), err
}

func (s server) addToken(r *http.Request) (any, error) {
	var want NewToken
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(want.ID)
	hash, err2 := hex.DecodeString(want.Hash)
	if err != nil || err2 != nil {
		return nil, core.Faultf(core.CodeUsage, "a token's id and hash are hexadecimal digits")
	}
	if want.TTL <= 0 || want.TTL > ledger.MaxTokenLife.Seconds() {
		return nil, core.Faultf(core.CodeUsage, "a token for %g seconds: more than 0 and at most %.0f are meant", want.TTL, ledger.MaxTokenLife.Seconds())
	}
	create := &wire.CreateToken{Id: id, Hash: hash, TtlNanos: int64(want.TTL * float64(time.Second)), Uses: want.Uses}
	return s.changeToken(r, &wire.Command{Body: &wire.Command_CreateToken{CreateToken: create}})
}

func (s server) revokeToken(r *http.Request) (any, error) {
	word := r.PathValue("id")
	id, err := hex.DecodeString(word)
	if err != nil {
		return nil, core.Faultf(core.CodeUnheard, "no token has the ID %q", word).WithHint("hb token list shows those there are")
	}
	return s.changeToken(r, &wire.Command{Body: &wire.Command_RevokeToken{RevokeToken: &wire.RevokeToken{Id: id}}})
}

func shownTokens(v node.TokensView) Tokens {
	out := Tokens{Schema: "hb.tokens/1", Authority: v.Authority, Tokens: []Token{}}
	for _, t := range v.Tokens {
		shown := Token{
			ID: hex.EncodeToString(t.Id), Created: time.Unix(0, t.CreatedNanos).UTC(), Expires: time.Unix(0, t.ExpiresNanos).UTC(),
			Used: t.Used, State: "good",
		}
		if t.Uses > 0 {
			shown.Uses = &t.Uses
		}
		switch {
		case t.Revoked:
			shown.State = "revoked"
		case v.Wall >= t.ExpiresNanos:
			shown.State = "expired"
		case t.Uses > 0 && t.Used >= t.Uses:
			shown.State = "used up"
		}
		out.Tokens = append(out.Tokens, shown)
	}
	return out
}

// Tokens lists the join tokens.
func (c *Client) Tokens(ctx context.Context) (*Tokens, error) {
	return get[Tokens](ctx, c, "/v1/tokens")
}

// AddToken has the cluster take a token.
func (c *Client) AddToken(ctx context.Context, t NewToken) (*Tokens, error) {
	return post[Tokens](ctx, c, "/v1/tokens", t)
}

// RevokeToken ends a token before its time.
func (c *Client) RevokeToken(ctx context.Context, id string) (*Tokens, error) {
	return post[Tokens](ctx, c, "/v1/tokens/"+url.PathEscape(id)+"/revoke", nil)
}
