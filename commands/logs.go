package commands

import (
	"context"
	"errors"
	"syscall"

	"github.com/urfave/cli/v2"
)

func logsCommand() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "print what a task has printed",
		ArgsUsage: "ID",
		Description: `Prints what the task's attempts have written, its stdout to stdout and its stderr
to stderr, from the member that ran them; with -f also what is still to come,
until the task ends. ^C ends the printing, never the task.

hb logs ID and hb task logs ID are the same.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on until the task has ended"},
			&cli.BoolFlag{Name: "no-reconnect", Usage: "end when the node does, instead of waiting for it"},
		},
		Action: plainWords(1, runLogs),
	}
}

func runLogs(c *call) error {
	id, err := taskWord(c)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	client.NoReconnect = c.Bool("no-reconnect")
	ctx, cancel, err := c.answerContext()
	if c.Bool("follow") {
		ctx, cancel = c.waitContext()
	} else if err != nil {
		return err
	}
	defer cancel()
	ctx = c.whileRead(ctx)
	_, _, err = c.output(ctx, client, id, c.Bool("follow"))
	if errors.Is(context.Cause(ctx), errUnread) {
		return exit(128 + int(syscall.SIGPIPE))
	}
	return err
}
