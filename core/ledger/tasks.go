package ledger

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// submit creates a task, or finds the one that the same submit created before.
func (s *State) submit(o *Outcome, c *wire.Submit) {
	if o.Verdict = s.judgeSpec(c); o.Verdict != nil {
		return
	}
	id := core.TaskID(c.Task)
	if e := s.tasks.find(id); e != nil {
		o.Task = e.record()
		if !proto.Equal(e.spec(), c.Spec) {
			o.Verdict = refuse(core.CodeBadInput, "task %v was submitted before with other content", id)
		}
		return
	}
	// A time of expiry that lies ahead says only that a clock was wrong.
	if s.Expired(id) && s.expired <= s.wall/1e6 {
		o.Verdict = refuse(core.CodeBadInput, "task %v is older than the records that are kept: it may have run before", id)
		o.Verdict.Hint = "submit it anew; if this happens again, look at the clocks of the members"
		return
	}
	if first, taken := s.tasks.keys[c.Spec.Key]; taken && c.Spec.Key != "" {
		o.Task = first.record()
		if !proto.Equal(first.spec(), c.Spec) {
			o.Verdict = refuse(core.CodeBadInput, "key %q belongs to task %v, which has other content", c.Spec.Key, first.id())
		}
		return
	}
	targets, missing := s.split(c.Spec)
	if o.Verdict = s.room(len(targets)); o.Verdict != nil {
		return
	}
	if c.Spec.NoQueue && !s.reachable(c.Spec) {
		o.Verdict = refuse(core.CodeBusy, "no member that may run it is up, and it is not to wait for one")
		return
	}
	s.create(o, &wire.Task{Id: c.Task, Spec: c.Spec}, targets, missing)
}

// room refuses a task, with so many elements, when too many are open.
func (s *State) room(elements int) *wire.Verdict {
	if s.Open()+elements < s.bounds.open && s.tasks.openBytes < s.bounds.openBytes {
		return nil
	}
	v := refuse(core.CodeBusy, "%d tasks are waiting or running: no more are taken", s.Open())
	v.Hint = "try again when some have ended"
	return v
}

// create puts a new task into the queue, with its elements if it has any.
func (s *State) create(o *Outcome, t *wire.Task, targets []core.NodeID, missing []*wire.Missing) {
	t.Status, t.Index, t.Order, t.SubmittedNanos = Queued, o.Fence.Index(), uint64(o.Fence), s.wall
	t.Spec = s.specs.of(t.Spec)
	if isParent(t) {
		t.Status, t.Elements, t.Missing = Running, uint32(len(targets)), missing
	}
	o.Task = t
	s.tasks.add(t)
	o.Events = append(o.Events, Event{"task-submitted", core.TaskID(t.Id).String(), t.Spec.Name})
	if isParent(t) {
		s.addElements(o, targets)
	}
}

// assign grants a queued task's next attempt to a member that is up.
func (s *State) assign(o *Outcome, c *wire.Assign) {
	e := s.known(o, c.GetTask())
	if e == nil {
		return
	}
	old := o.Task
	node := core.NodeID(c.Node)
	m, ok := s.members[node]
	switch {
	case old.Status != Queued:
		o.Verdict = refuse(core.CodeBusy, "task %v is %s, not queued", core.TaskID(c.Task), old.Status)
		return
	case c.Attempt != NextAttempt(old):
		o.Verdict = refuse(core.CodeBusy, "attempt %d of task %v is not the next: that is %d", c.Attempt, core.TaskID(c.Task), NextAttempt(old))
		return
	case old.Target != 0 && old.Target != c.Node:
		o.Verdict = refuse(core.CodeBusy, "element %d of task %v is another member's", old.N, core.TaskID(old.Parent))
		return
	case old.N > 0 && old.Spec.Parallel > 0 && s.Running(core.TaskID(old.Parent)) >= int(old.Spec.Parallel):
		o.Verdict = refuse(core.CodeBusy, "%d elements of task %v run already", old.Spec.Parallel, core.TaskID(old.Parent))
		return
	case !ok || m.State != Up || m.Row.Instance != c.Instance:
		o.Verdict = refuse(core.CodeBusy, "member %s is not up as instance %d", s.nameOf(node), c.Instance)
		return
	}
	if holder, held := s.Holder(old.Spec.Exclusive); held {
		o.Verdict = refuse(core.CodeBusy, "task %v: %q is held by task %v", core.TaskID(c.Task), old.Spec.Exclusive, core.TaskID(holder.Id))
		return
	}
	if m.Drained && old.Target == 0 && !mayRun(old.Spec, m) {
		o.Verdict = refuse(core.CodeBusy, "member %s is drained", m.Row.Name)
		return
	}
	t := revise(old)
	t.Status, t.Reason = Assigned, ""
	t.Attempts = append(t.Attempts, &wire.Attempt{
		N: c.Attempt, Fence: uint64(o.Fence), Node: c.Node, Instance: c.Instance, GrantedNanos: s.wall, Why: shortened(c.Why),
	})
	if len(t.Attempts) > KeepAttempts {
		t.Attempts = t.Attempts[len(t.Attempts)-KeepAttempts:]
	}
	s.replace(o, e, t)
	o.Events = append(o.Events, Event{"task-assigned", Name(t), fmt.Sprintf("attempt %d on %s", c.Attempt, m.Row.Name)})
}

