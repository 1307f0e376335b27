package commands

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

// maxEntry bounds an entry of the user's own.
const maxEntry = 64 << 10

func logCommand() *cli.Command {
	return &cli.Command{
		Name:  "log",
		Usage: "print the agreed log, decoded",
		Description: `Prints the entries of the agreed log that this node has applied, from the oldest
it still has or from --from on: index, term, time, and what the entry does.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what is still to come"},
			&cli.Uint64Flag{Name: "from", Usage: "begin at index `N`"},
		}, streamFlags()...),
		Action: plainWords(0, runLog),
		Subcommands: []*cli.Command{{
			Name:      "append",
			Usage:     "put a note of your own into the log",
			ArgsUsage: "TEXT|-",
			Description: `Puts TEXT, or with - what stands on the standard input, into the log as one entry
of at most 64 KiB, and prints its index once it is durable.`,
			Action: plainWords(1, runAppend),
		}, {
			Name:  "status",
			Usage: "show how far everybody's log is",
			Description: `Asks every living member how far its log is. COMMITTED is up to where it knows the
log to be agreed, APPLIED up to where it has acted on it, LAG how many agreed
entries are still before it; LOG is from the oldest to the newest entry that it
has, SNAPSHOT what its newest snapshot covers. A member that does not answer within
a second shows what its heartbeats said last.`,
			Action: plainWords(0, runLogStatus),
		}},
	}
}

func runLog(c *call) error {
	s, err := c.newStream()
	if err != nil {
		return err
	}
	return c.runStream(s, func(ctx context.Context) error {
		return s.client.Log(ctx, c.Uint64("from"), c.Bool("follow"), func(e *control.Entry) error {
			if err := printEntry(c, e); err != nil {
				return err
			}
			return s.counted()
		})
	})
}

func printEntry(c *call, e *control.Entry) error {
	switch {
	case c.isJSON():
		return render.JSON(c.stdout, e)
	case c.form == "plain":
		at := ""
		if e.Time != nil {
			at = e.Time.Format(time.RFC3339Nano)
		}
		return (&render.Table{Rows: [][]string{{e.Index, e.Term, at, e.Kind, e.Text}}}).Plain(c.stdout)
	}
	at := "-"
	if e.Time != nil {
		at = e.Time.Local().Format("15:04:05.000")
	}
	_, err := fmt.Fprintf(c.stdout, "%8s  term %-3s  %-12s  %s\n", render.Safe(e.Index), render.Safe(e.Term), at, render.Safe(e.Text))
	return err
}

func runLogStatus(c *call) error {
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	list, err := client.Positions(ctx)
	if err != nil {
		return err
	}
	t := &render.Table{
		Header: []string{"NAME", "ROLE", "STATUS", "TERM", "COMMITTED", "APPLIED", "LAG", "LOG", "SNAPSHOT"},
		Shrink: []int{0},
		Drop:   []int{3, 8, 7},
		Paint:  3,
	}
	var records []any
	for _, m := range list.Members {
		span, lag := "", ""
		if m.First != nil && m.Last != nil {
			span = *m.First + "-" + *m.Last
		}
		if m.Lag != nil {
			lag = strconv.FormatInt(*m.Lag, 10)
		}
		t.Rows = append(t.Rows, []string{
			m.Name, m.Role, m.Status, orEmpty(m.Term), orEmpty(m.Commit), orEmpty(m.Applied), lag, span, orEmpty(m.Snapshot),
		})
		records = append(records, struct {
			Schema string `json:"schema"`
			control.Position
		}{"hb.position/1", m})
	}
	return c.print(list, records, t)
}

func runAppend(c *call) error {
	if len(c.words) == 0 {
		return usage("hb log append needs a text, or - for the standard input")
	}
	entry := []byte(c.words[0])
	if c.words[0] == "-" {
		var err error
		if entry, err = io.ReadAll(io.LimitReader(c.App.Reader, maxEntry+1)); err != nil {
			return core.Faultf(core.CodeIO, "cannot read the standard input: %v", err)
		}
	}
	if len(entry) > maxEntry {
		return core.Faultf(core.CodeBadInput, "the entry is too big: at most %d bytes fit", maxEntry)
	}
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	got, err := client.Append(ctx, entry)
	if err != nil {
		return err
	}
	if c.isJSON() {
		return render.JSON(c.stdout, struct {
			Schema string `json:"schema"`
			control.Appended
		}{"hb.appended/1", *got})
	}
	_, err = fmt.Fprintln(c.stdout, got.Index)
	return err
}
