package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hb/commands/render"
	"hb/core/control"
)

// page is how the cluster looks.
func (v *topView) page() *render.Page {
	p := &render.Page{Head: v.head(), Table: v.table(), Selected: v.selected}
	if v.help {
		p.Over = topHelp()
		return p
	}
	p.Foot = "q leave  j k choose  s sort: " + v.sort + "  ? help"
	p.Tail, p.Side = v.tail(), v.side()
	if v.selected >= 0 && v.selected < len(v.members) {
		p.Detail = topDetail(v.sorted()[v.selected])
	}
	return p
}

// head is the cluster in a few words, the most important first.
func (v *topView) head() [][]render.Item {
	s := v.status
	title := "cluster " + orEmpty(s.Cluster.Name) + " at " + s.Name
	first := []render.Item{{Label: title, Value: s.Health}}
	switch {
	case v.gone != nil:
		first = []render.Item{{Label: title, Value: "no answer"}, {Value: "since " + v.since.Format("15:04:05") + ": what follows is old"}}
	case s.Plight != nil:
		first = append(first, render.Item{Label: "no leader:", Value: *s.Plight})
	}
	leader := "unknown"
	if s.Leader.ID != nil {
		leader = cmp.Or(orEmpty(s.Leader.Name), *s.Leader.ID) + ", term " + orEmpty(s.Term)
	}
	return [][]render.Item{
		append(first,
			render.Item{Label: "leader", Value: leader},
			render.Item{Label: "alive", Value: fmt.Sprintf("%d of %d", s.MembersAlive, s.Members)},
			render.Item{Label: "may lose", Value: plural(v.spare(), "voter")}),
		{
			{Label: "tasks: queued", Value: strconv.Itoa(s.Tasks.Queued)},
			{Label: "running", Value: strconv.Itoa(s.Tasks.Assigned)},
			{Label: "ended", Value: endedText(s)},
			{Label: "a second", Value: v.rate(v.rates.tasks)},
		}, {
			{Label: "log: index", Value: zeroed(s.Commit)},
			{Label: "to apply", Value: fmt.Sprint(max(0, position(s.Commit)-position(s.Applied)))},
			{Label: "a second", Value: v.rate(v.rates.entries)},
			{Label: "at", Value: v.at.Format(time.TimeOnly)},
		},
	}
}

// spare is how many voters may still be lost, of those that are there.
func (v *topView) spare() int {
	voting, living := 0, 0
	for _, m := range v.members {
		if m.Role == "leader" || m.Role == "voter" {
			voting++
			if m.Status == "alive" {
				living++
			}
		}
	}
	return max(0, living-(voting/2+1))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// endedText is how many tasks ended since the node started, and how many of them
// not well.
func endedText(s *control.Status) string {
	text := fmt.Sprint(endedTasks(s))
	if bad := s.Tasks.Ended["failed"] + s.Tasks.Ended["timed-out"] + s.Tasks.Ended["unknown"]; bad > 0 {
		text += fmt.Sprintf(" (%d not well)", bad)
	}
	return text
}

// rate is the newest of some, with how they went where the terminal can show that.
func (v *topView) rate(list []float64) string {
	if len(list) == 0 {
		return "-"
	}
	text := fmt.Sprintf("%-6s", rateText(list[len(list)-1]))
	if v.wide {
		const plotted = 20
		text += " " + render.Spark(append(make([]float64, max(0, plotted-len(list))), list[max(0, len(list)-plotted):]...))
	}
	return text
}

// rateText is a rate with about three digits.
func rateText(f float64) string {
	switch {
	case f >= 100:
		return strconv.FormatFloat(f, 'f', 0, 64)
	case f >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 2, 64), ".00")
}

// table is the members. Figures that move have fixed widths.
func (v *topView) table() *render.Table {
	t := &render.Table{
		Header: []string{"NAME", "ID", "ADDRESS", "STATUS", "SINCE", "ROLE", "STRESS", "RTT", "TASKS", "LAG", "VERSION", "TAGS"},
		Shrink: []int{0, 11},
		Drop:   []int{1, 2, 4, 10, 11, 7, 9, 5, 6},
		Paint:  4,
	}
	for _, m := range v.sorted() {
		trip := rtt(m.RTT)
		if m.Self {
			trip = ""
		}
		status := m.Status
		if m.Drained {
			status += ",drained"
		}
		t.Rows = append(t.Rows, []string{
			m.Name, m.ID, orEmpty(m.Address), status, clock(m.Since, v.at), m.Role, v.stress(m), fixed(trip, 6), fixed(slots(m.Tasks), 5), fixed(v.lag(m), 5),
			orEmpty(m.Version), joined(m.Tags),
		})
	}
	return t
}

