package swim

import (
	"math/rand/v2"
	"slices"

	"hb/core"
)

// round is the order in which members are probed: a random permutation, drawn
// anew when it is through, so that two probes of one member are at most 2N−1
// periods apart (SWIM §4.3).
type round struct {
	order []core.NodeID
	at    int // the next one
}

// add puts a member that is not in the round at a random place. One that falls
// among those already probed, whose order matters no more, waits for the next
// round; who stood at the place goes to the end of its part.
func (r *round) add(id core.NodeID, rng *rand.Rand) {
	place := rng.IntN(len(r.order) + 1)
	r.order = append(r.order, id)
	last := len(r.order) - 1
	if place < r.at {
		r.order[last], r.order[r.at] = r.order[r.at], id
		r.at++
		return
	}
	r.order[last], r.order[place] = r.order[place], id
}

func (r *round) remove(id core.NodeID) {
	place := slices.Index(r.order, id)
	if place < 0 {
		return
	}
	r.order = slices.Delete(r.order, place, place+1)
	if place < r.at {
		r.at--
	}
}

// pick gives the next member; not ok when there is none.
func (r *round) pick(rng *rand.Rand) (core.NodeID, bool) {
	if len(r.order) == 0 {
		return 0, false
	}
	if r.at >= len(r.order) {
		rng.Shuffle(len(r.order), func(i, j int) { r.order[i], r.order[j] = r.order[j], r.order[i] })
		r.at = 0
	}
	r.at++
	return r.order[r.at-1], true
}
