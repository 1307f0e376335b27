package ledger

import (
	"encoding/binary"
	"fmt"

	"hb/core"
	"hb/core/wire"
)

// ElementID is the ID of an element of a task: the task's own, with the
// element's number, counted from 1, mixed into its last bytes. It is the same
// wherever one asks, and is shown as ID.N.
func ElementID(parent core.TaskID, n uint32) core.TaskID {
	last := parent[len(parent)-4:]
	binary.BigEndian.PutUint32(last, binary.BigEndian.Uint32(last)^n)
	return parent
}

// Elements are the records of a task's elements, in order.
func (s *State) Elements(parent core.TaskID) []*wire.Task {
	e, ok := s.tasks.byID[parent]
	if !ok {
		return nil
	}
	if e.past == nil {
		return records(s.elements(e))
	}
	list := make([]*wire.Task, 0, e.past.elements)
	for _, packed := range e.past.each {
		list = append(list, unpack(packed, e.past.spec))
	}
	return list
}

// elements are those of a task that has not ended.
func (s *State) elements(parent *entry) []*entry {
	list := make([]*entry, 0, parent.task.Elements)
	for n := range parent.task.Elements {
		list = append(list, s.tasks.byID[ElementID(core.TaskID(parent.task.Id), n+1)])
	}
	return list
}

// Running is how many elements of a task have an open grant.
func (s *State) Running(parent core.TaskID) int {
	if e, ok := s.tasks.byID[parent]; ok {
		return e.out
	}
	return 0
}

// isParent says whether a record is one of a task that has elements.
func isParent(t *wire.Task) bool { return t.N == 0 && (t.Spec.Array > 0 || t.Spec.All) }

// split plans the elements of a task: how many, and for --all, where each is
// to run and which members have none. The list of members is that of this
// moment, and stays so.
func (s *State) split(spec *wire.Spec) (targets []core.NodeID, missing []*wire.Missing) {
	if !spec.All {
		return make([]core.NodeID, spec.Array), nil
	}
	for _, id := range s.ids {
		m := s.members[id]
		if m.State == Left || !tagsFit(spec.Where, m.Row.Tags) {
			continue
		}
		why := ""
		switch {
		case m.State != Up:
			why = m.State
		case m.Drained:
			why = "drained"
		default:
			why = Unfit(spec, m.Offer)
		}
		if why == "" {
			targets = append(targets, id)
			continue
		}
		missing = append(missing, &wire.Missing{Node: uint64(id), Name: m.Row.Name, Why: why, SinceNanos: m.SinceNanos})
	}
	return targets, missing
}

// addElements makes the records of the elements of a task that was just added.
func (s *State) addElements(o *Outcome, targets []core.NodeID) {
	p := o.Task
	for i, target := range targets {
		n := uint32(i + 1)
		id := ElementID(core.TaskID(p.Id), n)
		t := &wire.Task{
			Id: id[:], Spec: p.Spec, Status: Queued, Index: p.Index, Order: p.Order, SubmittedNanos: p.SubmittedNanos,
			Parent: p.Id, N: n, Target: uint64(target), Cause: p.Cause,
		}
		s.tasks.add(t)
		o.Also = append(o.Also, t)
	}
	if len(targets) == 0 {
		ended := revise(p)
		s.endParent(o, s.lookup(p.Id), ended)
		o.Task = ended
	}
}

// enough is how many elements may fail before nothing new starts; 0: any number.
func enough(spec *wire.Spec) uint32 {
	switch {
	case spec.MaxFailures > 0:
		return uint32(spec.MaxFailures)
	case spec.MaxFailures == 0 && spec.Parallel > 0:
		return 1
	}
	return 0
}

// elementEnded counts an end with the task that the element is of.
func (s *State) elementEnded(o *Outcome, t *wire.Task) {
	e := s.lookup(t.Parent)
	p := revise(e.task)
	count(p, t)
	if most := enough(p.Spec); most > 0 && p.Failed >= most {
		s.endQueued(o, e, p, fmt.Sprintf("not started: %d failed before", p.Failed))
	}
	s.endParent(o, e, p)
}

