package replog

import (
	"fmt"
	"slices"
	"time"

	"hb/core"
)

// Standing is what a leader knows of one member's part in the log, and what it
// means to do about its vote.
type Standing struct {
	Raft  core.RaftID
	Match uint64 // it holds everything up to here; 0: not known
	Why   string // in words; empty when there is nothing to say
}

// Standings are those of the voters, the learners, and the members that there
// is something to say of, by raft ID. Nil where this node does not lead.
func (l *Log) Standings() []Standing {
	if !l.Leading() || l.engine == nil {
		return nil
	}
	progress := l.progress()
	ids := append(votersOf(l.state.conf), learnersOf(l.state.conf)...)
	for _, p := range l.peers.list {
		if p.Raft != 0 && !runsEngine(l.state.conf, p.Raft) {
			ids = append(ids, p.Raft)
		}
	}
	slices.Sort(ids)
	stay := votersOf(l.state.conf)
	free := l.candidates(stay)
	var all []Standing
	for _, id := range ids {
		s := Standing{Raft: id, Match: progress[id].Match}
		switch {
		case isVoter(l.state.conf, id):
			s.Why = l.whyVoter(id, len(free) > 0)
		case runsEngine(l.state.conf, id):
			s.Why = fmt.Sprintf("learns, to vote: %d entries behind", l.tail.last()-min(s.Match, l.tail.last()))
		default:
			s.Why = l.whyMember(id)
		}
		if s.Match != 0 || s.Why != "" || runsEngine(l.state.conf, id) {
			all = append(all, s)
		}
	}
	return all
}

// Settled says that this node leads and means to change nothing about the
// voters as things are.
func (l *Log) Settled() bool {
	if !l.Leading() || l.lead.ready == 0 || joint(l.state.conf) || l.successor() != 0 || len(learnersOf(l.state.conf)) > 0 {
		return false
	}
	recruits, drop := l.wanted()
	return len(recruits) == 0 && len(drop) == 0
}

// whyVoter says what is to become of a voter.
func (l *Log) whyVoter(id core.RaftID, replaceable bool) string {
	down := l.peers.lasted(id, false, l.now)
	switch wish := l.peers.wish(id); {
	case l.peers.left(id):
		return "has left: gives its vote up"
	case wish == WishGo:
		return "demoted: gives its vote up"
	case wish == WishYield && replaceable:
		return "demoted: another takes its place"
	case wish == WishYield:
		return "demoted, but nobody can take its place: keeps its vote"
	case down >= l.opt.ReplaceAfter && !replaceable:
		return fmt.Sprintf("down for %v, and nobody can take its place", down.Round(time.Second))
	case down >= l.opt.ReplaceAfter:
		return fmt.Sprintf("down for %v: another takes its place", down.Round(time.Second))
	case down >= 0:
		return fmt.Sprintf("down for %v: replaced after %v", down.Round(time.Second), l.opt.ReplaceAfter)
	case wish == WishVote:
		return "promoted"
	}
	return ""
}

// whyMember says why somebody does not vote.
func (l *Log) whyMember(id core.RaftID) string {
	up := l.peers.lasted(id, true, l.now)
	switch {
	case l.peers.left(id):
		return ""
	case l.peers.wish(id) >= WishYield:
		return "demoted: never chosen"
	case !l.peers.up(id):
		return "down: not chosen"
	case l.now < l.voters.slow[id]:
		return fmt.Sprintf("did not catch up: passed over for %v more", l.voters.slow[id].Sub(l.now).Round(time.Second))
	case l.peers.wish(id) == WishVote && up < l.opt.ReplaceAfter:
		return fmt.Sprintf("promoted: votes once it has been up for %v", l.opt.ReplaceAfter)
	case l.peers.wish(id) == WishVote:
		return "promoted: is to vote"
	}
	return ""
}
