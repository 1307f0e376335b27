package member

import "math/rand/v2"

// Pick chooses up to k different rows at random, each row that want accepts
// with the same chance. It is cheap while most rows are accepted.
func (t *Table) Pick(r *rand.Rand, k int, want func(Row) bool) []Row {
	if k <= 0 {
		return nil
	}
	picked := make([]Row, 0, k)
	if t.Len() >= 8*k {
		for range 8 * k {
			row := t.at(r.IntN(t.Len())).row()
			if want(row) && !contains(picked, row) {
				if picked = append(picked, row); len(picked) == k {
					return picked
				}
			}
		}
		picked = picked[:0]
	}
	return reservoir(r, k, want, picked, t.each)
}

// PickGone is Pick among the dead and those that left, and cheap while there
// are none.
func (t *Table) PickGone(r *rand.Rand, k int, want func(Row) bool) []Row {
	if k <= 0 || t.living == t.Len() {
		return nil
	}
	return reservoir(r, k, want, nil, func(f func(*stored) bool) {
		for i := range t.rows { // the base has only living rows
			if s := &t.rows[i]; !s.living() {
				f(s)
			}
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

func contains(rows []Row, row Row) bool {
	for _, r := range rows {
		if r.ID == row.ID {
			return true
		}
	}
	return false
}
