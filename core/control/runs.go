package control

import (
	"context"
	"slices"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// This file shows which tasks run. The log only has that a task was given to a
// member (ledger.Assigned); that its process runs there, the member tells the leader.

// running asks which of these tasks run, if any may. Without a leader that is not
// known: then none are said to.
func (s server) running(ctx context.Context, tasks ...*wire.Task) node.RunsView {
	var ask node.AskRuns
	for _, t := range tasks {
		if ledger.OpenAttempt(t) != nil {
			ask.Tasks = append(ask.Tasks, core.TaskID(t.Id))
		}
	}
	if len(ask.Tasks) == 0 {
		return nil
	}
	runs, err := one[node.RunsView](ctx, s, ask)
	if err != nil {
		return nil
	}
	return runs
}

// sinceWhen says whether a task's open attempt runs, and since when; 0: not known.
func sinceWhen(t *wire.Task, runs node.RunsView) (since int64, ok bool) {
	open := ledger.OpenAttempt(t)
	if open == nil {
		return 0, false
	}
	since, ok = runs[core.Fence(open.Fence)]
	return since, ok
}

// wordOf is a task's status as people see it.
func wordOf(t *wire.Task, runs node.RunsView) string {
	if _, ok := sinceWhen(t, runs); ok && t.Status == ledger.Assigned {
		return ledger.Running
	}
	return t.Status
}

// listTasks is the page of a query. Since the log does not tell those that run from
// those that are assigned, it is asked for both, and the rest is left out here.
func (s server) listTasks(ctx context.Context, q ledger.Query) (Tasks, error) {
	want, limit := q.Status, q.Limit
	telling := slices.Contains(want, ledger.Running) != slices.Contains(want, ledger.Assigned)
	if telling {
		q.Status = append(slices.Clone(want), ledger.Running, ledger.Assigned)
		if q.Newest {
			q.Limit = 0
		}
	}
	v, err := one[node.TasksView](ctx, s, node.ListTasks{Query: q})
	if err != nil {
		return Tasks{}, err
	}
	out := tasksOf(v, s.names(ctx), s.running(ctx, v.Tasks...))
	if telling {
		out.Tasks = slices.DeleteFunc(out.Tasks, func(t TaskRow) bool { return !slices.Contains(want, t.Status) })
		if q.Newest && limit > 0 && len(out.Tasks) > limit {
			out.Tasks = out.Tasks[len(out.Tasks)-limit:]
		}
	}
	return out, nil
}
