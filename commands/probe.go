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
did not.

--mesh has all members, or those named, ping each other at the same time, and
prints who got through to whom: the row's packets at the column. A cell is the
round trip as the row measured it; "arrive" where only that direction works;
"lost" where it does not; "unknown" where neither side could tell. Of more than
16 members each has a line. What is wrong is said below the table; the exit code
is 1 if anything is.

--lan calls on the local network (UDP broadcast and multicast, as beacons do)
and lists every node that answers, of whatever cluster, or of none yet. It needs
no node here. Nodes on loopback, and those that use no beacons, do not answer.
The exit code is 1 when nobody did.`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "count", Aliases: []string{"c"}, Value: 1, Usage: "probe `N` times"},
			&cli.BoolFlag{Name: "mesh", Usage: "have all members ping each other"},
			&cli.BoolFlag{Name: "lan", Usage: "find the nodes on the local network; needs no node here"},
			&cli.StringSliceFlag{Name: "interface", Usage: "with --lan: call on the network interface `IF` only; may be repeated"},
			&cli.DurationFlag{Name: "for", Value: censusTime, Usage: "with --lan: wait so `DURATION` for answers"},
			&cli.DurationFlag{Name: "interval", Aliases: []string{"i"}, Value: time.Second, Usage: "`DURATION` from one time to the next"},
		},
		Action: plainWords(-1, runProbe),
	}
}

func runProbe(c *call) error {
	if err := c.checkProbe(); err != nil {
		return err
	}
	switch {
	case c.Bool("mesh"):
		return runProbeMesh(c)
	case c.Bool("lan"):
		return runProbeLAN(c)
	}
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

// checkProbe refuses flags that mean nothing together.
func (c *call) checkProbe() error {
	mesh, lan := c.Bool("mesh"), c.Bool("lan")
	for _, f := range []struct {
		name  string
		means bool
	}{
		{"mesh", !lan}, {"count", !mesh && !lan}, {"interval", !mesh && !lan}, {"interface", lan}, {"for", lan},
	} {
		if c.IsSet(f.name) && !f.means {
			return usage("--%s does not go with the rest: --mesh, --lan and targets are three things", f.name)
		}
	}
	if lan && len(c.words) > 0 {
		return usage("--lan takes no target: %q", c.words[0])
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
