package agenda

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheAgendaGivesTheEarliestAndKeepsTheOrderOfEquals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type key struct{ at, n int }
		var a Agenda[time.Duration]
		var want, got []key
		ats := rapid.SliceOf(rapid.IntRange(-1, 20)).Draw(t, "moments, or -1 to take one")
		take := func() {
			_, do := a.Take()
			do()
			// The earliest of what is in there; of equals, the first.
			i := 0
			for j := range want {
				if want[j].at < want[i].at {
					i = j
				}
			}
			if got[len(got)-1] != want[i] {
				t.Fatalf("got %v, want %v", got[len(got)-1], want[i])
			}
			want = slices.Delete(want, i, i+1)
		}
		for n, at := range ats {
			if at >= 0 {
				k := key{at, n}
				want = append(want, k)
				a.Add(time.Duration(at)*time.Second, func() { got = append(got, k) })
			} else if a.Len() > 0 {
				take()
			}
		}
		for a.Len() > 0 {
			take()
		}
	})
}
