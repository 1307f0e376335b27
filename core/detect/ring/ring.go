// Package ring is failure detection around a ring, in one or in both directions
// (Gupta's course: ring heartbeating).
//
// # The idea
//
// Members stand in a circle, ordered by ID, and each tells its neighbour that
// it lives. Nobody is special, and nobody works more than anybody else.
//
// # The algorithm
//
// Uni: every period T each member sends a heartbeat to the next living member
// in the circle, and watches the one before it. Bi: it sends to both neighbours
// and watches both. A watched member that is silent for m periods is suspected,
// asked, told, and called dead unless it refutes (core/detect/heartbeat). When
// the table changes, neighbours follow from it; that is how the ring repairs
// itself. A new neighbour is told at once and granted m periods.
//
// # What it finds, and when
//
// Completeness: a single crash, always; (m − ½)·T after it on average.
//
// Accuracy: one neighbour's (bi: two neighbours') opinion of each member, but
// the accused is asked and may refute.
//
// Load: one message per member and period, bi two, whatever the number of
// members: the least of all that watch everybody.
//
// # What it misses
//
// A member whose watchers crash with it, before the ring is repaired: of f
// adjacent crashes one is noticed at first, bi two. Of f random ones a given
// crash is missed with probability (f−1)/(N−1), bi (f−1)(f−2)/((N−1)(N−2)).
// What was missed is found after the repair: the first dead member's neighbour
// becomes the watcher of the next, m + 2.5 periods later, and so on around the
// gap. News of the log travels one neighbour a period, so members that do not
// vote hear of it late in a large ring, unless they wait for it.
package ring

import (
	"slices"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/heartbeat"
)

// NewUni makes the detector that sends to the successor; it is a detect.Factory.
func NewUni(o detect.Options) detect.Detector {
	return heartbeat.New(o, heartbeat.Scheme{
		Targets: func(m heartbeat.Members) []core.NodeID { return at(m, +1) },
		Watched: func(m heartbeat.Members) []core.NodeID { return at(m, -1) },
		Silence: heartbeat.Four,
	})
}

// NewBi makes the detector that sends to both neighbours; it is a
// detect.Factory.
func NewBi(o detect.Options) detect.Detector {
	both := func(m heartbeat.Members) []core.NodeID { return at(m, -1, +1) }
	return heartbeat.New(o, heartbeat.Scheme{Targets: both, Watched: both, Silence: heartbeat.Four})
}

// at gives the members so many places further in the circle, each once and
// never this one itself.
func at(m heartbeat.Members, places ...int) []core.NodeID {
	here, in := slices.BinarySearch(m.Living, m.Self)
	if !in {
		return nil
	}
	var ids []core.NodeID
	for _, p := range places {
		id := m.Living[(here+p+len(m.Living))%len(m.Living)]
		if id != m.Self && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
