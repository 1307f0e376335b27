package replog

import (
	"math/rand/v2"
	"time"

	"hb/core"

	"go.etcd.io/raft/v3/raftpb"
)

// DefaultTick is Options.Tick unless another is chosen.
const DefaultTick = 130 * time.Millisecond

// Options say who this node is and how it behaves. Zero values take the
// default named with each.
type Options struct {
	Self core.RaftID // required
	Node core.NodeID // required
	Rand *rand.Rand  // required: whom to pull from, back-off

	// Tick is the engine's unit of time: a heartbeat each tick, an election
	// after five to nine without one. With the default, to lose four heartbeats
	// in a row is no accident (and costs nothing where others still hear the
	// leader, for a pre-vote is refused then), and after a leader of three
	// voters froze the next commits within 0.8 s half of the time, in 99 of 100
	// within 1.2 s (core/sim, BenchmarkLeaderFrozen).
	Tick time.Duration
	// Voters is how many there should be: 1, 3 (default), 5 or 7.
	Voters int
	// ReplaceAfter is how long a voter must have been down, and its successor
	// up, before it is replaced. 10 s: longer than a restart.
	ReplaceAfter time.Duration

	Limits Limits
}

// Limits bound memory, messages and disk. Zero values take the defaults.
type Limits struct {
	EntryBytes       int // largest proposal; 1 MiB
	MessageBytes     int // entries in one message or page; 1 MiB
	UncommittedBytes int // proposals beyond it are dropped as busy; 64 MiB

	// A snapshot is wanted after so many entries or bytes since the last one;
	// 10,000 and 16 MiB.
	SnapshotEntries, SnapshotBytes int
	// So much of the log is kept behind a snapshot for laggards; 10,000
	// entries and 16 MiB.
	TailEntries, TailBytes int
	// SnapshotPull is the largest snapshot taken from a peer; 1 GiB.
	SnapshotPull int
}

// Restored is what the disk gave back at the start.
type Restored struct {
	Hard     *raftpb.HardState // nil: none
	Snapshot *raftpb.Snapshot  // the newest one; nil: none
	Body     Body              // of the snapshot; nil: it is in its Data
	// Entries follow each other without a gap and reach at least to the
	// snapshot's index + 1 if they reach beyond it; older ones serve laggards.
	Entries []*raftpb.Entry
	// DoubtTerm and DoubtIndex are the last (term, index) that a torn last
	// frame of the log claims to have held; zero: nothing was torn. A vote that
	// was in it is accounted for in Hard. The store says so again at the next
	// start, until the log has got there.
	DoubtTerm, DoubtIndex uint64
	// Damaged says that synced records are lost. The engine then never runs
	// under a raft ID that the log knows: the caller mints a new one before New.
	Damaged bool
}

// Genesis is the snapshot at index 1, term 1 from which a founder starts, the
// only voter, with a body for the ledger.
func Genesis(self core.RaftID, body []byte) *raftpb.Snapshot { return Alone(self, 1, 1, body) }

// Alone is a snapshot from which a node starts as the only voter, whatever was
// before.
func Alone(self core.RaftID, index, term uint64, body []byte) *raftpb.Snapshot {
	return &raftpb.Snapshot{
		Data: body,
		Metadata: &raftpb.SnapshotMetadata{
			Index: &index, Term: &term,
			ConfState: &raftpb.ConfState{Voters: []uint64{uint64(self)}},
		},
	}
}

func (o Options) withDefaults() Options {
	setDuration(&o.Tick, DefaultTick)
	setDuration(&o.ReplaceAfter, 10*time.Second)
	setInt(&o.Voters, 3)
	l := &o.Limits
	setInt(&l.EntryBytes, 1<<20)
	setInt(&l.MessageBytes, 1<<20)
	setInt(&l.UncommittedBytes, 64<<20)
	setInt(&l.SnapshotEntries, 10_000)
	setInt(&l.SnapshotBytes, 16<<20)
	setInt(&l.TailEntries, 10_000)
	setInt(&l.TailBytes, 16<<20)
	setInt(&l.SnapshotPull, 1<<30)
	return o
}

func setInt(v *int, otherwise int) {
	if *v == 0 {
		*v = otherwise
	}
}

func setDuration(v *time.Duration, otherwise time.Duration) {
	if *v == 0 {
		*v = otherwise
	}
}
