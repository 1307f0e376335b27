package store

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"hb/core/wire"
)

// settle fits the log that was read to the snapshot on the disk. It gives the
// entries after the snapshot; superseded says that the snapshot replaces the
// log, because a crash came between the two halves of SaveSnapshot; damaged
// says what is missing between them.
func (w *wal) settle(snap position) (rest []entry, superseded bool, damaged string) {
	es := w.entries
	n := len(es)
	switch {
	case w.last.index <= snap.index:
		return nil, w.last != snap, ""
	case n == 0:
		return nil, false, fmt.Sprintf("the log reached entry %d, but there is only a snapshot up to %d", w.last.index, snap.index)
	case es[0].index > snap.index+1:
		return nil, false, fmt.Sprintf("the log begins at entry %d, but there is only a snapshot up to %d", es[0].index, snap.index)
	case es[0].index == snap.index+1:
		return es, false, ""
	}
	at := snap.index - es[0].index
	if es[at].term != snap.term {
		return nil, true, ""
	}
	return es[at+1:], false, ""
}

// doubtful takes over what a torn frame claims. A vote that it may have held
// becomes one for the node itself: whatever was promised to another candidate
// in that term is then not promised to a second one.
func (w *wal) doubtful(claim head, self uint64) {
	if w.doubt == nil || w.doubt.before(claim.last) {
		w.doubt = &claim.last // an older doubt may reach further
	}
	if claim.hardTerm < w.hard.GetTerm() || claim.hardTerm == 0 {
		return
	}
	if claim.hardTerm > w.hard.GetTerm() || w.hard.GetVote() == 0 {
		w.hard = &raftpb.HardState{Term: &claim.hardTerm, Vote: &self, Commit: proto.Uint64(w.hard.GetCommit())}
	}
}

// forsake makes the log go on from what is whole after damage, for a node that
// comes back under a new raft ID: the votes of the old one are void.
func (w *wal) forsake(snap position, attached bool) error {
	w.doubt = nil
	var records []*wire.Record
	if w.hard != nil {
		commit := min(w.hard.GetCommit(), max(snap.index, w.last.index))
		if !attached {
			commit = min(commit, snap.index)
		}
		w.hard = &raftpb.HardState{Term: proto.Uint64(w.hard.GetTerm()), Commit: &commit}
		records = append(records, hardRecord(w.hard))
	}
	if !attached {
		records = append(records, markRecord(snap))
	}
	if err := w.write(records); err != nil {
		return err
	}
	return w.sync()
}
