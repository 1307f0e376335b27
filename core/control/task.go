package control

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/ledger"
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
func taskOf(t *wire.Task, who names, runs node.RunsView) *Task {
	spec := t.GetSpec()
	out := &Task{
		Schema:    "hb.task/1",
		ID:        ledger.Name(t),
		Name:      spec.GetName(),
		Argv:      list(spec.GetArgv()),
		Args:      list(spec.GetArgs()),
		Status:    wordOf(t, runs),
		Reason:    text(t.Reason),
		Key:       text(spec.GetKey()),
		On:        text(spec.GetOn()),
		Where:     list(spec.GetWhere()),
		Once:      spec.GetOnce(),
		Retries:   spec.GetRetries(),
		TimeLimit: known(time.Duration(spec.GetTimeLimitNanos()).Seconds(), spec.GetTimeLimitNanos() != 0),
		Priority:  priorityOf(spec.GetPriority()),
		Weight:    known(spec.GetWeight(), spec.GetWeight() != 0),
		Keep:      known(time.Duration(spec.GetKeepNanos()).Seconds(), spec.GetKeepNanos() != 0),
		Prefer:    text(spec.GetPrefer()),
		Exclusive: text(spec.GetExclusive()),
		OnFailure: text(spec.GetOnFailure()),
		All:       spec.GetAll(),
		Elements:  []Element{},
		Missing:   []Missing{},

		Candidates: []Candidate{},
		Cwd:        text(spec.GetCwd()),
		Env:        list(spec.GetEnv()),
		Index:      number(t.Index),
		Submitted:  wallTime(t.SubmittedNanos),
		Ended:      wallTime(t.EndedNanos),
		Attempts:   []Attempt{},
		Exit:       exitOf(t),
		Result:     resultOf(t.Result),
	}
	for _, m := range t.Missing {
		out.Missing = append(out.Missing, Missing{Node: m.Name, Why: m.Why, Since: wallTime(m.SinceNanos)})
	}
	for _, a := range t.Attempts {
		out.Attempts = append(out.Attempts, attemptOf(a, who))
	}
	if since, ok := sinceWhen(t, runs); ok && since != 0 {
		out.Attempts[len(out.Attempts)-1].Started = wallTime(since)
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
		Why:     text(a.Why),
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
		MaxRSS:     known(r.MaxRssBytes, r.MaxRssBytes > 0),
		Error:      text(r.Error),
		OutputLost: text(r.OutputLost),
	}
}

// priorityOf gives the words for a priority of -1, 0 and 1.
func priorityOf(p int32) string {
	switch {
	case p < 0:
		return "low"
	case p > 0:
		return "high"
	}
	return "normal"
}

func parsePriority(word string) (int32, *core.Fault) {
	switch word {
	case "low":
		return -1, nil
	case "", "normal":
		return 0, nil
	case "high":
		return 1, nil
	}
	return 0, core.Faultf(core.CodeUsage, "priority %q: there is low, normal and high", word)
}

func explanationOf(v *wire.Explained) Explanation {
	out := Explanation{Schema: "hb.explanation/1", Candidates: []Candidate{}}
	out.Demand = known(time.Duration(v.DemandNanos).Seconds(), v.DemandNanos != 0)
	for _, c := range v.Candidates {
		if c.Node == v.Choice {
			out.Choice = text(c.Name)
		}
		out.Candidates = append(out.Candidates, Candidate{
			Node: c.Name, Busy: known(int(c.Busy), true), Slots: known(int(c.Slots), c.Known),
			Others: known(float64(c.OthersPermille)/1000, c.Known), Slowness: c.Slowness, Stress: known(int(c.Stress), c.Known),
			Completion: known(time.Duration(c.CompletionNanos).Seconds(), c.CompletionNanos != 0),
			Why:        text(c.Why),
		})
	}
	return out
}

