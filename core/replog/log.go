package replog

import (
	"fmt"
	"time"

	"hb/core"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// Log is one member's part in the replicated log. Not for concurrent use.
type Log struct {
	opt  Options
	now  core.Instant
	next core.Instant // of the next tick; 0 before the first Step
	out  []Effect

	// engine is nil while this member neither votes nor learns.
	engine *raft.RawNode
	tail   *tail
	state  state
	disk   disk
	lead   lead
	reads  reads
	peers  peers
	voters voters
	follow follow
	serve  serve
	doubt  doubt
}

// state is what is known of the log, whichever way it comes.
//
// Invariants: applied ≤ hard.Commit ≤ tail.last(); conf is the configuration
// as of applied.
type state struct {
	hard    *raftpb.HardState // never changed in place
	applied uint64
	conf    *raftpb.ConfState
	barred  bool // damaged: no engine under this ID
}

// New starts from what the disk gave back. The first Step must follow at once:
// it hands over, in Apply, what was committed behind the snapshot, and a single
// voter starts its election.
func New(opt Options, from Restored) *Log {
	opt = opt.withDefaults()
	if opt.Self == 0 || opt.Node == 0 || opt.Rand == nil {
		panic(fmt.Sprintf("replog: Options without Self (%v), Node (%v) or Rand", opt.Self, opt.Node))
	}
	l := &Log{opt: opt, tail: restoreTail(from)}
	l.state.conf = &raftpb.ConfState{}
	if from.Snapshot != nil {
		l.state.applied = from.Snapshot.GetMetadata().GetIndex()
		l.state.conf = from.Snapshot.GetMetadata().GetConfState()
	}
	// etcd-io/etcd#20426: the commit index on disk may lag behind a snapshot.
	// It may lie ahead of a log whose end was lost.
	commit := min(max(from.Hard.GetCommit(), l.state.applied), l.tail.last())
	term, vote := from.Hard.GetTerm(), from.Hard.GetVote()
	if last := l.tail.lastPosition().term; term < last {
		term, vote = last, 0
	}
	l.state.hard = hardState(term, vote, commit)
	l.disk.wrote = from.Hard
	l.disk.durable = l.tail.last()
	l.follow.heard, l.follow.shy = map[core.NodeID]uint64{}, map[core.NodeID]shy{}
	l.state.barred = from.Damaged && runsEngine(l.state.conf, opt.Self)
	l.startDoubt(position{from.DoubtTerm, from.DoubtIndex})
	return l
}

func hardState(term, vote, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}
}

// Step takes one event at a time and says what to do. The slice is reused by
// the next Step.
func (l *Log) Step(now core.Instant, ev Event) []Effect {
	clear(l.out)
	l.out = l.out[:0]
	first := l.next == 0
	l.now = now
	if first {
		l.begin()
		l.take(ev)
	} else {
		l.takeInTime(ev)
	}
	l.settle()
	l.tellNews()
	return l.out
}

// takeInTime takes an event, and the tick that is due. A tick that was put off
// comes first, because it is older; if nothing has come in time to take it
// along, the one after it is due as well.
func (l *Log) takeInTime(ev Event) {
	spare := l.patient()
	if spare && l.now >= l.next && l.now < l.next.Add(l.opt.Tick) {
		l.tick()
	}
	l.take(ev)
	if l.now >= l.next {
		if at := l.next; spare {
			l.tick()
			l.next = at.Add(l.opt.Tick)
		}
		l.tick()
	}
}

// Next is when Step must be called at the latest.
func (l *Log) Next() core.Instant { return core.Earlier(l.nextTick(), l.nextNews()) }

// nextTick is when the clock must be moved. Who only follows the log, and
// misses nothing of it, has no use for a clock. Who hears a leader leaves the
// tick to the next heartbeat, and so wakes up half as often.
func (l *Log) nextTick() core.Instant {
	switch {
	case l.next != 0 && l.resting():
		return core.Never
	case l.patient():
		return l.next.Add(l.opt.Tick)
	}
	return l.next
}

// patient says that a tick can wait for the leader's next heartbeat, or for
// another tick: there is a leader, it has been heard since the tick before the
// last, and nothing speaks against it.
func (l *Log) patient() bool {
	leader := core.RaftID(l.lead.soft.Lead)
	return l.engine != nil && leader != 0 && leader != l.opt.Self && l.lead.silent <= 1 &&
		l.lead.lost[leader] == nil && l.lead.outOfTurn == 0 && l.doubt.held == position{}
}

// begin starts the clock, at a random phase: voters that tick in step would
// often campaign in the same tick and share the votes.
func (l *Log) begin() {
	l.next = l.now.Add(1 + time.Duration(l.opt.Rand.Int64N(int64(l.opt.Tick))))
	l.noteConf()
	l.settle()
	if !runsEngine(l.state.conf, l.opt.Self) {
		l.tail.truncate(l.Commit()) // what a former voter had not seen committed
		l.disk.durable = l.tail.last()
	}
}

