package member

import "math/rand/v2"

// Pick chooses up to k different rows at random, each row that want accepts
// with the same chance. It is cheap while most rows are accepted.
func (t *Table) Pick(r *rand.Rand, k int, want func(Row) bool) []Row {
	if k <= 0 || len(t.ids) == 0 {
		return nil
	}
	picked := make([]Row, 0, k)
	if len(t.ids) >= 8*k {
		for range 8 * k {
			row := *t.rows[t.ids[r.IntN(len(t.ids))]]
			if want(row) && !contains(picked, row) {
				if picked = append(picked, row); len(picked) == k {
					return picked
				}
			}
		}
		picked = picked[:0]
	}
	return t.reservoir(r, k, want, picked)
}

// reservoir walks all rows and keeps k of the accepted ones, each with the
// same chance (Vitter's algorithm R).
func (t *Table) reservoir(r *rand.Rand, k int, want func(Row) bool, picked []Row) []Row {
	seen := 0
	for _, id := range t.ids {
		row := *t.rows[id]
		if !want(row) {
			continue
		}
		seen++
		if len(picked) < k {
			picked = append(picked, row)
		} else if at := r.IntN(seen); at < k {
			picked[at] = row
		}
	}
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
