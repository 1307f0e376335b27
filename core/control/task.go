package control

import (
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// maxSpec bounds a task's spec, encoded: every copy of the log carries it.
const maxSpec = 16 << 10

// taskID prints the 16 bytes of a wire message.
func taskID(b []byte) string {
	var id core.TaskID
	copy(id[:], b)
	return id.String()
}

// taskOf gives the whole record of a task.
func taskOf(t *wire.Task, who names) *Task {
	spec := t.GetSpec()
	out := &Task{
		Schema:    "hb.task/1",
		ID:        taskID(t.Id),
		Name:      spec.GetName(),
		Argv:      list(spec.GetArgv()),
		Status:    t.Status,
		Reason:    text(t.Reason),
		Key:       text(spec.GetKey()),
		On:        text(spec.GetOn()),
		Where:     list(spec.GetWhere()),
		Once:      spec.GetOnce(),
		Retries:   spec.GetRetries(),
		TimeLimit: known(time.Duration(spec.GetTimeLimitNanos()).Seconds(), spec.GetTimeLimitNanos() != 0),
		Cwd:       text(spec.GetCwd()),
		Env:       list(spec.GetEnv()),
		Index:     number(t.Index),
		Submitted: wallTime(t.SubmittedNanos),
		Ended:     wallTime(t.EndedNanos),
		Attempts:  []Attempt{},
		Exit:      exitOf(t),
		Result:    resultOf(t.Result),
	}
	for _, a := range t.Attempts {
		out.Attempts = append(out.Attempts, attemptOf(a, who))
	}
	return out
}

// exitOf is what a command that waits for the task returns, in the shell's
// terms: 128 and the signal that ended it. Null while that is open, and when
// nobody knows how it ended.
func exitOf(t *wire.Task) *int {
	switch r := t.GetResult(); {
	case t.Status == "succeeded":
		return known(0, true)
	case t.Status == "timed-out":
		return known(int(core.CodeTimeout), true)
	case t.Status == "cancelled":
		return known(int(core.CodeCancelled), true)
	case t.Status == "failed" && r.GetSignal() != 0:
		return known(128+int(r.Signal), true)
	case t.Status == "failed" && r != nil && !r.Lost:
		return known(int(r.Exit), true)
	}
	return nil
}

func attemptOf(a *wire.Attempt, who names) Attempt {
	out := Attempt{
		N:       a.N,
		Fence:   core.Fence(a.Fence).String(),
		Node:    who.of(core.NodeID(a.Node)),
		Outcome: text(a.Outcome),
	}
	if r := a.Result; r != nil {
		out.Started, out.Ended = wallTime(r.StartedNanos), wallTime(r.EndedNanos)
		out.Exit = known(int(r.Exit), r.Signal == 0 && !r.Lost)
		out.Signal = known(int(r.Signal), r.Signal != 0)
		out.Error = text(r.Error)
	}
	return out
}

func resultOf(r *wire.Result) *Result {
	if r == nil {
		return nil
	}
	return &Result{
		StdoutTail: strings.ToValidUTF8(string(r.StdoutTail), "\uFFFD"),
		StderrTail: strings.ToValidUTF8(string(r.StderrTail), "\uFFFD"),
		Truncated:  r.Truncated,
		CPU:        time.Duration(r.CpuNanos).Seconds(),
		MaxRSS:     r.MaxRssBytes,
		Error:      text(r.Error),
	}
}

func tasksOf(v node.TasksView, who names) Tasks {
	out := Tasks{Schema: "hb.tasks/1", Tasks: []TaskRow{}}
	for _, t := range v.Tasks {
		row := TaskRow{
			ID:        taskID(t.Id),
			Name:      t.GetSpec().GetName(),
			Argv:      list(t.GetSpec().GetArgv()),
			Status:    t.Status,
			Key:       text(t.GetSpec().GetKey()),
			Submitted: wallTime(t.SubmittedNanos),
			Ended:     wallTime(t.EndedNanos),
			Exit:      exitOf(t),
		}
		if n := len(t.Attempts); n > 0 {
			last := t.Attempts[n-1]
			row.Node, row.Attempt = known(who.of(core.NodeID(last.Node)), true), known(last.N, true)
		}
		out.Tasks = append(out.Tasks, row)
	}
	return out
}

// specOf checks what a client wants run.
func specOf(s *Spec) (*wire.Spec, *core.Fault) {
	out := &wire.Spec{
		Name: s.Name, Argv: s.Argv, Env: s.Env, Cwd: s.Cwd, On: s.On, Where: s.Where,
		Once: s.Once || s.On != "", Retries: s.Retries, Key: s.Key,
	}
	if fault := nameOf(out); fault != nil {
		return nil, fault
	}
	switch limit := s.TimeLimit * float64(time.Second); {
	case math.IsNaN(limit) || limit < 0 || limit >= math.MaxInt64:
		return nil, core.Faultf(core.CodeUsage, "a time limit of %v seconds makes no sense", s.TimeLimit)
	default:
		out.TimeLimitNanos = int64(limit)
	}
	for _, kv := range s.Env {
		if k, _, ok := strings.Cut(kv, "="); !ok || k == "" {
			return nil, core.Faultf(core.CodeUsage, "%q is no K=V for the task's environment", kv)
		}
	}
	for _, w := range s.Where {
		if !validWhere(w) {
			return nil, core.Faultf(core.CodeUsage, "%q does not say where: tag=VALUE or tag!=VALUE", w)
		}
	}
	if err := wire.CheckText(out); err != nil {
		return nil, core.Faultf(core.CodeBadInput, "the task's %v", err)
	}
	if n := proto.Size(out); n > maxSpec {
		return nil, core.Faultf(core.CodeBadInput, "the task is too big: %d bytes, at most %d fit", n, maxSpec).
			WithHint("put the data in a file that the member can read, and name the file")
	}
	return out, nil
}

// nameOf settles what is to run and how people call it.
func nameOf(out *wire.Spec) *core.Fault {
	switch {
	case len(out.Argv) == 0 && out.Name == "":
		return core.Faultf(core.CodeUsage, "the task says nothing to run")
	case len(out.Argv) == 0:
		return core.Faultf(core.CodeUnheard, "no member defines a task named %q", out.Name).
			WithHint("a command stands behind --: hb run -- %s", out.Name)
	case out.Argv[0] == "":
		return core.Faultf(core.CodeUsage, "the task's command is an empty word")
	case out.Name == "":
		out.Name = out.Argv[0][strings.LastIndexByte(out.Argv[0], '/')+1:]
	}
	for _, words := range [][]string{out.Argv, out.Env, {out.Cwd}} {
		for _, word := range words {
			if strings.IndexByte(word, 0) >= 0 {
				return core.Faultf(core.CodeBadInput, "%q holds a zero byte, which no command line can", word)
			}
		}
	}
	return nil
}

func validWhere(w string) bool {
	tag, _, ok := strings.Cut(w, "=")
	return ok && strings.TrimSuffix(tag, "!") != ""
}
