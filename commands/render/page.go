package render

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// Page is a screenful that changes: Lines lays it out, and whoever draws it
// knows nothing of what it says.
type Page struct {
	// Head is what stands above the table, each group on lines of its own: as many
	// items a line as fit.
	Head [][]Item
	// Table scrolls, so that the row Selected (from 0; below 0: the first) is
	// seen. Its numbers should have fixed widths, or columns dance.
	Table    *Table
	Selected int
	// Detail is about the selected row; empty: nothing.
	Detail string
	// Tail is a title and what happened, oldest first; the newest are shown.
	Tail []string
	// Side is likewise about something else. It stands beside the tail where the page is
	// wide, and else below it, in what room there is.
	Side []string
	// Foot is the last line.
	Foot string
	// Over, if there is some, is shown in the place of table and tail.
	Over []string
}

// Item is a word of the head and what it stands for; either may be empty.
type Item struct{ Label, Value string }

// Lines are at most height lines (0: as many as it takes), none wider than width
// (0: as wide as it takes). What there is no room for is left out: first the
// tail, then the foot, then rows.
func (p *Page) Lines(width, height int, color bool) ([]string, error) {
	var head []string
	for _, items := range p.Head {
		head = append(head, flow(items, width, color)...)
	}
	if height > 0 && len(head) > max(1, height/3) {
		head = head[:max(1, height/3)]
	}
	r := p.share(width, height, len(head))
	lines := head
	if r.gaps {
		lines = append(lines, "")
	}
	if len(p.Over) > 0 {
		room := len(p.Over)
		if height > 0 {
			room = min(room, height-len(lines))
		}
		for _, line := range p.Over[:room] {
			lines = append(lines, clip(line, width))
		}
		return lines, nil
	}
	rows, from, err := p.rows(width, r.rows, color)
	if err != nil {
		return nil, err
	}
	lines = append(lines, rows...)
	if p.Detail != "" && r.detail {
		lines = append(lines, clip(Safe(p.Detail), width))
	}
	lines = append(lines, p.sections(width, r)...)
	if p.Foot == "" || !r.foot {
		return lines, nil
	}
	foot := p.Foot
	if shown := len(rows) - 1; shown < len(p.Table.Rows) {
		foot = fmt.Sprintf("%d-%d of %d  %s", from+1, from+shown, len(p.Table.Rows), foot)
	}
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	return append(lines, clip(foot, width)), nil
}

// room is how many lines each part gets.
type room struct {
	rows, tail, side   int // without the table's header; tail and side with their gaps
	gaps, detail, foot bool
}

// wideEnough is from where tail and side stand beside each other.
const wideEnough = 150

// share divides a height that the head has its part of.
func (p *Page) share(width, height, head int) room {
	all, tail, side := 0, withGap(p.Tail), withGap(p.Side)
	if p.Table != nil {
		all = len(p.Table.Rows)
	}
	if height == 0 {
		return room{rows: all, tail: tail, side: side, gaps: true, detail: true}
	}
	const small, medium, fewEvents = 8, 16, 6 // lines: title and gap are two of them
	r := room{foot: height >= small, gaps: height >= medium, detail: height >= small && p.Detail != ""}
	left := height - head - 1
	for _, taken := range []bool{r.foot, r.gaps, r.detail} {
		if taken {
			left--
		}
	}
	used := 0
	if height >= medium {
		free := max(fewEvents, left-all)
		switch {
		case width >= wideEnough:
			r.tail, r.side = min(tail, free), min(side, free)
			used = max(r.tail, r.side)
		default:
			if free >= 4*fewEvents {
				r.side = min(side, free/2)
			}
			r.tail = min(tail, free-r.side)
			r.side = min(side, free-r.tail)
			used = r.tail + r.side
		}
	}
	r.rows = max(1, min(all, left-used))
	return r
}

// withGap is how many lines a title and what is under it take; without anything none.
func withGap(section []string) int {
	if len(section) < 2 {
		return 0
	}
	return len(section) + 1
}

