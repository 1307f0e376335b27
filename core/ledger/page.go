package ledger

import (
	"slices"

	"hb/core"
	"hb/core/wire"
)

// Cursor is a task's place in the order of submits; the zero value is before all.
type Cursor struct{ Order, Cause uint64 }

// Query says which tasks a list is to have; the zero value is all of them.
// Elements are in no list: they are with their task.
type Query struct {
	// After is where the list begins, Limit how many it has at most; 0: all there
	// are. Newest takes those that were submitted last, instead of the first.
	After  Cursor
	Limit  int
	Newest bool
	// Status, Name, Node (of the last attempt) and Since (Unix nanoseconds) are
	// what tasks must have; empty and zero for anything.
	Status []string
	Name   string
	Node   core.NodeID
	Since  int64
}

// Page lists the tasks of a query, oldest first. If there are more behind them,
// next is where to go on.
func (s *State) Page(q Query) (page []*wire.Task, next Cursor, more bool) {
	all := s.tasks.all.entries()
	at, found := s.tasks.all.find(place{at: q.After.Order, cause: q.After.Cause})
	if found {
		at++
	}
	all = all[at:]
	if q.Newest {
		for i := len(all) - 1; i >= 0 && (q.Limit == 0 || len(page) < q.Limit); i-- {
			if t := q.fitting(all[i]); t != nil {
				page = append(page, t)
			}
		}
		slices.Reverse(page)
		return page, Cursor{}, false
	}
	for _, e := range all {
		t := q.fitting(e)
		if t == nil {
			continue
		}
		if q.Limit > 0 && len(page) == q.Limit {
			last := page[len(page)-1]
			return page, Cursor{last.Order, last.Cause}, true
		}
		page = append(page, t)
	}
	return page, Cursor{}, false
}

// fitting gives a record that the query is about, else nil; it unpacks few others.
func (q *Query) fitting(e *entry) *wire.Task {
	if e.isElement() || len(q.Status) > 0 && !slices.Contains(q.Status, e.status()) || q.Name != "" && e.spec().Name != q.Name {
		return nil
	}
	t := e.record()
	if t.SubmittedNanos < q.Since {
		return nil
	}
	if n := len(t.Attempts); q.Node != 0 && (n == 0 || core.NodeID(t.Attempts[n-1].Node) != q.Node) {
		return nil
	}
	return t
}
