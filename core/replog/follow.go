package replog

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"hb/core"
	"hb/core/wire"

	"go.etcd.io/raft/v3/confchange"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

const (
	pullTimeout = 2 * time.Second        // silence after which a pull goes elsewhere
	liveWait    = 10 * time.Second       // how long a pull for news stays open
	lateNews    = 500 * time.Millisecond // and how much longer once others tell the news
	shyAtFirst  = 500 * time.Millisecond
	shyAtMost   = 10 * time.Second
	pieceTries  = 3 // failures after which a snapshot is begun anew elsewhere
	maxUnsynced = 4 // pages on their way to the disk while the next is pulled
)

// follow is the log of a member that runs no engine: it pulls what is committed
// from whoever has more.
type follow struct {
	live  bool // somebody here waits for news
	heard map[core.NodeID]uint64
	most  uint64      // of heard, or more: spares looking through it
	nudge core.NodeID // a leader has just tried to talk to us
	shy   map[core.NodeID]shy
	asked asked
	nonce uint64

	// piece is a snapshot as far as it has come. All of it comes from one
	// member: another's at the same index may be laid out differently.
	piece     *raftpb.Snapshot
	pieceFrom core.NodeID

	// whole is one that has come in and is being examined, or was: body is what
	// came of that.
	whole *raftpb.Snapshot
	from  core.NodeID // whoever gave it
	body  Body

	// invitation is the leader's message to a voter that shall pull a snapshot
	// (fetch.go).
	invitation *raftpb.Message

	// astray is a voter that must catch up before it runs its engine again.
	astray bool
	target uint64
	giveUp core.Instant
}

// asked is the one pull in flight; to is 0 when there is none.
type asked struct {
	to       core.NodeID
	nonce    uint64
	at       core.Instant
	deadline core.Instant
}

// shy is a peer that did not answer, or not well.
type shy struct {
	failures int
	until    core.Instant
}

func (f *follow) stop() {
	f.asked, f.piece, f.whole, f.body, f.nudge, f.invitation = asked{}, nil, nil, nil, 0, nil
}

func (f *follow) forget(node core.NodeID) {
	delete(f.heard, node)
	delete(f.shy, node)
}

// furthest is the highest commit index that anybody claims.
func (f *follow) furthest() uint64 {
	best := uint64(0)
	for _, commit := range f.heard {
		best = max(best, commit)
	}
	return best
}

func (l *Log) heard(node core.NodeID, commit uint64) {
	if node != 0 && node != l.opt.Node {
		l.follow.heard[node] = max(l.follow.heard[node], commit)
		l.follow.most = max(l.follow.most, commit)
	}
	// The answer to a pull for news may have been lost with its stream.
	if a := &l.follow.asked; commit > l.Commit() && a.deadline > a.at.Add(pullTimeout) {
		a.deadline = min(a.deadline, l.now.Add(lateNews))
	}
}

// nudged is a leader's message to an engine that does not run: most likely this
// member has just become a learner and does not know it yet.
func (l *Log) nudged(from core.RaftID, m *raftpb.Message) {
	switch m.GetType() {
	case raftpb.MsgApp, raftpb.MsgHeartbeat, raftpb.MsgSnap:
		l.follow.nudge = l.peers.node(from)
	}
}

// pullMore sends the next pull when there is reason for one and none in flight.
func (l *Log) pullMore() {
	f := &l.follow
	if l.engine != nil && !l.inviting() || f.asked.to != 0 || f.whole != nil || l.disk.installing != 0 || len(l.disk.pending) >= maxUnsynced {
		return
	}
	wait := time.Duration(0)
	to := l.source()
	if to == 0 && f.piece == nil {
		to, f.nudge = l.unlessShy(f.nudge), 0
	}
	if to == 0 && f.piece == nil && f.live {
		to, wait = l.newsroom(), liveWait
	}
	if l.engine != nil {
		to, wait = l.lender(), 0
	}
	if to == 0 {
		return
	}
	f.nonce++
	p := &wire.Pull{Nonce: f.nonce, From: l.Commit() + 1, Least: l.least(), MaxBytes: uint32(l.opt.Limits.MessageBytes), WaitMillis: uint32(wait.Milliseconds())}
	if f.piece != nil {
		p.SnapshotIndex, p.SnapshotOffset = f.piece.GetMetadata().GetIndex(), uint64(len(f.piece.Data))
	}
	f.asked = asked{to: to, nonce: f.nonce, at: l.now, deadline: l.now.Add(pullTimeout + wait)}
	l.emit(Pull{To: to, Pull: p})
}

