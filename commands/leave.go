package commands

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"hb/commands/doctor"
)

func leaveCommand() *cli.Command {
	return &cli.Command{
		Name:  "leave",
		Usage: "take this node out of its cluster, for good",
		Description: `Makes the node behind the socket leave: it hands leadership over, waits for its
tasks, says goodbye and stops. It stays down; its files are put aside, not
deleted. The last voter refuses. On a terminal it asks first; elsewhere it needs
--yes.

If hb.service runs the node, and root leaves, that is disabled: the next boot would
start a node that is in no cluster. hb join TOKEN brings the machine in again, as a
new member, and enables it.`,
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"}},
		Action: plainWords(0, runLeave),
	}
}

func runLeave(c *call) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := c.confirm("This node will leave its cluster for good."); err != nil {
		return err
	}
	ours := c.isUnits()
	// It waits for the node's tasks, however long they take.
	ctx, cancel := c.waitContext()
	defer cancel()
	if err := client.Leave(ctx); err != nil || !ours {
		return err
	}
	said := "disabled " + unit + ": the next boot would start a node that is in no cluster"
	if out, err := exec.Command("systemctl", "disable", unit).CombinedOutput(); err != nil {
		said = fmt.Sprintf("hb: the node has left, but the next boot will start it: systemctl disable %s: %v: %s", unit, err, strings.TrimSpace(string(out)))
	}
	if !c.quiet {
		fmt.Fprintln(c.stderr, said)
	}
	return nil
}

// isUnits says whether the node behind the socket is the one that systemd runs here, and
// this user may say what systemd starts.
func (c *call) isUnits() bool {
	if !hasUnit() {
		return false
	}
	out, err := exec.Command("systemctl", "show", "--property=MainPID", "--value", unit).Output()
	if err != nil {
		return false
	}
	sockets, err := c.sockets()
	if err != nil {
		return false
	}
	main, err := strconv.Atoi(strings.TrimSpace(string(out)))
	return err == nil && main > 0 && main == doctor.ProcessAt(sockets)
}