// shortened bounds the reason for a choice.
func shortened(why string) string {
	if len(why) > KeepWhy {
		why = strings.ToValidUTF8(why[:KeepWhy], "")
	}
	return why
}

// cancel ends a queued task and asks for the end of one that is out.
func (s *State) cancel(o *Outcome, c *wire.Cancel) {
	e := s.known(o, c.GetTask())
	if e == nil {
		return
	}
	switch status := e.status(); {
	case status == Running:
		s.cancelElements(o, e, cancelledBy(c.By))
	case status == Queued:
		s.end(o, e, revise(e.task), Cancelled, cancelledBy(c.By), nil)
	case status == Assigned:
		t := revise(e.task)
		t.Status, t.Reason = Cancelling, cancelledBy(c.By)
		s.replace(o, e, t)
	case status == Cancelling, status == Cancelled:
	default:
		o.Verdict = refuse(core.CodeNo, "task %v has already ended: %s", core.TaskID(c.Task), status)
	}
}

func cancelledBy(who string) string {
	if who == "" {
		return "cancelled"
	}
	return "cancelled by " + who
}

// expire drops records of tasks that have ended.
func (s *State) expire(c *wire.Expire) {
	for _, b := range c.GetTasks() {
		if e := s.lookup(b); e != nil && e.past != nil && !e.isElement() {
			s.forget(e)
		}
	}
}

// known finds the task that a command names, or refuses the command.
func (s *State) known(o *Outcome, task []byte) *entry {
	if len(task) != len(core.TaskID{}) {
		o.Verdict = refuse(core.CodeBadInput, "a task ID of %d bytes", len(task))
		return nil
	}
	if e := s.lookup(task); e != nil {
		o.Task = e.record()
		return e
	}
	if id := core.TaskID(task); s.Expired(id) {
		o.Verdict = refuse(core.CodeUnheard, "task %v: its record has expired", id)
	} else {
		o.Verdict = refuse(core.CodeUnheard, "task %v: never heard of it", id)
	}
	return nil
}

func (s *State) lookup(task []byte) *entry {
	if len(task) != len(core.TaskID{}) {
		return nil
	}
	return s.tasks.find(core.TaskID(task))
}

// replace puts a new record in the place of a task's old one.
func (s *State) replace(o *Outcome, e *entry, t *wire.Task) {
	s.tasks.set(e, t)
	o.Task = t
}

// end makes t the task's final record.
func (s *State) end(o *Outcome, e *entry, t *wire.Task, status, reason string, r *wire.Result) {
	if e.past != nil {
		panic(fmt.Sprintf("ledger: task %v ends twice: %s, then %s", core.TaskID(t.Id), e.past.status, status))
	}
	s.seal(o, t, status, reason, r)
	s.replace(o, e, t)
	if t.N > 0 {
		s.elementEnded(o, t)
	}
	s.afterFailure(o, t)
}

// seal makes t a final record.
func (s *State) seal(o *Outcome, t *wire.Task, status, reason string, r *wire.Result) {
	t.Status, t.Reason, t.Result = status, reason, r
	t.EndedNanos, t.Final = s.wall, uint64(o.Fence)
	detail := status
	if reason != "" {
		detail += ": " + reason
	}
	o.Events = append(o.Events, Event{"task-done", Name(t), detail})
}

// Name is how a task is called: by its ID, or as an element ID.N.
func Name(t *wire.Task) string {
	if t.N > 0 {
		return fmt.Sprintf("%v.%d", core.TaskID(t.Parent), t.N)
	}
	return core.TaskID(t.Id).String()
}

// forgetOldest keeps the records of tasks that ended within their bounds.
func (s *State) forgetOldest() {
	for s.tasks.ended.len() > s.bounds.records || s.tasks.endedBytes > s.bounds.recordBytes {
		s.forget(s.tasks.ended.entries()[0])
	}
}

// forget drops a record and remembers that there was one.
func (s *State) forget(e *entry) {
	// A client's clock that runs ahead must not make its ID expire others.
	minted := min(mintedMillis(e.past.id), e.past.unpack().SubmittedNanos/1e6)
	s.expired = max(s.expired, minted)
	s.tasks.drop(e)
}

// NextAttempt is the number that the next attempt of a task must have.
func NextAttempt(t *wire.Task) uint32 {
	if len(t.Attempts) == 0 {
		return 1
	}
	return t.Attempts[len(t.Attempts)-1].N + 1
}

// revise copies a record for a change; only the slice of attempts is copied
// with it, for everything else in a record is replaced as a whole.
func revise(t *wire.Task) *wire.Task {
	attempts := make([]*wire.Attempt, len(t.Attempts), len(t.Attempts)+1)
	copy(attempts, t.Attempts)
	return &wire.Task{
		Id: t.Id, Spec: t.Spec, Status: t.Status, Reason: t.Reason, Attempts: attempts,
		Index: t.Index, SubmittedNanos: t.SubmittedNanos, EndedNanos: t.EndedNanos,
		Result: t.Result, Order: t.Order, Final: t.Final, Failures: t.Failures,
		Parent: t.Parent, N: t.N, Target: t.Target, Elements: t.Elements,
		Done: t.Done, Failed: t.Failed, Worst: t.Worst, Missing: t.Missing, Cause: t.Cause,
		Schedule: t.Schedule, DueNanos: t.DueNanos,
	}
}