// source picks one of those who have more, at random, so that no single one has
// to feed all. Whom the directory does not know yet may have no right to be heard:
// it is asked if nobody else has more.
func (l *Log) source() core.NodeID {
	if l.follow.piece != nil {
		return l.unlessShy(l.follow.pieceFrom)
	}
	if l.follow.most <= l.Commit() {
		return 0
	}
	ahead := func(node core.NodeID) bool { return l.follow.heard[node] > l.Commit() && l.unlessShy(node) != 0 }
	var known, strange []core.NodeID
	for _, p := range l.peers.list {
		if !p.Left && ahead(p.Node) {
			known = append(known, p.Node)
		}
	}
	if len(known) > 0 {
		return l.anyOf(known)
	}
	for _, node := range slices.Sorted(maps.Keys(l.follow.heard)) {
		if ahead(node) {
			strange = append(strange, node)
		}
	}
	return l.anyOf(strange)
}

// newsroom picks a voter to wait at.
func (l *Log) newsroom() core.NodeID {
	var nodes []core.NodeID
	for _, id := range votersOf(l.state.conf) {
		if l.peers.up(id) && l.unlessShy(l.peers.node(id)) != 0 {
			nodes = append(nodes, l.peers.node(id))
		}
	}
	return l.anyOf(nodes)
}

func (l *Log) anyOf(nodes []core.NodeID) core.NodeID {
	if len(nodes) == 0 {
		return 0
	}
	return nodes[l.opt.Rand.IntN(len(nodes))]
}

func (l *Log) unlessShy(node core.NodeID) core.NodeID {
	if node == l.opt.Node || l.now < l.follow.shy[node].until {
		return 0
	}
	return node
}

func (l *Log) pageCame(ev PageCame) {
	f := &l.follow
	if ev.From != f.asked.to || ev.Page.GetNonce() != f.asked.nonce {
		return // late: given up, or not needed any more
	}
	at := f.asked.at
	f.asked = asked{}
	if l.engine != nil && !l.inviting() {
		return
	}
	p := ev.Page
	why := ""
	switch {
	case l.engine != nil && len(p.GetSnapshotMeta()) == 0:
		// It has none that serves yet.
		l.pullFailed(ev.From)
		return
	case len(p.GetEntries()) > 0:
		f.piece = nil
		why = l.takeEntries(p)
	case len(p.GetSnapshotMeta()) > 0:
		why = l.takePiece(ev.From, p)
	default:
		// Nothing yet. Whoever says so at once is not asked again at once.
		f.heard[ev.From] = p.GetCommit()
		f.most = f.furthest()
		if l.now.Sub(at) < l.opt.Tick {
			f.shy[ev.From] = shy{until: l.now.Add(l.opt.Tick)}
		}
		return
	}
	if why != "" {
		l.peers.blame(l, "pages of member "+ev.From.String(), why)
		l.pullFailed(ev.From)
		return
	}
	delete(f.shy, ev.From)
	l.heard(ev.From, p.GetCommit())
	f.giveUp = l.now.Add(l.opt.ReplaceAfter)
}

