package member

import (
	"cmp"
	"fmt"
	"slices"

	"hb/core"
)

// Base is a table's beginning that many tables in one process share: rows that
// are all living, and that never change. A table on a base keeps only what
// differs from it, so that a laboratory has room for a hundred thousand of
// them. A node's own table has no base.
type Base struct {
	rows   []stored      // sorted by ID
	ids    []core.NodeID // theirs
	ring   []core.NodeID // the same by Place
	index  index
	living int
	hash   uint64
}

// NewBase makes a base of rows, which must be alive and of different members.
func NewBase(rows []Row) *Base {
	b := &Base{rows: make([]stored, 0, len(rows)), living: len(rows)}
	for _, r := range rows {
		if r.ID == 0 || r.Status != core.Alive {
			panic(fmt.Sprintf("member: a base with %s, which is %s", r.ID, r.Status))
		}
		b.rows = append(b.rows, store(r, nil))
	}
	slices.SortFunc(b.rows, func(x, y stored) int { return cmp.Compare(x.id, y.id) })
	for i := range b.rows {
		if i > 0 && b.rows[i-1].id == b.rows[i].id {
			panic(fmt.Sprintf("member: a base with %s twice", b.rows[i].id))
		}
		b.index.add(b.rows, i)
		b.ids = append(b.ids, b.rows[i].id)
		b.hash ^= b.rows[i].fingerprint()
	}
	b.ring = ringOf(b.ids)
	return b
}

func (b *Base) find(id core.NodeID) *stored {
	if b == nil {
		return nil
	}
	if at := b.index.find(b.rows, id); at >= 0 {
		return &b.rows[at]
	}
	return nil
}

func (b *Base) len() int {
	if b == nil {
		return 0
	}
	return len(b.rows)
}

// NewOn makes the table of a node that knows a base from the start. With own it
// keeps a copy of each row, like the tables of processes apart; only the labels
// are shared.
func NewOn(b *Base, self Row, own bool) *Table {
	t := &Table{self: self.ID, base: b, begun: b, living: b.living, hash: b.hash}
	if own {
		t.base = nil
		t.rows = slices.Clone(b.rows)
		t.index = index{slots: slices.Clone(b.index.slots), used: b.index.used}
		t.order = make([]uint32, len(b.rows))
		for i := range t.order {
			t.order[i] = uint32(i)
		}
	}
	self.Status = core.Alive
	t.put(self)
	t.begun = b
	return t
}

// Common gives the IDs of the base, sorted, as long as nothing but this node's
// own row differs from it: whoever makes something of all members need not walk
// each table then. They are shared and must not be written to. Not ok otherwise.
func (t *Table) Common() (ids []core.NodeID, ok bool) {
	if t.begun == nil {
		return nil, false
	}
	return t.begun.ids, true
}
