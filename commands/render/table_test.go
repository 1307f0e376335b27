package render

import (
	"regexp"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"hb/core/alloctest"
)

func written(t *testing.T, table Table, width int, color bool) string {
	t.Helper()
	var b strings.Builder
	if err := table.Write(&b, width, color); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestATableHasTwoSpacesBetweenColumnsAndNoneAtTheEnd(t *testing.T) {
	got := written(t, Table{
		Header: []string{"NAME", "STATUS", "TAGS"},
		Rows:   [][]string{{"a", "alive", ""}, {"long-name", "dead", "disk=big"}, {"c", "left"}},
	}, 0, false)
	want := "NAME       STATUS  TAGS\n" +
		"a          alive   -\n" +
		"long-name  dead    disk=big\n" +
		"c          left    -\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestATableTakesLittleMoreThanItsText(t *testing.T) {
	table := Table{Header: []string{"NAME", "STATUS"}, Rows: [][]string{{"a", "alive"}, {"b", "dead"}}, Paint: 2}
	alloctest.Within(t, 8<<10, func() { written(t, table, 80, true) })
}

func TestHeadersAndCellsAreNotRewritten(t *testing.T) {
	got := written(t, Table{Header: []string{"EXIT_code"}, Rows: [][]string{{"  two  words"}, {"a_b"}}}, 0, false)
	if want := "EXIT_code\n  two  words\na_b\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAHostileNameStaysInItsCell(t *testing.T) {
	hostile := "\x1b[2J\x1b]0;owned\x07a\nb\tc\u202ed\u009b31m\xff"
	got := written(t, Table{Header: []string{"NAME", "X"}, Rows: [][]string{{hostile, "y"}}}, 0, false)
	if strings.Count(got, "\n") != 2 || strings.ContainsAny(got, "\x1b\x07\t\u202e\u009b\xff") {
		t.Errorf("not safe: %q", got)
	}
	if want := `\x1b[2J\x1b]0;owned\aa\nb\tc\u202ed\u009b31m\xff`; !strings.Contains(got, want) {
		t.Errorf("got %q, want it to show %q", got, want)
	}
}

func TestATableFitsTheTerminal(t *testing.T) {
	table := Table{
		Header: []string{"ID", "COMMAND", "TAGS"},
		Rows: [][]string{
			{"0123456789", strings.Repeat("x", 100), strings.Repeat("日本", 20)},
		},
		Shrink: []int{1, 2},
	}
	for _, width := range []int{40, 60, 120} {
		for line := range strings.Lines(written(t, table, width, false)) {
			if n := twwidth.Width(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("at %d: a line is %d wide: %q", width, n, line)
			}
			if strings.HasPrefix(line, "0") && !strings.HasPrefix(line, "0123456789  x") {
				t.Errorf("at %d: the ID was cut: %q", width, line)
			}
		}
	}
	if !strings.Contains(written(t, table, 0, false), strings.Repeat("x", 100)) {
		t.Error("without a terminal something was cut")
	}
}

func TestATerminalTooNarrowGetsFewerColumns(t *testing.T) {
	table := Table{
		Header: []string{"NAME", "ID", "STATUS", "VERSION"},
		Rows:   [][]string{{"a", "0123456789abcdef", "alive", "0.1.0"}},
		Drop:   []int{3, 1},
		Paint:  3,
	}
	for width, want := range map[int]string{
		80: "NAME  ID                STATUS  VERSION\na     0123456789abcdef  alive   0.1.0\n",
		36: "NAME  ID                STATUS\na     0123456789abcdef  alive\n",
		20: "NAME  STATUS\na     alive\n",
		5:  "NAME  STATUS\na     alive\n",
	} {
		if got := written(t, table, width, false); got != want {
			t.Errorf("at %d:\n%swant\n%s", width, got, want)
		}
		if got := written(t, table, width, true); !strings.Contains(got, "\x1b[32malive") {
			t.Errorf("at %d the wrong column is painted: %q", width, got)
		}
	}
}

func TestColoursDoNotShiftColumns(t *testing.T) {
	table := Table{Header: []string{"S", "N"}, Rows: [][]string{{"alive", "1"}, {"other", "2"}}, Paint: 1}
	got := written(t, table, 80, true)
	if !strings.Contains(got, "\x1b[32malive\x1b[0m") {
		t.Errorf("alive is not green in %q", got)
	}
	want := "S      N\nalive  1\nother  2\n"
	if got := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(got, ""); got != want {
		t.Errorf("without its colours it is %q, want %q", got, want)
	}
}

func TestPlainIsTabSeparatedWithoutHeader(t *testing.T) {
	var b strings.Builder
	table := Table{Header: []string{"A", "B", "C"}, Rows: [][]string{{"x\ty", "", "z"}}}
	if err := table.Plain(&b); err != nil {
		t.Fatal(err)
	}
	if want := "x\\ty\t\tz\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestJSONEscapesWhatTerminalsObey(t *testing.T) {
	var b strings.Builder
	if err := JSON(&b, map[string]string{"name": "a\x1b\u009b<é>"}); err != nil {
		t.Fatal(err)
	}
	if want := `{"name":"a\u001b\u009b<é>"}` + "\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{"", "web1", "\x1b[0m", "a\xffb", "\u202e", "日本", "\u009b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		safe := Safe(s)
		if !isSafe(safe) {
			t.Errorf("Safe(%q) = %q is not safe", s, safe)
		}
		if Safe(safe) != safe {
			t.Errorf("Safe is not stable on %q", s)
		}
	})
}

func TestEntriesAreBrokenBetweenWordsOnATerminalOnly(t *testing.T) {
	text := strings.Repeat("some words ", 12)
	for _, width := range []int{0, 40, 80} {
		p := Entries{Width: width}
		p.Entry("warn", text)
		p.Detail("why", text)
		p.Detail("do", "")
		var b strings.Builder
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		for _, line := range lines {
			if n := twwidth.Width(line); width > 0 && n > width {
				t.Errorf("at %d: a line is %d wide: %q", width, n, line)
			}
		}
		if width == 0 != (len(lines) == 2) || !strings.HasPrefix(lines[0], "warn  some") {
			t.Errorf("at %d: %d lines\n%s", width, len(lines), b.String())
		}
	}
}