func count(p, t *wire.Task) {
	p.Done++
	if t.Status != Succeeded {
		p.Failed++
		p.Worst = max(p.Worst, exitOf(t))
	}
}

// exitOf is an end as an exit code: never 0 unless it succeeded.
func exitOf(t *wire.Task) int32 {
	switch r := t.GetResult(); {
	case t.Status == Succeeded:
		return 0
	case t.Status == TimedOut:
		return int32(core.CodeTimeout)
	case t.Status == Cancelled:
		return int32(core.CodeCancelled)
	case t.Status == Unknown || r == nil:
		return int32(core.CodeTaskLost)
	case r.Signal != 0:
		return 128 + r.Signal
	default:
		return max(1, r.Exit)
	}
}

// endQueued ends the elements that wait, without a run.
func (s *State) endQueued(o *Outcome, parent *entry, p *wire.Task, why string) {
	for _, e := range s.elements(parent) {
		if e.status() == Queued {
			t := revise(e.task)
			s.seal(o, t, Cancelled, why, nil)
			s.tasks.set(e, t)
			o.Also = append(o.Also, t)
			p.Done++
		}
	}
}

// endParent replaces the record of a task with elements, and ends it when all
// of them have ended.
func (s *State) endParent(o *Outcome, e *entry, p *wire.Task) {
	if p.Done == p.Elements {
		status, reason := Succeeded, ""
		unreached := len(p.Missing) > 0 && !p.Spec.SkipDown
		switch {
		case p.Status == Cancelling:
			status, reason = Cancelled, p.Reason
		case p.Failed > 0:
			status, reason = Failed, fmt.Sprintf("%d of %d did not succeed", p.Failed, p.Elements)
		case unreached:
			status, reason = Failed, fmt.Sprintf("%d members were not reached", len(p.Missing))
		}
		var result *wire.Result
		if status != Cancelled {
			result = &wire.Result{Exit: p.Worst}
			if status == Failed {
				result.Exit = max(1, p.Worst)
			}
		}
		s.seal(o, p, status, reason, result)
	}
	s.tasks.set(e, p)
	o.Also = append(o.Also, p)
	if IsFinal(p.Status) {
		s.afterFailure(o, p)
	}
}

// cancelElements asks for the end of all elements.
func (s *State) cancelElements(o *Outcome, e *entry, why string) {
	p := revise(e.task)
	p.Status, p.Reason = Cancelling, why
	s.endQueued(o, e, p, why)
	for _, kid := range s.elements(e) {
		if kid.status() == Assigned {
			t := revise(kid.task)
			t.Status, t.Reason = Cancelling, why
			s.tasks.set(kid, t)
			o.Also = append(o.Also, t)
		}
	}
	s.endParent(o, e, p)
	o.Task = p
}

// targetGone ends the queued elements of members that are up no more: nobody
// else may run them, and whoever waits for the others is not to wait for these.
func (s *State) targetGone(o *Outcome, id core.NodeID, why string) {
	var lost []*entry
	for e := range s.tasks.queued.each() {
		if e.task.Target == uint64(id) {
			lost = append(lost, e)
		}
	}
	for _, e := range lost {
		if e.status() == Queued { // its parent may have ended it meanwhile
			s.unreached(o, e, revise(e.task), why)
		}
	}
}

// unreached ends an element whose member is up no more.
func (s *State) unreached(o *Outcome, e *entry, t *wire.Task, why string) {
	r := &wire.Result{Exit: int32(core.CodeNo), Error: s.nameOf(core.NodeID(t.Target)) + " is " + why}
	s.seal(o, t, Failed, "not reached: "+r.Error, r)
	s.tasks.set(e, t)
	o.Also = append(o.Also, t)
	s.elementEnded(o, t)
}
