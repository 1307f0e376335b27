package replog

import (
	"cmp"
	"slices"
	"time"

	"hb/core"
)

// peers is the agreed directory as the caller gave it.
type peers struct {
	list   []Peer // by raft ID, then node ID
	since  map[core.RaftID]since
	blamed map[string]bool
	voters int // how many shall vote; 0: as the options say
}

// since is from when on a raft ID has been up, or down.
type since struct {
	up bool
	at core.Instant
}

func (l *Log) setPeers(list []Peer, voters int) {
	l.peers.voters = voters
	slices.SortFunc(list, func(a, b Peer) int {
		return cmp.Or(cmp.Compare(a.Raft, b.Raft), cmp.Compare(a.Node, b.Node))
	})
	gone := l.peers.list
	l.peers.list = list
	for _, p := range gone {
		if _, still := l.peers.find(p.Raft); !still {
			l.peers.mark(p.Raft, false, l.now)
		}
	}
	for _, p := range list {
		l.peers.mark(p.Raft, p.Up && !p.Left, l.now)
		if p.Left {
			l.follow.forget(p.Node)
		}
	}
	l.voters.due = true
	l.judgeLeader()
}

func (p *peers) mark(id core.RaftID, up bool, now core.Instant) {
	if p.since == nil {
		p.since = map[core.RaftID]since{}
	}
	if s, ok := p.since[id]; id != 0 && (!ok || s.up != up) {
		p.since[id] = since{up, now}
	}
}

func (p *peers) find(id core.RaftID) (Peer, bool) {
	i, ok := slices.BinarySearchFunc(p.list, id, func(p Peer, id core.RaftID) int { return cmp.Compare(p.Raft, id) })
	if !ok || id == 0 {
		return Peer{}, false
	}
	return p.list[i], true
}

func (p *peers) up(id core.RaftID) bool {
	peer, ok := p.find(id)
	return ok && peer.Up && !peer.Left
}

// down says that the directory knows an ID, and knows it to be gone.
func (p *peers) down(id core.RaftID) bool {
	peer, ok := p.find(id)
	return ok && (!peer.Up || peer.Left)
}

func (p *peers) left(id core.RaftID) bool {
	peer, ok := p.find(id)
	return ok && peer.Left
}

func (p *peers) wish(id core.RaftID) Wish {
	peer, _ := p.find(id)
	return peer.Wish
}

// goes says that an ID is to vote no longer, whoever takes its place.
func (p *peers) goes(id core.RaftID) bool { return p.left(id) || p.wish(id) == WishGo }

// node is the member behind a raft ID; 0: not known.
func (p *peers) node(id core.RaftID) core.NodeID {
	peer, _ := p.find(id)
	return peer.Node
}

// lasted is for how long an ID has been up, or down; a voter that the directory
// does not know counts as down from when it was first missed.
func (p *peers) lasted(id core.RaftID, up bool, now core.Instant) time.Duration {
	s, ok := p.since[id]
	if !ok {
		p.mark(id, false, now)
		s = p.since[id]
	}
	if s.up != up {
		return -1
	}
	return now.Sub(s.at)
}

// blame reports bad input once for each source and reason.
func (p *peers) blame(l *Log, who, why string) {
	if p.blamed == nil {
		p.blamed = map[string]bool{}
	}
	if key := who + why; !p.blamed[key] && len(p.blamed) < 100 {
		p.blamed[key] = true
		l.warnf("%s are dropped: %s", who, why)
	}
}
