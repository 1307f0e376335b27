package commands

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hb/core/runnerd"
)

// App has all commands, in the order of the help.
func App(version string) *cli.App { return appWith(version, func(string) bool { return true }) }

// appWith has those commands of which a name is wanted. A run makes only what its words
// may mean: to make them all, with all their flags, takes longer than most commands.
func appWith(version string, wanted func(name string) bool) *cli.App {
	app := &cli.App{
		Name:                      "hb",
		Usage:                     "turn a handful of machines into one cluster",
		Version:                   version,
		Flags:                     globalFlags(),
		HideHelp:                  true,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		Reader:                    os.Stdin,
		Writer:                    os.Stdout,
		ErrWriter:                 os.Stderr,
	}
	app.OnUsageError = asUsage
	for _, m := range makers() {
		if slices.ContainsFunc(strings.Fields(m.names), wanted) {
			c := m.make()
			prepare(c)
			app.Commands = append(app.Commands, c)
		}
	}
	return app
}

// maker makes a command that is called by any of the names.
type maker struct {
	names string
	make  func() *cli.Command
}

func makers() []maker {
	return []maker{
		{"demo", demoCommand},
		{"init", initCommand},
		{"join", joinCommand},
		{"node", nodeCommand},
		{"members", membersCommand},
		{"leader", leaderCommand},
		{"probe", probeCommand},
		{"run", runCommand},
		{"submit", submitCommand},
		{"tasks task", tasksCommand},
		{"logs", logsCommand},
		{"schedule", scheduleCommand},
		{"wait", waitCommand},
		{"lock", lockCommand},
		{"events", eventsCommand},
		{"status", statusCommand},
		{"top", topCommand},
		{"drain", drainCommand},
		{"resume", resumeCommand},
		{"tag", tagCommand},
		{"leave", leaveCommand},
		{"forget", forgetCommand},
		{"voters", votersCommand},
		{"token", tokenCommand},
		{"keys", keysCommand},
		{"snapshot", snapshotCommand},
		{"recover", recoverCommand},
		{"check", checkCommand},
		{"doctor", doctorCommand},
		{"report", reportCommand},
		{"config", configCommand},
		{"log", logCommand},
		{"simulate", simulateCommand},
		{"completion", completionCommand},
		{"help", helpCommand},
		{"version", versionCommand},
	}
}

// whole is an app with all commands that is otherwise the same, for what lists them.
func whole(app *cli.App) *cli.App {
	all := App(app.Version)
	all.Reader, all.Writer, all.ErrWriter = app.Reader, app.Writer, app.ErrWriter
	return all
}

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "read `FILE` instead of the default hb.toml (HB_CONFIG)"},
		&cli.StringFlag{Name: "socket", Usage: "ask the node behind the socket at `PATH` (HB_SOCKET)"},
		&cli.DurationFlag{Name: "timeout", Usage: "wait `DURATION` for the node: 10s by default, without limit for what waits (HB_TIMEOUT, not for what waits)"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "print as `FORM`: table, plain (tab-separated), json or jsonl (a record a line)"},
		&cli.BoolFlag{Name: "json", Usage: "the same as -o json"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing, the exit code tells"},
		&cli.BoolFlag{Name: "no-color", Usage: "no colours (NO_COLOR)"},
	}
}

// prepare sets on a command and those below it what the library would get
// wrong.
func prepare(c *cli.Command) {
	c.HideHelp = true
	c.OnUsageError = asUsage
	for _, sub := range c.Subcommands {
		prepare(sub)
	}
}

// asUsage makes the library's complaint about a value one of ours.
func asUsage(_ *cli.Context, err error, _ bool) error { return usage("%v", err) }

// Main runs a command line and gives its exit code.
func Main(version string, args []string) int {
	if len(args) > 1 && args[1] == runnerd.Word { // a node starts that, people don't
		return runnerd.Main(args[2:])
	}
	return run(appWith(version, func(name string) bool { return slices.Contains(args[1:], name) }), args)
}

func run(app *cli.App, args []string) int {
	line, err := arrange(app, args)
	if err != nil || len(line.path) == 0 { // what is said then may be about any command
		app = whole(app)
		line, err = arrange(app, args)
	}
	if err != nil {
		return checkCode(line, app.Writer, err, report(app.ErrWriter, err, false))
	}
	quiet := false
	switch {
	case line.version:
		err = printVersion(app.Writer, app.Version)
	case line.help:
		err = printHelp(checked{app.Writer}, app, line.path)
	case len(line.path) == 0:
		printHelp(app.ErrWriter, app, nil)
		return int(exitUsage)
	default:
		quiet = isQuiet(line.args)
		err = app.RunContext(context.Background(), line.args)
	}
	return checkCode(line, app.Writer, err, report(app.ErrWriter, err, quiet))
}

// exitUsage is the code of a call without a command.
const exitUsage exit = 64

func isQuiet(args []string) bool {
	for _, a := range args {
		switch a {
		case "--quiet":
			return true
		case "--":
			return false
		}
	}
	return false
}

func printVersion(w io.Writer, version string) error {
	_, err := io.WriteString(checked{w}, "hb "+version+"\n")
	return err
}
