package ledger

import (
	"fmt"

	"hb/core"
	"hb/core/wire"
)

// Check says whether what must always hold of a ledger does, and if not, what
// does not: every task has at most one open grant and exactly one final record
// if it ended (I3, I5), the tokens of its attempts rise and come from the log so
// far, and the indexes agree with the records. It is linear in the ledger: for
// tests, the simulator, and what comes from outside.
func Check(s *State) error {
	for _, m := range s.Members() {
		if err := checkMember(m); err != nil {
			return err
		}
		if m.State == Up && s.names[m.Row.Name] != core.NodeID(m.Row.Id) {
			return fmt.Errorf("member %v is up, but its name is %v's", core.NodeID(m.Row.Id), s.names[m.Row.Name])
		}
	}
	if err := s.checkAdmission(); err != nil {
		return err
	}
	if err := s.checkKeys(); err != nil {
		return err
	}
	for i, sc := range s.schedules {
		if err := checkSchedule(sc); err != nil {
			return err
		}
		if i > 0 && s.schedules[i-1].Name >= sc.Name {
			return fmt.Errorf("schedule %q is out of order", sc.Name)
		}
	}
	if err := s.checkLocks(); err != nil {
		return err
	}
	x := &s.tasks
	var c counts
	for e := range x.all.each() {
		if err := s.checkEntry(e, &c); err != nil {
			return err
		}
	}
	indexed := counts{
		all: len(x.byID), queued: x.queued.len(), granted: len(x.granted), ended: x.ended.len(), finals: x.finals,
		openBytes: x.openBytes, endedBytes: x.endedBytes,
	}
	for _, parents := range x.folded {
		indexed.folded += len(parents)
	}
	if c != indexed {
		return fmt.Errorf("the records give the counts %+v, the index %+v", c, indexed)
	}
	return nil
}

// counts is what the index keeps count of.
type counts struct{ all, queued, granted, ended, finals, folded, openBytes, endedBytes int }

// checkRecord checks a record by itself, and against how far the log goes.
func (s *State) checkRecord(t *wire.Task) error {
	if err := checkTask(t); err != nil {
		return err
	}
	if last := lastFence(t); last.Index() > s.applied {
		return fmt.Errorf("task %v speaks of index %d, applied is %d", core.TaskID(t.Id), last.Index(), s.applied)
	}
	return nil
}

// checkEntry checks a record against the indexes, and counts it.
func (s *State) checkEntry(e *entry, c *counts) error {
	x, t := &s.tasks, e.record()
	c.all++
	if err := s.checkRecord(t); err != nil {
		return err
	}
	if e.size != sizeOf(t) || e.id() != core.TaskID(t.Id) || x.byID[e.id()] != e || t.Spec.Key != "" && t.N == 0 && x.keys[t.Spec.Key] != e {
		return fmt.Errorf("task %v is not what the index says", core.TaskID(t.Id))
	}
	if IsFinal(t.Status) {
		return s.checkPast(e, t, c)
	}
	c.openBytes += e.size
	switch open := OpenAttempt(t); {
	case open != nil:
		c.granted++
		if key := t.Spec.Exclusive; key != "" && x.holders[key] != e {
			return fmt.Errorf("task %v has an open grant, and another holds %q", core.TaskID(t.Id), key)
		}
		if x.granted[core.Fence(open.Fence)] != e || x.on[core.NodeID(open.Node)][core.Fence(open.Fence)] != e {
			return fmt.Errorf("task %v: its open grant %d is not in the index", core.TaskID(t.Id), open.Fence)
		}
	case isParent(t):
		return s.checkElements(e)
	default:
		c.queued++
	}
	return nil
}

// checkPast checks a record that has ended, and those in its block.
func (s *State) checkPast(e *entry, t *wire.Task, c *counts) error {
	p := e.past
	if p == nil || p.status != t.Status || p.ended != t.EndedNanos || p.submitted != submitPlace(t) || p.final != t.Final || p.elements != t.Elements {
		return fmt.Errorf("task %v has ended otherwise than the index says", core.TaskID(t.Id))
	}
	c.finals++
	c.endedBytes += e.size
	if t.N > 0 {
		return nil
	}
	c.ended++
	if p.elements > 0 {
		c.folded++
	}
	size, count := 0, uint32(0)
	for n, packed := range p.each {
		kid := unpack(packed, p.spec)
		if err := s.checkRecord(kid); err != nil {
			return err
		}
		if kid.N != n || core.TaskID(kid.Id) != ElementID(p.id, n) || !IsFinal(kid.Status) || s.tasks.find(core.TaskID(kid.Id)) == nil {
			return fmt.Errorf("task %v: what stands in the place of element %d is %v", p.id, n, kid)
		}
		size += sizeOf(kid)
		count = n
	}
	c.endedBytes += size
	if size != p.blockSize || count != p.elements {
		return fmt.Errorf("task %v has %d elements of %d bytes, the index says %d of %d", p.id, count, size, p.elements, p.blockSize)
	}
	return nil
}

