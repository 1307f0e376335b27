package store

import (
	"errors"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/wire"
)

// ErrFull says that the disk has no room for another segment. Nothing of the
// refused frame was written; the store lives on, and the same call may succeed
// once there is room. Every other error of a write or sync is final.
var ErrFull = errors.New("no space left on the disk")

// Options are the sizes of a store's files; zero means the default.
type Options struct {
	// Segment is the length of a file of the write-ahead log, default 8 MiB;
	// Journal that of a file of the runner's journal, default 1 MiB. A frame
	// that does not fit gets a longer file.
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
	// Doubt is set when the log's tail was torn and the log has not yet reached
	// what the tail claimed to hold; it stays set over restarts until it has.
	Doubt *Doubt
	// Damaged says that something which was once synced is missing or changed.
	// What is whole is in the other fields, but the node must not vote, nor
	// write, before SaveIdentity gave it a new raft ID. Nil when all is whole.
	Damaged error
	// JournalDamaged says the same of the runner's journal: it may have
	// forgotten attempts. Reported once; the store has already gone on from
	// what was whole.
	JournalDamaged error
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
type Store struct{}

// Open opens a data directory, creates what is missing, and gives what it
// holds. An error is a *core.Fault: CodeBusy when another process has it,
// CodeDenied without permission, CodeConfig when it was written in a newer
// format, CodeIO when the disk fails or the identity itself cannot be read.
// Damage to the log is no error, see Restored.
func Open(fs FS) (*Store, *Restored, error) { return OpenWith(fs, Options{}) }

// OpenWith is Open with other sizes.
func OpenWith(fs FS, options Options) (*Store, *Restored, error) { panic("soon") }

// SaveIdentity writes who this node is; durable when it returns. The same
// again changes nothing. A new raft ID of the same node is accepted: it ends
// Damaged, and the votes of the old ID are void. An identity of another cluster
// or node is refused with CodeBadInput.
func (s *Store) SaveIdentity(id *wire.Identity) error { panic("soon") }

// Write appends records (entries, hard states) to the log as one frame, which
// a crash keeps as a whole or not at all. It is not durable before Sync; a
// frame that is not synced yet is synced before the next is written, because
// recovery rests on at most one unsynced frame: to commit a group under one
// sync, give all of its records to one Write.
func (s *Store) Write(records []*wire.Record) error { panic("soon") }

// Sync makes what was written durable. Any error is final: nothing more is
// accepted, and the node must stop.
func (s *Store) Sync() error { panic("soon") }

// WriteJournal appends records (intents, starts, ends, forgotten fences) to the
// runner's journal as one frame; like Write. The journal drops forgotten
// intents by itself.
func (s *Store) WriteJournal(records []*wire.Record) error { panic("soon") }

// SyncJournal makes what was written to the journal durable; like Sync.
func (s *Store) SyncJournal() error { panic("soon") }

// SaveSnapshot writes a snapshot file, durable when it returns, then drops the
// log before the index keep, by whole segments, and snapshots which the log
// does not reach back to any more. Replace says that the log as it stands is
// superseded: the next entry follows the snapshot. (It is implied when the
// snapshot is beyond the log's end.)
func (s *Store) SaveSnapshot(snap *raftpb.Snapshot, keep uint64, replace bool) error { panic("soon") }

// Prepare makes the next segment of the log ready, if it is not: the write
// that needs it is then not held up, and does not fail on a full disk. To be
// called when there is nothing else to do. ErrFull is no harm.
func (s *Store) Prepare() error { panic("soon") }

// SetAside moves everything that makes this directory a member's to
// aside-N/ in it and closes the store: the next Open finds a new directory.
// Nothing is deleted.
func (s *Store) SetAside() error { panic("soon") }

// Close gives the directory free. It syncs nothing.
func (s *Store) Close() error { panic("soon") }
