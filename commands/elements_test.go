package commands

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestNamesAreFoldedAsPeopleWriteThem(t *testing.T) {
	var nine []string
	for i := 9; i > 0; i-- {
		nine = append(nine, fmt.Sprintf("web%d", i))
	}
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{nine, "web[1-9]"},
		{[]string{"web1"}, "web1"},
		{[]string{"web1", "web3", "db1", "web2", "mail"}, "db1,mail,web[1-3]"},
		{[]string{"web1", "web3", "web9"}, "web[1,3,9]"},
		{[]string{"web01", "web02"}, "web01,web02"},
		{[]string{"3", "1", "2"}, "1-3"},
		{[]string{"web99999999999999999999"}, "web99999999999999999999"},
	} {
		if got := foldNames(c.names); got != c.want {
			t.Errorf("%v is folded to %q, not %q", c.names, got, c.want)
		}
	}
}

func TestAgesAreSaidAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", 4 * time.Minute: "4 min", 3 * time.Hour: "3 h", 72 * time.Hour: "3 days",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v is said as %q, not %q", d, got, want)
		}
	}
}

func TestOfALongOutputTheLastLinesAreShown(t *testing.T) {
	long := ""
	for i := range 100 {
		long += fmt.Sprintf("line %d\n", i)
	}
	for name, c := range map[string]struct {
		text        string
		lines       int
		first, last string
		more        bool
	}{
		"one":             {"one\n", 1, "one", "one", false},
		"without its end": {"one\ntwo", 2, "one", "two", false},
		"a hundred":       {long, shownLines, "line 80", "line 99", true},
		"wide lines":      {strings.Repeat(strings.Repeat("x", 999)+"\n", 4), 2, strings.Repeat("x", 999), strings.Repeat("x", 999), true},
		"one wide line":   {strings.Repeat("ü", shownBytes), 1, strings.Repeat("ü", shownBytes/2), strings.Repeat("ü", shownBytes/2), true},
	} {
		lines, more := lastLines(c.text)
		if len(lines) != c.lines || lines[0] != c.first || lines[len(lines)-1] != c.last || more != c.more {
			t.Errorf("%s: %d lines from %.20q to %.20q, more: %v", name, len(lines), lines[0], lines[len(lines)-1], more)
		}
	}
}