// rows are the lines of the table that are seen, its header first, and the first
// row among them.
func (p *Page) rows(width, room int, color bool) (lines []string, from int, err error) {
	if p.Table == nil {
		return nil, 0, nil
	}
	seen := *p.Table
	if p.Selected >= room {
		from = p.Selected - room + 1
	}
	from = max(0, min(from, len(seen.Rows)-room))
	seen.Rows = seen.Rows[from:min(from+room, len(seen.Rows))]
	var b bytes.Buffer
	if err := seen.Write(&b, width, color); err != nil {
		return nil, 0, err
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.Contains(line, "\x1b") { // a painted line fits, or would break in the middle of its colour
			line = clip(line, width)
		}
		lines = append(lines, line)
	}
	if at := p.Selected - from + 1; p.Selected >= 0 && at < len(lines) {
		lines[at] = marked(lines[at], width, color)
	}
	return lines, from, nil
}

// marked shows which row is meant, also where there are no colours.
func marked(line string, width int, color bool) string {
	if !color {
		return clip(">"+line, width)
	}
	return "\x1b[7m" + strings.ReplaceAll(line, "\x1b[0m", "\x1b[0;7m") + "\x1b[0m"
}

// sections are tail and side.
func (p *Page) sections(width int, r room) (lines []string) {
	if width < wideEnough {
		return append(newest(p.Tail, width, r.tail), newest(p.Side, width, r.side)...)
	}
	half := (width - 2*gap) / 2
	if len(p.Side) < 2 {
		half = width
	}
	left, right := newest(p.Tail, half, r.tail), newest(p.Side, half, r.side)
	for i := range max(len(left), len(right)) {
		line := ""
		if i < len(left) {
			line = left[i]
		}
		if i < len(right) && right[i] != "" {
			line += strings.Repeat(" ", half+2*gap-twwidth.Width(line)) + right[i]
		}
		lines = append(lines, line)
	}
	return lines
}

// newest is a gap, the title, and the newest that there is room for.
func newest(section []string, width, room int) (lines []string) {
	if room < 3 || len(section) < 2 {
		return nil
	}
	lines = []string{"", clip(section[0], width)}
	what := section[1:]
	for _, line := range what[max(0, len(what)-(room-2)):] {
		lines = append(lines, clip(Safe(line), width))
	}
	return lines
}

// flow puts as many items on a line as fit, two spaces between them.
func flow(items []Item, width int, color bool) (lines []string) {
	line, used := "", 0
	for _, item := range items {
		name, value := Safe(item.Label), Safe(item.Value)
		text := strings.TrimSpace(name + " " + value)
		if width > 0 && twwidth.Width(text) > width {
			text = clip(text, width)
			name, value = "", text
		}
		w := twwidth.Width(text)
		if line != "" && width > 0 && used+gap+w > width {
			lines, line, used = append(lines, line), "", 0
		}
		if line != "" {
			line, used = line+strings.Repeat(" ", gap), used+gap
		}
		if color {
			text = strings.TrimSpace(name + " " + paint(value))
		}
		line, used = line+text, used+w
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// clip cuts a line that holds no escapes.
func clip(line string, width int) string {
	if width <= 0 || twwidth.Width(line) <= width {
		return line
	}
	return twwidth.Truncate(line, width, "…")
}

// Spark draws figures of which none is below zero as a line of blocks, the
// highest being the whole height.
func Spark(figures []float64) string {
	blocks := []rune("▁▂▃▄▅▆▇█")
	highest := 0.0
	for _, f := range figures {
		highest = max(highest, f)
	}
	var b strings.Builder
	for _, f := range figures {
		at := 0
		if highest > 0 {
			at = min(len(blocks)-1, int(f/highest*float64(len(blocks)-1)+0.5))
		}
		b.WriteRune(blocks[at])
	}
	return b.String()
}
