package ledger

import (
	"bytes"
	"fmt"
	"strings"

	"hb/core"
	"hb/core/wire"
)

// finish takes the result of an attempt. Only that of the open grant decides
// anything.
func (s *State) finish(o *Outcome, c *wire.Finish) {
	e := s.known(o, c.GetTask())
	if e == nil {
		return
	}
	if c.Result == nil {
		o.Verdict = refuse(core.CodeBadInput, "task %v: an end without a result", core.TaskID(c.Task))
		return
	}
	r := trim(c.Result)
	if open := OpenAttempt(o.Task); open == nil || open.Fence != c.Fence {
		s.finishLate(o, e, c.Fence, r)
		return
	}
	s.settle(o, e, r)
}

// settle ends the open attempt with a result and decides what becomes of the
// task.
func (s *State) settle(o *Outcome, e *entry, r *wire.Result) {
	once := e.task.Spec.Once
	switch {
	case e.task.Status == Cancelling:
		s.end(o, e, closeAttempt(e.task, Ended, r), Cancelled, e.task.Reason, r)
	case r.Lost && once:
		s.end(o, e, closeAttempt(e.task, Ended, r), Unknown, "its member restarted and does not know how it ended", r)
	case r.Cancelled && once:
		s.end(o, e, closeAttempt(e.task, Ended, r), Cancelled, "ended by its member", r)
	case r.Lost || r.Cancelled:
		s.queueAgain(o, e, closeAttempt(e.task, Requeued, r), "cut short on "+s.nameOf(core.NodeID(OpenAttempt(e.task).Node)))
	case Good(r):
		s.end(o, e, closeAttempt(e.task, Ended, r), Succeeded, "", r)
	default:
		s.settleFailure(o, e, r)
	}
}

// settleFailure retries, or ends the task.
func (s *State) settleFailure(o *Outcome, e *entry, r *wire.Result) {
	t := closeAttempt(e.task, Ended, r)
	t.Failures++
	switch {
	case t.Failures <= t.Spec.Retries:
		s.queueAgain(o, e, t, fmt.Sprintf("retry %d of %d after %s", t.Failures, t.Spec.Retries, Ending(r)))
	case r.TimedOut:
		s.end(o, e, t, TimedOut, Ending(r), r)
	default:
		s.end(o, e, t, Failed, Ending(r), r)
	}
}

// finishLate keeps a result that comes after its grant was closed.
func (s *State) finishLate(o *Outcome, e *entry, fence uint64, r *wire.Result) {
	for i, a := range o.Task.Attempts {
		if a.Fence != fence {
			continue
		}
		if a.Result == nil {
			t := revise(o.Task)
			t.Attempts[i] = closed(a, Superseded, r)
			s.replace(o, e, t)
		}
		return // a repeated report is as good as the first
	}
	o.Verdict = refuse(core.CodeBadInput, "task %v: no attempt with token %d", e.id(), fence)
}

// requeue takes the open grant back from a member that lost it.
func (s *State) requeue(o *Outcome, c *wire.Requeue) {
	e := s.known(o, c.GetTask())
	if e == nil {
		return
	}
	open := OpenAttempt(o.Task)
	if open == nil || open.Fence != c.Fence {
		o.Verdict = refuse(core.CodeNo, "task %v: token %d is not its open grant", core.TaskID(c.Task), c.Fence)
		return
	}
	m, ok := s.members[core.NodeID(open.Node)]
	if ok && m.State == Up && !c.Unstarted {
		o.Verdict = refuse(core.CodeBusy, "task %v: its member %s is up", core.TaskID(c.Task), m.Row.Name)
		return
	}
	t := closeAttempt(e.task, Requeued, nil)
	why := c.Reason
	if why == "" {
		why = s.nameOf(core.NodeID(open.Node)) + " is gone"
	}
	switch {
	case e.task.Status == Cancelling:
		s.end(o, e, t, Cancelled, e.task.Reason, nil)
	case e.task.Spec.Once && !c.Unstarted:
		s.end(o, e, t, Unknown, why, nil)
	default:
		s.queueAgain(o, e, t, why)
	}
}

func (s *State) queueAgain(o *Outcome, e *entry, t *wire.Task, why string) {
	t.Status, t.Reason = Queued, why
	if m, ok := s.members[core.NodeID(t.Target)]; t.Target != 0 && (!ok || m.State != Up) {
		s.unreached(o, e, t, Down)
		o.Task = t
		return
	}
	s.replace(o, e, t)
}

// closeAttempt is the record with its open attempt closed. The tails of a result
// are kept once, in the record of the task that it ends.
func closeAttempt(t *wire.Task, outcome string, r *wire.Result) *wire.Task {
	n := revise(t)
	last := len(n.Attempts) - 1
	n.Attempts[last] = closed(n.Attempts[last], outcome, cut(r, 0))
	return n
}

func closed(a *wire.Attempt, outcome string, r *wire.Result) *wire.Attempt {
	return &wire.Attempt{
		N: a.N, Fence: a.Fence, Node: a.Node, Instance: a.Instance, GrantedNanos: a.GrantedNanos,
		Result: r, Outcome: outcome, Why: a.Why,
	}
}

// Good says whether a result is a success.
func Good(r *wire.Result) bool {
	return r.Exit == 0 && r.Signal == 0 && r.Error == "" && !r.TimedOut && !r.Cancelled && !r.Lost
}

// Ending puts a result into words.
func Ending(r *wire.Result) string {
	switch {
	case r.Lost:
		return "lost"
	case r.Cancelled:
		return "cancelled"
	case r.TimedOut:
		return "its time limit"
	case r.Error != "":
		return r.Error
	case r.Signal != 0:
		return fmt.Sprintf("signal %d", r.Signal)
	}
	return fmt.Sprintf("exit %d", r.Exit)
}

// trim keeps what a result says within its bounds.
func trim(r *wire.Result) *wire.Result {
	r = cut(r, KeepTail)
	if len(r.Error) > KeepTail { // then cut has made a copy
		r.Error = strings.ToValidUTF8(r.Error[:KeepTail], "")
	}
	return r
}

// cut is the result with at most so many bytes of each tail.
func cut(r *wire.Result, most int) *wire.Result {
	if len(r.GetStdoutTail()) <= most && len(r.GetStderrTail()) <= most && len(r.GetError()) <= KeepTail {
		return r
	}
	truncated := r.Truncated || most > 0 && max(len(r.StdoutTail), len(r.StderrTail)) > most
	tail := func(b []byte) []byte { return bytes.Clone(b[max(0, len(b)-most):]) }
	return &wire.Result{
		Exit: r.Exit, Signal: r.Signal, TimedOut: r.TimedOut, Cancelled: r.Cancelled, Lost: r.Lost, Error: r.Error,
		StartedNanos: r.StartedNanos, EndedNanos: r.EndedNanos,
		StdoutTail: tail(r.StdoutTail), StderrTail: tail(r.StderrTail),
		Truncated: truncated, CpuNanos: r.CpuNanos, MaxRssBytes: r.MaxRssBytes, OutputLost: r.OutputLost,
	}
}
