package commands

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:        "help",
		Usage:       "explain a command",
		ArgsUsage:   "[COMMAND...]",
		Description: "Explains a command, as hb COMMAND --help does; without one, lists them all.",
		Action: plainWords(-1, func(c *call) error {
			app := whole(c.App)
			line, err := arrange(app, append([]string{"hb"}, c.words...))
			if err != nil {
				return err
			}
			return printHelp(c.stdout, app, line.path)
		}),
	}
}

// printHelp explains the last command of a path, or hb itself.
func printHelp(w io.Writer, app *cli.App, path []*cli.Command) error {
	var b strings.Builder
	if len(path) == 0 {
		helpApp(&b, app)
	} else {
		helpCommandPage(&b, path)
	}
	width := 80
	if f, is := app.Writer.(*os.File); is {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > flagColumn+20 {
			width = columns
		}
	}
	_, err := io.WriteString(w, wrap(b.String(), width))
	return err
}

func helpApp(b *strings.Builder, app *cli.App) {
	fmt.Fprintf(b, "hb %s - %s\n\nUsage: hb [FLAGS] COMMAND [ARGUMENTS]\n\nCommands:\n", app.Version, app.Usage)
	helpCommands(b, app.Commands)
	b.WriteString("\nFlags, before or after the command:\n")
	helpFlags(b, app.Flags)
	b.WriteString("\nA DURATION is 500ms, 10s, 5m, 1h30m, 7d or 2w, or the like.\n")
	b.WriteString("\nhb help COMMAND explains one. hb demo shows what this is about.\n")
}

func helpCommandPage(b *strings.Builder, path []*cli.Command) {
	c := path[len(path)-1]
	fmt.Fprintf(b, "%s - %s\n\n", fullName(path), c.Usage)
	for i, line := range strings.Split(synopsis(path), "\n") {
		fmt.Fprintf(b, "%s %s\n", [...]string{"Usage:", "      "}[min(i, 1)], line)
	}
	fmt.Fprintf(b, "\n%s\n", c.Description)
	if len(c.Subcommands) > 0 {
		b.WriteString("\nSubcommands:\n")
		helpCommands(b, c.Subcommands)
	}
	if len(c.Flags) > 0 {
		b.WriteString("\nFlags:\n")
		helpFlags(b, c.Flags)
	}
	b.WriteString("\nhb help lists the flags that all commands have.\n")
}

func fullName(path []*cli.Command) string {
	words := []string{"hb"}
	for _, c := range path {
		words = append(words, c.Name)
	}
	return strings.Join(words, " ")
}

// synopsis is one line for each form of a call.
func synopsis(path []*cli.Command) string {
	c := path[len(path)-1]
	if c.UsageText != "" {
		return c.UsageText
	}
	line := fullName(path)
	if len(c.Flags) > 0 {
		line += " [FLAGS]"
	}
	if c.ArgsUsage != "" {
		line += " " + c.ArgsUsage
	}
	return line
}

func helpCommands(b *strings.Builder, commands []*cli.Command) {
	for _, c := range commands {
		if !c.Hidden {
			fmt.Fprintf(b, "  %-10s %s\n", c.Name, c.Usage)
		}
	}
}

func helpFlags(b *strings.Builder, flags []cli.Flag) {
	for _, f := range flags {
		form, meaning := describe(f)
		if len(form) > 22 {
			fmt.Fprintf(b, "  %s\n  %-22s %s\n", form, "", meaning)
			continue
		}
		fmt.Fprintf(b, "  %-22s %s\n", form, meaning)
	}
}

// describe gives a flag's form, like "-c, --count N", and what it means.
func describe(f cli.Flag) (form, meaning string) {
	doc, is := f.(cli.DocGenerationFlag)
	if !is {
		panic(fmt.Sprintf("flag %v has no description", f.Names()))
	}
	var names []string
	for _, n := range f.Names() {
		if len(n) == 1 {
			names = append([]string{"-" + n}, names...)
			continue
		}
		names = append(names, "--"+n)
	}
	form, meaning = strings.Join(names, ", "), doc.GetUsage()
	if before, rest, quoted := strings.Cut(meaning, "`"); quoted {
		placeholder, after, _ := strings.Cut(rest, "`")
		form += " " + placeholder
		meaning = before + placeholder + after
	}
	return form, meaning
}
