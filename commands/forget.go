package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

func forgetCommand() *cli.Command {
	return &cli.Command{
		Name:      "forget",
		Usage:     "take a dead member out of the cluster, for good",
		ArgsUsage: "NODE",
		Description: `Removes a member, by name or ID, that will not come back: it loses its vote, its
name is free again, and its IDs are void. Should it come back all the same, it is
told so and stops; as a new node, with an empty data directory, it may join. The
join token by which it came is revoked with it, for its disk may tell it: whoever
is still to join needs another (hb token create).

The disk of a voter also holds the key of the cluster's authority, by which machines
are let in. That key cannot be changed: wipe the disk. If somebody else may have read
it, found the cluster anew.

A member that lives is refused (hb leave, there, takes it out in order), unless
--force is given: then it stops. So is a name that more than one member has, and a
voter without which no majority would be alive. On a terminal it asks first;
elsewhere it needs --yes.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "force", Usage: "forget even a member that lives"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
		},
		Action: plainWords(1, runForget),
	}
}

func runForget(c *call) error {
	if len(c.words) == 0 {
		return usage("hb forget needs a member's name or ID")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := c.confirm(fmt.Sprintf("%s will be forgotten for good: its IDs are void.", c.words[0])); err != nil {
		return err
	}
	ctx, cancel, err := c.answerContext()
	if err != nil {
		return err
	}
	defer cancel()
	hint := keyHint(ctx, client, c.words[0])
	err = client.Forget(ctx, c.words[0], c.Bool("force"))
	if err == nil && hint != "" && !c.quiet {
		fmt.Fprintln(c.stderr, hint)
	}
	var fault *core.Fault
	if !errors.As(err, &fault) || fault.Code != core.CodeUnheard {
		return err
	}
	list, askErr := client.Members(ctx)
	if askErr != nil || !slices.ContainsFunc(list.Members, func(m control.Member) bool { return m.Name == c.words[0] && m.Status == "left" }) {
		return err
	}
	if !c.quiet {
		fmt.Fprintf(c.stderr, "hb: %s has left already\n", render.Safe(c.words[0]))
	}
	return nil
}

// keyHint says what may be on the disk of a member that is taken out; empty where
// there is nothing to say, or where that cannot be found out. One that has been dead
// for a while has lost its vote to another, and not the key.
func keyHint(ctx context.Context, client *control.Client, who string) string {
	status, err := client.Status(ctx)
	if err != nil || status.Certified == nil { // without credentials there is no authority
		return ""
	}
	list, err := client.Members(ctx)
	if err != nil {
		return ""
	}
	i := slices.IndexFunc(list.Members, func(m control.Member) bool { return m.Name == who || m.ID == who })
	if i < 0 {
		return ""
	}
	name, role := render.Safe(list.Members[i].Name), list.Members[i].Role
	where := "if " + name + " ever was a voter, its disk"
	if role == "voter" || role == "leader" {
		where = name + " was a voter: its disk"
	}
	return "hint: " + where + " holds the key by which machines are let in, and that key is never changed: wipe it"
}

// confirm asks a person, unless --yes says that nobody need be asked; without a
// terminal there is nobody.
func (c *call) confirm(what string) error {
	if c.Bool("yes") {
		return nil
	}
	if !c.isTerminal() {
		return usage("%s asks on a terminal; there is none", c.name()).WithHint("%s --yes does not ask", c.name())
	}
	fmt.Fprintf(c.stderr, "%s Go on? [y/N] ", what)
	answer, _ := bufio.NewReader(c.App.Reader).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return exit(1)
	}
	return nil
}
