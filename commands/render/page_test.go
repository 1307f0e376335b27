package render

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// crowd is a page about so many members.
func crowd(members int) *Page {
	p := &Page{
		Head: [][]Item{
			{{"cluster lab at web1", "healthy"}, {"leader", "web2, term 7"}, {"alive", "4 of 5"}, {"", "12:00:00"}},
			{{"tasks: queued", "3"}, {"a second", "4.5    " + Spark([]float64{0, 1, 2, 3, 4})}},
		},
		Table:    &Table{Header: []string{"NAME", "STATUS", "ROLE", "TAGS"}, Shrink: []int{0, 3}, Drop: []int{3, 2}, Paint: 2},
		Selected: -1,
		Tail:     []string{"RECENT EVENTS"},
		Foot:     "q leave  j k choose  ? help",
	}
	for i := range members {
		status := [...]string{"alive", "alive", "suspect", "dead"}[i%4]
		p.Table.Rows = append(p.Table.Rows, []string{fmt.Sprintf("web%d", i+1), status, "voter", "zone=a"})
	}
	p.Table.Rows[1][0] = "日本語の名前\x1b[2J"
	for i := range 20 {
		p.Tail = append(p.Tail, fmt.Sprintf("12:00:%02d  member-alive  web%d  heard again, after a long time in which nobody had", i, i%5+1))
	}
	return p
}

// TestPages shows what pages look like: the difference of these files is to be
// looked at.
func TestPages(t *testing.T) {
	chosen := crowd(40)
	chosen.Selected, chosen.Detail = 33, "web34  0000000000000022  10.0.0.34:7117"
	busy := crowd(5)
	busy.Side = []string{"RECENT TASKS"}
	for i := range 12 {
		busy.Side = append(busy.Side, fmt.Sprintf("12:00:%02d  succeeded  web%d  backup --all /srv/data", i, i%5+1))
	}
	help := crowd(3)
	help.Over = []string{"q  leave", "?  this, which is far too wide for a terminal of twenty columns"}
	for name, c := range map[string]struct {
		page          *Page
		width, height int
		color         bool
	}{
		"80x24": {crowd(5), 80, 24, false}, "200x50": {crowd(5), 200, 50, false}, "20x10": {crowd(5), 20, 10, false},
		"many": {crowd(40), 80, 24, false}, "chosen": {chosen, 60, 20, false}, "painted": {chosen, 60, 12, true},
		"help": {help, 20, 10, false}, "unbounded": {crowd(5), 0, 0, false}, "tiny": {crowd(5), 8, 3, false},
		"busy-200x24": {busy, 200, 24, false}, "busy-80x50": {busy, 80, 50, false}, "busy-80x24": {busy, 80, 24, false}, "busy-unbounded": {busy, 0, 0, false},
	} {
		lines, err := c.page.Lines(c.width, c.height, c.color)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "\x1b", "␛")
		golden := filepath.Join("testdata", "page-"+name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestAPageFitsEveryTerminalAndShowsTheChosenRow(t *testing.T) {
	for _, members := range []int{2, 5, 200} {
		for width := 14; width < 230; width += 9 {
			for height := 4; height < 60; height += 5 {
				p := crowd(members)
				p.Selected = (width * height) % members
				p.Detail = "more of it"
				p.Side = p.Tail[:1+height%7]
				lines, err := p.Lines(width, height, false)
				if err != nil {
					t.Fatal(err)
				}
				if len(lines) > height {
					t.Fatalf("%d members at %dx%d: %d lines", members, width, height, len(lines))
				}
				chosen := 0
				for _, line := range lines {
					if w := twwidth.Width(line); w > width {
						t.Fatalf("%d members at %dx%d: %d wide: %q", members, width, height, w, line)
					}
					if strings.HasPrefix(line, ">") {
						chosen++
					}
				}
				if chosen != 1 {
					t.Fatalf("%d members at %dx%d: %d rows are marked", members, width, height, chosen)
				}
			}
		}
	}
}

func TestPairsAreBrokenBetweenWordsWhereTheTerminalEnds(t *testing.T) {
	pairs := [][2]string{{"node", "a"}, {"no leader", "of the 3 voters 2 are needed"}, {"empty", ""}}
	for width, want := range map[int]string{
		0:  "node       a\nno leader  of the 3 voters 2 are needed\nempty\n",
		35: "node       a\nno leader  of the 3 voters 2 are\n           needed\nempty\n",
		20: "node       a\nno leader  of the 3\n  voters 2 are\n  needed\nempty\n",
	} {
		var out strings.Builder
		if err := Pairs(&out, pairs, width, false); err != nil || out.String() != want {
			t.Errorf("%d: %v\n%s\nwant\n%s", width, err, &out, want)
		}
	}
}

func TestASparkIsAsHighAsItsHighestFigure(t *testing.T) {
	for want, figures := range map[string][]float64{"": nil, "▁▁": {0, 0}, "▁▅█": {0, 4, 7}, "█": {0.001}} {
		if got := Spark(figures); got != want {
			t.Errorf("Spark(%v) = %q, want %q", figures, got, want)
		}
	}
}
