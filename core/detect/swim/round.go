package swim

import (
	"math/rand/v2"
	"slices"

	"hb/core"
)

// round is the order in which members are probed: a random permutation, so that
// two probes of one member are at most 2N−1 periods apart (SWIM §4.3). It is
// drawn as one goes (Fisher and Yates' shuffle, forwards): each pick chooses
// among those that are not probed yet.
type round struct {
	// order holds the members. While a laboratory's tables share their beginning,
	// it is nil: common is the order then, but for the places in moved, and nobody
	// needs a copy of it.
	order  []core.NodeID
	common []core.NodeID // sorted, never written to
	moved  map[int]core.NodeID
	size   int // places
	at     int // the first that is not probed yet
}

// begin fills an empty round with members that others may hold, too, sorted.
func (r *round) begin(common []core.NodeID) {
	*r = round{common: common, moved: map[int]core.NodeID{}, size: len(common)}
}

func (r *round) get(place int) core.NodeID {
	if r.common == nil {
		return r.order[place]
	}
	if id, moved := r.moved[place]; moved {
		return id
	}
	return r.common[place]
}

func (r *round) set(place int, id core.NodeID) {
	if r.common == nil {
		r.order[place] = id
		return
	}
	r.moved[place] = id
	if len(r.moved) > len(r.common)/8 {
		r.copy()
	}
}

// copy gives the round an order of its own, once it has little in common with
// others any more.
func (r *round) copy() {
	order := make([]core.NodeID, r.size)
	for place := range order {
		order[place] = r.get(place)
	}
	*r = round{order: order, size: r.size, at: r.at}
}

// add puts a member that is not in the round at a random place. One that falls
// among those already probed waits for the next round.
func (r *round) add(id core.NodeID, rng *rand.Rand) {
	place := rng.IntN(r.size + 1)
	r.size++
	if r.common == nil {
		r.order = append(r.order, id)
	} else {
		r.set(r.size-1, id)
	}
	if place < r.at {
		r.swap(r.at, r.size-1)
		r.at++
	}
}

func (r *round) swap(i, j int) {
	if i != j {
		a, b := r.get(i), r.get(j)
		r.set(i, b)
		r.set(j, a)
	}
}

// remove takes a member out, if it is in.
func (r *round) remove(id core.NodeID) {
	place := r.find(id)
	if place < 0 {
		return
	}
	if place < r.at { // the order of those already probed does not matter
		r.at--
		r.swap(place, r.at)
		place = r.at
	}
	r.swap(place, r.size-1)
	r.size--
	if r.common == nil {
		r.order = r.order[:r.size]
	} else {
		delete(r.moved, r.size)
	}
}

// find gives a member's place, or -1.
func (r *round) find(id core.NodeID) int {
	if r.common == nil {
		return slices.Index(r.order, id)
	}
	for place, moved := range r.moved { // at most one is it: the order does not matter
		if moved == id && place < r.size {
			return place
		}
	}
	place, known := slices.BinarySearch(r.common, id)
	if _, moved := r.moved[place]; known && !moved && place < r.size {
		return place
	}
	return -1
}

// pick gives the next member; not ok when there is none.
func (r *round) pick(rng *rand.Rand) (core.NodeID, bool) {
	if r.size == 0 {
		return 0, false
	}
	if r.at >= r.size {
		r.at = 0
	}
	r.swap(r.at, r.at+rng.IntN(r.size-r.at))
	r.at++
	return r.get(r.at - 1), true
}
