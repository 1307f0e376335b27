package commands

import (
	"bytes"
	"errors"
	"flag"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"hb/commands/doctor/judge"
)

func TestOnlyWhatIsWrongMakesDoctorExitWithOne(t *testing.T) {
	for severity, code := range map[judge.Severity]int{judge.OK: 0, judge.Warn: 1, judge.Bad: 1} {
		got, err := 0, verdictOf([]judge.Finding{{Severity: judge.OK}, {Severity: severity}})
		var e exit
		if errors.As(err, &e) {
			got = int(e)
		}
		if got != code {
			t.Errorf("%s: exit code %d", severity, got)
		}
	}
}

func TestFindingsAreWrittenForPeople(t *testing.T) {
	var out bytes.Buffer
	c := &call{Context: cli.NewContext(&cli.App{Writer: &out}, flag.NewFlagSet("doctor", flag.ContinueOnError), nil), form: "table", stdout: &out}
	if err := c.printFindings([]judge.Finding{
		{ID: "x", Severity: judge.OK, What: "x is well"},
		{ID: "y", Severity: judge.Bad, What: "y \x1b[2J is wrong", Why: "since it is", Remedy: []string{"mend it", "or not"}},
	}); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"ok    x is well",
		`bad   y \x1b[2J is wrong`,
		"      why  since it is",
		"      do   mend it",
		"      do   or not",
		"1 bad, 0 to look at", "",
	}, "\n")
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
