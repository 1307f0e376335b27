// Package alltoall is failure detection of everybody by everybody.
//
// # The idea
//
// Each member tells every other that it lives, and believes its own ears only.
//
// # The algorithm
//
// Every period T each member sends a heartbeat to all others, and watches all
// others. Who is silent for m periods is suspected, asked, told, and called
// dead unless it refutes (core/detect/heartbeat). No member needs another's
// word for it, though a word may come first.
//
// # What it finds, and when
//
// Completeness: strong. Any number of members may crash at once, and each of
// those left finds out by itself. The wait is τ + T at most, where τ = (m−1)·T
// is how long an overdue heartbeat is waited for; all see it at about the same
// time, since the last heartbeat went to all at once.
//
// Accuracy: the worst member's. One that hears badly accuses all others, and
// each of them must refute; there are N−1 who may err instead of one.
//
// Load: N−1 messages per member and period, so N² in all.
//
// # What it misses
//
// Nothing crashed. It pays with its load, and with the harm that one deaf
// member does: N−1 false accusations. A member that hears nobody at all holds
// its tongue; one that hears a single other does not.
package alltoall

import (
	"hb/core/detect"
	"hb/core/detect/heartbeat"
)

// New makes the detector; it is a detect.Factory.
func New(o detect.Options) detect.Detector {
	return heartbeat.New(o, heartbeat.Scheme{
		Targets: heartbeat.Members.Others,
		Watched: heartbeat.Members.Others,
		Silence: heartbeat.Four,
	})
}
