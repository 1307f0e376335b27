package store

import (
	"bytes"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// ErrFull says that the disk has no room for another segment. Nothing of the
// refused frame was written; the store lives on, and the same call may succeed
// once there is room. Every other error of a write or sync is final.
var ErrFull error = core.Faultf(core.CodeIO, "no space left on the disk").WithHint("free some; nothing is lost")

// Options are the sizes of a store's files; zero means the default.
type Options struct {
	// Segment is the length of a file of the write-ahead log, default 8 MiB;
	// Journal that of a file of the runner's journal, default 1 MiB. The first
	// ones of a directory are shorter. A frame that does not fit gets a longer
	// file.
	Segment, Journal int64
}

// Restored is all that a data directory holds when it is opened.
type Restored struct {
	// Identity is nil in a new directory, which was never in a cluster; then
	// everything below but Instance is empty.
	Identity *wire.Identity
	// Instance is the number of this start: raised by one, and synced.
	Instance core.Instance
	// Hard is the last hard state, nil if there was none. Its Commit is not
	// before Snapshot and not after the last entry.
	Hard *raftpb.HardState
	// Snapshot is the newest whole one (metadata and data), nil if there is none.
	Snapshot *raftpb.Snapshot
	// Entries are the log after Snapshot, without a gap.
	Entries []*raftpb.Entry
	// Journal is what the runner's journal still has to remember, in order: the
	// records of every intent that is not forgotten.
	Journal []*wire.Record
	// Doubt is set when the log's tail was torn; and over further restarts until
	// the log has reached what the torn frame claimed to hold.
	Doubt *Doubt
	// Damaged says that something which was once synced is missing or changed.
	// What is whole is in the other fields, but the node must not vote, nor
	// write, before SaveIdentity gave it a new raft ID. Nil when all is whole.
	Damaged error
	// JournalDamaged says the same of the runner's journal: it may have
	// forgotten attempts. Reported once; the store has already gone on from
	// what was whole.
	JournalDamaged error
	// JournalTorn says that the journal's last frame was torn. Most likely it was
	// never synced, and never acted upon; but rot in it looks the same.
	JournalTorn bool
	// Remarks are lines for the operator about what was mended on the way.
	Remarks []string
}

// Doubt is the last position that a torn frame's header claimed; zero when not
// even that could be read, which a disk that keeps whole sectors shows only for
// a frame that was never synced. The frame may have been acknowledged before
// it was torn (a flipped bit looks the same), so the node votes as if it held
// the position. If the frame held a vote, Restored.Hard already has the frame's
// term with a vote for the node itself: it cannot vote twice in it.
type Doubt struct {
	Term, Index uint64
}

// Store is an open data directory. It is not for concurrent use.
type Store struct {
	fs       FS
	release  func() error
	id       *wire.Identity
	instance core.Instance // of this start
	wal      wal
	journal  journal
	snap     position // of the newest snapshot
	attached bool     // the log has entries after it (matters only while damaged)
	damaged  string   // not empty until SaveIdentity gave a new raft ID
	renewed  bool     // it gave one, but the log does not say so yet
	failed   error
	closed   bool
}

// SaveIdentity writes who this node is; durable when it returns. The same
// again changes nothing. A new raft ID of the same node is accepted: it ends
// Damaged, and the votes of the old ID are void. An identity of another cluster
// or node is refused with CodeBadInput.
func (s *Store) SaveIdentity(id *wire.Identity) error {
	if s.failed != nil {
		return s.failed
	}
	if id.Format > format {
		return tooNew(s.fs.Path(idName), id.Format)
	}
	if old := s.id; old != nil {
		switch {
		case proto.Equal(old, id) && !s.renewed:
			return nil
		case len(old.Cluster) > 0 && !bytes.Equal(old.Cluster, id.Cluster):
			return core.Faultf(core.CodeBadInput, "%s belongs to cluster %x, not to %x", s.fs.Path(""), old.Cluster, id.Cluster).
				WithHint("use another data directory, or leave the cluster first")
		case old.Node != id.Node:
			return core.Faultf(core.CodeBadInput, "%s belongs to node %v, not to %v", s.fs.Path(""), core.NodeID(old.Node), core.NodeID(id.Node))
		}
		s.renewed = s.renewed || old.Raft != id.Raft
	}
	if err := writeSealed(s.fs, idName, wire.Marshal(id)); err != nil {
		return s.fail(idName, err)
	}
	s.id = proto.CloneOf(id)
	if !s.renewed {
		return nil
	}
	if err := s.wal.forsake(s.snap, s.attached || s.damaged == ""); err != nil {
		return err
	}
	s.damaged, s.renewed = "", false
	return nil
}

// Write appends records (entries, hard states) to the log as one frame, which
// a crash keeps as a whole or not at all. It is not durable before Sync; a
// frame that is not synced yet is synced before the next is written, because
// recovery rests on at most one unsynced frame: to commit a group under one
// sync, give all of its records to one Write.
func (s *Store) Write(records []*wire.Record) error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.wal.write(records)
}

