package swim

import (
	"hb/core"
	"hb/core/detect"
	"hb/core/member"
)

// lane is this member's place on the ring of hashed IDs, among those alive: the
// member after it, which it pings every second period, and the one before it,
// by which it is pinged as often and which it therefore expects to hear.
//
// By the round alone a crashed member waits 2N−1 periods for its next ping if
// luck is bad. On the lane it is missed by two members within two periods,
// however many there are, at no packet more: the lane takes every second ping of
// the round.
type lane struct {
	next, prev core.NodeID // 0: nobody
	// since is when prev became the one before.
	since core.Instant
	// turn says that the next ping is the lane's.
	turn bool
}

const (
	// laneEvery is how many periods pass between two pings on the lane, laneSlack
	// how much later, in periods, the one before may be heard: timers and
	// networks are not exact, and the price of a doubt is one ping.
	laneEvery = 2
	laneSlack = 0.02
)

// onLane gives the member after this one, if it is the lane's turn.
func (s *swim) onLane() (core.NodeID, bool) {
	if s.without.Has(detect.RingLane) || s.lane.next == 0 {
		return 0, false
	}
	s.lane.turn = !s.lane.turn
	return s.lane.next, s.lane.turn
}

// nextDoubt is when the one before is overdue: never while nobody is heard.
func (s *swim) nextDoubt() core.Instant {
	if s.lane.prev == 0 || s.without.Has(detect.RingLane) || s.gates.frozen() || s.probeOf(s.lane.prev) != nil {
		return core.Never
	}
	heard := s.lane.since
	if p := s.peers[s.lane.prev]; p != nil {
		heard = max(heard, p.heard)
	}
	return heard.Add(s.periods(laneEvery + laneSlack))
}

// watchLane asks the one before whether it lives, if it is overdue. It may be
// slow, know of somebody between the two, or its ping may be lost: so this is no
// accusation, but the beginning of an ordinary probe.
func (s *swim) watchLane(now core.Instant) {
	if now < s.nextDoubt() {
		return
	}
	if row, known := s.table.Get(s.lane.prev); known {
		s.probe(now, row)
	}
}

// follow notes a member that came, went, or is doubted by somebody.
func (l *lane) follow(now core.Instant, t *member.Table, r member.Row) {
	prev, next := l.prev, l.next
	switch {
	case r.Status == core.Alive:
		prev, next = member.Closer(t.Self().ID, r.ID, prev, next)
	case r.ID == next || r.ID == prev:
		prev, next = t.Beside()
	}
	l.between(now, prev, next)
}

// between sets the neighbours.
func (l *lane) between(now core.Instant, prev, next core.NodeID) {
	if l.next = next; l.prev != prev {
		l.prev, l.since = prev, now
	}
}
