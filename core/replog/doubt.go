package replog

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"hb/core"

	"go.etcd.io/raft/v3/raftpb"
)

// doubt is about a log whose last frame was torn. Most often that frame was
// never finished, so nothing in it was promised. But a finished frame that was
// damaged later looks the same, and preallocated segments make every torn frame
// complete in length. So a voter in doubt acts as if it still held the frame:
//
//   - it votes for nobody whose log ends before the frame's end,
//   - it does not campaign until a leader has brought its log that far,
//   - it votes for nobody in the frame's term: it may have done so already.
//
// If the power failed everywhere at once, all voters may be in doubt, and none
// would campaign. So a voter in doubt without a leader asks all voters for the
// end of their whole logs. When every one has answered, none of them leading or
// led, whatever anybody still holds is not longer than the best of these ends:
// the doubt is lowered to that. A committed entry that any voter still holds
// whole lies on the best log (leader completeness), so nothing is given up that
// was not already gone from every disk. A voter whose node lost its log and says
// so (Void) has nothing to answer. One that is silent might: if it is gone for
// good, people must say so (hb recover).
type doubt struct {
	held    position // zero: no doubt
	round   uint64
	answers map[core.RaftID]position
	void    []core.RaftID
	asking  map[core.RaftID]core.Instant // who else asked for a census, and when last
}

// census marks the questions and answers about the ends of logs. They travel as
// pre-votes, which change nothing at their receiver.
const census = "hb-census"

func (l *Log) startDoubt(held position) {
	if held.index == 0 || !l.tail.lastPosition().less(held) {
		return
	}
	h := l.state.hard
	if h.GetTerm() < held.term {
		l.state.hard = hardState(held.term, uint64(l.opt.Self), h.GetCommit())
	} else if h.GetTerm() == held.term && h.GetVote() == 0 {
		l.state.hard = hardState(held.term, uint64(l.opt.Self), h.GetCommit())
	}
	l.doubt.held = held
}

// doubts says whether this voter may have promised more than its log holds.
func (l *Log) doubts() bool {
	d := &l.doubt
	if d.held == (position{}) {
		return false
	}
	if !l.tail.lastPosition().less(d.held) {
		l.notef("the log has been brought to where its torn end had been: no doubt any more")
		*d = doubt{void: d.void, asking: d.asking}
		return false
	}
	if onlyVoter(l.state.conf, l.opt.Self) {
		l.warnf("the log's last frame, up to entry %d, was torn by the crash; this only voter goes on from entry %d",
			d.held.index, l.tail.last())
		*d = doubt{void: d.void, asking: d.asking}
		return false
	}
	return true
}

// doubtTakes keeps from the engine what a voter in doubt must not answer, and
// carries the census.
func (l *Log) doubtTakes(m *raftpb.Message) bool {
	if strings.HasPrefix(string(m.GetContext()), census) {
		l.censusCame(m)
		return true
	}
	if !l.doubts() {
		return false
	}
	switch m.GetType() {
	case raftpb.MsgVote, raftpb.MsgPreVote:
		return position{m.GetLogTerm(), m.GetIndex()}.less(l.doubt.held)
	case raftpb.MsgTimeoutNow:
		return true
	}
	return false
}

// tickDoubt stands in for the engine's tick, which would campaign.
func (l *Log) tickDoubt() {
	if l.lead.silent >= electionTicks {
		_ = l.engine.ForgetLeader()
		if l.lead.silent%electionTicks == 0 {
			l.askCensus()
		}
	}
}

func (l *Log) askCensus() {
	d := &l.doubt
	d.round++
	d.answers = map[core.RaftID]position{l.opt.Self: l.tail.lastPosition()}
	for _, id := range votersOf(l.state.conf) {
		if id != l.opt.Self {
			l.emit(Send{To: id, Msg: l.censusMessage(raftpb.MsgPreVote, id, d.round)})
		}
	}
}

func (l *Log) censusMessage(t raftpb.MessageType, to core.RaftID, round uint64) *raftpb.Message {
	last := l.tail.lastPosition()
	target, self, term := uint64(to), uint64(l.opt.Self), max(l.Term(), 1)
	return &raftpb.Message{
		Type: t.Enum(), To: &target, From: &self, Term: &term, LogTerm: &last.term, Index: &last.index,
		Context: binary.BigEndian.AppendUint64([]byte(census), round),
	}
}

func (l *Log) censusCame(m *raftpb.Message) {
	d := &l.doubt
	from, context := core.RaftID(m.GetFrom()), m.GetContext()[len(census):]
	if len(context) != 8 {
		return
	}
	round := binary.BigEndian.Uint64(context)
	if m.GetType() == raftpb.MsgPreVote {
		if d.asking == nil {
			d.asking = map[core.RaftID]core.Instant{}
		}
		d.asking[from] = l.now
		if l.lead.soft.Lead == 0 {
			l.emit(Send{To: from, Msg: l.censusMessage(raftpb.MsgPreVoteResp, from, round)})
		}
		return
	}
	if round != d.round || d.answers == nil || l.lead.soft.Lead != 0 || !l.doubts() {
		return
	}
	d.answers[from] = position{m.GetLogTerm(), m.GetIndex()}
	best := l.tail.lastPosition()
	for _, id := range votersOf(l.state.conf) {
		p, answered := d.answers[id]
		if !answered && !l.isVoid(id) {
			return
		}
		if best.less(p) {
			best = p
		}
	}
	if best.less(d.held) {
		l.warnf("all voters have answered, and none holds what the log's torn end, up to entry %d, may have been; going on from the best log, which ends at %d",
			d.held.index, best.index)
		d.held = best
	}
}

// doubtShown is how long after its last question a voter is taken to be in doubt:
// it asks every election timeout.
const doubtShown = 5 * time.Second

// Doubtful are the voters, perhaps with this one, that are known here to be in
// doubt; Void those that nobody speaks for any more.
func (l *Log) Doubtful() []core.RaftID {
	return l.votersWhere(func(id core.RaftID) bool {
		at, asked := l.doubt.asking[id]
		return id == l.opt.Self && l.Doubts() || asked && l.now.Sub(at) < doubtShown
	})
}

// Void are the voters whose logs are lost, though their nodes live on.
func (l *Log) Void() []core.RaftID { return l.votersWhere(l.isVoid) }

func (l *Log) votersWhere(holds func(core.RaftID) bool) (some []core.RaftID) {
	for _, id := range l.Voters() {
		if holds(id) {
			some = append(some, id)
		}
	}
	return some
}

// isVoid says that nobody speaks for a voter's raft ID any more: its node has
// said so, or the directory has no member with it, since a voter is chosen from
// there and its row only changes when its node has taken another ID.
func (l *Log) isVoid(id core.RaftID) bool {
	_, listed := l.peers.find(id)
	return slices.Contains(l.doubt.void, id) || !listed && len(l.peers.list) > 0
}
