package replog

import (
	"fmt"
	"slices"
	"time"

	"hb/core"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// The engine's ticks: a heartbeat each tick, an election after five (to nine)
// without one. Messages in flight to one peer are bounded in number and bytes.
const (
	heartbeatTicks = 1
	electionTicks  = 5
	inflightCount  = 256
	inflightBytes  = 32 << 20
)

// lead is what is known of leadership, and what the caller was told of it.
type lead struct {
	soft  raft.SoftState // the engine's
	told  LeaderIs
	ready uint64 // the term of Led; 0: not leading, or not ready to plan

	// What shows that a leader is gone, or unfit (failover.go).
	lost      map[core.RaftID]*loss
	outOfTurn int // ticks until this voter campaigns out of turn; 0: it does not
	retries   int // how often it still does so
	silent    int // ticks since a leader said something
	stalled   bool
	snapping  map[core.RaftID]int // ticks since a snapshot was sent to a peer
	news      news
}

// electionTimeout is the shortest time after which followers elect anew.
func (l *Log) electionTimeout() time.Duration { return electionTicks * l.opt.Tick }

// switchEngine starts the engine when the applied log makes this member a voter
// or learner, and stops it when it does not any more.
func (l *Log) switchEngine() bool {
	wanted := runsEngine(l.state.conf, l.opt.Self) && !l.state.barred && !l.follow.astray && l.disk.installing == 0
	if l.engine == nil && wanted {
		l.startEngine()
		return true
	}
	if l.engine != nil && !runsEngine(l.state.conf, l.opt.Self) && l.disk.installing == 0 {
		l.stopEngine()
		// What was not committed is not needed: it was counted, if at all,
		// under voters whose majority has it without us.
		l.tail.truncate(l.Commit())
		l.notef("this member is no voter any more, and follows the log")
		return true
	}
	return false
}

func (l *Log) startEngine() {
	lim := l.opt.Limits
	l.tail.hard, l.tail.conf = l.state.hard, l.state.conf
	engine, err := raft.NewRawNode(&raft.Config{
		ID:                        uint64(l.opt.Self),
		ElectionTick:              electionTicks,
		HeartbeatTick:             heartbeatTicks,
		Storage:                   l.tail,
		Applied:                   l.state.applied,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             uint64(lim.MessageBytes),
		MaxUncommittedEntriesSize: uint64(lim.UncommittedBytes),
		MaxInflightMsgs:           inflightCount,
		MaxInflightBytes:          uint64(max(inflightBytes, lim.MessageBytes)),
		CheckQuorum:               true,
		PreVote:                   true,
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
		Logger:                    quiet{},
	})
	if err != nil {
		panic(fmt.Sprintf("replog: the engine does not start: %v", err))
	}
	l.engine = engine
	l.follow.stop()
	l.lead.soft = raft.SoftState{}
	l.lead.silent, l.lead.outOfTurn, l.lead.snapping = 0, 0, nil
}

// stopEngine forgets the engine. What it wanted to say once the disk is done is
// not said: silence is always safe.
func (l *Log) stopEngine() {
	for i := range l.disk.pending {
		l.disk.pending[i].replies = nil
	}
	for i := range l.disk.blocked {
		l.disk.blocked[i].replies = nil
	}
	l.disk.durable = l.tail.last()
	if n := len(l.disk.pending); n > 0 {
		l.disk.durable = l.state.applied
		l.disk.pending[n-1].last = l.tail.last()
	}
	l.engine, l.lead.soft = nil, raft.SoftState{}
	l.noteLeader(0)
}

// drain carries out what the engine wants until it wants no more.
func (l *Log) drain() {
	for l.engine != nil && l.engine.HasReady() {
		rd := l.engine.Ready()
		if !raft.IsEmptyHardState(rd.HardState) {
			l.state.hard = rd.HardState
		}
		for _, m := range rd.Messages {
			switch m.GetTo() {
			case raft.LocalAppendThread:
				l.appendThread(m)
			case raft.LocalApplyThread:
				l.applyThread(m)
			default:
				l.send(m)
			}
		}
		if rd.SoftState != nil {
			l.lead.soft = *rd.SoftState
		}
		l.noteLeader(core.RaftID(l.lead.soft.Lead))
		l.confirmReads(rd.ReadStates)
	}
}

// appendThread is the engine's order to write: raft calls it the append thread.
func (l *Log) appendThread(m *raftpb.Message) {
	if !raft.IsEmptySnap(m.GetSnapshot()) {
		l.install(m.GetSnapshot(), m.GetEntries(), m.GetResponses())
		return
	}
	l.write(m.GetEntries(), m.GetResponses())
}

// applyThread is the engine's order to apply.
func (l *Log) applyThread(m *raftpb.Message) {
	entries := m.GetEntries()
	l.handOver(entries)
	changed := false
	for _, e := range entries {
		if changesConf(e) {
			change, err := readConfChange(e)
			if err != nil {
				panic(fmt.Sprintf("replog: committed entry %d: %v", e.GetIndex(), err))
			}
			l.state.conf = l.engine.ApplyConfChange(change)
			changed = true
		}
	}
	if changed {
		l.noteConf()
	}
	for _, r := range m.GetResponses() {
		_ = l.engine.Step(r)
	}
}

// handOver gives committed entries to the ledger.
func (l *Log) handOver(entries []*raftpb.Entry) {
	if first := entries[0].GetIndex(); first != l.state.applied+1 {
		panic(fmt.Sprintf("replog: entry %d is to be applied after %d", first, l.state.applied))
	}
	for _, e := range entries {
		l.disk.grown += entryCost(e)
	}
	l.state.applied = entries[len(entries)-1].GetIndex()
	l.emit(Apply{Entries: entries})
}

// noteConf tells the configuration as of the applied log.
func (l *Log) noteConf() {
	l.voters.due = true
	if len(l.state.conf.GetVoters()) > 0 {
		l.emit(Conf{Voters: votersOf(l.state.conf), Learners: learnersOf(l.state.conf), Index: l.state.applied})
	}
}

// noteLeader tells a change of leader or term. Planning begins only when the
// new leader's first entry is applied: then everything that was committed
// before it is (Raft §6.4).
func (l *Log) noteLeader(id core.RaftID) {
	now := LeaderIs{Raft: id, Term: l.Term()}
	if now != l.lead.told {
		if l.lead.told.Raft == l.opt.Self {
			l.endLeading()
		}
		l.lead.told = now
		l.emit(now)
	}
	if id != l.opt.Self || l.lead.ready == now.Term {
		return
	}
	if term, ok := l.tail.term(l.state.applied); ok && term == now.Term {
		l.lead.ready = now.Term
		l.voters.begin(l.tail.last())
		l.emit(Led{Term: now.Term})
	}
}

func (l *Log) endLeading() {
	l.failReads()
	l.lead.snapping = nil
	clear(l.lead.news.held)
	if l.lead.ready != 0 {
		l.lead.ready = 0
		l.emit(Deposed{})
	}
}

// campaignAlone makes a voter that decides alone leader without waiting.
func (l *Log) campaignAlone() bool {
	if l.engine == nil || !onlyVoter(l.state.conf, l.opt.Self) || l.doubts() {
		return false
	}
	if l.lead.soft.RaftState != raft.StateFollower || l.state.applied < l.Commit() {
		return false
	}
	_ = l.engine.Campaign()
	return l.engine.HasReady()
}

func (l *Log) propose(p Propose) {
	taken, busy := false, false
	if l.Leading() && l.fit(p.Data) {
		taken = l.engine.Step(proposal(p.Data)) == nil
		busy = !taken
	}
	if !taken {
		l.emit(Dropped{Ticket: p.Ticket, Busy: busy})
	}
}

// fit says whether every entry may go into the log.
func (l *Log) fit(entries [][]byte) bool {
	for _, data := range entries {
		if len(data) == 0 || len(data) > l.opt.Limits.EntryBytes {
			l.warnf("an entry of %d bytes was not taken: from 1 to %d fit", len(data), l.opt.Limits.EntryBytes)
			return false
		}
	}
	return len(entries) > 0
}

// proposal is the engine's message for entries that it takes all or none of.
func proposal(entries [][]byte) *raftpb.Message {
	m := &raftpb.Message{Type: raftpb.MsgProp.Enum(), Entries: make([]*raftpb.Entry, len(entries))}
	for i, data := range entries {
		m.Entries[i] = &raftpb.Entry{Data: data}
	}
	return m
}

// received takes a message of another engine.
func (l *Log) received(m *raftpb.Message) {
	if why := malformed(m, l.opt.Self); why != "" {
		l.peers.blame(l, fmt.Sprintf("messages of raft ID %v", core.RaftID(m.GetFrom())), why)
		return
	}
	from := core.RaftID(m.GetFrom())
	if l.fromTheDead(m) {
		return
	}
	if this := l.lead.lost[from]; this != nil {
		this.heard = true
	}
	if l.engine == nil {
		l.nudged(from, m)
		return
	}
	if m.GetType() == raftpb.MsgHeartbeat && m.GetCommit() > l.tail.last() {
		l.forgot(m)
		return
	}
	switch m.GetType() {
	case raftpb.MsgAppResp:
		if slices.Contains(l.state.conf.GetLearners(), m.GetFrom()) {
			l.voters.due = true // perhaps it has caught up
		}
	case raftpb.MsgApp, raftpb.MsgHeartbeat, raftpb.MsgSnap:
		if m.GetTerm() >= l.Term() {
			l.lead.silent = 0
		}
	}
	if l.doubtTakes(m) || m.GetType() == raftpb.MsgSnap && l.invited(m) {
		return
	}
	_ = l.engine.Step(m)
}

// malformed says what is wrong with a message, if anything is. The engine takes
// its peers' word for the rest.
func malformed(m *raftpb.Message, self core.RaftID) string {
	switch {
	case m.GetTo() != uint64(self):
		return fmt.Sprintf("it is for %v", core.RaftID(m.GetTo()))
	case m.GetFrom() == 0 || m.GetFrom() == uint64(self) || raft.IsLocalMsgTarget(m.GetFrom()):
		return "no such sender"
	case m.GetTerm() == 0:
		return "it has no term"
	}
	switch m.GetType() {
	case raftpb.MsgAppResp, raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgPreVote, raftpb.MsgPreVoteResp, raftpb.MsgTimeoutNow:
	case raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp:
		if n := len(m.GetContext()); n != 0 && n != 8 {
			return "its context is not ours"
		}
	case raftpb.MsgSnap:
		at := m.GetSnapshot().GetMetadata()
		if at.GetIndex() == 0 || at.GetTerm() == 0 || at.GetTerm() > m.GetTerm() || !soundConf(at) {
			return "its snapshot is none"
		}
	case raftpb.MsgApp:
		before := position{m.GetLogTerm(), m.GetIndex()}
		for _, e := range m.GetEntries() {
			p := positionOf(e)
			if p.index != before.index+1 || p.term < before.term || p.term > m.GetTerm() {
				return fmt.Sprintf("entry %d follows %d", p.index, before.index)
			}
			before = p
		}
	default:
		return fmt.Sprintf("%v is not for others to send", m.GetType())
	}
	return ""
}

// send lets a message out.
func (l *Log) send(m *raftpb.Message) {
	if l.mute(m) {
		return
	}
	to := core.RaftID(m.GetTo())
	if m.GetType() == raftpb.MsgSnap {
		if l.lead.snapping == nil {
			l.lead.snapping = map[core.RaftID]int{}
		}
		l.lead.snapping[to] = 0
		m.Snapshot = bodiless(m.Snapshot)
	}
	if onlyNews(m) {
		l.hold(m)
		return
	}
	if m.GetType() == raftpb.MsgApp {
		delete(l.lead.news.held, to) // it says the same, and more
	}
	l.emit(Send{To: to, Msg: m})
}

// quiet is the engine's logger: it says nothing but its last words.
type quiet struct{}

func (quiet) Debug(...any)              {}
func (quiet) Debugf(string, ...any)     {}
func (quiet) Info(...any)               {}
func (quiet) Infof(string, ...any)      {}
func (quiet) Warning(...any)            {}
func (quiet) Warningf(string, ...any)   {}
func (quiet) Error(...any)              {}
func (quiet) Errorf(string, ...any)     {}
func (quiet) Fatal(v ...any)            { panic(fmt.Sprint(v...)) }
func (quiet) Fatalf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
func (quiet) Panic(v ...any)            { panic(fmt.Sprint(v...)) }
func (quiet) Panicf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
