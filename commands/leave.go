package commands

import (
	"github.com/urfave/cli/v2"
)

func leaveCommand() *cli.Command {
	return &cli.Command{
		Name:  "leave",
		Usage: "take this node out of its cluster, for good",
		Description: `Makes the node behind the socket leave: it hands leadership over, waits for its
tasks, says goodbye and stops. It stays down; its files are put aside, not
deleted. The last voter refuses. On a terminal it asks first; elsewhere it needs
--yes.`,
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
	// It waits for the node's tasks, however long they take.
	ctx, cancel := c.waitContext()
	defer cancel()
	return client.Leave(ctx)
}
