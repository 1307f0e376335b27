package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

// runRolling runs a task on one member after the other, each drained before and
// checked after, the leader last. It stops at the first that fails, and leaves
// that one drained: it is not as it should be. A ^C, which is told by wish, cancels
// what runs and stops there, too.
func runRolling(ctx context.Context, c *call, client *control.Client, spec control.Spec, wish <-chan struct{}) error {
	spec.All, spec.Parallel = false, 0
	r := &rolling{c: c, client: client, spec: spec, wish: wish}
	names, missing, err := rollingOrder(ctx, client, spec)
	if err != nil {
		return betweenTasks(ctx, err)
	}
	for _, name := range names {
		if err := r.stopped(name); err != nil {
			return err
		}
		if err := r.over(ctx, name); err != nil {
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

// rolling is one run on a member after the other.
type rolling struct {
	c      *call
	client *control.Client
	spec   control.Spec
	wish   <-chan struct{} // closed: the user wants it cancelled
}

// over has one member's turn.
func (r *rolling) over(ctx context.Context, name string) error {
	between, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go cancelOn(between, r.wish, func() { stop(detached{sig: syscall.SIGINT}) })
	if err := r.client.Drain(between, name, true, -1); err != nil {
		return betweenTasks(between, err)
	}
	if err := r.there(ctx, r.spec, name); err != nil {
		return err
	}
	if check := strings.Fields(r.c.String("check")); len(check) > 0 {
		how, err := specFor(between, r.client, check)
		if err != nil {
			return betweenTasks(between, err)
		}
		how.TimeLimit = r.spec.TimeLimit
		if err := r.there(ctx, how, name); err != nil {
			return err
		}
	}
	if err := r.client.Resume(ctx, name); err != nil {
		return betweenTasks(ctx, err)
	}
	return nil
}

// there runs a task on one member, and is an error unless it succeeds.
func (r *rolling) there(ctx context.Context, spec control.Spec, name string) error {
	if err := r.stopped(name); err != nil {
		return err
	}
	id := control.MintTask().String()
	spec.Task, spec.On = &id, name
	if _, err := r.client.Submit(ctx, spec); err != nil {
		return submitFault(ctx, id, err)
	}
	runs, ended := context.WithCancel(ctx)
	defer ended()
	go cancelOn(runs, r.wish, func() { cancelFor(r.c, r.client, id) })
	out := &elements{c: r.c}
	out.followOne(ctx, r.client, id, name)
	if out.failed != nil {
		return waitFault(ctx, id, out.failed)
	}
	task, err := r.client.WaitTask(ctx, id)
	if err != nil {
		return waitFault(ctx, id, err)
	}
	if task.Exit == nil {
		return core.Faultf(core.CodeTaskLost, "%s: task %s is %s", name, task.ID, task.Status)
	}
	return verdict(task)
}

// stopped is an error when the user wants no more of it.
func (r *rolling) stopped(name string) error {
	select {
	case <-r.wish:
		return core.Faultf(130, "stopped by a signal before it ran on %s", name)
	default:
		return nil
	}
}

// betweenTasks is the end of a wait that was for no task.
func betweenTasks(ctx context.Context, err error) error {
	var d detached
	switch {
	case errors.As(context.Cause(ctx), &d):
		return core.Faultf(d.code(), "stopped by a signal while no task ran")
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return core.Faultf(core.CodeTaskLost, "gave up waiting while no task ran")
	}
	return waitFault(ctx, "", err)
}
