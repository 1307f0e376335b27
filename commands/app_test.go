package commands

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestACommandIsMadeForEachOfItsNames(t *testing.T) {
	for _, m := range makers() {
		if got := strings.Join(m.make().Names(), " "); got != m.names {
			t.Errorf("what is listed as %q is called %q", m.names, got)
		}
	}
}

func TestARunMakesOnlyTheCommandsThatItsWordsName(t *testing.T) {
	for words, want := range map[string]string{
		"members -q": "members", "task show X": "tasks", "--socket leader status x": "leader status", "nothing": "", "--members": "",
	} {
		named := strings.Fields(words)
		var made []string
		for _, c := range appWith("", func(name string) bool { return slices.Contains(named, name) }).Commands {
			made = append(made, c.Name)
		}
		if got := strings.Join(made, " "); got != want {
			t.Errorf("%q makes %q, want %q", words, got, want)
		}
	}
}

// A line means the same whatever else has been made.
func FuzzArrangeWithFewCommands(f *testing.F) {
	for _, line := range []string{"members a --json", "--socket x task show y", "leader run -- members", "status log", "-q"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := append([]string{"hb"}, strings.Fields(line)...)
		few, err := arrange(appWith("", func(name string) bool { return slices.Contains(words[1:], name) }), words)
		if err != nil || len(few.path) == 0 {
			return // it is arranged again
		}
		all, err := arrange(App(""), words)
		if err != nil || !slices.Equal(few.args, all.args) || !slices.EqualFunc(few.path, all.path, func(a, b *cli.Command) bool { return a.Name == b.Name }) {
			t.Errorf("%q: %q with few, %q with all: %v", line, few.args, all.args, err)
		}
	})
}