func tasksOf(v node.TasksView, who names, runs node.RunsView) Tasks {
	out := Tasks{Schema: "hb.tasks/1", Tasks: []TaskRow{}, Next: known(cursorWord(v.Next), v.More)}
	for _, t := range v.Tasks {
		row := TaskRow{
			ID:        ledger.Name(t),
			Name:      t.GetSpec().GetName(),
			Argv:      list(t.GetSpec().GetArgv()),
			Args:      list(t.GetSpec().GetArgs()),
			Status:    wordOf(t, runs),
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
		Name: s.Name, Argv: s.Argv, Args: s.Args, Env: s.Env, Cwd: s.Cwd, On: s.On, Where: s.Where,
		Once: s.Once || (s.On != "" || s.All) && !s.Rerun, Retries: s.Retries, Key: s.Key,
		Weight: s.Weight, NoQueue: s.NoQueue, Prefer: s.Prefer, Exclusive: s.Exclusive,
		Array: s.Array, All: s.All, Parallel: s.Parallel, MaxFailures: s.MaxFailures, SkipDown: s.SkipDown,
		Stdin: s.Stdin, OnFailure: s.OnFailure,
	}
	var fault *core.Fault
	if out.Priority, fault = parsePriority(s.Priority); fault != nil {
		return nil, fault
	}
	if out.KeepNanos, fault = nanosOf("keep", s.Keep); fault != nil {
		return nil, fault
	}
	if out.TimeLimitNanos, fault = nanosOf("a time limit of", s.TimeLimit); fault != nil {
		return nil, fault
	}
	switch {
	case math.IsNaN(s.Weight) || s.Weight < 0 || s.Weight > 1e9:
		return nil, core.Faultf(core.CodeUsage, "weight %v: the seconds are meant that it should take", s.Weight)
	case s.Array > ledger.MaxElements:
		return nil, core.Faultf(core.CodeUsage, "%d elements: at most %d are taken", s.Array, ledger.MaxElements)
	case s.Array > 0 && s.All, s.All && s.On != "":
		return nil, core.Faultf(core.CodeUsage, "all members, one of them, and an array exclude each other")
	case s.MaxFailures < -1:
		return nil, core.Faultf(core.CodeUsage, "max_failures %d: -1 is any number", s.MaxFailures)
	case s.Prefer != "" && s.Prefer != "idle":
		return nil, core.Faultf(core.CodeUsage, "prefer %q: there is only idle", s.Prefer)
	}
	if fault := nameOf(out); fault != nil {
		return nil, fault
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

// nanosOf reads a duration in seconds.
func nanosOf(what string, seconds float64) (int64, *core.Fault) {
	nanos := seconds * float64(time.Second)
	if math.IsNaN(nanos) || nanos < 0 || nanos >= math.MaxInt64 {
		return 0, core.Faultf(core.CodeUsage, "%s %v seconds makes no sense", what, seconds)
	}
	return int64(nanos), nil
}

// nameOf settles what is to run and how people call it.
func nameOf(out *wire.Spec) *core.Fault {
	switch {
	case len(out.Argv) == 0 && out.Name == "":
		return core.Faultf(core.CodeUsage, "the task says nothing to run")
	case len(out.Argv) > 0 && len(out.Args) > 0:
		return core.Faultf(core.CodeUsage, "a command and the arguments of a task exclude each other")
	case len(out.Argv) == 0 && (len(out.Env) > 0 || out.Cwd != ""):
		return core.Faultf(core.CodeUsage, "the task %s runs as its members define it: variables and a directory are for commands", out.Name)
	case len(out.Argv) > 0 && out.Argv[0] == "":
		return core.Faultf(core.CodeUsage, "the task's command is an empty word")
	case out.Name == "":
		out.Name = out.Argv[0][strings.LastIndexByte(out.Argv[0], '/')+1:]
	}
	for _, words := range [][]string{out.Argv, out.Args, out.Env, {out.Cwd}} {
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

// elementsOf is how far each element of a task is.
func elementsOf(v node.TasksView, who names, runs node.RunsView) []Element {
	out := []Element{}
	for _, t := range v.Tasks {
		e := Element{N: t.N, Status: wordOf(t, runs), Exit: exitOf(t)}
		if n := len(t.Attempts); n > 0 {
			e.Node = known(who.of(core.NodeID(t.Attempts[n-1].Node)), true)
		} else if t.Target != 0 {
			e.Node = known(who.of(core.NodeID(t.Target)), true)
		}
		out = append(out, e)
	}
	return out
}

// parseTask reads the ID of a task, or of an element, ID.N.
func parseTask(word string) (core.TaskID, error) {
	whole, element, is := strings.Cut(word, ".")
	id, err := core.ParseTaskID(whole)
	if err != nil || !is {
		return id, err
	}
	n, err := strconv.ParseUint(element, 10, 32)
	if err != nil || n == 0 || n > ledger.MaxElements {
		return id, fmt.Errorf("%q is no element of a task", word)
	}
	return ledger.ElementID(id, uint32(n)), nil
}