// checkElements checks a parent against its elements.
func (s *State) checkElements(e *entry) error {
	var done, out int
	for i, kid := range s.elements(e) {
		if kid == nil || kid.submitted().n != uint32(i+1) || kid.spec() != e.task.Spec {
			return fmt.Errorf("task %v has no element %d of its own", core.TaskID(e.task.Id), i+1)
		}
		if kid.past != nil {
			done++
		} else if OpenAttempt(kid.task) != nil {
			out++
		}
	}
	if done != int(e.task.Done) || out != e.out || done == int(e.task.Elements) {
		return fmt.Errorf("task %v: %d of its %d elements have ended and %d are out, it says %d and %d",
			core.TaskID(e.task.Id), done, e.task.Elements, out, e.task.Done, e.out)
	}
	return nil
}

func checkMember(m *wire.Agreed) error {
	if m.GetRow().GetId() == 0 || m.Row.Name == "" {
		return fmt.Errorf("a member without an ID or a name: %v", m)
	}
	if m.State != Up && m.State != Down && m.State != Left {
		return fmt.Errorf("member %v is %q", core.NodeID(m.Row.Id), m.State)
	}
	if Vote(m.Vote) > VoteNever || m.State == Left && m.Vote != 0 {
		return fmt.Errorf("member %v is %q with the wish %d about its vote", core.NodeID(m.Row.Id), m.State, m.Vote)
	}
	return nil
}

// checkTask checks a record by itself.
func checkTask(t *wire.Task) error {
	if len(t.GetId()) != len(core.TaskID{}) || t.Spec == nil || t.Order == 0 {
		return fmt.Errorf("a task without an ID, a spec or a place: %v", t)
	}
	id := core.TaskID(t.Id)
	switch t.Status {
	case Queued, Running, Assigned, Cancelling, Succeeded, Failed, TimedOut, Cancelled, Unknown:
	default:
		return fmt.Errorf("task %v is %q", id, t.Status)
	}
	if IsFinal(t.Status) != (t.Final != 0) {
		return fmt.Errorf("task %v is %s with final record %d", id, t.Status, t.Final)
	}
	if t.Elements > MaxOpen || t.Elements > 0 && !isParent(t) {
		return fmt.Errorf("task %v has %d elements", id, t.Elements)
	}
	if isParent(t) && t.N == 0 {
		if len(t.Attempts) > 0 || t.Status == Queued || t.Status == Assigned || t.Done > t.Elements {
			return fmt.Errorf("task %v has elements and is %s, with %d attempts, %d of %d done", id, t.Status, len(t.Attempts), t.Done, t.Elements)
		}
		return nil
	}
	if t.Status == Running || t.N > 0 != (len(t.Parent) == len(core.TaskID{})) {
		return fmt.Errorf("task %v is %s, element %d of %x", id, t.Status, t.N, t.Parent)
	}
	out := t.Status == Assigned || t.Status == Cancelling
	if out && len(t.Attempts) == 0 {
		return fmt.Errorf("task %v is %s without an attempt", id, t.Status)
	}
	for i, a := range t.Attempts {
		open := a.Outcome == ""
		if last := i == len(t.Attempts)-1; open != (last && out) {
			return fmt.Errorf("task %v is %s, and its attempt %d has the outcome %q", id, t.Status, a.N, a.Outcome)
		}
		if i > 0 && (a.Fence <= t.Attempts[i-1].Fence || a.N != t.Attempts[i-1].N+1) || a.Fence <= t.Order {
			return fmt.Errorf("task %v: attempt %d with token %d comes after a later one", id, a.N, a.Fence)
		}
	}
	if n := len(t.Attempts); t.Final != 0 && n > 0 && t.Final <= t.Attempts[n-1].Fence {
		return fmt.Errorf("task %v ended before its last attempt", id)
	}
	return nil
}

// lastFence is the latest position of the log that a record speaks of.
func lastFence(t *wire.Task) core.Fence {
	last := max(t.Order, t.Final)
	for _, a := range t.Attempts {
		last = max(last, a.Fence)
	}
	return core.Fence(last)
}
