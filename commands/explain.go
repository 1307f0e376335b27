package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

// blockPause is how long --block waits before it asks again.
const blockPause = 500 * time.Millisecond

// submitWhenTaken submits a task; with --block, again and again while the
// cluster has no room for it.
func submitWhenTaken(ctx context.Context, c *call, client *control.Client, spec control.Spec) (*control.Submitted, error) {
	for {
		got, err := client.Submit(ctx, spec)
		var f *core.Fault
		if !c.Bool("block") || !errors.As(err, &f) || f.Code != core.CodeBusy {
			return got, err
		}
		timer := time.NewTimer(blockPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// dryRun prints how the leader would place a task.
func dryRun(c *call, client *control.Client, spec control.Spec) error {
	e, err := askExplanation(c, client, spec)
	if err != nil {
		return err
	}
	return printExplanation(c, c.stdout, e)
}

// explain says it on stderr.
func explain(c *call, client *control.Client, spec control.Spec) error {
	e, err := askExplanation(c, client, spec)
	if err != nil || c.quiet {
		return err
	}
	return tableOf(e).Write(c.stderr, 0, false)
}

func askExplanation(c *call, client *control.Client, spec control.Spec) (*control.Explanation, error) {
	ctx, cancel, err := c.answerContext()
	if err != nil {
		return nil, err
	}
	defer cancel()
	return client.Explain(ctx, spec)
}

func printExplanation(c *call, w io.Writer, e *control.Explanation) error {
	t := tableOf(e)
	var records []any
	for _, candidate := range e.Candidates {
		records = append(records, candidate)
	}
	if err := c.print(e, records, t); err != nil || c.form != "table" {
		return err
	}
	choice := "it would wait"
	if e.Choice != nil {
		choice = "it would run on " + render.Safe(*e.Choice)
	}
	if e.Demand != nil {
		choice += fmt.Sprintf("; on an ordinary member it should take %.3gs", *e.Demand)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", choice)
	return err
}

func tableOf(e *control.Explanation) *render.Table {
	t := &render.Table{Header: []string{"NODE", "TASKS", "OTHERS", "SLOWNESS", "DONE IN", "CHOICE", "STRESS"}, Shrink: []int{0, 5}}
	for _, candidate := range e.Candidates {
		others, done, choice := "", "", orEmpty(candidate.Why)
		if candidate.Others != nil {
			others = fmt.Sprintf("%.0f%%", 100**candidate.Others)
		}
		if candidate.Completion != nil {
			done = fmt.Sprintf("%.3gs", *candidate.Completion)
		}
		if e.Choice != nil && candidate.Node == *e.Choice {
			choice = "chosen"
		}
		tasks := number(candidate.Busy)
		if candidate.Slots != nil {
			tasks += "/" + number(candidate.Slots)
		}
		t.Rows = append(t.Rows, []string{candidate.Node, tasks, others, fmt.Sprintf("%.2g", candidate.Slowness), done, choice, number(candidate.Stress)})
	}
	return t
}
