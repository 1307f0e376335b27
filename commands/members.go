package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

func membersCommand() *cli.Command {
	return &cli.Command{
		Name:      "members",
		Usage:     "list the members of the cluster",
		ArgsUsage: "[NAME...]",
		Description: `Lists the members as this node sees them, or only those named (by name or ID).
STATUS is this node's own belief: alive, suspect (did not answer, may still
refute it), dead, left (went in order) or unreachable. STRESS goes from 0 (idle)
to 1000 (saturated); TASKS are running and slots; APPLIED is how far the member
has followed the agreed log.

Who suspects whom or calls whom dead, since when and why, is said on the standard
error below the table, as is that this node hears nobody; with --json it is
"blame" and "isolated".

--agreed shows what the majority has agreed on instead: up, down or left. A
quorum confirms that this is all that was agreed when you asked; without one the
exit code is 106. With --stale it is what this node knows, and how old that may
be is said on the standard error.

The exit code is 1 when nobody matches, and 66 when a NAME is none that a member has
or had.`,
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "status", Usage: "only members of this `STATUS`; may be repeated"},
			&cli.StringSliceFlag{Name: "tag", Usage: "only members with this tag `K=V`; may be repeated"},
			&cli.BoolFlag{Name: "agreed", Usage: "show what the majority agreed on instead of this node's own belief"},
			&cli.BoolFlag{Name: "stale", Usage: "with --agreed: ask no quorum"},
			&cli.BoolFlag{Name: "watch", Usage: "on a terminal show the list live until q; else print it again whenever it changes"},
		}, streamFlags()...),
		Action: plainWords(-1, runMembers),
	}
}

func memberStatuses() []string {
	return []string{"alive", "suspect", "dead", "left", "unreachable"}
}

func runMembers(c *call) error {
	statuses := memberStatuses()
	if c.Bool("agreed") {
		statuses = []string{"up", "down", "left"}
	}
	if c.Bool("stale") && !c.Bool("agreed") {
		return usage("--stale is for --agreed: the list is this node's own belief")
	}
	if err := checkChoice(c, "status", statuses...); err != nil {
		return err
	}
	if err := checkTags(c, "tag"); err != nil {
		return err
	}
	if _, is := c.terminal(); is && c.Bool("watch") && c.form == "table" && !c.quiet {
		c.stderr = io.Discard // it would be drawn over
		return c.live(&membersView{c: c}, watchPause)
	}
	if c.Bool("watch") {
		return c.watch(func(ctx context.Context, client *control.Client) (string, func() error, error) {
			list, err := readMembers(ctx, c, client)
			if err != nil {
				return "", nil, err
			}
			pickMembers(c, list)
			return membersState(list), func() error { return printMembers(c, list) }, nil
		})
	}
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	list, err := readMembers(ctx, c, client)
	if err != nil {
		return err
	}
	for _, word := range c.words {
		if !slices.ContainsFunc(list.Members, func(m control.Member) bool { return m.Name == word || m.ID == word }) {
			return core.Faultf(core.CodeUnheard, "no member is named %.80q", word).WithHint("hb members lists them")
		}
	}
	pickMembers(c, list)
	if err := printMembers(c, list); err != nil {
		return err
	}
	if len(list.Members) == 0 {
		return exit(1)
	}
	return nil
}

// readMembers asks for the list that is wanted.
func readMembers(ctx context.Context, c *call, client *control.Client) (*control.Members, error) {
	switch {
	case c.Bool("agreed") && !c.Bool("stale"):
		return client.Agreed(ctx)
	case c.Bool("stale"):
		leader, err := client.Leader(ctx, true)
		if err != nil {
			return nil, err
		}
		age := "it has not heard of a leader yet"
		if leader.Age != nil {
			age = fmt.Sprintf("it last heard of a leader %s ago", time.Duration(*leader.Age*float64(time.Second)).Round(time.Millisecond))
		}
		fmt.Fprintln(c.stderr, "hb: as this node knows it, without a quorum: "+age)
	}
	return client.Members(ctx)
}

