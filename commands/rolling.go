package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

// runRolling runs a task on one member after the other, each drained before and
// checked after, the leader last. It stops at the first that fails, and leaves
// that one drained: it is not as it should be.
func runRolling(ctx context.Context, c *call, client *control.Client, spec control.Spec) error {
	spec.All, spec.Parallel = false, 0
	names, missing, err := rollingOrder(ctx, client, spec)
	if err != nil {
		return waitFault(ctx, "", err)
	}
	for _, name := range names {
		if err := rollOver(ctx, c, client, spec, name); err != nil {
			if !c.quiet {
				fmt.Fprintf(c.stderr, "%s: stopped here, and left it drained; hb resume %s\n", render.Safe(name), render.Safe(name))
			}
			return err
		}
	}
	for _, line := range missing {
		if !c.quiet {
			fmt.Fprintf(c.stderr, "not reached: %s\n", render.Safe(line))
		}
	}
	if len(missing) > 0 && !spec.SkipDown {
		return exit(1)
	}
	return nil
}

// rollingOrder is which members have their turn, and which cannot.
func rollingOrder(ctx context.Context, client *control.Client, spec control.Spec) (names, missing []string, err error) {
	explanation, err := client.Explain(ctx, spec)
	if err != nil {
		return nil, nil, err
	}
	leader, err := client.Leader(ctx, false)
	if err != nil {
		return nil, nil, err
	}
	for _, candidate := range explanation.Candidates {
		why := orEmpty(candidate.Why)
		switch {
		case strings.HasPrefix(why, "not ") || why == "left":
		case why == "down" || why == "drained" || why == "does not answer":
			missing = append(missing, fmt.Sprintf("%s (%s)", render.Safe(candidate.Node), why))
		default:
			names = append(names, candidate.Node)
		}
	}
	last := orEmpty(leader.Name)
	slices.SortFunc(names, func(a, b string) int {
		if (a == last) != (b == last) {
			if a == last {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	return names, missing, nil
}

// rollOver has one member's turn.
func rollOver(ctx context.Context, c *call, client *control.Client, spec control.Spec, name string) error {
	if err := client.Drain(ctx, name, true, -1); err != nil {
		return waitFault(ctx, "", err)
	}
	if err := runThere(ctx, c, client, spec, name); err != nil {
		return err
	}
	if check := strings.Fields(c.String("check")); len(check) > 0 {
		how, err := specFor(ctx, client, check)
		if err != nil {
			return err
		}
		how.TimeLimit = spec.TimeLimit
		if err := runThere(ctx, c, client, how, name); err != nil {
			return err
		}
	}
	if err := client.Resume(ctx, name); err != nil {
		return waitFault(ctx, "", err)
	}
	return nil
}

// runThere runs a task on one member, and is an error unless it succeeds.
func runThere(ctx context.Context, c *call, client *control.Client, spec control.Spec, name string) error {
	id := control.MintTask().String()
	spec.Task, spec.On = &id, name
	if _, err := client.Submit(ctx, spec); err != nil {
		return waitFault(ctx, id, err)
	}
	out := &elements{c: c}
	out.followOne(ctx, client, id, name)
	if out.failed != nil {
		return waitFault(ctx, id, out.failed)
	}
	task, err := client.WaitTask(ctx, id)
	if err != nil {
		return waitFault(ctx, id, err)
	}
	if task.Exit == nil {
		return core.Faultf(core.CodeTaskLost, "%s: task %s is %s", name, task.ID, task.Status)
	}
	return verdict(task)
}
