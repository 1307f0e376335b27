package ledger

import (
	"testing"

	"pgregory.net/rapid"

	"hb/core/wire"
)

// TestPagesHaveEveryTaskOnce walks lists of any length, while tasks are dropped.
func TestPagesHaveEveryTaskOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBook(t)
		b.up(2)
		tasks := rapid.IntRange(0, 40).Draw(rt, "tasks")
		for n := range tasks {
			s := spec("job")
			if n%7 == 3 {
				s.Array = 3
			}
			b.yes(submit(byte(n+1), s))
			if n%3 == 0 && s.Array == 0 {
				b.yes(cancel(byte(n + 1)))
			}
		}
		q := Query{Limit: rapid.IntRange(1, 10).Draw(rt, "limit")}
		if rapid.Bool().Draw(rt, "cancelled only") {
			q.Status = []string{Cancelled}
		}
		seen := map[string]bool{}
		order := uint64(0)
		for more := true; more; {
			var page []*wire.Task
			page, q.After, more = b.Page(q)
			if len(page) > q.Limit || more && len(page) < q.Limit {
				rt.Fatalf("a page of %d, of at most %d, more %t", len(page), q.Limit, more)
			}
			for _, task := range page {
				if seen[string(task.Id)] || task.N > 0 || task.Order <= order {
					rt.Fatalf("twice, an element, or out of order: %v", task)
				}
				seen[string(task.Id)], order = true, task.Order
			}
			if more && rapid.Bool().Draw(rt, "drop") { // where the next page begins
				b.yes(expire(byte(len(seen))))
			}
		}
		want := 0
		for n := range tasks {
			if len(q.Status) == 0 || n%3 == 0 && n%7 != 3 {
				want++
			}
		}
		if len(seen) != want {
			rt.Fatalf("%d tasks of %d", len(seen), want)
		}
	})
}

func TestAListHasWhatWasAskedFor(t *testing.T) {
	b := newBook(t)
	b.up(2)
	for n := range byte(6) {
		name := []string{"even", "odd"}[n%2]
		b.yes(submit(n+1, spec(name)))
	}
	late := b.now
	b.out(7, spec("late"))
	for what, c := range map[string]struct {
		q    Query
		want string
	}{
		"all":              {Query{}, "1234567"},
		"a name":           {Query{Name: "odd"}, "246"},
		"a status":         {Query{Status: []string{Assigned}}, "7"},
		"a node":           {Query{Node: 1}, "7"},
		"another node":     {Query{Node: 2}, ""},
		"since":            {Query{Since: late}, "67"},
		"the newest":       {Query{Newest: true, Limit: 2}, "67"},
		"newest of a name": {Query{Newest: true, Limit: 2, Name: "even"}, "35"},
	} {
		page, _, _ := b.Page(c.q)
		got := ""
		for _, task := range page {
			for n := range byte(9) {
				if id := tid(n); string(id[:]) == string(task.Id) {
					got += string(rune('0' + n))
				}
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, not %s", what, got, c.want)
		}
	}
}