// pickMembers leaves in the list who is asked for.
func pickMembers(c *call, list *control.Members) {
	agreed := c.Bool("agreed")
	list.Members = slices.DeleteFunc(list.Members, func(m control.Member) bool {
		status := m.Status
		if agreed {
			status = orEmpty(m.Agreed)
		}
		return agreed && m.Agreed == nil ||
			len(c.words) > 0 && !slices.Contains(c.words, m.Name) && !slices.Contains(c.words, m.ID) ||
			c.IsSet("status") && !slices.Contains(c.StringSlice("status"), status) ||
			!hasTags(m.Tags, c.StringSlice("tag"))
	})
}

func hasTags(tags map[string]string, wanted []string) bool {
	for _, w := range wanted {
		if !slices.ContainsFunc(keys(tags), func(k string) bool { return k+"="+tags[k] == w }) {
			return false
		}
	}
	return true
}

func keys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// membersState is what --watch looks for changes in: not the figures that move
// all the time.
func membersState(list *control.Members) string {
	still := slices.Clone(list.Members)
	for i := range still {
		still[i].RTT, still[i].Stress, still[i].Applied = nil, nil, nil
	}
	b, err := json.Marshal(still)
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(b)
}

// membersTable is the list for people.
func membersTable(c *call, list *control.Members) *render.Table {
	t := &render.Table{
		Header: []string{"NAME", "ID", "ADDRESS", "STATUS", "ROLE", "STRESS", "RTT", "TASKS", "APPLIED", "VERSION", "TAGS"},
		Shrink: []int{0, 9, 10},
		Drop:   []int{9, 8, 1, 6, 5, 10, 7, 2, 4},
		Paint:  4,
	}
	for _, m := range list.Members {
		status := m.Status
		if c.Bool("agreed") {
			status = orEmpty(m.Agreed)
		}
		t.Rows = append(t.Rows, []string{
			m.Name, m.ID, orEmpty(m.Address), status, m.Role, number(m.Stress), rtt(m.RTT),
			slots(m.Tasks), orEmpty(m.Applied), orEmpty(m.Version), joined(m.Tags),
		})
	}
	return t
}

func printMembers(c *call, list *control.Members) error {
	t := membersTable(c, list)
	var records []any
	for _, m := range list.Members {
		records = append(records, struct {
			Schema string `json:"schema"`
			control.Member
		}{"hb.member/1", m})
	}
	if err := c.print(list, records, t); err != nil || c.form != "table" || c.quiet {
		return err
	}
	for _, line := range doubts(list) {
		fmt.Fprintln(c.stderr, "hb: "+line)
	}
	if unclear(list) {
		fmt.Fprintln(c.stderr, "hint: hb probe --mesh shows who gets through to whom")
	}
	return nil
}

// doubts says in words who is suspected or called dead by whom, since when and
// why, and whether this node hears nobody at all.
func doubts(list *control.Members) []string {
	var lines []string
	if list.Isolated {
		lines = append(lines, "this node hears nobody: it is isolated, and what it shows of others is old")
	}
	for _, m := range list.Members {
		status := m.Status
		switch {
		case m.Blame == nil:
			continue
		case status == "alive" && m.Agreed != nil && *m.Agreed == "down":
			status += ", agreed down"
		case status != "suspect" && status != "unreachable" && status != "dead":
			continue
		}
		since := ""
		if m.Since != nil {
			since = " since " + m.Since.Local().Format(time.DateTime)
		}
		lines = append(lines, render.Safe(m.Name+" is "+status+since+": "+*m.Blame))
	}
	return lines
}

// unclear says that it may be the network that is broken, and not a member.
func unclear(list *control.Members) bool {
	return list.Isolated || slices.ContainsFunc(list.Members, func(m control.Member) bool {
		return m.Status == "suspect" || m.Status == "unreachable"
	})
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func slots(s control.Slots) string {
	if s.Slots == nil || s.Running == nil {
		return ""
	}
	return fmt.Sprintf("%d/%d", *s.Running, *s.Slots)
}

// rtt shows a round trip as ping does.
func rtt(seconds *float64) string {
	if seconds == nil {
		return ""
	}
	ms := *seconds * 1000
	switch {
	case ms < 10:
		return fmt.Sprintf("%.2fms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0fms", ms)
	}
	return (time.Duration(ms) * time.Millisecond).String()
}
