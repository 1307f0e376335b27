package commands

import "github.com/urfave/cli/v2"

func resumeCommand() *cli.Command {
	return &cli.Command{
		Name:        "resume",
		Usage:       "let new work come to a drained member again",
		ArgsUsage:   "[NODE]",
		Description: "Ends what hb drain began, for a member or for the node behind the socket. A member\nthat is not drained stays as it is.",
		Action:      plainWords(1, runResume),
	}
}

func runResume(c *call) error {
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	return client.Resume(ctx, first(c.words))
}
