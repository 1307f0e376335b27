package member

import (
	"testing"

	"hb/core"
)

func TestDigestsDifferWhereTheTablesDo(t *testing.T) {
	const parts = 16
	a, b := New(Row{ID: 1, Name: "a"}), New(Row{ID: 2, Name: "b"})
	for id := core.NodeID(1); id <= 100; id++ {
		for _, table := range []*Table{a, b} {
			table.Merge(1, Evidence{Row: Row{ID: id, Status: core.Alive}})
		}
	}
	differ := func() (found []int) {
		ours, theirs := a.Digest(parts), b.Digest(parts)
		var all uint64
		for i := range ours {
			all ^= ours[i]
			if ours[i] != theirs[i] {
				found = append(found, i)
			}
		}
		if all != a.Hash() {
			t.Errorf("the parts make %x, the whole is %x", all, a.Hash())
		}
		return found
	}
	if parts := differ(); len(parts) != 0 {
		t.Fatalf("the same rows differ in %v", parts)
	}
	for _, e := range []Evidence{
		{Row: Row{ID: 101, Status: core.Alive}},
		{Row: Row{ID: 7, Status: core.Dead}},
		{Row: Row{ID: 9, Status: core.Alive, Incarnation: 1}},
	} {
		a.Merge(2, e)
		if found := differ(); len(found) != 1 || found[0] != Part(e.ID, parts) {
			t.Errorf("after %+v they differ in %v, not in %d", e.Row, found, Part(e.ID, parts))
		}
		b.Merge(2, e)
	}
}
