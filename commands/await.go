package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

// cancelTime is how long the wish to cancel may take to be heard.
const cancelTime = 10 * time.Second

// detached ends a wait because of a signal; the task goes on, unless an earlier ^C
// had it cancelled.
type detached struct {
	sig       os.Signal
	cancelled bool
}

// code is the exit code of a wait that ends so.
func (d detached) code() core.Code {
	if d.sig == syscall.SIGINT {
		return 130
	}
	return core.CodeTaskLost
}

// Error says so.
func (d detached) Error() string { return "detached by " + d.sig.String() }

// runAndWait submits a task and lives as long as it does. The first ^C cancels
// the task; the next, and any other signal, leaves it alone.
func runAndWait(c *call, client *control.Client, spec control.Spec) error {
	limited, cancel := c.waitContext()
	defer cancel()
	ctx, detach := context.WithCancelCause(limited)
	defer detach(nil)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	wish := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case sig := <-signals:
				if sig != syscall.SIGINT || !first {
					detach(detached{sig, !first})
					return
				}
				close(wish)
			case <-ctx.Done():
				return
			}
		}
	}()
	id := *spec.Task
	if c.Bool("drain") {
		return runRolling(ctx, c, client, spec, wish)
	}
	got, err := submitWhenTaken(ctx, c, client, spec)
	if err != nil {
		return submitFault(ctx, id, err)
	}
	id = got.Task
	go cancelOn(ctx, wish, func() { cancelFor(c, client, id) })
	if spec.All || spec.Array > 0 {
		return awaitElements(ctx, c, client, id)
	}
	return awaitTask(ctx, c, client, id)
}

// cancelOn cancels when the user wishes it.
func cancelOn(ctx context.Context, wish <-chan struct{}, cancel func()) {
	select {
	case <-wish:
		cancel()
	case <-ctx.Done():
	}
}

// cancelFor carries the user's ^C to the cluster.
func cancelFor(c *call, client *control.Client, id string) {
	if !c.quiet {
		fmt.Fprintf(c.stderr, "hb: cancelling task %s; ^C again leaves it alone\n", id)
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
	defer cancel()
	if _, err := client.Cancel(ctx, id); err != nil {
		report(c.stderr, err, c.quiet)
	}
}

// awaitTask prints what a task prints and gives its exit code as an error.
func awaitTask(ctx context.Context, c *call, client *control.Client, id string) error {
	var task *control.Task
	var err error
	whole := true
	said := c.sayWhyQueued(ctx, client, id)
	if c.quiet || c.isJSON() {
		task, err = client.WaitTask(ctx, id)
	} else {
		task, whole, err = c.output(ctx, client, id, true)
	}
	said()
	if err != nil {
		return waitFault(ctx, id, err)
	}
	if c.isJSON() {
		if err := render.JSON(c.stdout, task); err != nil {
			return err
		}
	}
	return verdictOn(task, whole)
}

// output prints what a task prints, and says if some of it could not be had; whole is
// false then.
func (c *call) output(ctx context.Context, client *control.Client, id string, follow bool) (task *control.Task, whole bool, err error) {
	var end tails
	print := func(piece *control.Output) error {
		end.add(piece)
		c.warnOfGap(piece)
		return c.copyOutput(piece)
	}
	task, err = client.Output(ctx, id, follow, print)
	if err == nil && !c.isJSON() {
		err = end.complete(task, print)
	}
	if err == nil {
		end.warn(c, task)
	}
	return task, end.whole(task), err
}

// warnOfGap tells a person where output is missing: a member keeps the first and
// the last part of what is very long.
func (c *call) warnOfGap(piece *control.Output) {
	if piece.Gap > 0 && !c.quiet && !c.isJSON() {
		fmt.Fprintf(c.stderr, "\nhb: here %d bytes of output are missing: its member has not kept them\n", piece.Gap)
	}
}

// copyOutput writes a piece of a task's output to the stream it came from.
func (c *call) copyOutput(piece *control.Output) error {
	if c.isJSON() {
		return render.JSON(c.stdout, piece)
	}
	into := c.stdout
	if piece.Stream == "stderr" {
		if into = io.Writer(checked{c.stderr}); c.quiet {
			into = io.Discard
		}
	}
	_, err := into.Write(piece.Data)
	return err
}

// submitFault is the end of a wait in which nobody has said yet that the task was
// taken.
func submitFault(ctx context.Context, id string, err error) error {
	var d detached
	switch {
	case errors.As(context.Cause(ctx), &d):
		return core.Faultf(d.code(), "stopped by a signal; task %s may be in the log or not", id).WithHint("hb task show %s", id)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return core.Faultf(core.CodeTaskLost, "no answer in time; task %s may be in the log or not", id).WithHint("hb task show %s", id)
	}
	return waitFault(ctx, id, err)
}

// waitFault is the end of a wait that is not the task's: 125, whatever it was,
// so that it cannot be taken for the task's own.
func waitFault(ctx context.Context, id string, err error) error {
	var f *core.Fault
	var d detached
	switch {
	case errors.As(context.Cause(ctx), &d):
		goes := "goes on"
		if d.cancelled {
			goes = "is being cancelled"
		}
		return core.Faultf(d.code(), "detached from task %s, which %s", id, goes).WithHint("hb task wait %s", id)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return core.Faultf(core.CodeTaskLost, "gave up waiting for task %s, which goes on", id).WithHint("hb task wait %s", id)
	case !errors.As(err, &f):
		return err
	case f.Code == core.CodeUsage:
		return f
	}
	out := core.Faultf(core.CodeTaskLost, "%s", f.Message)
	out.Hint = f.Hint
	if f.Code == core.CodeTimeout || f.Code == core.CodeInternal {
		out.Hint = "hb task wait " + id
	}
	return out
}

// verdict gives a task's exit code, with words only where the task itself
// cannot have said why.
func verdict(t *control.Task) error {
	switch {
	case t.Exit == nil:
		why := "nobody knows how it ended"
		if t.Reason != nil {
			why = *t.Reason
		}
		return core.Faultf(core.CodeTaskLost, "task %s is %s: %s", t.ID, t.Status, why).WithHint("hb task show %s", t.ID)
	case t.Status == "timed-out":
		return core.Faultf(core.Code(*t.Exit), "task %s ran into its time limit", t.ID)
	case t.Status == "cancelled":
		return core.Faultf(core.Code(*t.Exit), "task %s was cancelled", t.ID)
	case t.Result != nil && t.Result.Error != nil:
		return core.Faultf(core.Code(*t.Exit), "task %s cannot run: %s", t.ID, *t.Result.Error)
	case *t.Exit == 0:
		return nil
	}
	return exit(*t.Exit)
}
