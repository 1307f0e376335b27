package replog

import (
	"fmt"
	"slices"
	"time"

	"hb/core"
	"hb/core/wire"

	"go.etcd.io/raft/v3/raftpb"
)

const (
	maxWaiting = 256              // pulls that wait here for news
	maxWait    = 30 * time.Second // the longest that one may
	lendFor    = 10 * time.Second // how long a snapshot is kept for who pulled a piece
)

// serve answers the pulls of members that follow.
type serve struct {
	waiting []waiting // one for each member at most, in order of asking
	upTo    uint64    // they have been looked at up to here

	// lent is the snapshot that somebody is pulling. A newer one does not take
	// its place before lentUntil: else a large one would never come through on
	// a busy cluster.
	lent      *raftpb.Snapshot
	lentBody  Body
	lentUntil core.Instant
}

type waiting struct {
	to       core.NodeID
	pull     *wire.Pull
	deadline core.Instant
}

func (l *Log) pullAsked(ev PullAsked) {
	s := &l.serve
	s.waiting = slices.DeleteFunc(s.waiting, func(w waiting) bool { return w.to == ev.From })
	wait := min(time.Duration(ev.Pull.GetWaitMillis())*time.Millisecond, maxWait)
	if ev.Pull.GetFrom() <= l.state.applied || wait == 0 || len(s.waiting) >= maxWaiting {
		l.emit(Page{To: ev.From, Page: l.page(ev.Pull)})
		return
	}
	s.waiting = append(s.waiting, waiting{ev.From, ev.Pull, l.now.Add(wait)})
}

// servePages answers those who waited for what has been applied since.
func (l *Log) servePages() {
	if l.serve.upTo == l.state.applied {
		return
	}
	l.serve.upTo = l.state.applied
	l.answerWhere(func(w waiting) bool { return w.pull.GetFrom() <= l.state.applied })
}

func (l *Log) tickServe() {
	if l.serve.lent != nil && l.now >= l.serve.lentUntil {
		l.serve.lent, l.serve.lentBody = nil, nil
	}
	l.answerWhere(func(w waiting) bool { return l.now >= w.deadline })
}

func (l *Log) answerWhere(due func(waiting) bool) {
	l.serve.waiting = slices.DeleteFunc(l.serve.waiting, func(w waiting) bool {
		if due(w) {
			l.emit(Page{To: w.to, Page: l.page(w.pull)})
			return true
		}
		return false
	})
}

// page makes the answer to a pull. Only what is applied here is given away: it
// is committed, and it is on this disk.
func (l *Log) page(pull *wire.Pull) *wire.Page {
	p := &wire.Page{Nonce: pull.GetNonce(), Commit: l.Commit()}
	from, room := pull.GetFrom(), l.opt.Limits.MessageBytes
	if asked := int(pull.GetMaxBytes()); asked > 0 {
		room = min(room, asked)
	}
	switch {
	case pull.GetLeast() > 0:
		if pull.GetLeast() <= l.lend(pull).GetMetadata().GetIndex() {
			l.addPiece(p, pull, room)
		}
	case from > l.state.applied || from == 0:
	case from < l.tail.first():
		l.addPiece(p, pull, room)
	default:
		entries, _ := l.tail.Entries(from, l.state.applied+1, uint64(room))
		p.First = from
		for _, e := range entries {
			p.Entries = append(p.Entries, marshal(e))
		}
	}
	return p
}

// addPiece answers with a piece of the snapshot, because the entries are gone.
func (l *Log) addPiece(p *wire.Page, pull *wire.Pull, room int) {
	s := l.lend(pull)
	body := l.serve.lentBody
	size, offset := uint64(body.Size()), uint64(0)
	if pull.GetSnapshotIndex() == s.GetMetadata().GetIndex() {
		offset = min(pull.GetSnapshotOffset(), size)
	}
	p.SnapshotMeta = marshal(s.GetMetadata())
	p.SnapshotOffset, p.SnapshotSize, p.SnapshotSum = offset, size, body.Sum()
	p.SnapshotData = make([]byte, min(uint64(room), size-offset))
	if n, err := body.ReadAt(p.SnapshotData, int64(offset)); n < len(p.SnapshotData) {
		panic(fmt.Sprintf("replog: the snapshot at %d gives %d of %d bytes at %d: %v", s.GetMetadata().GetIndex(), n, len(p.SnapshotData), offset, err))
	}
}

// lend gives the snapshot that a pull goes on with, else the newest.
func (l *Log) lend(pull *wire.Pull) *raftpb.Snapshot {
	s := &l.serve
	s.lentUntil = l.now.Add(lendFor)
	if s.lent != nil && (s.lent == l.tail.snap || pull.GetSnapshotIndex() == s.lent.GetMetadata().GetIndex()) {
		return s.lent
	}
	s.lent, s.lentBody = l.tail.snap, l.tail.body
	return s.lent
}
