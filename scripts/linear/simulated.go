package linear

import (
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/sim"
	"hb/core/wire"
)

// Recorder makes a history of what a simulated world's clients see.
type Recorder struct {
	history []Operation
	// submitted is when each task was first asked for. What nobody asked for,
	// such as the elements of an array, has no beginning and is left out.
	submitted map[string]time.Duration
	// known is what the log told of each task last. The same again would say
	// nothing, and cost the search dear: nobody knows when it became true.
	known map[core.TaskID]Progress
	// unanswered is where in history each task's unanswered submit is.
	unanswered map[core.TaskID]int
}

// Watch is for sim.Options.
func (r *Recorder) Watch(s sim.Seen) {
	switch q := s.Body.(type) {
	case nil:
		r.told(s)
	case node.SubmitTask:
		r.submit(s, q)
	case node.GetTask:
		r.read(s, q.Task)
	case node.WaitTask:
		r.read(s, q.Task)
	case node.AppendNote:
		if a, ok := s.Answer.(node.Appended); ok {
			r.add(s, Operation{Object: "the log", Do: Append, Number: a.Index})
		}
	case node.GetLeader:
		if v, ok := s.Answer.(node.LeaderView); ok && v.Confirmed {
			r.add(s, Operation{Object: "the leader", Do: Lead, Number: v.Term})
		}
	}
}

func (r *Recorder) add(s sim.Seen, o Operation) {
	o.Call, o.Return = s.Asked, s.Answered
	r.history = append(r.history, o)
}

func (r *Recorder) submit(s sim.Seen, q node.SubmitTask) {
	task := q.Task.String()
	o := Operation{Object: "task " + task, Do: Submit, Task: task}
	if key := q.Spec.GetKey(); key != "" {
		o.Object, o.Keyed = "key "+key, true
	}
	if r.submitted == nil {
		r.submitted = map[string]time.Duration{}
	}
	if first, known := r.submitted[task]; !o.Keyed && (!known || s.Asked < first) {
		r.submitted[task] = s.Asked
	}
	if a, ok := s.Answer.(node.Submitted); ok {
		o.Got = a.Task.String()
		r.add(s, o)
		return
	}
	// Whatever its client was told, it may be there some day. A client repeats a
	// submit until it is answered: the first of those that were not says it all.
	if at, known := r.unanswered[q.Task]; known {
		r.history[at].Call = min(r.history[at].Call, s.Asked)
		return
	}
	if r.unanswered == nil {
		r.unanswered = map[core.TaskID]int{}
	}
	r.unanswered[q.Task] = len(r.history)
	s.Answered = Forever
	r.add(s, o)
}

// read is a client's look at a task.
func (r *Recorder) read(s sim.Seen, id core.TaskID) {
	o := Operation{Object: "task " + id.String(), Do: Read}
	switch a := s.Answer.(type) {
	case *wire.Task:
		o.Progress = progressOf(a)
	case *core.Fault:
		if a.Code != core.CodeUnheard {
			return
		}
	default:
		return
	}
	r.add(s, o)
}

// told is the log's word on a task, at the moment when it is known: a grant, an
// end. It happened some time since the task was submitted.
func (r *Recorder) told(s sim.Seen) {
	t := s.Answer.(*wire.Task)
	id, now := core.TaskID(t.Id), progressOf(t)
	if r.known[id] == now {
		return
	}
	if r.known == nil {
		r.known = map[core.TaskID]Progress{}
	}
	r.known[id] = now
	s.Asked = 0
	r.add(s, Operation{Object: "task " + id.String(), Do: Read, Progress: now})
}

func progressOf(t *wire.Task) Progress {
	p := Progress{Known: true}
	if n := len(t.Attempts); n > 0 {
		p.Attempts = int(t.Attempts[n-1].N)
	}
	if ledger.IsFinal(t.Status) {
		p.Final = t.Status
	}
	return p
}

// History is what was seen so far of tasks that somebody submitted by
// themselves, of the keys, the log and the leader.
func (r *Recorder) History() []Operation {
	var kept []Operation
	for _, o := range r.history {
		if o.Do == Read {
			first, known := r.submitted[o.Object[len("task "):]]
			if !known {
				continue
			}
			o.Call = max(o.Call, first)
		}
		kept = append(kept, o)
	}
	return kept
}
