package commands

import (
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"hb/core"
	"hb/core/control"
)

func waitCommand() *cli.Command {
	return &cli.Command{
		Name:      "wait",
		Usage:     "wait until something is true of the cluster",
		ArgsUsage: "CONDITION...",
		Description: `Waits until all conditions hold at once:

    ready           this node is a member, and has applied the log as far as
                    it was committed when asked
    leader          somebody leads, confirmed by a quorum
    quorum          a majority of the voters answers
    members=N       at least N members are alive
    voters=N        the cluster has N voters or more
    applied=INDEX   this node has applied the log up to INDEX
    gone=NODE       NODE (name or ID) is agreed down, or left, or forgotten;
                    66 if no member was ever called so

It also waits for the node itself. With --timeout it ends with 69 if no node has
answered until then, and with 124 if one has.`,
		Action: plainWords(-1, runWait),
	}
}

func runWait(c *call) error {
	if len(c.words) == 0 {
		return usage("nothing to wait for").WithHint("hb help wait lists the conditions")
	}
	for _, word := range c.words {
		if _, err := control.ParseCondition(word); err != nil {
			return err
		}
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := c.waitContext()
	defer cancel()
	err = client.Wait(ctx, c.words)
	var fault *core.Fault
	if errors.As(err, &fault) && fault.Code == core.CodeTimeout {
		return core.Faultf(core.CodeTimeout, "not so within %v: %s", c.Duration("timeout"), strings.Join(c.words, " ")).
			WithHint("hb status and hb members tell how things stand")
	}
	return err
}
