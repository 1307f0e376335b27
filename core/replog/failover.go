package replog

import (
	"time"

	"hb/core"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

const (
	// A snapshot on its way to a voter that did not answer for so many ticks is
	// taken for lost (6 s by default): the engine itself would wait for ever.
	snapshotTicks = 40
	// A voter that has heard of no leader for so many ticks, while others say
	// that more is committed, looks whether it was removed meanwhile (1.5 s).
	astrayTicks = 2 * electionTicks
	// So often a voter campaigns out of turn, a tick apart: the others may hear
	// of the leader's death a moment later, and refuse until then.
	outOfTurnTries = 4
)

func (l *Log) tickEngine() {
	if l.doubts() {
		l.tickDoubt()
	} else {
		l.engine.Tick()
	}
	l.drain()
	if l.engine == nil {
		return
	}
	l.watchDisk()
	switch {
	case l.Leading():
		l.tickLeader()
	case l.lead.soft.Lead != 0:
		l.lead.outOfTurn = 0
		l.tickLoss()
	default:
		l.tickOutOfTurn()
	}
	if l.lead.silent++; l.lead.silent >= astrayTicks && !l.Leading() {
		// A learner's engine would believe in a silent leader for ever.
		_ = l.engine.ForgetLeader()
		l.lookAround()
	}
}

func (l *Log) tickLeader() {
	l.lead.silent, l.lead.outOfTurn = 0, 0
	for _, id := range append(votersOf(l.state.conf), learnersOf(l.state.conf)...) {
		if _, ok := l.lead.snapping[id]; !ok {
			continue
		}
		l.lead.snapping[id]++
		if l.lead.snapping[id] >= snapshotTicks {
			l.snapshotLost(id)
		}
	}
}

// snapshotLost lets the engine try another way than the snapshot it sent.
func (l *Log) snapshotLost(id core.RaftID) {
	delete(l.lead.snapping, id)
	if p, ok := l.progress()[id]; ok && p.State == tracker.StateSnapshot {
		l.engine.ReportSnapshot(uint64(id), raft.SnapshotFailure)
	}
}

// progress is what this leader knows of the others.
func (l *Log) progress() map[core.RaftID]tracker.Progress {
	all := map[core.RaftID]tracker.Progress{}
	l.engine.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) { all[core.RaftID(id)] = p })
	return all
}

// streamLost hears that messages to a peer may be lost. When that peer leads,
// and its host refused the connection or the detector has given it up, this
// voter forgets it and one voter campaigns at once, instead of all waiting for
// a timeout. With pre-votes a false alarm costs nothing: voters that still hear
// the leader refuse, and its next heartbeat ends the matter.
func (l *Log) streamLost(ev Lost) {
	if l.engine == nil {
		return
	}
	if l.Leading() {
		l.engine.ReportUnreachable(uint64(ev.Raft))
		if _, ok := l.lead.snapping[ev.Raft]; ok {
			l.snapshotLost(ev.Raft)
		}
		return
	}
	if l.lead.lost == nil {
		l.lead.lost = map[core.RaftID]*loss{}
	}
	l.lead.lost[ev.Raft] = &loss{refused: ev.Refused, at: l.now}
	l.judgeLeader()
}

// loss is a broken stream to a peer.
type loss struct {
	at      core.Instant
	refused bool
	heard   bool // something has come from it since the last tick
	ticks   int
}

// fromTheDead says whether a message was on its way when its sender's host had
// already refused us: it would only make a dead leader the leader again. If the
// leader lives, it says the same again within a tick.
func (l *Log) fromTheDead(m *raftpb.Message) bool {
	this := l.lead.lost[core.RaftID(m.GetFrom())]
	if this == nil || !this.refused || m.GetTerm() > l.Term() || l.now.Sub(this.at) >= l.opt.Tick {
		return false
	}
	t := m.GetType()
	return t == raftpb.MsgApp || t == raftpb.MsgHeartbeat
}

// tickLoss looks again at a leader whose stream broke, should it have become
// the leader again. One that lives says something every tick.
func (l *Log) tickLoss() {
	leader := core.RaftID(l.lead.soft.Lead)
	this := l.lead.lost[leader]
	if this == nil {
		return
	}
	if this.ticks++; this.ticks > electionTicks {
		delete(l.lead.lost, leader)
	} else if !this.heard {
		l.judgeLeader()
	}
	this.heard = false
}

