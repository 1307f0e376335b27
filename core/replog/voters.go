package replog

import (
	"cmp"
	"slices"

	"hb/core"

	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

const (
	// A learner that far behind the leader's last entry will be level within
	// one message; it may vote.
	closeEnough = 64
	// A learner that has not caught up for so many times ReplaceAfter gives way
	// to another candidate, and is left alone for as long.
	patience = 2
)

// voters is the controller of the voters. Only a leader that has applied its
// own first entry acts, on one change at a time.
type voters struct {
	due     bool                         // something has changed since the last look
	barrier uint64                       // no change before this index is applied
	joint   int                          // looks taken while a joint change was under way
	learns  map[core.RaftID]core.Instant // when a learner was first seen
	slow    map[core.RaftID]core.Instant // until when a candidate is passed over
}

func (v *voters) begin(last uint64) { *v = voters{due: true, barrier: last} }

// manageVoters proposes the next change, if one is called for. It says whether
// the engine has something to do.
func (l *Log) manageVoters() bool {
	v := &l.voters
	if !v.due || l.lead.ready == 0 || l.state.applied < v.barrier {
		return false
	}
	v.due = false
	if joint(l.state.conf) {
		// The engine leaves by itself, but drops that if it happens during a
		// transfer, and would then wait for the next entry.
		if v.joint++; v.joint > electionTicks {
			v.joint = 0
			return l.change(nil)
		}
		return false
	}
	v.joint = 0
	if heir := l.successor(); heir != 0 {
		l.transfer(heir)
		return l.engine.HasReady()
	}
	if changes := l.plan(); len(changes) > 0 {
		return l.change(changes)
	}
	return false
}

// change proposes a configuration change; an empty one leaves a joint state.
func (l *Log) change(changes []*raftpb.ConfChangeSingle) bool {
	if l.engine.ProposeConfChange(&raftpb.ConfChangeV2{Changes: changes}) != nil {
		return false
	}
	l.voters.barrier = l.tail.last() + 1
	return true
}

// plan works out the next change towards the voters there should be.
//
// The number is the largest odd one that is not above the target and for which
// there are members: two voters lose their quorum when either is lost, so two
// members have one voter, and from three voters of which one has left without a
// successor the way leads back to one. That is safe, because the joint step
// needs the majority of both sides, so the remaining voter holds everything.
// Dead voters count as members: without a successor they stay, because removing
// them would lower what a majority means while they may only be cut off.
func (l *Log) plan() []*raftpb.ConfChangeSingle {
	recruits, drop := l.wanted()
	if changes := l.learn(recruits); len(changes) > 0 {
		return changes
	}
	if !l.caughtUp(recruits) {
		return nil
	}
	var changes []*raftpb.ConfChangeSingle
	for _, id := range recruits {
		changes = append(changes, single(raftpb.ConfChangeAddNode, id))
	}
	for _, id := range drop {
		changes = append(changes, single(raftpb.ConfChangeRemoveNode, id))
	}
	return changes
}

// wanted says who should become a voter, and which voters should not be one any
// longer.
func (l *Log) wanted() (recruits, drop []core.RaftID) {
	var stay []core.RaftID
	for _, id := range votersOf(l.state.conf) {
		if id != l.opt.Self && l.peers.goes(id) {
			drop = append(drop, id)
		} else {
			stay = append(stay, id)
		}
	}
	need, recruits := l.recruits(stay)
	switch {
	case need == 0:
		return l.successors(stay, recruits, drop)
	case need < 0:
		return nil, append(drop, l.surplus(stay, -need)...)
	}
	return recruits, drop
}

// recruits gives by how much the number of voters is off, and the best
// candidates for the places that are free (all of them when none is).
func (l *Log) recruits(stay []core.RaftID) (int, []core.RaftID) {
	candidates := l.candidates(stay)
	need := l.places(len(stay)+len(candidates)) - len(stay)
	if need == 0 && len(stay) == 1 && len(candidates) > 0 && l.yieldsTo(candidates[0]) {
		need = 1 // the only voter goes: its successor must vote before that
	}
	if need > 0 {
		candidates = candidates[:need]
	}
	return need, candidates
}

// places is how many of so many members vote.
func (l *Log) places(members int) int {
	target := l.peers.voters
	if target == 0 {
		target = l.opt.Voters
	}
	n := min(target, members)
	return max(n-(n+1)%2, 1)
}

// successors picks replacements for voters that people want to yield, and for
// those that have been down long enough; and it gives members that people want
// to vote the places of voters that nobody wished for.
func (l *Log) successors(stay, candidates, drop []core.RaftID) (recruits, dropped []core.RaftID) {
	for _, id := range l.surplus(stay, len(stay)) {
		down := l.peers.lasted(id, false, l.now) >= l.opt.ReplaceAfter
		i := slices.IndexFunc(candidates, func(c core.RaftID) bool {
			switch {
			case l.peers.wish(id) == WishYield:
				return true
			case l.peers.lasted(c, true, l.now) < l.opt.ReplaceAfter:
				return false
			}
			return down || l.peers.wish(c) == WishVote && l.peers.wish(id) != WishVote
		})
		if i >= 0 {
			recruits, drop = append(recruits, candidates[i]), append(drop, id)
			candidates = slices.Delete(slices.Clone(candidates), i, i+1)
		}
	}
	return recruits, drop
}

// surplus picks voters to give up: those that people want to yield, then those
// that nobody wished for; of these the ones that are down, then those behind.
// This leader never.
func (l *Log) surplus(stay []core.RaftID, n int) []core.RaftID {
	progress := l.progress()
	rest := slices.DeleteFunc(slices.Clone(stay), func(id core.RaftID) bool { return id == l.opt.Self })
	slices.SortFunc(rest, func(a, b core.RaftID) int {
		return cmp.Or(
			cmp.Compare(fondness(l.peers.wish(a)), fondness(l.peers.wish(b))),
			cmp.Compare(btoi(l.peers.up(a)), btoi(l.peers.up(b))),
			cmp.Compare(progress[a].Match, progress[b].Match),
			-cmp.Compare(a, b))
	})
	return rest[:min(n, len(rest))]
}

// candidates lists the members that could vote, best first: those that people
// want to, zones with fewer voters, then those who learn already, then by ID.
func (l *Log) candidates(stay []core.RaftID) []core.RaftID {
	crowd := map[string]int{}
	for _, id := range stay {
		if p, ok := l.peers.find(id); ok && p.Zone != "" {
			crowd[p.Zone]++
		}
	}
	var pool []Peer
	for _, p := range l.peers.list {
		if l.eligible(p) && !isVoter(l.state.conf, p.Raft) && l.now >= l.voters.slow[p.Raft] {
			pool = append(pool, p)
		}
	}
	var best []core.RaftID
	for len(pool) > 0 {
		i := 0
		for j := range pool {
			if l.rank(pool[j], crowd) < l.rank(pool[i], crowd) {
				i = j
			}
		}
		best = append(best, pool[i].Raft)
		if pool[i].Zone != "" {
			crowd[pool[i].Zone]++
		}
		pool = slices.Delete(pool, i, i+1)
		if len(best) > 2*l.opt.Voters {
			break // enough to choose from, in a cluster of thousands too
		}
	}
	return best
}

func (l *Log) rank(p Peer, crowd map[string]int) int {
	return 2*crowd[p.Zone] + btoi(!runsEngine(l.state.conf, p.Raft)) - promotion*btoi(p.Wish == WishVote)
}

// promotion is more than any number of voters in one zone.
const promotion = 1000

// eligible says whether a member may be given a vote.
func (l *Log) eligible(p Peer) bool { return p.Raft != 0 && p.Up && !p.Left && p.Wish < WishYield }

// learn makes the recruits learners, and nobody else.
func (l *Log) learn(recruits []core.RaftID) []*raftpb.ConfChangeSingle {
	var changes []*raftpb.ConfChangeSingle
	learners := learnersOf(l.state.conf)
	for _, id := range recruits {
		if !slices.Contains(learners, id) {
			changes = append(changes, single(raftpb.ConfChangeAddLearnerNode, id))
		}
	}
	for _, id := range learners {
		if !slices.Contains(recruits, id) {
			changes = append(changes, single(raftpb.ConfChangeRemoveNode, id))
		}
	}
	return changes
}

// caughtUp says whether all recruits could vote right away, and gives up on
// those that do not get there.
func (l *Log) caughtUp(recruits []core.RaftID) bool {
	v := &l.voters
	if v.learns == nil {
		v.learns, v.slow = map[core.RaftID]core.Instant{}, map[core.RaftID]core.Instant{}
	}
	progress, all := l.progress(), true
	for _, id := range recruits {
		p := progress[id]
		if p.RecentActive && p.State == tracker.StateReplicate && p.Match+closeEnough >= l.tail.last() {
			delete(v.learns, id)
			continue
		}
		all = false
		if began, ok := v.learns[id]; !ok {
			v.learns[id] = l.now
		} else if l.now.Sub(began) > patience*l.opt.ReplaceAfter {
			delete(v.learns, id)
			v.slow[id] = l.now.Add(patience * l.opt.ReplaceAfter)
			l.warnf("member %v does not catch up with the log: another may become a voter instead", l.peers.node(id))
		}
	}
	return all
}

func single(t raftpb.ConfChangeType, id core.RaftID) *raftpb.ConfChangeSingle {
	n := uint64(id)
	return &raftpb.ConfChangeSingle{Type: t.Enum(), NodeId: &n}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
