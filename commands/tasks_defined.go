package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core/control"
)

// definedCommand is a subcommand of tasks.
func definedCommand() *cli.Command {
	return &cli.Command{
		Name: "defined", Usage: "list what may be run by name, and where", Action: plainWords(0, runTaskDefined),
		Description: `Lists the tasks that members have in hb.toml, under [tasks.NAME], as the log has
it: hb submit NAME runs one. A name that members define in different ways has a
line for each, with the members whose digests agree. Members that run any command
(allow_exec) are named on stderr, and so is what a member has in hb.toml and cannot
run, with the reason: mostly a user who is not there.`,
	}
}

func runTaskDefined(c *call) error {
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	list, err := client.Defined(ctx)
	if err != nil {
		return err
	}
	t := &render.Table{Header: []string{"NAME", "ARGS", "ONCE", "DIGEST", "MEMBERS"}, Shrink: []int{4}, Drop: []int{2, 1}}
	var records []any
	for _, d := range list.Tasks {
		digest := d.Digest
		if d.Differs {
			digest += " differs"
		}
		t.Rows = append(t.Rows, []string{d.Name, yesOrNo(d.Args), yesOrNo(d.Once), digest, strings.Join(d.Members, " ")})
		records = append(records, struct {
			Schema string `json:"schema"`
			control.Definition
		}{"hb.definition/1", d})
	}
	if err := c.print(list, records, t); err != nil || c.form != "table" || c.quiet {
		return err
	}
	if len(list.Free) > 0 {
		fmt.Fprintf(c.stderr, "any command: %s\n", render.Safe(strings.Join(list.Free, " ")))
	}
	for _, u := range list.Unable {
		fmt.Fprintln(c.stderr, render.Safe(u.Text()))
	}
	return nil
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// commandOf shows what a task runs: a command, or a name with its arguments.
func commandOf(name string, argv, args []string) string {
	if len(argv) == 0 {
		argv = append([]string{name}, args...)
	}
	return commandLine(argv)
}

// specFor makes of words what they run: a task by name if members define such a
// one, else a command.
func specFor(ctx context.Context, client *control.Client, words []string) (control.Spec, error) {
	list, err := client.Defined(ctx)
	if err != nil {
		return control.Spec{}, err
	}
	if list.Has(words[0]) {
		return control.Spec{Name: words[0], Args: words[1:]}, nil
	}
	return control.Spec{Argv: words}, nil
}
