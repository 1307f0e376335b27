package commands

import (
	"time"

	"github.com/urfave/cli/v2"
)

func drainCommand() *cli.Command {
	return &cli.Command{
		Name:      "drain",
		Usage:     "keep new work from a member, and wait until nothing runs there",
		ArgsUsage: "[NODE]",
		Description: `Lets no new task come to a member (by default the node behind the socket), hands
leadership over if it leads, and returns when nothing runs there any more. It
lasts, over restarts of the member too, until hb resume. A task that names the
member with --on runs there all the same.

With --kill-after what still runs then is ended: it runs again elsewhere, or,
with --once, ends as cancelled. ^C ends the waiting, not the drain.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "no-wait", Usage: "return as soon as no new work can come"},
			&cli.DurationFlag{Name: "kill-after", Usage: "end what still runs there after `DURATION`"},
		},
		Action: plainWords(1, runDrain),
	}
}

func runDrain(c *call) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	kill := time.Duration(-1)
	if c.IsSet("kill-after") {
		if kill = c.Duration("kill-after"); kill < 0 {
			return usage("--kill-after %v: a time from now is meant", kill)
		}
		if c.Bool("no-wait") {
			return usage("--kill-after and --no-wait exclude each other: it is the one who waits that ends what runs")
		}
	}
	ctx, cancel := c.waitContext()
	defer cancel()
	return client.Drain(ctx, first(c.words), !c.Bool("no-wait"), kill)
}

// first is the first word, or none.
func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}
