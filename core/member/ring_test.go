package member

import (
	"testing"

	"pgregory.net/rapid"

	"hb/core"
)

func TestTheRingIsTheSameWalkedAndFromTheBase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 1000), 1, 20, func(id uint64) uint64 { return id }).Draw(t, "ids")
		var rows []Row
		for _, id := range ids {
			rows = append(rows, Row{ID: core.NodeID(id), Instance: 1, Status: core.Alive})
		}
		base := NewBase(rows)
		for _, r := range rows {
			shared, own := NewOn(base, r, false), New(r)
			for _, other := range rows {
				own.Merge(1, Evidence{Row: other})
			}
			before, after := shared.Beside()
			if b, a := own.Beside(); b != before || a != after {
				t.Fatalf("%d stands between %d and %d by the base, and %d and %d walked", r.ID, before, after, b, a)
			}
			if (before == 0) != (len(rows) == 1) || before == r.ID || after == r.ID {
				t.Fatalf("%d of %d stands between %d and %d", r.ID, len(rows), before, after)
			}
			if after != 0 {
				if back, _ := NewOn(base, Row{ID: after, Instance: 1}, false).Beside(); back != r.ID {
					t.Fatalf("after %d comes %d, before which is %d", r.ID, after, back)
				}
			}
		}
	})
}

func TestTheRingLeavesOutWhoIsDoubted(t *testing.T) {
	table := New(Row{ID: 1, Instance: 1})
	for id := core.NodeID(2); id <= 4; id++ {
		table.Merge(1, Evidence{Row: Row{ID: id, Instance: 1, Status: core.Alive}})
	}
	_, after := table.Beside()
	table.Merge(2, Evidence{Bare: true, Row: Row{ID: after, Instance: 1, Status: core.Suspect, Accuser: 1}})
	if _, now := table.Beside(); now == after || now == 0 {
		t.Errorf("after this node comes %d, which is suspected", now)
	}
}

func TestBehindAreTheNearestInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 1000), 1, 20, func(id uint64) uint64 { return id }).Draw(t, "ids")
		tables := map[core.NodeID]*Table{}
		for _, id := range ids {
			table := New(Row{ID: core.NodeID(id), Instance: 1})
			for _, other := range ids {
				table.Merge(1, Evidence{Row: Row{ID: core.NodeID(other), Instance: 1, Status: core.Alive}})
			}
			tables[core.NodeID(id)] = table
		}
		for id, table := range tables {
			behind := table.Behind(3)
			if len(behind) != min(3, len(ids)-1) {
				t.Fatalf("%d of %d", len(behind), len(ids))
			}
			at := id
			for _, b := range behind { // a step back at a time
				if before, _ := tables[at].Beside(); before != b {
					t.Fatalf("behind %d comes %d, not %d", at, b, before)
				}
				at = b
			}
		}
	})
}
