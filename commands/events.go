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
waits and goes on where it was; what the log says is not told twice.

Kinds: member-alive, member-suspect, member-dead, member-left,
member-unreachable (what this node believes), agreed-up, agreed-down (what the
majority agreed on), leader, voters, task-submitted, task-assigned, task-done,
schedule-fired, schedule-skipped (subject: the schedule), and health: the detail is
this node's word of hb status, healthy, degraded, isolated or no-quorum, when it has
become another and stayed so for two seconds. A gap says that events before it are
lost: they came while nobody listened, and are not kept any more. It is told whatever
--kind and --subject say.

--exec runs a command for each event, one after the other, by sh -c: the event is
on its standard input as JSON, HB_EVENT_KIND and HB_EVENT_SUBJECT are set. If it
fails it is run again, after 1 s, then twice as long, up to a minute, and the next
event waits. --cursor-file keeps how far that, or the printing, has come, and
begins there the next time, so that no event is missed that the node still has; one
may come twice when hb ends between the command and the file.

    hb events --kind agreed-down --cursor-file /var/lib/page/cursor --exec page`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on (as without --since)"},
			&cli.StringFlag{Name: "since", Usage: "begin after `CURSOR`"},
			&cli.StringFlag{Name: "cursor-file", Usage: "begin where `FILE` says, if it is there, and keep it up"},
			&cli.StringSliceFlag{Name: "kind", Usage: "only events of this `KIND`; may be repeated"},
			&cli.StringSliceFlag{Name: "subject", Usage: "only events about this member (`NODE`) or task; may be repeated"},
			&cli.StringFlag{Name: "exec", Usage: "run `CMD` for each event instead of printing it"},
		}, streamFlags()...),
		Action: plainWords(0, runEvents),
	}
}

// eventKinds are all kinds of events.
func eventKinds() []string {
	return append(memberKinds(), "leader", "voters", "task-submitted", "task-assigned", "task-done", "schedule-fired", "schedule-skipped", "health", "gap")
}

func runEvents(c *call) error {
	if err := checkChoice(c, "kind", eventKinds()...); err != nil {
		return err
	}
	q := control.EventQuery{Since: c.String("since"), Kinds: c.StringSlice("kind"), Subjects: c.StringSlice("subject")}
	if c.IsSet("since") {
		if _, err := strconv.ParseUint(q.Since, 10, 64); err != nil {
			return usage("--since %s: a cursor is a number, 0 for everything", q.Since)
		}
	}
	q.Follow = c.Bool("follow") || q.Since == ""
	file := c.String("cursor-file")
	if err := readCursor(file, &q); err != nil {
		return err
	}
	s, err := c.newStream()
	if err != nil {
		return err
	}
	return c.runStream(s, func(ctx context.Context) error {
		return s.client.Events(ctx, q, func(e *control.Event, at control.Place) error {
			if err := c.handleEvent(ctx, e); err != nil {
				return err
			}
			if err := writeCursor(file, e.Cursor, at); err != nil {
				return err
			}
			return s.counted()
		})
	})
}

// handleEvent prints an event, or has the user's command see it.
func (c *call) handleEvent(ctx context.Context, e *control.Event) error {
	if command := c.String("exec"); command != "" {
		return c.execForEvent(ctx, command, e)
	}
	return printEvent(c, e)
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
