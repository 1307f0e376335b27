package member

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"hb/core"
)

// Pick chooses up to k different rows at random, each row that want accepts
// with the same chance. It is cheap while most rows are accepted.
func (t *Table) Pick(r *rand.Rand, k int, want func(Row) bool) []Row {
	if k <= 0 {
		return nil
	}
	return t.AppendPick(make([]Row, 0, k), r, k, want)
}

// AppendPick is Pick that appends to rows, and chooses none that are in them.
func (t *Table) AppendPick(rows []Row, r *rand.Rand, k int, want func(Row) bool) []Row {
	given := rows
	if t.Len() >= 8*k {
		for tries := 8 * k; tries > 0 && len(rows) < len(given)+k; tries-- {
			if s := t.at(r.IntN(t.Len())); !contains(rows, s.id) {
				if row := s.row(); want(row) {
					rows = append(rows, row)
				}
			}
		}
		if len(rows) == len(given)+k {
			return rows
		}
	}
	return append(given, reservoir(r, k, func(row Row) bool { return !contains(given, row.ID) && want(row) }, nil, t.each)...)
}

// PickGone is Pick among the dead and those that left, and cheap while there
// are none.
func (t *Table) PickGone(r *rand.Rand, k int, want func(Row) bool) []Row {
	if k <= 0 || t.living == t.Len() {
		return nil
	}
	var gone []*stored
	for i := range t.rows { // the base has only living rows
		if s := &t.rows[i]; !s.living() {
			gone = append(gone, s)
		}
	}
	// A table on a base has its rows in another order than one without.
	slices.SortFunc(gone, func(a, b *stored) int { return cmp.Compare(a.id, b.id) })
	return reservoir(r, k, want, nil, func(f func(*stored) bool) {
		for _, s := range gone {
			f(s)
		}
	})
}

// reservoir walks rows and keeps k of the accepted ones, each with the same
// chance (Vitter's algorithm R).
func reservoir(r *rand.Rand, k int, want func(Row) bool, picked []Row, walk func(func(*stored) bool)) []Row {
	seen := 0
	walk(func(s *stored) bool {
		row := s.row()
		if !want(row) {
			return true
		}
		seen++
		if len(picked) < k {
			picked = append(picked, row)
		} else if at := r.IntN(seen); at < k {
			picked[at] = row
		}
		return true
	})
	return picked
}

func contains(rows []Row, id core.NodeID) bool {
	for i := range rows {
		if rows[i].ID == id {
			return true
		}
	}
	return false
}
