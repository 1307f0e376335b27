package commands

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

func TestHelpIsNoWiderThanATerminalAndLosesNoWord(t *testing.T) {
	var each func(app *cli.App, path []*cli.Command, list []*cli.Command)
	each = func(app *cli.App, path []*cli.Command, list []*cli.Command) {
		for _, c := range list {
			path := append(path[:len(path):len(path)], c)
			var b strings.Builder
			helpCommandPage(&b, path)
			got := wrap(b.String(), 80)
			if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(b.String()), " ") {
				t.Errorf("%s: other words", fullName(path))
			}
			for _, line := range strings.Split(got, "\n") {
				example := strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, strings.Repeat(" ", flagColumn))
				if !example && utf8.RuneCountInString(line) > 80 {
					t.Errorf("%s: %s", fullName(path), line)
				}
			}
			each(app, path, c.Subcommands)
		}
	}
	app := App("0.1.0")
	each(app, nil, app.Commands)
}