// Sync makes what was written durable. Any error is final: nothing more is
// accepted, and the node must stop.
func (s *Store) Sync() error {
	if s.failed != nil {
		return s.failed
	}
	return s.wal.sync()
}

// WriteJournal appends records (intents, starts, ends, forgotten fences) to the
// runner's journal as one frame; like Write. The journal drops forgotten
// intents by itself.
func (s *Store) WriteJournal(records []*wire.Record) error {
	if s.failed != nil {
		return s.failed
	}
	return s.journal.write(records)
}

// SyncJournal makes what was written to the journal durable; like Sync.
func (s *Store) SyncJournal() error {
	if s.failed != nil {
		return s.failed
	}
	return s.journal.sync()
}

// SaveSnapshot writes a snapshot file, durable when it returns, then drops the
// log before the index keep, by whole segments, and snapshots which the log
// does not reach back to any more. Replace says that the log as it stands is
// superseded: the next entry follows the snapshot. (It is implied when the
// snapshot is beyond the log's end.)
func (s *Store) SaveSnapshot(snap *raftpb.Snapshot, keep uint64, replace bool) error {
	at := metaPosition(snap.GetMetadata())
	return s.save(at, keep, replace, func() error { return saveSnapshot(s.fs, snap) })
}

// SaveDraft is SaveSnapshot with a file that was written before.
func (s *Store) SaveDraft(d *Draft, keep uint64) error { return s.save(d.at, keep, false, d.save) }

func (s *Store) save(at position, keep uint64, replace bool, write func() error) error {
	if err := s.usable(); err != nil {
		return err
	}
	if at.index < s.snap.index || at.index == 0 {
		return core.Faultf(core.CodeInternal, "a snapshot at %d after one at %d", at.index, s.snap.index)
	}
	if err := write(); err != nil {
		return s.fail(snapName(at), err)
	}
	s.snap = at
	if replace || at.index > s.wal.last.index {
		if err := s.wal.write([]*wire.Record{markRecord(at)}); err != nil {
			return err
		}
		keep = ^uint64(0)
	}
	if s.wal.blank() {
		// No segment may go before a base has restated what it says.
		if err := s.wal.write(nil); err != nil {
			return err
		}
	}
	if err := s.wal.sync(); err != nil {
		return err
	}
	if keep < ^uint64(0) {
		keep = min(keep, at.index+1)
	}
	if err := s.wal.drop(keep); err != nil {
		return err
	}
	return s.fail(snapDir, purgeSnapshots(s.fs, at, s.wal.first()))
}

// Prepare makes the next segment of the log, piece by piece, while the second
// half of the present one fills: the write that needs it is then not held up, and
// does not fail on a full disk. To be called after every Sync, when there is
// nothing more urgent; on a closed store it does nothing. ErrFull is no harm.
func (s *Store) Prepare() error {
	if s.closed {
		return nil
	}
	if s.failed != nil {
		return s.failed
	}
	return s.wal.prepare()
}

// SetAside moves everything that makes this directory a member's to
// aside-N/ in it and closes the store: the next Open finds a new directory.
// Nothing is deleted.
func (s *Store) SetAside() error {
	if s.failed != nil {
		return s.failed
	}
	s.closeFiles()
	_, err := setAside(s.fs)
	if e := s.Close(); err == nil {
		err = e
	}
	return err
}

// Close gives the directory free; again, it does nothing. It syncs nothing.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.closeFiles()
	if e := s.release(); err == nil {
		err = e
	}
	s.fail("", core.Faultf(core.CodeInternal, "the store is closed"))
	return err
}

func (s *Store) closeFiles() error {
	err := s.wal.close()
	if e := s.journal.close(); err == nil {
		err = e
	}
	return err
}

// usable refuses to build on a damaged log.
func (s *Store) usable() error {
	if s.failed == nil && s.damaged != "" {
		return core.Faultf(core.CodeIO, "%s; the node needs a new raft ID first", s.damaged)
	}
	return s.failed
}

// fail ends the store at its first error, but not for want of space.
func (s *Store) fail(name string, err error) error {
	if err == nil || err == ErrFull {
		return err
	}
	if s.failed == nil {
		s.failed = fault(s.fs.Path(name), err)
	}
	return s.failed
}
