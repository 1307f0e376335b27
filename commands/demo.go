package commands

import "github.com/urfave/cli/v2"

func demoCommand() *cli.Command {
	return &cli.Command{Name: "demo", Usage: "x", Action: plainWords(0, func(c *call) error { return nil })}
}
