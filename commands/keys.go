package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core/control"
)

func keysCommand() *cli.Command {
	return &cli.Command{
		Name:  "keys",
		Usage: "list and change the keys that datagrams are sealed with",
		Description: keysWords + `

Members of a cluster with credentials seal the datagrams between them with keys
that they derive from one that all of them know. The leader makes the first, and
another one as soon as a member is forgotten. It travels in the log, encrypted to
the own key of each member, and is shown nowhere.

Without a subcommand it lists, as hb keys list does.`,
		Action: plainWords(0, runKeys),
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "list the generations of the key", Description: keysWords, Action: plainWords(0, runKeys)},
			{Name: "rotate", Usage: "make the next one", Action: plainWords(0, runKeysRotate),
				Description: "Puts the next key into the log, encrypted to each member, and lists. Nothing is\nlost meanwhile: the last one is accepted for another ten seconds. A member that is\noff or cut off gets the key when it is back."},
		},
	}
}

const keysWords = `Lists the generations of the key, newest first: STATE is current; accepted (still,
for ten seconds); unread (this node cannot read the newest yet); or retired. SINCE
is when it came into the log, MEMBERS how many have the newest from there.`

func runKeys(c *call) error {
	return c.withKeys(func(ctx context.Context, client *control.Client) (*control.Keys, error) { return client.Keys(ctx) })
}

func runKeysRotate(c *call) error {
	return c.withKeys(func(ctx context.Context, client *control.Client) (*control.Keys, error) {
		return client.RotateKeys(ctx)
	})
}

// withKeys asks for something and prints the keys there are then.
func (c *call) withKeys(ask func(context.Context, *control.Client) (*control.Keys, error)) error {
	ctx, client, release, err := c.asking()
	if err != nil {
		return err
	}
	defer release()
	k, err := ask(ctx, client)
	if err != nil {
		return err
	}
	if err := printKeys(c, k); err != nil {
		return err
	}
	if len(k.Missing) > 0 && !c.quiet {
		fmt.Fprintf(c.stderr, "not yet encrypted to %s\n", render.Safe(strings.Join(k.Missing, ", ")))
	}
	return nil
}

func printKeys(c *call, k *control.Keys) error {
	t := &render.Table{Header: []string{"GENERATION", "STATE", "SINCE", "INDEX", "MEMBERS", "WHY"}, Shrink: []int{5}, Drop: []int{3}}
	var records []any
	for _, key := range k.Keys {
		since, members := "", ""
		if key.Since != nil {
			since = key.Since.Local().Format(time.DateTime)
			if c.form == "plain" {
				since = key.Since.Format(time.RFC3339)
			}
		}
		if key.Members != nil {
			members = strconv.Itoa(*key.Members)
		}
		t.Rows = append(t.Rows, []string{strconv.FormatUint(uint64(key.Generation), 10), key.State, since, key.Index, members, key.Why})
		records = append(records, struct {
			Schema string `json:"schema"`
			control.Key
		}{"hb.key/1", key})
	}
	return c.print(k, records, t)
}