func (l *Log) judgeLeader() {
	leader := core.RaftID(l.lead.soft.Lead)
	this := l.lead.lost[leader]
	if l.engine == nil || leader == 0 || leader == l.opt.Self || this == nil {
		return
	}
	if !this.refused && l.peers.up(leader) {
		return
	}
	_ = l.engine.ForgetLeader()
	if !isVoter(l.state.conf, l.opt.Self) {
		return
	}
	rank := 0
	for _, id := range votersOf(l.state.conf) {
		if id < l.opt.Self && id != leader && l.peers.up(id) {
			rank++
		}
	}
	l.lead.outOfTurn, l.lead.retries = 2*rank, outOfTurnTries
	if rank == 0 {
		l.campaignOutOfTurn()
	}
}

func (l *Log) tickOutOfTurn() {
	if l.lead.outOfTurn == 0 {
		return
	}
	if l.lead.outOfTurn--; l.lead.outOfTurn == 0 {
		l.campaignOutOfTurn()
	}
}

func (l *Log) campaignOutOfTurn() {
	l.drain()
	state := l.lead.soft.RaftState
	if l.engine == nil || l.lead.soft.Lead != 0 || l.doubts() || state == raft.StateCandidate || l.lead.retries == 0 {
		return
	}
	l.lead.retries--
	l.lead.outOfTurn = 1
	_ = l.engine.Campaign()
}

// watchDisk keeps a leader whose disk stalls from looking healthy: after one
// election timeout it hands over; after two it stops sending, so that the
// others elect whom they like, and the engine steps down for want of answers.
func (l *Log) watchDisk() {
	slow := l.Leading() && l.stalledFor() > l.electionTimeout()
	if slow && !l.lead.stalled {
		l.warnf("the disk has not finished a write for %v: leadership is handed over if there is anybody to take it", l.stalledFor())
		l.transfer(0)
	}
	l.lead.stalled = slow
}

func (l *Log) stalledFor() time.Duration {
	if len(l.disk.pending) == 0 {
		return 0
	}
	return l.now.Sub(l.disk.pending[0].at)
}

// mute says whether a message stays here because the disk has stalled.
func (l *Log) mute(m *raftpb.Message) bool {
	if !l.lead.stalled || l.stalledFor() <= 2*l.electionTimeout() || !l.hasOthers() {
		return false
	}
	t := m.GetType()
	return t == raftpb.MsgHeartbeat || t == raftpb.MsgApp || t == raftpb.MsgSnap
}

func (l *Log) hasOthers() bool { return len(l.Voters()) > 1 }

// transfer hands leadership to a voter, or to the best: up, heard of lately,
// furthest ahead.
func (l *Log) transfer(to core.RaftID) {
	if !l.Leading() {
		return
	}
	if to == 0 {
		to = l.heir()
	}
	if to == 0 || to == l.opt.Self {
		return
	}
	l.engine.TransferLeader(uint64(to))
}

// heir is the voter that could lead soonest; 0: nobody.
func (l *Log) heir() core.RaftID {
	return l.heirWhere(func(core.RaftID) bool { return true })
}

// heirWhere is the heir among some.
func (l *Log) heirWhere(may func(core.RaftID) bool) core.RaftID {
	best, merit := core.RaftID(0), position{}
	progress := l.progress()
	for _, id := range votersOf(l.state.conf) {
		p := progress[id]
		this := position{uint64(btoi(p.RecentActive)), p.Match}
		if id != l.opt.Self && may(id) && !l.peers.down(id) && merit.less(this) {
			best, merit = id, this
		}
	}
	return best
}

// lookAround is for a voter that no leader talks to while others say that more
// is committed than it knows: it may have been replaced while it was away.
func (l *Log) lookAround() {
	if best := l.follow.furthest(); best > l.Commit() {
		l.notef("no leader talks to this voter, and others have committed up to %d: catching up first", best)
		l.goAstray(best)
	}
}

// forgot is for a voter whose leader believes it to hold more than it does: its
// disk has lost what it had promised (a last frame that looked torn).
func (l *Log) forgot(m *raftpb.Message) {
	l.warnf("the leader has had entry %d confirmed by this voter, whose log ends at %d: fetching what was lost",
		m.GetCommit(), l.tail.last())
	l.heard(l.peers.node(core.RaftID(m.GetFrom())), m.GetCommit())
	l.goAstray(m.GetCommit())
}

// goAstray stops the engine until the log is committed here up to an index.
func (l *Log) goAstray(target uint64) {
	l.stopEngine()
	l.follow.astray, l.follow.target = true, target
	l.follow.giveUp = l.now.Add(l.opt.ReplaceAfter)
}
