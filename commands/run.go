package commands

import "github.com/urfave/cli/v2"

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a command on the best member, and wait for it",
		UsageText: "hb run [FLAGS] -- CMD...\nhb run [FLAGS] --script FILE [-- ARG...]\nhb run [FLAGS] NAME [-- ARG...]",
		ArgsUsage: "NAME",
		Description: `The same as hb submit --wait.

    hb run -- uname -a
    hb run --on web1 --time-limit 5m -- make -C /srv/site

` + waitingWords,
		Flags:  taskFlags(),
		Action: action(1, func(c *call) error { return runSubmit(c, true) }),
	}
}
