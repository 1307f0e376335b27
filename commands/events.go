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

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name:  "events",
		Usage: "tell what happens in the cluster",
		Description: `Prints what happens from now on, one event a line: time, kind, subject, detail.
With --since it begins after a cursor (0: everything that this node still has)
and ends with what there is, or with -f goes on. Over a restart of the node it
waits and goes on where it was.

Kinds: member-alive, member-suspect, member-dead, member-left,
member-unreachable (what this node believes), agreed-up, agreed-down (what the
majority agreed on), leader, voters, task-submitted, task-assigned, task-done,
schedule-fired, schedule-skipped (subject: the schedule),
health, and gap (events were lost here).`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on (as without --since)"},
			&cli.StringFlag{Name: "since", Usage: "begin after `CURSOR`"},
		}, streamFlags()...),
		Action: plainWords(0, runEvents),
	}
}

func runEvents(c *call) error {
	since := c.String("since")
	if c.IsSet("since") {
		if _, err := strconv.ParseUint(since, 10, 64); err != nil {
			return usage("--since %s: a cursor is a number, 0 for everything", since)
		}
	}
	s, err := c.newStream()
	if err != nil {
		return err
	}
	follow := c.Bool("follow") || since == ""
	return c.runStream(s, func(ctx context.Context) error {
		return s.client.Events(ctx, control.EventQuery{Since: since, Follow: follow}, func(e *control.Event) error {
			if err := printEvent(c, e); err != nil {
				return err
			}
			return s.counted()
		})
	})
}

func printEvent(c *call, e *control.Event) error {
	switch {
	case c.isJSON():
		return render.JSON(c.stdout, e)
	case c.form == "plain":
		row := []string{e.Time.Format(time.RFC3339Nano), e.Kind, e.Subject, e.Detail}
		return (&render.Table{Rows: [][]string{row}}).Plain(c.stdout)
	}
	_, err := fmt.Fprintln(c.stdout, eventLine(e))
	return err
}

// eventLine is an event for people.
func eventLine(e *control.Event) string {
	line := fmt.Sprintf("%s  %-18s  %-26s  %s", e.Time.Local().Format("15:04:05.000"),
		render.Safe(e.Kind), render.Safe(e.Subject), render.Safe(e.Detail))
	return strings.TrimRight(line, " ")
}

// memberKinds are the kinds of events about members.
func memberKinds() []string {
	return []string{"member-alive", "member-suspect", "member-dead", "member-left", "member-unreachable", "agreed-up", "agreed-down"}
}
