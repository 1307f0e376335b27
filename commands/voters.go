package commands

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

func votersCommand() *cli.Command {
	noWait := &cli.BoolFlag{Name: "no-wait", Usage: "return as soon as the wish is in the log"}
	return &cli.Command{
		Name:  "voters",
		Usage: "list and choose who votes on the log",
		Description: votersWords + `

An entry of the log is agreed once a majority of the voters has it on disk; the
other members follow. The leader keeps as many voters as the log asks for (hb
voters set), as long as there are so many members: 3 survive the loss of one, 5
of two. It replaces a voter that was down for ten seconds by a member that was up
as long, in one change, and prefers members with a zone tag that no voter has.
On its own it never goes below the number that was asked for.

Without a subcommand it lists, as hb voters list does.`,
		Action: plainWords(0, runVoters),
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "list who votes, and why", Description: votersWords, Action: plainWords(0, runVoters)},
			{Name: "set", Usage: "say how many members shall vote", ArgsUsage: "1|3|5|7", Flags: []cli.Flag{noWait}, Action: plainWords(1, runVotersSet),
				Description: "Puts into the log how many members shall vote, and waits until it is so. While there\nare fewer members, the largest odd number of them votes."},
			{Name: "promote", Usage: "have a member vote", ArgsUsage: "NODE", Flags: []cli.Flag{noWait}, Action: plainWords(1, wishing("promoted")),
				Description: "Gives a member, by name or ID, a vote: in the place of a voter that nobody promoted,\nin one change, once it has caught up and has been up for ten seconds. It is kept as a\nvoter from then on; a promoted voter that dies is replaced, and votes again when it is\nback. Waits until it votes."},
			{Name: "demote", Usage: "have a member vote no longer", ArgsUsage: "NODE", Flags: []cli.Flag{
				&cli.BoolFlag{Name: "force", Usage: "even if nobody can take its place: fewer vote then"}, noWait,
			}, Action: plainWords(1, wishing("demoted")),
				Description: "Takes a member's vote away and gives it to another member, in one change; it is not\nchosen again. Refused when no other member can take its place, unless forced. A leader\nhands leadership over first. Waits until it votes no longer."},
			{Name: "auto", Usage: "leave it to the leader whether a member votes", ArgsUsage: "NODE", Flags: []cli.Flag{noWait}, Action: plainWords(1, wishing("auto")),
				Description: "Takes back what promote or demote said of a member."},
		},
	}
}

const votersWords = `Lists the members, voters first: ROLE is leader, voter, learner (catching up, to
vote) or member; MATCH is up to where the leader knows the member's log to be on
disk, APPLIED how far the member says it has followed; AGREED is up or down, as
the majority sees it, SINCE when; WHY is what the leader means to do about it.
What only a leader knows is "-" when there is none.`

func runVoters(c *call) error {
	return c.withVoters(func(ctx context.Context, client *control.Client) (*control.Voters, error) { return client.Voters(ctx) }, nil)
}

func runVotersSet(c *call) error {
	if len(c.words) == 0 {
		return usage("hb voters set needs a number: 1, 3, 5 or 7")
	}
	n, err := strconv.Atoi(c.words[0])
	if err != nil || n != 1 && n != 3 && n != 5 && n != 7 {
		return usage("hb voters set %s: 1, 3, 5 or 7 are meant", c.words[0])
	}
	return c.withVoters(func(ctx context.Context, client *control.Client) (*control.Voters, error) {
		return client.SetVoters(ctx, n)
	},
		func(v *control.Voters) (bool, string) { return settled(v), "" })
}

// wishing says something about one member's vote.
func wishing(wish string) func(*call) error {
	return func(c *call) error {
		if len(c.words) == 0 {
			return usage("%s needs a member's name or ID", c.name())
		}
		who := c.words[0]
		set := func(ctx context.Context, client *control.Client) (*control.Voters, error) {
			return client.SetVote(ctx, who, wish, wish == "demoted" && c.Bool("force"))
		}
		return c.withVoters(set, func(v *control.Voters) (bool, string) {
			for _, m := range v.Members {
				if m.Name != who && m.ID != who {
					continue
				}
				votes := m.Role == "leader" || m.Role == "voter"
				return settled(v) && (wish == "auto" || votes == (wish == "promoted")), fmt.Sprintf("%s (%s)", m.Name, m.Why)
			}
			return settled(v), ""
		})
	}
}

func settled(v *control.Voters) bool { return v.Settled != nil && *v.Settled && !v.Changing }

// withVoters asks or wishes for something, waits until it is done if done says
// how to tell, and prints who votes then.
func (c *call) withVoters(ask func(context.Context, *control.Client) (*control.Voters, error), done func(*control.Voters) (bool, string)) error {
	ctx, client, release, err := c.asking()
	if err != nil {
		return err
	}
	defer release()
	v, err := ask(ctx, client)
	if err != nil {
		return err
	}
	if done != nil && !c.Bool("no-wait") {
		if v, err = awaitVoters(ctx, client, v, done); err != nil {
			return err
		}
	}
	if err := printVoters(c, v); err != nil {
		return err
	}
	if v.Voting < v.Target && !c.quiet {
		fmt.Fprintf(c.stderr, "%d shall vote; %s: %s\n", v.Target, counted(v.Voting, "does", "do"), render.Safe(whyFewer(v)))
	}
	return nil
}

func whyFewer(v *control.Voters) string {
	able := 0
	for _, m := range v.Members {
		if m.Wish != "demoted" && orEmpty(m.Agreed) == "up" {
			able++
		}
	}
	if able >= v.Target {
		return "more follow as they catch up"
	}
	return fmt.Sprintf("there are only %d members that can, and an even number of voters survives no more than one less", able)
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// awaitVoters asks again and again until what was wished for is done.
func awaitVoters(ctx context.Context, client *control.Client, v *control.Voters, done func(*control.Voters) (bool, string)) (*control.Voters, error) {
	for {
		ok, state := done(v)
		if ok {
			return v, nil
		}
		late := time.NewTimer(votersPause)
		select {
		case <-late.C:
		case <-ctx.Done():
			late.Stop()
			f := core.Faultf(core.CodeTimeout, "the wish is in the log, but not fulfilled yet")
			if state != "" {
				f.Message += ": " + state
			}
			return nil, f.WithHint("hb voters list shows what the leader waits for; --timeout waits longer, --no-wait not at all")
		}
		again, err := client.Voters(ctx)
		if err != nil {
			if ctx.Err() != nil {
				continue // it says so above
			}
			return nil, err
		}
		v = again
	}
}

// votersPause is how often somebody who waits for a change of the voters looks.
const votersPause = 100 * time.Millisecond

func printVoters(c *call, v *control.Voters) error {
	t := &render.Table{
		Header: []string{"NAME", "ROLE", "MATCH", "APPLIED", "AGREED", "SINCE", "ZONE", "WISH", "WHY"},
		Shrink: []int{0, 6, 8},
		Drop:   []int{5, 6, 3},
		Paint:  5,
	}
	var records []any
	for _, m := range v.Members {
		since := ""
		if m.Since != nil {
			since = m.Since.Local().Format(time.DateTime)
			if c.form == "plain" {
				since = m.Since.Format(time.RFC3339)
			}
		}
		t.Rows = append(t.Rows, []string{
			m.Name, m.Role, orEmpty(m.Match), orEmpty(m.Applied), orEmpty(m.Agreed), since, orEmpty(m.Zone), m.Wish, m.Why,
		})
		records = append(records, struct {
			Schema string `json:"schema"`
			control.Voter
		}{"hb.voter/1", m})
	}
	return c.print(v, records, t)
}
