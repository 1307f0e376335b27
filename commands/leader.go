package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

func leaderCommand() *cli.Command {
	return &cli.Command{
		Name:  "leader",
		Usage: "tell who leads, confirmed by a quorum",
		Description: `Prints the leader. The answer is confirmed by a majority between the start and
the end of the command: it cannot be a leader of yesterday. Without a majority
it prints "unknown" and exits 106 after two seconds.

With -q or --is-self only the exit code tells whether this node leads: 0 yes,
1 no. To run something on one machine only, hb leader run is safer: it also ends
it when leadership goes elsewhere.

--stale asks nobody else and prints what this node last knew, with its age.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "is-self", Usage: "print nothing (without -o); exit 0 when this node leads, else 1"},
			&cli.BoolFlag{Name: "stale", Usage: "print what this node last knew, without asking the others"},
			&cli.BoolFlag{Name: "wait", Usage: "wait until there is a leader"},
			&cli.BoolFlag{Name: "watch", Usage: "print the time and the leader whenever it is another"},
		}, streamFlags()...),
		Action: plainWords(0, runLeader),
		Subcommands: []*cli.Command{leaderRunCommand(), {
			Name:      "transfer",
			Usage:     "hand leadership over, to NODE or to whoever is best",
			ArgsUsage: "[NODE]",
			Description: `Hands leadership over, without a gap for those who submit, and prints the new
leader. NODE is a name or an ID of a voter.`,
			Action: plainWords(1, runTransfer),
		}},
	}
}

func runLeader(c *call) error {
	if c.Bool("watch") {
		return c.watch(lookAtLeader(c))
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel, err := c.answerContext()
	if c.Bool("wait") {
		ctx, cancel = c.waitContext()
		err = client.Wait(ctx, []string{"leader"})
	}
	if err != nil {
		return err
	}
	defer cancel()
	asked := c.Bool("is-self") || c.quiet
	l, err := client.Leader(ctx, c.Bool("stale"))
	switch {
	case isNoQuorum(err):
		l = &control.Leader{Schema: "hb.leader/1"}
	case err != nil:
		return err
	case l.ID == nil:
		err = core.Faultf(core.CodeNoQuorum, "this node knows no leader")
	}
	if !asked || c.form != "table" {
		if printErr := printLeader(c, l); printErr != nil {
			return printErr
		}
	}
	if err == nil && asked && !l.Self {
		return exit(1)
	}
	return err
}

func isNoQuorum(err error) bool {
	var f *core.Fault
	return errors.As(err, &f) && f.Code == core.CodeNoQuorum
}

func lookAtLeader(c *call) func(context.Context, *control.Client) (string, func() error, error) {
	first := true
	return func(ctx context.Context, client *control.Client) (string, func() error, error) {
		l, err := client.Leader(ctx, c.Bool("stale"))
		if isNoQuorum(err) {
			l, err = &control.Leader{Schema: "hb.leader/1"}, nil
		}
		if err != nil {
			return "", nil, err
		}
		state := orEmpty(l.ID) + " " + orEmpty(l.Term)
		return state, func() error {
			if c.form != "table" {
				return printLeader(c, l)
			}
			defer func() { first = false }()
			return printChange(c, l, first)
		}, nil
	}
}

func runTransfer(c *call) error {
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	to := ""
	if len(c.words) > 0 {
		to = c.words[0]
	}
	l, err := client.Transfer(ctx, to)
	if err != nil {
		return err
	}
	return printLeader(c, l)
}

func printLeader(c *call, l *control.Leader) error {
	if l.ID == nil && !c.isJSON() {
		_, err := fmt.Fprintln(c.stdout, "unknown")
		return err
	}
	return c.print(l, []any{l}, leaderTable(l))
}

func leaderTable(l *control.Leader) *render.Table {
	confirmed, age := "no", ""
	if l.Confirmed {
		confirmed = "yes"
	}
	if l.Age != nil && !l.Confirmed {
		age = time.Duration(*l.Age * float64(time.Second)).Round(time.Millisecond).String()
	}
	return &render.Table{
		Header: []string{"NAME", "ID", "ADDRESS", "TERM", "CONFIRMED", "AGE"},
		Rows:   [][]string{{orEmpty(l.Name), orEmpty(l.ID), orEmpty(l.Address), orEmpty(l.Term), confirmed, age}},
		Drop:   []int{5, 2},
		Paint:  5,
	}
}

// printChange prints another leader below those before, with the time: a list that
// stays on the terminal.
func printChange(c *call, l *control.Leader, first bool) error {
	t := leaderTable(l)
	t.Header = append([]string{"TIME"}, t.Header...)
	t.Rows[0] = append([]string{time.Now().Format(time.TimeOnly)}, t.Rows[0]...)
	t.Drop, t.Paint, t.Bare = []int{6, 3, 5, 2}, 6, !first
	if l.ID == nil {
		t.Rows[0][1] = "unknown"
	}
	return t.Write(c.stdout, c.width(), c.color())
}
