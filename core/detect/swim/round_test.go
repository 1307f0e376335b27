package swim

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hb/core"
)

// Whoever is in a round is picked once before anybody is picked twice, whether
// the round began empty or with members that it has in common with others.
func TestARoundPicksEachOnceBeforeAnybodyTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var common []core.NodeID
		for id := range core.NodeID(rapid.IntRange(0, 40).Draw(t, "common")) {
			common = append(common, 2*id+2)
		}
		kept := slices.Clone(common)
		var r round
		if len(common) > 0 {
			r.begin(common)
		}
		in := map[core.NodeID]bool{}
		for _, id := range common {
			in[id] = true
		}
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			id := core.NodeID(rapid.IntRange(1, 90).Draw(t, "id"))
			switch {
			case rapid.Bool().Draw(t, "pick"):
				if got, ok := r.pick(rng); ok != (len(in) > 0) || ok && !in[got] {
					t.Fatalf("it picks %d, %v", got, ok)
				}
			case in[id]:
				r.remove(id)
				delete(in, id)
			default:
				r.remove(id) // which changes nothing
				r.add(id, rng)
				in[id] = true
			}
		}
		for r.at < r.size {
			r.pick(rng)
		}
		for range 2 {
			seen := map[core.NodeID]bool{}
			for range in {
				id, _ := r.pick(rng)
				if seen[id] || !in[id] {
					t.Fatalf("%d is picked again, or is not in", id)
				}
				seen[id] = true
			}
		}
		if !slices.Equal(common, kept) {
			t.Fatalf("what others hold has become %v", common)
		}
	})
}

func TestEveryOrderOfARoundIsAsLikely(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	hits := map[[3]core.NodeID]int{}
	for range 6000 {
		var r round
		r.begin([]core.NodeID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
		for id := range core.NodeID(17) {
			r.remove(id + 4)
		}
		var order [3]core.NodeID
		for i := range order {
			order[i], _ = r.pick(rng)
		}
		hits[order]++
	}
	for order, n := range hits {
		if n < 850 || n > 1150 || len(hits) != 6 {
			t.Errorf("%v came %d times of 6000, as one of %d", order, n, len(hits))
		}
	}
}