// takeEntries puts committed entries behind what is committed here. Entries of
// our own that agree with them stay: a voter astray may have promised more than
// is committed yet, and only a different committed entry releases it.
func (l *Log) takeEntries(p *wire.Page) string {
	commit := l.Commit()
	last, _ := l.tail.term(commit)
	before := position{last, commit}
	var entries []*raftpb.Entry
	for _, b := range p.GetEntries() {
		e := &raftpb.Entry{}
		if wire.Unmarshal(b, e) != nil {
			return "an entry is unreadable"
		}
		at := positionOf(e)
		if at.index != before.index+1 || at.term < before.term || at.index > p.GetCommit() {
			return "the entries do not follow each other, or are not committed"
		}
		before = at
		entries = append(entries, e)
	}
	if !l.confsFollow(entries) {
		return "an entry changes the voters in a way that cannot be"
	}
	term, vote := l.Term(), l.state.hard.GetVote()
	if term < before.term {
		term, vote = before.term, 0
	}
	l.state.hard = hardState(term, vote, before.index)
	for len(entries) > 0 {
		if t, ok := l.tail.term(entries[0].GetIndex()); !ok || t != entries[0].GetTerm() {
			l.disk.durable = min(l.disk.durable, entries[0].GetIndex()-1)
			break
		}
		entries = entries[1:]
	}
	l.write(entries, nil)
	return ""
}

// confsFollow tries the changes of the voters in entries that are to follow what
// is committed here.
func (l *Log) confsFollow(entries []*raftpb.Entry) bool {
	if !slices.ContainsFunc(entries, changesConf) {
		return true
	}
	conf := l.state.conf
	before, _ := l.tail.Entries(l.state.applied+1, l.Commit()+1, ^uint64(0))
	for _, e := range append(before, entries...) {
		if !changesConf(e) {
			continue
		}
		var err error
		if conf, err = confAfter(conf, e); err != nil {
			return false
		}
	}
	return true
}

// takePiece adds a piece to the snapshot that is coming in.
func (l *Log) takePiece(from core.NodeID, p *wire.Page) string {
	f := &l.follow
	meta := &raftpb.SnapshotMetadata{}
	switch {
	case wire.Unmarshal(p.GetSnapshotMeta(), meta) != nil || !soundConf(meta):
		return "a snapshot's description is unreadable"
	case meta.GetIndex() <= l.Commit():
		return "a snapshot is older than what was asked for"
	case p.GetSnapshotSize() > uint64(l.opt.Limits.SnapshotPull):
		return "a snapshot is too large"
	}
	if t, ok := l.tail.term(meta.GetIndex()); ok && t == meta.GetTerm() && l.engine == nil {
		// A voter astray holds all this; what stands behind it, it may have
		// promised.
		f.piece = nil
		l.state.hard = hardState(l.Term(), l.state.hard.GetVote(), meta.GetIndex())
		return ""
	}
	if f.piece == nil || f.piece.GetMetadata().GetIndex() != meta.GetIndex() {
		f.piece, f.pieceFrom = &raftpb.Snapshot{Metadata: meta}, from
	}
	if p.GetSnapshotOffset() != uint64(len(f.piece.Data)) || uint64(len(f.piece.Data)+len(p.GetSnapshotData())) > p.GetSnapshotSize() {
		f.piece = nil
		return "a piece of a snapshot does not fit the one before"
	}
	f.piece.Data = append(f.piece.Data, p.GetSnapshotData()...)
	if uint64(len(f.piece.Data)) < p.GetSnapshotSize() {
		if len(p.GetSnapshotData()) == 0 {
			return "a piece of a snapshot is empty"
		}
		return ""
	}
	whole := f.piece
	f.piece = nil
	if p.GetSnapshotSum() != 0 && wire.Checksum(whole.Data) != p.GetSnapshotSum() {
		return "a snapshot was damaged on its way"
	}
	f.whole, f.from = whole, from
	l.emit(Examine{Snapshot: whole})
	return ""
}

