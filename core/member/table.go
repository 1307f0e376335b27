package member

import (
	"fmt"
	"slices"
	"time"

	"hb/core"
)

// Table holds the rows. The node's own row is in it from the start.
type Table struct {
	self   core.NodeID
	rows   map[core.NodeID]*Row
	ids    []core.NodeID // sorted; exactly the keys of rows
	living int           // rows that are alive or suspect, self included
	hash   uint64        // xor of the fingerprints of the living rows
}

// New makes the table of a node that knows only itself, alive.
func New(self Row) *Table {
	if self.ID == 0 {
		panic("member: a table for nobody")
	}
	self.Status = core.Alive
	t := &Table{self: self.ID, rows: map[core.NodeID]*Row{}}
	t.put(self)
	return t
}

// Self is this node's own row.
func (t *Table) Self() Row { return *t.rows[t.self] }

// Get finds a row.
func (t *Table) Get(id core.NodeID) (Row, bool) {
	r, ok := t.rows[id]
	if !ok {
		return Row{}, false
	}
	return *r, true
}

// Len is the number of rows, tombstones and this node included.
func (t *Table) Len() int { return len(t.ids) }

// Living is the number of members alive or suspect, this node included as long
// as it has not left.
func (t *Table) Living() int { return t.living }

// Each calls f for each row in order of ID until f returns false. The table
// must not be changed meanwhile.
func (t *Table) Each(f func(Row) bool) {
	for _, id := range t.ids {
		if !f(*t.rows[id]) {
			return
		}
	}
}

// Rows is a copy of all rows, sorted by ID.
func (t *Table) Rows() []Row {
	rows := make([]Row, 0, len(t.ids))
	for _, id := range t.ids {
		rows = append(rows, *t.rows[id])
	}
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
	old, known := t.rows[e.ID]
	if !known {
		if e.Bare {
			return Change{}, false
		}
		after := e.Row
		after.since(now)
		t.put(after)
		return Change{After: after}, true
	}
	if !e.Outranks(*old) {
		return Change{}, false
	}
	before, after := *old, e.Row
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
	t.ids = slices.DeleteFunc(t.ids, func(id core.NodeID) bool {
		r := t.rows[id]
		old := id != t.self && !r.Living() && now.Sub(r.Since) > keep
		if old {
			delete(t.rows, id)
		}
		return old
	})
}

// Clear drops all rows but this node's own.
func (t *Table) Clear() {
	self := t.Self()
	*t = Table{self: t.self, rows: map[core.NodeID]*Row{}}
	t.put(self)
}

// put writes a row and keeps count and hash true.
func (t *Table) put(r Row) {
	old, ok := t.rows[r.ID]
	if !ok {
		at, _ := slices.BinarySearch(t.ids, r.ID)
		t.ids = slices.Insert(t.ids, at, r.ID)
		old = &Row{}
		t.rows[r.ID] = old
	}
	if old.Living() {
		t.living--
		t.hash ^= old.fingerprint()
	}
	*old = r
	if r.Living() {
		t.living++
		t.hash ^= r.fingerprint()
	}
}

// sameLife says that both rows speak of one incarnation, whose labels cannot
// differ.
func sameLife(a, b Row) bool {
	return a.Instance == b.Instance && a.Incarnation == b.Incarnation
}

func (r *Row) labelsOf(s Row) {
	r.Name, r.Addr, r.Version, r.Tags, r.Raft = s.Name, s.Addr, s.Version, s.Tags, s.Raft
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

// fingerprint is the row's share of the table's hash.
func (r Row) fingerprint() uint64 {
	return mix(uint64(r.ID) ^ mix(uint64(r.Instance)<<32|uint64(r.Incarnation)))
}

// mix spreads every bit of x over the result (the finaliser of splitmix64,
// Steele et al. 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
