package replog

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// position is a place in the log and the term that put an entry there. Logs
// compare as in Raft §5.4.1: the later term wins, then the greater length.
type position struct{ term, index uint64 }

func (p position) less(q position) bool {
	return p.term < q.term || p.term == q.term && p.index < q.index
}

func positionOf(e *raftpb.Entry) position { return position{e.GetTerm(), e.GetIndex()} }

// tail is the end of the log in memory, and the engine's raft.Storage. It is
// extended when an append is handed out, before that is durable: the engine
// reads here only what it believes stable, and everything that is promised to
// anybody waits for the disk elsewhere (disk.go).
//
// Invariant: entries follow `before` without a gap, and snap, if there is one,
// lies within [before.index, last()].
type tail struct {
	before  position // of the entry before entries[0]
	entries []*raftpb.Entry
	bytes   int
	snap    *raftpb.Snapshot // the newest one that is on disk, without its body
	body    Body             // of snap

	// What a starting engine asks for.
	hard *raftpb.HardState
	conf *raftpb.ConfState
}

// restoreTail puts together what the disk gave back. Entries that belong to a
// branch which the snapshot has cut off are dropped.
func restoreTail(from Restored) *tail {
	t := &tail{}
	es := from.Entries
	if from.Snapshot == nil {
		if len(es) > 0 && es[0].GetIndex() != 1 {
			panic(fmt.Sprintf("replog: the log begins at %d without a snapshot", es[0].GetIndex()))
		}
		t.append(es)
		return t
	}
	at := position{from.Snapshot.GetMetadata().GetTerm(), from.Snapshot.GetMetadata().GetIndex()}
	if len(es) > 0 && es[0].GetIndex() > at.index+1 {
		panic(fmt.Sprintf("replog: nothing between the snapshot at %d and the log from %d", at.index, es[0].GetIndex()))
	}
	if len(es) > 0 && es[0].GetIndex() <= at.index {
		t.before = positionOf(es[0])
		t.append(es[1:])
		if term, ok := t.term(at.index); !ok || term != at.term {
			t.reset(from.Snapshot, from.body())
		}
	} else {
		t.before = at
		t.append(es)
	}
	t.snap, t.body = bodiless(from.Snapshot), from.body()
	return t
}

func (t *tail) first() uint64 { return t.before.index + 1 }
func (t *tail) last() uint64  { return t.before.index + uint64(len(t.entries)) }

func (t *tail) lastPosition() position {
	if n := len(t.entries); n > 0 {
		return positionOf(t.entries[n-1])
	}
	return t.before
}

func (t *tail) term(index uint64) (uint64, bool) {
	switch {
	case index == t.before.index && index > 0:
		return t.before.term, true
	case index < t.first() || index > t.last():
		return 0, false
	}
	return t.entries[index-t.first()].GetTerm(), true
}

func (t *tail) entry(index uint64) *raftpb.Entry {
	if index < t.first() || index > t.last() {
		return nil
	}
	return t.entries[index-t.first()]
}

// append puts entries into place; what stood there and behind goes. Slices
// that were handed out before stay as they were.
func (t *tail) append(es []*raftpb.Entry) {
	if len(es) == 0 {
		return
	}
	from := es[0].GetIndex()
	if from < t.first() || from > t.last()+1 {
		panic(fmt.Sprintf("replog: append at %d to a log of %d to %d", from, t.first(), t.last()))
	}
	if from <= t.last() {
		t.truncate(from - 1)
	}
	t.entries = append(t.entries, es...)
	for _, e := range es {
		t.bytes += entryCost(e)
	}
}

// truncate drops everything behind an index.
func (t *tail) truncate(last uint64) {
	if last >= t.last() {
		return
	}
	keep := last - t.before.index
	for _, e := range t.entries[keep:] {
		t.bytes -= entryCost(e)
	}
	t.entries = t.entries[:keep:keep]
}

// compact drops everything up to an index.
func (t *tail) compact(upTo uint64) {
	if upTo <= t.before.index {
		return
	}
	n := upTo - t.before.index
	for _, e := range t.entries[:n] {
		t.bytes -= entryCost(e)
	}
	t.before = positionOf(t.entries[n-1])
	t.entries = append(make([]*raftpb.Entry, 0, len(t.entries)-int(n)), t.entries[n:]...)
}

// reset makes a snapshot all that there is.
func (t *tail) reset(s *raftpb.Snapshot, body Body) {
	*t = tail{
		before: position{s.GetMetadata().GetTerm(), s.GetMetadata().GetIndex()},
		snap:   bodiless(s), body: body,
	}
}

// entryCost is what an entry takes in memory, about.
func entryCost(e *raftpb.Entry) int { return len(e.GetData()) + 64 }

// The rest is raft.Storage.

// InitialState tells a starting engine what was promised and who votes.
func (t *tail) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	return t.hard, t.conf, nil
}

// Entries gives entries [lo, hi), at least one, up to a size.
func (t *tail) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	if lo < t.first() {
		return nil, raft.ErrCompacted
	}
	if hi > t.last()+1 {
		return nil, raft.ErrUnavailable
	}
	a, b := int(lo-t.first()), int(hi-t.first())
	size := uint64(0)
	for i := a; i < b; i++ {
		size += uint64(proto.Size(t.entries[i]))
		if size > maxSize && i > a {
			b = i
		}
	}
	return t.entries[a:b:b], nil
}

// Term gives the term of an entry in [FirstIndex-1, LastIndex].
func (t *tail) Term(i uint64) (uint64, error) {
	if i == t.before.index {
		return t.before.term, nil
	}
	if i < t.first() {
		return 0, raft.ErrCompacted
	}
	if i > t.last() {
		return 0, raft.ErrUnavailable
	}
	return t.entries[i-t.first()].GetTerm(), nil
}

// LastIndex is the last entry's.
func (t *tail) LastIndex() (uint64, error) { return t.last(), nil }

// FirstIndex is the oldest entry's.
func (t *tail) FirstIndex() (uint64, error) { return t.first(), nil }

// Snapshot gives the newest snapshot.
func (t *tail) Snapshot() (*raftpb.Snapshot, error) {
	if t.snap == nil {
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return t.snap, nil
}