// examined installs a snapshot that has come in, if it is sound and still needed.
func (l *Log) examined(ev Examined) {
	f := &l.follow
	whole := f.whole
	if whole == nil || whole.GetMetadata().GetIndex() != ev.Index || whole.GetMetadata().GetTerm() != ev.Term {
		return
	}
	f.whole = nil
	if ev.Why != "" {
		l.peers.blame(l, "the snapshot of member "+f.from.String(), ev.Why)
		l.pullFailed(f.from)
		return
	}
	if ev.Index <= l.Commit() || l.engine != nil && !l.inviting() {
		return // it came another way
	}
	if f.body = ev.Body; f.body == nil {
		f.body = plainBody(whole.GetData())
	}
	if l.engine != nil {
		l.accept(whole)
	} else {
		l.install(whole, nil, nil)
	}
}

// arrived is the body of a snapshot that is installed.
func (f *follow) arrived(s *raftpb.Snapshot) Body {
	body := f.body
	if f.body = nil; body == nil {
		return plainBody(s.GetData())
	}
	return body
}

// soundConf says whether the engine could start from a snapshot.
func soundConf(meta *raftpb.SnapshotMetadata) bool {
	conf := meta.GetConfState()
	if meta.GetIndex() == 0 || meta.GetTerm() == 0 || len(conf.GetVoters()) == 0 {
		return false
	}
	changer := confchange.Changer{Tracker: tracker.MakeProgressTracker(1, 0), LastIndex: meta.GetIndex()}
	_, _, err := confchange.Restore(changer, conf)
	return err == nil
}

// resting says that a tick would do nothing: this member runs no engine, has
// all that it knows to be committed, on disk and applied, asks nobody and owes
// nobody an answer.
func (l *Log) resting() bool {
	f := &l.follow
	return l.engine == nil && !f.astray && !f.live && f.piece == nil && f.whole == nil && f.asked.to == 0 && f.nudge == 0 &&
		f.most <= l.Commit() && l.state.applied == l.Commit() && l.disk.installing == 0 && len(l.disk.pending) == 0 &&
		(l.Term() == 0 || !l.unwritten()) && len(l.serve.waiting) == 0
}

func (l *Log) tickFollow() {
	f := &l.follow
	if f.asked.to != 0 && l.now >= f.asked.deadline {
		to := f.asked.to
		f.asked = asked{}
		l.pullFailed(to)
	}
	if f.astray && l.now >= f.giveUp {
		f.astray = false // nobody has it: rather vote than wait for ever
	}
}

// pullFailed keeps away from a peer, longer each time.
func (l *Log) pullFailed(from core.NodeID) {
	f := &l.follow
	s := f.shy[from]
	wait := min(shyAtFirst<<min(s.failures, 10), shyAtMost)
	wait += time.Duration(l.opt.Rand.Int64N(int64(wait) / 2))
	f.shy[from] = shy{failures: s.failures + 1, until: l.now.Add(wait)}
	if s.failures >= pieceTries {
		f.piece = nil
	}
}

// applyFollowed applies what is committed and durable. It stops at the entry
// that makes this member a voter or learner: from there on the engine applies.
func (l *Log) applyFollowed() {
	if l.engine != nil || l.disk.installing != 0 {
		return
	}
	for to := min(l.Commit(), l.disk.durable); l.state.applied < to; {
		if runsEngine(l.state.conf, l.opt.Self) && !l.state.barred && !l.follow.astray {
			return
		}
		from := l.state.applied + 1
		end := from
		for end < to && !changesConf(l.tail.entry(end)) {
			end++
		}
		entries, _ := l.tail.Entries(from, end+1, ^uint64(0))
		l.handOver(entries)
		if last := entries[len(entries)-1]; changesConf(last) {
			conf, err := confAfter(l.state.conf, last)
			if err != nil {
				panic(fmt.Sprintf("replog: committed %v", err)) // takeEntries has tried it
			}
			l.state.conf = conf
			l.state.barred = l.state.barred && runsEngine(l.state.conf, l.opt.Self)
			l.noteConf()
		}
	}
	if l.follow.astray && (l.Commit() >= l.follow.target || !runsEngine(l.state.conf, l.opt.Self)) {
		l.follow.astray = false
	}
}
