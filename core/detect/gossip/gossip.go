// Package gossip is the gossip-style failure detector of van Renesse, Minsky
// and Hayden (Middleware 1998).
//
// # The idea
//
// Each member counts its own heartbeats and tells a few random members not only
// its own count but all the counts it knows. A count that has not grown for so
// long that gossip must have brought it, if there was any, is that of a failed
// member.
//
// # The algorithm
//
// A row is (member, sequence, local time). Every period T each member raises
// its own sequence and sends the table, without the times, to n = 3 random
// members. A receiver takes each sequence that is larger than its own and dates
// it by its own clock; clocks need not agree. A row that is older than T_fail
// marks its member as failed: it is suspected, told, and called dead unless it
// refutes (core/detect/heartbeat). Rows of failed members are not gossiped any
// more, or they would look fresh to others for ever.
//
// But they are kept until T_cleanup = 2·T_fail. Whoever forgot a failed member
// at once could hear of it from somebody who still has T_fail to wait, take the
// old sequence for a newcomer's, and pass it on: a ghost that comes back each
// time it is forgotten. After another T_fail everybody has stopped telling.
//
// # What it finds, and when
//
// Completeness: strong, with high probability. The last heartbeat of a crashed
// member takes O(log N) rounds to everybody; T_fail later everybody knows by
// itself.
//
// Accuracy: a member is suspected wrongly if gossip misses somebody for T_fail.
// T_fail = (4 + 2·ln N)·T makes that less probable than 1e-9 for one pair and
// period at any N, and than 1e-7 if a tenth of the packets is lost; the paper
// gives 57.7 s for 50 members at that probability, with one target instead of
// three and a period of 1.6 s. It does not matter who reaches whom: a cut
// between two members is bridged by all others, and raises no suspicion.
//
// Load: n messages per member and period, whatever N; but each carries N rows,
// 64 of which fill a datagram.
//
// # What it misses
//
// Nothing crashed. It is slow, and slower the more members there are.
package gossip

import (
	"math"

	"hb/core/detect"
	"hb/core/detect/heartbeat"
	"hb/core/wire"
)

const (
	// fanout is n, to how many members the table goes in a period.
	fanout = 3
	// cleanup is T_cleanup / T_fail.
	cleanup = 2
)

// New makes the detector; it is a detect.Factory.
func New(o detect.Options) detect.Detector { return Forgetting(cleanup)(o) }

// Forgetting makes detectors that forget failed members after so many T_fail:
// for laboratories that want to see ghosts.
func Forgetting(after float64) detect.Factory {
	return func(o detect.Options) detect.Detector {
		return heartbeat.New(o, heartbeat.Scheme{
			Fanout:  fanout,
			Watched: heartbeat.Members.Others,
			Silence: Fail,
			Table:   true,
			Cleanup: after,
		})
	}
}

// Load is how many datagrams a member sends in a period, among so many members.
func Load(members int) float64 {
	targets := min(fanout, max(members-1, 0))
	return float64(targets) * max(math.Ceil(float64(members-1)/wire.MaxBeats), 1)
}

// Fail is T_fail, in periods, among so many members.
func Fail(members int) float64 { return 4 + 2*math.Log(float64(max(members, 1))) }
