package commands

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
	"hb/core/enroll"
	"hb/core/pki"
)

func tokenCommand() *cli.Command {
	return &cli.Command{
		Name:        "token",
		Usage:       "make, list and revoke the tokens by which machines join",
		Description: tokenWords + "\n\nWithout a subcommand it lists, as hb token list does.",
		Action:      plainWords(0, runTokenList),
		Subcommands: []*cli.Command{
			{Name: "create", Usage: "make a join token", Action: plainWords(0, runTokenCreate),
				Description: "Prints a new token, and nothing else, on the standard output: to be given to hb join\non other machines. Whoever has it can join: keep it as you would a password. The\ncluster keeps no copy, so that it cannot be shown again.",
				Flags: []cli.Flag{
					&cli.DurationFlag{Name: "ttl", Value: enroll.FirstToken, Usage: "let machines in for `DURATION` from now"},
					&cli.UintFlag{Name: "uses", Usage: "let in `N` machines at most (default: any number)"},
				}},
			{Name: "list", Usage: "list the join tokens", Action: plainWords(0, runTokenList), Description: tokenWords},
			{Name: "revoke", Usage: "end a token before its time", ArgsUsage: "ID|TOKEN", Action: plainWords(1, runTokenRevoke),
				Description: "Lets nobody join any more by the token with this ID, or by this token. Whoever has\njoined by it stays; hb forget takes out a member."},
		},
	}
}

const tokenWords = `Lists the tokens that the cluster remembers: ID, EXPIRES, USED by how many machines
of how many, and STATE: good, expired, revoked or "used up". The tokens
themselves are not kept, only hashes of them.`

func runTokenCreate(c *call) error {
	if c.IsSet("uses") && c.Uint("uses") == 0 {
		return usage("--uses 0: such a token would let nobody in").WithHint("without --uses it lets in any number")
	}
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	now := time.Now()
	token, err := pki.MintToken(rand.Reader, pki.Fingerprint{}, now)
	if err != nil {
		return err
	}
	ttl := c.Duration("ttl").Truncate(time.Second)
	if ttl <= 0 {
		return usage("--ttl %v: a second or more is meant", c.Duration("ttl"))
	}
	all, err := client.AddToken(ctx, control.NewToken{
		ID: token.ID(), Hash: hex.EncodeToString(token.Hash()), TTL: ttl.Seconds(), Uses: uint32(c.Uint("uses")),
	})
	if err != nil {
		return err
	}
	for _, t := range all.Tokens {
		if t.ID != token.ID() {
			continue
		}
		token.CA, token.Expiry = pki.FingerprintOf(all.Authority), t.Expires
		if c.isJSON() {
			return render.JSON(c.stdout, madeToken{"hb.new-token/1", token.Reveal(), t.ID, t.Expires, t.Uses})
		}
		_, err := fmt.Fprintln(c.stdout, token.Reveal())
		return err
	}
	return core.Faultf(core.CodeInternal, "the cluster took the token %s, and does not list it", token.ID())
}

// madeToken is a new token, with the secret in it.
type madeToken struct {
	Schema  string    `json:"schema"`
	Token   string    `json:"token"`
	ID      string    `json:"id"`
	Expires time.Time `json:"expires"`
	Uses    *uint32   `json:"uses"`
}

func runTokenList(c *call) error {
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	all, err := client.Tokens(ctx)
	if err != nil {
		return err
	}
	return printTokens(c, all)
}

func printTokens(c *call, all *control.Tokens) error {
	t := &render.Table{Header: []string{"ID", "EXPIRES", "USED", "STATE"}}
	var records []any
	for _, token := range all.Tokens {
		expires := token.Expires.Local().Format(time.DateTime)
		if c.form == "plain" {
			expires = token.Expires.Format(time.RFC3339)
		}
		used := strconv.Itoa(int(token.Used))
		if token.Uses != nil {
			used += "/" + strconv.Itoa(int(*token.Uses))
		}
		t.Rows = append(t.Rows, []string{token.ID, expires, used, token.State})
		records = append(records, struct {
			Schema string `json:"schema"`
			control.Token
		}{"hb.token/1", token})
	}
	return c.print(all, records, t)
}

func runTokenRevoke(c *call) error {
	if len(c.words) == 0 {
		return usage("hb token revoke needs a token's ID, or the token").WithHint("hb token list shows those there are")
	}
	id := c.words[0]
	if token, err := pki.ParseToken(id); err == nil {
		id = token.ID()
	} else if _, err := hex.DecodeString(id); err != nil {
		return usage("%.20q is neither a token nor the ID of one", id).WithHint("hb token list shows those there are")
	}
	return c.withNode(func(ctx context.Context, client *control.Client) error {
		_, err := client.RevokeToken(ctx, id)
		return err
	})
}
