package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core/control"
)

func probeCommand() *cli.Command {
	return &cli.Command{
		Name:      "probe",
		Usage:     "like ping, for nodes: over UDP, over TCP, and through others",
		ArgsUsage: "[TARGET...]",
		Description: `Asks each target, or every other member when none is named, over UDP, over TCP
and through a few other members, and prints the round trips. A target is a
member's name, its ID, or HOST:PORT, which need not be a member.

The exit code is 0 when all targets answered over both UDP and TCP, 1 when one
did not.`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "count", Aliases: []string{"c"}, Value: 1, Usage: "probe `N` times"},
			&cli.DurationFlag{Name: "interval", Aliases: []string{"i"}, Value: time.Second, Usage: "`DURATION` from one time to the next"},
		},
		Action: plainWords(-1, runProbe),
	}
}

func runProbe(c *call) error {
	times, interval := c.Int("count"), c.Duration("interval")
	if times < 1 || interval < 0 {
		return usage("-c %d -i %v: at least once, and not back in time", times, interval)
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	targets := c.words
	if len(targets) == 0 {
		if targets, err = otherMembers(c, client); err != nil {
			return err
		}
	}
	if len(targets) == 0 {
		fmt.Fprintln(c.stderr, "hb: there is no other member to probe")
		return exit(1)
	}
	all := true
	for i := range times {
		if i > 0 {
			<-time.After(interval)
		}
		ok, err := probeOnce(c, client, targets)
		if err != nil {
			return err
		}
		all = all && ok
	}
	if !all {
		return exit(1)
	}
	return nil
}

// otherMembers lists, by ID, those who are not this node and have not left.
func otherMembers(c *call, client *control.Client) ([]string, error) {
	ctx, cancel, err := c.answerContext()
	if err != nil {
		return nil, err
	}
	defer cancel()
	list, err := client.Members(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, m := range list.Members {
		if !m.Self && m.Status != "left" {
			ids = append(ids, m.ID)
		}
	}
	return ids, nil
}

func probeOnce(c *call, client *control.Client, targets []string) (all bool, err error) {
	ctx, cancel, err := c.answerContext()
	if err != nil {
		return false, err
	}
	defer cancel()
	got, err := client.Probe(ctx, targets)
	if err != nil {
		return false, err
	}
	if len(c.words) == 0 {
		nameTargets(ctx, client, got)
	}
	t := &render.Table{Header: []string{"TARGET", "UDP", "TCP", "VIA"}, Shrink: []int{1, 2, 3}}
	all = true
	var records []any
	for _, p := range got.Results {
		all = all && p.UDP.OK && p.TCP.OK
		t.Rows = append(t.Rows, []string{p.Target, reach(p.UDP), reach(p.TCP), via(p.Via)})
		records = append(records, struct {
			Schema string `json:"schema"`
			control.Probe
		}{"hb.probed/1", p})
	}
	return all, c.print(got, records, t)
}

// nameTargets shows members by name when it was we who chose their IDs.
func nameTargets(ctx context.Context, client *control.Client, got *control.Probed) {
	list, err := client.Members(ctx)
	if err != nil {
		return // IDs do as well
	}
	for i := range got.Results {
		for _, m := range list.Members {
			if m.ID == got.Results[i].Target {
				got.Results[i].Target = m.Name
			}
		}
	}
}

func reach(r control.Reach) string {
	if r.OK {
		return rtt(r.RTT)
	}
	if e := orEmpty(r.Error); e != "" {
		return e
	}
	return "no answer"
}

func via(ways []control.Via) string {
	var words []string
	for _, w := range ways {
		how := "no answer"
		if w.OK {
			how = rtt(w.RTT)
		}
		words = append(words, w.Node+" "+how)
	}
	return strings.Join(words, ", ")
}
