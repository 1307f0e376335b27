package member

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"hb/core"
)

func TestATableOnABaseIsATableThatHasMergedIt(t *testing.T) {
	var rows []Row
	for id := core.NodeID(2); id <= 5; id++ {
		r := row(id)
		r.Since = 1
		rows = append(rows, r)
	}
	base := NewBase(rows)
	rapid.Check(t, func(t *rapid.T) {
		tables := []*Table{New(row(3)), NewOn(base, row(3), false), NewOn(base, row(3), true)}
		for _, r := range rows {
			if r.ID != 3 {
				tables[0].Merge(1, Evidence{Row: r})
			}
		}
		now := core.Instant(1)
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			now = now.Add(time.Minute)
			e := claim(core.NodeID(rapid.Uint64Range(1, 8).Draw(t, "id")), 1,
				core.Incarnation(rapid.Uint32Range(0, 2).Draw(t, "incarnation")), core.Status(rapid.IntRange(1, 4).Draw(t, "status")))
			c0, changed0 := tables[0].Merge(now, e)
			for i, table := range tables[1:] {
				if c, changed := table.Merge(now, e); changed != changed0 || changed && c.After.Status != c0.After.Status {
					t.Fatalf("table %d: %+v changed it: %v, and the plain one %v", i+1, e, changed, changed0)
				}
			}
			if rapid.Bool().Draw(t, "replace") {
				seed := rapid.Uint64().Draw(t, "seed")
				var want []Row
				for i, table := range tables {
					got := table.Pick(rand.New(rand.NewPCG(seed, 1)), 2, Row.Living)
					if i == 0 {
						want = got
					} else if len(got) != len(want) {
						t.Fatalf("table %d picks %v, the plain one %v", i, got, want)
					}
				}
			}
		}
		for i, table := range tables[1:] {
			if table.Len() != tables[0].Len() || table.Living() != tables[0].Living() || table.Hash() != tables[0].Hash() {
				t.Errorf("table %d: %d rows, %d living, hash %x", i+1, table.Len(), table.Living(), table.Hash())
			}
			if got, want := describe(table), describe(tables[0]); got != want {
				t.Errorf("table %d:\n%s\nthe plain one:\n%s", i+1, got, want)
			}
		}
	})
}

// describe shows the rows, by Each, by Get and by at.
func describe(t *Table) string {
	text := ""
	places := map[core.NodeID]int{}
	for place := range t.Len() {
		places[t.at(place).id]++
	}
	t.Each(func(r Row) bool {
		if got, ok := t.Get(r.ID); !ok || !reflect.DeepEqual(got, r) || places[r.ID] != 1 {
			text += "Each, Get and at differ: "
		}
		r.Since = 0
		text += fmt.Sprintln(r)
		return true
	})
	return text
}

func TestABaseIsOfDifferentLivingMembers(t *testing.T) {
	dead := row(2)
	dead.Status = core.Dead
	for _, rows := range [][]Row{{row(2), row(2)}, {dead}, {{Name: "nobody"}}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("it was made of %v", rows)
				}
			}()
			NewBase(rows)
		}()
	}
}

func TestOnlyTheDeadAndTheLeftAreGone(t *testing.T) {
	table := New(row(1))
	rng := rand.New(rand.NewPCG(1, 1))
	all := func(Row) bool { return true }
	for id := core.NodeID(2); id <= 40; id++ {
		table.Merge(1, claim(id, 1, 0, core.Alive))
	}
	if got := table.PickGone(rng, 3, all); got != nil {
		t.Errorf("%v", got)
	}
	table.Merge(2, claim(7, 1, 0, core.Dead))
	table.Merge(2, claim(8, 1, 0, core.Left))
	table.Merge(2, claim(9, 1, 0, core.Suspect))
	hits := map[core.NodeID]int{}
	for range 1000 {
		for _, r := range table.PickGone(rng, 1, all) {
			hits[r.ID]++
		}
	}
	if len(hits) != 2 || hits[7] < 400 || hits[8] < 400 {
		t.Errorf("%v", hits)
	}
	if got := table.PickGone(rng, 3, func(r Row) bool { return r.Status == core.Dead }); len(got) != 1 || got[0].ID != 7 {
		t.Errorf("%v", got)
	}
}

func TestARowTakesAtMost64Bytes(t *testing.T) {
	const n = 10_000
	table := New(row(1))
	for id := core.NodeID(2); id <= n; id++ {
		table.Merge(1, claim(id*7919, 1, 0, core.Alive))
	}
	if per := table.BytesPerRow(); per > 64 || unsafe.Sizeof(stored{}) != rowSize {
		t.Errorf("%.1f bytes a row", per)
	} else {
		t.Logf("%.1f bytes a row, labels aside", per)
	}
}