// clock is a time, with its day where that is not today's.
func clock(t *time.Time, now time.Time) string {
	switch {
	case t == nil:
		return ""
	case t.Local().Format(time.DateOnly) == now.Local().Format(time.DateOnly):
		return t.Local().Format(time.TimeOnly)
	}
	return t.Local().Format(time.DateTime)
}

// fixed makes a figure, or the lack of it, so wide.
func fixed(s string, width int) string { return fmt.Sprintf("%-*s", width, cmp.Or(s, "-")) }

// living says whether a member's figures mean anything: those of one that is dead or
// has left are the last it had.
func living(m control.Member) bool { return m.Status != "dead" && m.Status != "left" }

// stress is the figure with a bar, where the terminal can show one.
func (v *topView) stress(m control.Member) string {
	const bar = 5
	switch {
	case m.Stress == nil || !living(m):
		return fixed("", 4)
	case !v.wide:
		return fixed(strconv.Itoa(*m.Stress), 4)
	}
	full := min(bar, (*m.Stress*bar+500)/1000)
	return fixed(strconv.Itoa(*m.Stress), 4) + " " + strings.Repeat("█", full) + strings.Repeat("░", bar-full)
}

// lag is how many entries a member has still to apply, of those that this node
// knows of.
func (v *topView) lag(m control.Member) string {
	if m.Applied == nil || !living(m) {
		return ""
	}
	return fmt.Sprint(max(0, position(v.status.Commit)-position(m.Applied)))
}

// position reads an index; unknown is 0.
func position(text *string) float64 {
	n, _ := strconv.ParseUint(orEmpty(text), 10, 64)
	return float64(n)
}

// sorted is the members in the order that is wished: those first that want a look.
func (v *topView) sorted() []control.Member {
	list := slices.Clone(v.members)
	known := func(n *int) int {
		if n == nil {
			return -1
		}
		return *n
	}
	order := map[string]func(a, b control.Member) int{
		"status": func(a, b control.Member) int { return cmp.Compare(trouble(b), trouble(a)) },
		"stress": func(a, b control.Member) int { return cmp.Compare(known(b.Stress), known(a.Stress)) },
		"tasks":  func(a, b control.Member) int { return cmp.Compare(known(b.Tasks.Running), known(a.Tasks.Running)) },
		"lag":    func(a, b control.Member) int { return cmp.Compare(position(a.Applied), position(b.Applied)) },
		"rtt": func(a, b control.Member) int {
			ra, rb := -1.0, -1.0
			if a.RTT != nil {
				ra = *a.RTT
			}
			if b.RTT != nil {
				rb = *b.RTT
			}
			return cmp.Compare(rb, ra)
		},
	}
	if by := order[v.sort]; by != nil {
		slices.SortStableFunc(list, by)
	}
	return list
}

// trouble says how much a member wants a look.
func trouble(m control.Member) int {
	return slices.Index([]string{"left", "alive", "unreachable", "suspect", "dead"}, m.Status)
}

// topDetail is what else is known of a member.
func topDetail(m control.Member) string {
	parts := []string{m.Name, m.ID, orEmpty(m.Address), "hb " + orEmpty(m.Version)}
	if m.Since != nil {
		parts = append(parts, m.Status+" since "+m.Since.Local().Format(time.DateTime))
	}
	if len(m.Tags) > 0 {
		parts = append(parts, joined(m.Tags))
	}
	if m.Blame != nil {
		parts = append(parts, *m.Blame)
	}
	return strings.Join(parts, "  ")
}

// side are the tasks submitted last, newest last.
func (v *topView) side() []string {
	lines, status, node := []string{"RECENT TASKS"}, 0, 0
	for _, t := range v.tasks {
		status, node = max(status, len(t.Status)), max(node, len(orEmpty(t.Node)))
	}
	for _, t := range v.tasks {
		lines = append(lines, fmt.Sprintf("%s  %-*s  %-*s  %s", clock(t.Submitted, v.at), status, t.Status,
			node, cmp.Or(orEmpty(t.Node), "-"), commandOf(t.Name, t.Argv, t.Args)))
	}
	return lines
}

// tail is what happened, newest last.
func (v *topView) tail() []string {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	lines, widest := []string{"RECENT EVENTS"}, 0
	for _, e := range v.events {
		widest = max(widest, len(e.Subject))
	}
	for _, e := range v.events[max(0, len(v.events)-eventsShown):] {
		lines = append(lines, fmt.Sprintf("%s  %-*s  %-*s  %s", e.Time.Local().Format(time.TimeOnly),
			len("member-unreachable"), e.Kind, widest, e.Subject, e.Detail))
	}
	return lines
}
