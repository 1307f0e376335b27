package ledger

import (
	"bytes"
	"fmt"
	"slices"

	"hb/core"
	"hb/core/wire"
)

// loadTasks takes in the records of a snapshot, in their order. Everything that
// the indexes rely on is checked before.
func (s *State) loadTasks(tasks [][]byte) error {
	var order place
	var parent *entry // the last task with elements that has ended
	for _, raw := range tasks {
		t := &wire.Task{}
		if err := wire.Unmarshal(unframed(raw), t); err != nil {
			return err
		}
		if submitPlace(t).compare(order) <= 0 {
			return fmt.Errorf("task %x is out of order", t.Id)
		}
		order = submitPlace(t)
		if t.N > 0 && parent != nil && string(t.Parent) == string(parent.past.id[:]) {
			if err := s.loadElement(parent, t, raw); err != nil {
				return err
			}
			continue
		}
		e, err := s.loadTask(t)
		if err != nil {
			return err
		}
		if e.past != nil && isParent(t) {
			parent = e
		}
	}
	return s.finishLoading()
}

// loadTask takes in a record that is no element of one that has ended.
func (s *State) loadTask(t *wire.Task) (*entry, error) {
	if parent := s.lookup(t.Parent); t.N > 0 && parent != nil && parent.task != nil && isParent(parent.task) && parent.task.Order == t.Order {
		t.Spec = parent.task.Spec
	} else if t.N > 0 {
		return nil, fmt.Errorf("task %x is an element of nothing", t.Id)
	}
	if err := s.checkRecord(t); err != nil {
		return nil, err
	}
	id := core.TaskID(t.Id)
	_, taken := s.tasks.keys[t.Spec.Key]
	open := OpenAttempt(t)
	switch {
	case s.tasks.find(id) != nil:
		return nil, fmt.Errorf("task %v is there twice", id)
	case t.N > 0 && id != ElementID(core.TaskID(t.Parent), t.N):
		return nil, fmt.Errorf("task %v is not element %d of its parent", id, t.N)
	case taken && t.Spec.Key != "" && t.N == 0:
		return nil, fmt.Errorf("task %v: its key is another's", id)
	case open != nil && t.Spec.Exclusive != "" && s.tasks.holders[t.Spec.Exclusive] != nil:
		return nil, fmt.Errorf("task %v holds %q with another", id, t.Spec.Exclusive)
	case open != nil && s.tasks.granted[core.Fence(open.Fence)] != nil:
		return nil, fmt.Errorf("task %v has the open grant of another", id)
	}
	if t.N == 0 {
		t.Spec = s.specs.of(t.Spec)
	}
	e := newEntry(t)
	s.tasks.note(e)
	if e.past == nil || t.N > 0 {
		s.tasks.place(e)
		return e, nil
	}
	// Those that ended are in the order of their ends only when all are there.
	s.tasks.ended.buf = append(s.tasks.ended.buf, e)
	s.tasks.countPast(e)
	return e, nil
}

// loadElement adds a record to the block of its parent.
func (s *State) loadElement(parent *entry, t *wire.Task, raw []byte) error {
	p := parent.past
	t.Spec = p.spec
	if err := s.checkRecord(t); err != nil {
		return err
	}
	at := p.submitted
	at.n = p.loaded + 1
	if !IsFinal(t.Status) || submitPlace(t) != at || core.TaskID(t.Id) != ElementID(p.id, t.N) || t.N > p.elements {
		return fmt.Errorf("task %x is not element %d of %v, which has ended", t.Id, p.loaded+1, p.id)
	}
	p.loaded++
	p.append(at.n, raw)
	size := sizeOf(t)
	p.blockSize += size
	s.tasks.endedBytes += size
	return nil
}

// finishLoading puts in order what came in another one, and checks what can be
// checked only now.
func (s *State) finishLoading() error {
	x := &s.tasks
	slices.SortFunc(x.ended.buf, func(a, b *entry) int { return a.endedAt().compare(b.endedAt()) })
	for i, e := range x.ended.buf {
		if i > 0 && e.endedAt() == x.ended.buf[i-1].endedAt() {
			return fmt.Errorf("task %v ended with another's final record", e.id())
		}
		if e.past.loaded != e.past.elements {
			return fmt.Errorf("task %v has ended, and only %d of its %d elements are there", e.id(), e.past.loaded, e.past.elements)
		}
		e.past.block = bytes.Clone(e.past.block) // without the room to grow
		x.noteFolded(e)
	}
	for e := range x.all.each() {
		if e.task != nil && isParent(e.task) {
			if err := s.checkElements(e); err != nil {
				return err
			}
		}
	}
	return nil
}
