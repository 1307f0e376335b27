package member

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"hb/core"
)

// Table holds the rows. The node's own row is in it from the start.
type Table struct {
	self core.NodeID
	// base is nil but in laboratories. A row that is also in rows is
	// overridden.
	base *Base
	// rows are this table's own, in the order in which they came; index finds
	// them all, order has those that are not in the base, sorted by ID.
	rows  []stored
	index index
	order []uint32

	// begun is the base that it began with, until anything else differs from it.
	begun *Base

	living int    // rows that are alive or suspect, self included
	hash   uint64 // xor of the fingerprints of the living rows
}

// New makes the table of a node that knows only itself, alive.
func New(self Row) *Table {
	if self.ID == 0 {
		panic("member: a table for nobody")
	}
	self.Status = core.Alive
	t := &Table{self: self.ID}
	t.put(self)
	return t
}

// Begin dates this node's own row, if it is not dated yet: a node is alive
// since it began, and not since its machine's clock did.
func (t *Table) Begin(now core.Instant) {
	self := t.Self()
	self.since(now)
	t.put(self)
}

// find gives a row, or nil.
func (t *Table) find(id core.NodeID) *stored {
	if at := t.index.find(t.rows, id); at >= 0 {
		return &t.rows[at]
	}
	return t.base.find(id)
}

// at gives the row at one of Len places.
func (t *Table) at(place int) *stored {
	if n := t.base.len(); place >= n {
		return &t.rows[t.order[place-n]]
	}
	r := &t.base.rows[place]
	if len(t.rows) > 0 {
		if at := t.index.find(t.rows, r.id); at >= 0 {
			return &t.rows[at]
		}
	}
	return r
}

// Self is this node's own row.
func (t *Table) Self() Row { return t.find(t.self).row() }

// Get finds a row.
func (t *Table) Get(id core.NodeID) (Row, bool) {
	r := t.find(id)
	if r == nil {
		return Row{}, false
	}
	return r.row(), true
}

// Len is the number of rows, tombstones and this node included.
func (t *Table) Len() int { return t.base.len() + len(t.order) }

// Living is the number of members alive or suspect, this node included as long
// as it has not left.
func (t *Table) Living() int { return t.living }

// Each calls f for each row in order of ID until f returns false. The table
// must not be changed meanwhile.
func (t *Table) Each(f func(Row) bool) { t.each(func(s *stored) bool { return f(s.row()) }) }

func (t *Table) each(f func(*stored) bool) {
	n, own := t.base.len(), 0
	for place := range n {
		r := t.at(place)
		for ; own < len(t.order) && t.rows[t.order[own]].id < r.id; own++ {
			if !f(&t.rows[t.order[own]]) {
				return
			}
		}
		if !f(r) {
			return
		}
	}
	for ; own < len(t.order); own++ {
		if !f(&t.rows[t.order[own]]) {
			return
		}
	}
}

// Rows is a copy of all rows, sorted by ID.
func (t *Table) Rows() []Row {
	rows := make([]Row, 0, t.Len())
	t.Each(func(r Row) bool {
		rows = append(rows, r)
		return true
	})
	return rows
}

// Hash sums up who lives, in which instance and incarnation. Two tables with
// the same living rows have the same hash; it is never zero.
func (t *Table) Hash() uint64 {
	if t.hash == 0 {
		return 1
	}
	return t.hash
}

// Merge applies evidence, and says what it changed, if anything. Bare evidence
// about a stranger is ignored: there is nowhere to put it. Evidence about this
// node itself is merged like any other; whoever holds the table answers
// accusations before it comes to that.
func (t *Table) Merge(now core.Instant, e Evidence) (Change, bool) {
	e.check()
	old := t.find(e.ID)
	if old == nil {
		if e.Bare {
			return Change{}, false
		}
		after := e.Row
		after.since(now)
		t.put(after)
		return Change{After: after}, true
	}
	before, after := old.row(), e.Row
	if !e.Outranks(before) {
		return Change{}, false
	}
	if e.Bare || sameLife(before, after) {
		after.labelsOf(before)
	}
	after.since(now)
	if before.Status == after.Status && before.Instance == after.Instance {
		after.Since = before.Since
	}
	t.put(after)
	return Change{Before: before, After: after}, true
}

// Forget drops the rows that have been dead or left for longer than keep.
func (t *Table) Forget(now core.Instant, keep time.Duration) {
	if t.living == t.Len() {
		return
	}
	old := func(r *stored) bool {
		return r.id != t.self && !r.living() && now.Sub(r.since) > keep && t.base.find(r.id) == nil
	}
	if !slices.ContainsFunc(t.rows, func(r stored) bool { return old(&r) }) {
		return
	}
	rows := t.rows
	t.rows, t.index, t.order = nil, index{}, t.order[:0]
	for i := range rows {
		if !old(&rows[i]) {
			t.add(rows[i])
		}
	}
}

// Clear drops all rows but this node's own.
func (t *Table) Clear() {
	self := t.Self()
	*t = Table{self: t.self}
	t.put(self)
}

// put writes a row and keeps count and hash true.
func (t *Table) put(r Row) {
	if r.ID != t.self {
		t.begun = nil
	}
	before := t.find(r.ID)
	if before != nil && before.living() {
		t.living--
		t.hash ^= before.fingerprint()
	}
	s := store(r, before)
	if s.living() {
		t.living++
		t.hash ^= s.fingerprint()
	}
	if at := t.index.find(t.rows, r.ID); at >= 0 {
		t.rows[at] = s
	} else {
		t.add(s)
	}
}

// add appends a row of its own that the table does not have yet.
func (t *Table) add(s stored) {
	t.rows = append(t.rows, s)
	position := len(t.rows) - 1
	t.index.add(t.rows, position)
	if t.base.find(s.id) == nil {
		at, _ := slices.BinarySearchFunc(t.order, s.id, func(p uint32, id core.NodeID) int { return cmp.Compare(t.rows[p].id, id) })
		t.order = slices.Insert(t.order, at, uint32(position))
	}
}

// sameLife says that both rows speak of one incarnation, whose labels cannot
// differ.
func sameLife(a, b Row) bool {
	return a.Instance == b.Instance && a.Incarnation == b.Incarnation
}

func (r *Row) labelsOf(s Row) {
	r.Name, r.Addr, r.Version, r.Tags, r.Raft, r.Features = s.Name, s.Addr, s.Version, s.Tags, s.Raft, s.Features
}

// since dates the row. What it says of its own age holds, within reason.
func (r *Row) since(now core.Instant) {
	if r.Since == 0 || r.Since > now {
		r.Since = now
	}
}

// check panics on evidence that no decoder lets through.
func (e Evidence) check() {
	if e.ID == 0 || e.Status < core.Alive || e.Status > core.Left {
		panic(fmt.Sprintf("member: evidence about %s with status %s", e.ID, e.Status))
	}
}
