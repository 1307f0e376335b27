package replog

import (
	"hb/core"
)

// This file is how a leader gives up its own vote: it never removes itself, but
// hands over to a voter that then does.

// fondness orders voters by what people want of them.
func fondness(w Wish) int {
	switch w {
	case WishYield, WishGo:
		return 0
	case WishVote:
		return 2
	}
	return 1
}

// successor is the voter to hand over to, because this leader is not to vote
// any longer; 0: it stays, or nobody could take over yet.
func (l *Log) successor() core.RaftID {
	self := l.opt.Self
	switch {
	case l.peers.goes(self):
		return l.heirWhere(func(id core.RaftID) bool { return !l.peers.goes(id) })
	case l.peers.wish(self) == WishYield:
		stay := votersOf(l.state.conf)
		candidates := l.candidates(stay)
		if l.places(len(stay)-1+len(candidates)) < min(len(stay), l.places(len(stay))) {
			return 0 // fewer would vote without it
		}
		return l.heirWhere(func(id core.RaftID) bool { return l.peers.wish(id) < WishYield })
	case l.displaced():
		return l.heirWhere(func(id core.RaftID) bool { return l.peers.wish(id) == WishVote })
	}
	return 0
}

// displaced says whether people want so many others to vote that there is no
// place for this leader.
func (l *Log) displaced() bool {
	if l.peers.wish(l.opt.Self) == WishVote {
		return false
	}
	want, members := 0, 0
	for _, p := range l.peers.list {
		if l.eligible(p) {
			members++
			want += btoi(p.Wish == WishVote)
		}
	}
	return want >= l.places(members)
}

// yieldsTo says whether this leader, the only voter, is to give its vote to a
// candidate.
func (l *Log) yieldsTo(candidate core.RaftID) bool {
	self := l.opt.Self
	if l.peers.goes(self) || l.peers.wish(self) == WishYield {
		return true
	}
	return l.peers.wish(candidate) == WishVote && l.peers.wish(self) != WishVote
}
