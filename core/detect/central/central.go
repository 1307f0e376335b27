// Package central is failure detection by one chosen member (Gupta's course
// calls it centralized heartbeating).
//
// # The idea
//
// Everybody tells one member, the centre, that it lives; the centre tells
// everybody who does not. It is the simplest way, and as good as its centre.
//
// # The algorithm
//
// The centre is the leader of the log, where this node knows of one that lives;
// else the living member with the lowest ID. Every period T each member sends
// it a heartbeat with a sequence number, which the centre acks: the ack brings
// the log's commit index to those who do not vote. A member that the centre has
// not heard for m periods is suspected, asked, told, and called dead unless it
// refutes (core/detect/heartbeat).
//
// # How the centre moves
//
// Nobody votes for it here: each node computes it from what it believes, and
// turns to the new one when that changes. The hint on every heartbeat and ack
// says who leads, so a new leader is the centre everywhere a round trip after
// its voters know it; without hint the lowest ID follows from the table. A
// member that becomes the centre grants everybody m periods to be heard, and
// asks before it accuses, so that those who have not noticed yet are safe.
//
// # What it finds, and when
//
// Completeness: every crash but the centre's. On average (m − ½)·T after it.
//
// Accuracy: the centre's own. A centre that hears badly accuses everybody, and
// nobody contradicts it but the accused.
//
// Load: one message per member and period; N−1 in and N−1 acks out at the
// centre, so that it grows with the cluster.
//
// # What it misses
//
// The centre's crash: nobody watches it. Its acks fail to come, and from then
// on it is shown as unreachable, which is a remark and no verdict. When the log
// has elected another leader, that is the next centre; it watches its
// predecessor like everybody else and calls it dead m + 2.5 periods later. In a
// cluster that cannot elect (one voter, or a majority gone) the dead centre is
// never called dead.
package central

import (
	"slices"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/heartbeat"
)

// New makes the detector; it is a detect.Factory.
func New(o detect.Options) detect.Detector {
	return heartbeat.New(o, heartbeat.Scheme{
		Targets: func(m heartbeat.Members) []core.NodeID {
			if c := centre(m); c != m.Self {
				return []core.NodeID{c}
			}
			return nil
		},
		Watched: func(m heartbeat.Members) []core.NodeID {
			if centre(m) == m.Self {
				return m.Others()
			}
			return nil
		},
		Silence:  heartbeat.Four,
		Answered: true,
	})
}

// centre is the member that everybody reports to. A node that has left its
// cluster may be alone with nobody.
func centre(m heartbeat.Members) core.NodeID {
	switch {
	case len(m.Living) == 0:
		return m.Self
	case slices.Contains(m.Living, m.Leader):
		return m.Leader
	}
	return m.Living[0]
}