func (l *Log) take(ev Event) {
	switch ev := ev.(type) {
	case Tick:
	case Received:
		l.received(ev.Msg)
	case Synced:
		l.synced(ev.Seq)
	case Propose:
		l.propose(ev)
	case Read:
		l.reads.waiting = append(l.reads.waiting, ev.Ticket)
	case Peers:
		l.setPeers(ev.List, ev.Voters)
		l.doubt.void = ev.Void
	case Heard:
		l.heard(ev.Node, ev.Commit)
	case PullAsked:
		l.pullAsked(ev)
	case PageCame:
		l.pageCame(ev)
	case Follow:
		l.follow.live = ev.On
	case SnapshotMade:
		l.snapshotMade(ev)
	case Examined:
		l.examined(ev)
	case Saved:
		l.saved(ev.Index)
	case Transfer:
		l.transfer(ev.To)
	case Lost:
		l.streamLost(ev)
	default:
		panic(fmt.Sprintf("replog: unknown event %T", ev))
	}
}

// tick moves the logical clock by one. Time that was slept through is not
// caught up with: a machine that was frozen must first hear what happened,
// before it concludes from its own silence that the leader is gone.
func (l *Log) tick() {
	l.next = l.next.Add(l.opt.Tick)
	if l.next <= l.now {
		l.next = l.now.Add(l.opt.Tick)
	}
	if l.engine != nil {
		l.tickEngine()
	}
	l.flushCommit()
	l.tickFollow()
	l.tickServe()
	l.voters.due = true
}

// settle goes on until nothing more follows from what is known.
func (l *Log) settle() {
	for again := true; again; {
		l.drain()
		l.applyFollowed()
		again = l.switchEngine() || l.campaignAlone() || l.askReads() || l.manageVoters()
	}
	l.pullMore()
	l.servePages()
	l.wantSnapshot()
}

func (l *Log) emit(e Effect) { l.out = append(l.out, e) }

func (l *Log) notef(format string, args ...any) {
	l.emit(Note{Text: fmt.Sprintf(format, args...)})
}

func (l *Log) warnf(format string, args ...any) {
	l.emit(Note{Warn: true, Text: fmt.Sprintf(format, args...)})
}

// Leader gives the leader as far as the engine here knows it (0: none known, or
// this member runs no engine) and the current term.
func (l *Log) Leader() (core.RaftID, uint64) { return l.lead.told.Raft, l.Term() }

// Leading says whether this node leads as far as it knows.
func (l *Log) Leading() bool { return l.lead.told.Raft == l.opt.Self }

// Term is the highest term seen.
func (l *Log) Term() uint64 { return l.state.hard.GetTerm() }

// Commit is up to where the log is known to be committed.
func (l *Log) Commit() uint64 { return l.state.hard.GetCommit() }

// Applied is up to where Apply and Install have handed the log over.
func (l *Log) Applied() uint64 { return l.state.applied }

// LastIndex is the last entry here, committed or not.
func (l *Log) LastIndex() uint64 { return l.tail.last() }

// FirstIndex is the oldest entry that EntryAt still has; LastIndex+1 when it
// has none.
func (l *Log) FirstIndex() uint64 { return l.tail.first() }

// SnapshotIndex is up to where the newest snapshot on this disk goes; 0: none.
func (l *Log) SnapshotIndex() uint64 { return l.tail.snap.GetMetadata().GetIndex() }

// Role says what a raft ID is as of the applied log: leader, voter, learner, or
// member.
func (l *Log) Role(id core.RaftID) string {
	switch {
	case id == 0:
		return "member"
	case id == l.lead.told.Raft:
		return "leader"
	case isVoter(l.state.conf, id):
		return "voter"
	case runsEngine(l.state.conf, id):
		return "learner"
	}
	return "member"
}

// Voters gives the voters as of the applied log, sorted; during a joint change
// those of both sides.
func (l *Log) Voters() []core.RaftID { return votersOf(l.state.conf) }

// Conf is the configuration as of the applied log. It must not be changed.
func (l *Log) Conf() *raftpb.ConfState { return l.state.conf }

// Joint says whether the voters are in the middle of a change, as of the applied
// log: until it is over, a majority of the old ones is needed as well.
func (l *Log) Joint() bool { return len(l.state.conf.GetVotersOutgoing()) > 0 }

// Claimed is up to where a member has said that the log is committed.
func (l *Log) Claimed(node core.NodeID) uint64 { return l.follow.heard[node] }

// Doubts says that the log's last frame was torn, and that nobody has made good
// yet what it may have held.
func (l *Log) Doubts() bool { return l.doubt.held != (position{}) }

// Unsynced says that an append of ours is on its way to the disk: proposals
// that come now are better batched until it is there.
func (l *Log) Unsynced() bool { return len(l.disk.pending) > 0 }

// HandsOver says that this leader waits for another voter to take over, and
// would refuse every proposal until that is decided.
func (l *Log) HandsOver() bool { return l.Leading() && l.engine.BasicStatus().LeadTransferee != 0 }

// TermAt gives the term of an entry; false when it is not here any more, or not
// yet.
func (l *Log) TermAt(index uint64) (uint64, bool) { return l.tail.term(index) }

// EntryAt gives an entry; nil when it is not here any more, or not yet. It must
// not be changed.
func (l *Log) EntryAt(index uint64) *raftpb.Entry { return l.tail.entry(index) }
