package commands

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hb/core"
)

// arranged is a command line taken apart.
type arranged struct {
	// args is the same line in the order that the library reads well: global
	// flags, the command, its flags, "--", its arguments. A "--" of the user's
	// own stays among the arguments.
	args []string
	// path is the command that was named, with its parents; empty for none.
	path []*cli.Command
	// help and version say that only these were asked for.
	help, version bool
}

// arranger takes a command line apart.
type arranger struct {
	app            *cli.App
	out            arranged
	global, local  []string
	words          []string
	commandsClosed bool // no further word can name a command
}

// arrange brings the flags of a command line, wherever they stand, in front of
// its arguments; nothing behind "--" is touched. Its error is a usage fault.
func arrange(app *cli.App, args []string) (arranged, error) {
	a := arranger{app: app}
	rest := args[1:]
	for len(rest) > 0 {
		word := rest[0]
		rest = rest[1:]
		switch {
		case word == "--":
			a.words = append(append(a.words, "--"), rest...)
			rest = nil
		case len(word) > 1 && word[0] == '-':
			var err error
			if rest, err = a.flags(word, rest); err != nil {
				return a.out, err
			}
		default:
			if err := a.word(word); err != nil {
				return a.out, err
			}
		}
	}
	a.out.args = append([]string{args[0]}, a.global...)
	for _, c := range a.out.path {
		a.out.args = append(a.out.args, c.Name)
	}
	a.out.args = append(a.out.args, a.local...)
	a.out.args = append(append(a.out.args, "--"), a.words...)
	return a.out, nil
}

// word takes a word that is no flag: the name of a command, or an argument.
func (a *arranger) word(word string) error {
	if !a.commandsClosed {
		known := a.app.Commands
		if n := len(a.out.path); n > 0 {
			known = a.out.path[n-1].Subcommands
		}
		for _, c := range known {
			if c.HasName(word) {
				a.out.path = append(a.out.path, c)
				return nil
			}
		}
		a.commandsClosed = true
		if n := len(a.out.path); n == 0 || len(known) > 0 && a.out.path[n-1].ArgsUsage == "" {
			return a.unknownCommand(word, known)
		}
	}
	a.words = append(a.words, word)
	return nil
}

func (a *arranger) unknownCommand(word string, known []*cli.Command) error {
	var names []string
	for _, c := range known {
		if !c.Hidden {
			names = append(names, c.Names()...)
		}
	}
	full := strings.TrimSpace(a.name() + " " + word)
	fault := usage("unknown command %q", full)
	if near := nearest(word, names); near != "" {
		return fault.WithHint("did you mean hb %s?", strings.TrimSpace(a.name()+" "+near))
	}
	return fault.WithHint("%s lists the commands", strings.TrimSpace("hb help "+a.name()))
}

// name is the command so far, without "hb".
func (a *arranger) name() string {
	var words []string
	for _, c := range a.out.path {
		words = append(words, c.Name)
	}
	return strings.Join(words, " ")
}

// flags takes one word that begins with "-", which is one long flag or any
// number of short ones, and gives what is left of the line.
func (a *arranger) flags(word string, rest []string) ([]string, error) {
	if name, long := strings.CutPrefix(word, "--"); long {
		name, value, has := strings.Cut(name, "=")
		if len(name) == 1 {
			return nil, a.unknownFlag("--" + name)
		}
		return a.flag("--"+name, name, value, has, rest)
	}
	letters := word[1:]
	for len(letters) > 0 {
		name := letters[:1]
		letters = letters[1:]
		f, _ := a.find(name)
		_, switchLike := f.(*cli.BoolFlag)
		if f == nil || switchLike {
			if _, err := a.flag("-"+name, name, "", false, nil); err != nil {
				return nil, err
			}
			continue
		}
		// The rest of the word, if any, is the value.
		return a.flag("-"+name, name, strings.TrimPrefix(letters, "="), letters != "", rest)
	}
	return rest, nil
}

// flag takes one flag, with its value from the next word if it needs one.
func (a *arranger) flag(shown, name, value string, has bool, rest []string) ([]string, error) {
	switch name {
	case "h", "help":
		a.out.help = true
		return rest, nil
	case "version":
		a.out.version = true
		return rest, nil
	}
	f, global := a.find(name)
	if f == nil {
		return nil, a.unknownFlag(shown)
	}
	into := &a.local
	if global {
		into = &a.global
	}
	if _, is := f.(*cli.BoolFlag); is && !has {
		*into = append(*into, "--"+f.Names()[0])
		return rest, nil
	}
	if !has {
		if len(rest) == 0 {
			return nil, usage("%s needs a value", shown)
		}
		value, rest = rest[0], rest[1:]
	}
	if err := checkValue(f, shown, value); err != nil {
		return nil, err
	}
	*into = append(*into, "--"+f.Names()[0]+"="+plainValue(f, value))
	return rest, nil
}

// find looks a flag up, first among those of the command.
func (a *arranger) find(name string) (f cli.Flag, global bool) {
	if n := len(a.out.path); n > 0 {
		for _, f := range a.out.path[n-1].Flags {
			if slices.Contains(f.Names(), name) {
				return f, false
			}
		}
	}
	for _, f := range a.app.Flags {
		if slices.Contains(f.Names(), name) {
			return f, true
		}
	}
	return nil, false
}

// takesCommand says whether a command is given another behind "--".
func takesCommand(c *cli.Command) bool { return strings.Contains(c.UsageText, "-- CMD") }

func (a *arranger) unknownFlag(shown string) *core.Fault {
	candidates := []string{"help"}
	lists := [][]cli.Flag{a.app.Flags}
	if n := len(a.out.path); n > 0 {
		lists = append(lists, a.out.path[n-1].Flags)
	}
	for _, list := range lists {
		for _, f := range list {
			candidates = append(candidates, f.Names()[0])
		}
	}
	fault := usage("unknown flag %s", shown)
	if n := len(a.out.path); n > 0 && len(a.words) > 0 && takesCommand(a.out.path[n-1]) {
		return fault.WithHint("a command and its own flags stand behind --: hb %s -- %s ...", a.name(), strings.Join(a.words, " "))
	}
	// The dashes are no letters of it: they would make everything look near.
	if near := nearest(strings.TrimLeft(shown, "-"), candidates); near != "" && len(shown) > 2 {
		return fault.WithHint("did you mean --%s?", near)
	}
	return fault.WithHint("%s lists the flags", strings.TrimSpace("hb help "+a.name()))
}
