package replog

import (
	"hb/core"
	"hb/core/wire"

	"go.etcd.io/raft/v3/raftpb"
)

// Effect is anything the log wants done, in the order given.
type Effect interface{ effect() }

type (
	// Append writes records at the end of the write-ahead log, all or nothing.
	// An entry replaces what the log holds from its index on. Synced follows.
	Append struct {
		Seq     uint64
		Records []*wire.Record
	}

	// Send sends a message to another engine; it may be lost.
	Send struct {
		To  core.RaftID
		Msg *raftpb.Message
	}

	// Apply hands over committed entries, in order, each exactly once in the
	// life of this Log: those with data are the ledger's; empty ones open a
	// term; changes of the voters are already carried out and only for display.
	// The caller applies them when it meets the effect.
	Apply struct{ Entries []*raftpb.Entry }

	// Examine asks whether the body of a snapshot that has come from a peer is one
	// of this cluster's ledger: in the caller's own time, for it may be large.
	Examine struct{ Snapshot *raftpb.Snapshot }

	// Install replaces the ledger by a snapshot, which has been examined. The
	// caller does so at once, saves it over the write-ahead log, and says Saved.
	Install struct{ Snapshot *raftpb.Snapshot }

	// WantSnapshot asks for a snapshot of the ledger as applied now. The caller
	// saves it while dropping the log before Keep, in its own time, then says
	// SnapshotMade and Saved.
	WantSnapshot struct {
		Index, Term uint64
		Conf        *raftpb.ConfState
		Keep        uint64
	}

	// ReadOK says that a ledger which has applied Index is fresh enough for
	// the Read. This one may still have to get there.
	ReadOK struct{ Ticket, Index, Term uint64 }

	// ReadFailed says that this node does not lead (any more).
	ReadFailed struct{ Ticket uint64 }

	// Dropped says that a proposal was not taken, and will not be. Busy: this
	// node leads, but too much is uncommitted, or it is handing over; otherwise
	// it does not lead, or the entry is too large (a Note says so).
	Dropped struct {
		Ticket uint64
		Busy   bool
	}

	// Pull asks a peer for committed entries.
	Pull struct {
		To   core.NodeID
		Pull *wire.Pull
	}

	// Page answers a peer's pull.
	Page struct {
		To   core.NodeID
		Page *wire.Page
	}

	// Led says that this node leads and has applied all that earlier leaders
	// committed: planning on the ledger may begin.
	Led struct{ Term uint64 }

	// Deposed ends what Led began.
	Deposed struct{}

	// LeaderIs tells a new leader (0: none known) or term.
	LeaderIs struct {
		Raft core.RaftID
		Term uint64
	}

	// Conf tells the voters and learners as of an applied index. During a joint
	// change Voters holds those of both sides.
	Conf struct {
		Voters, Learners []core.RaftID
		Index            uint64
	}

	// Note is a line for the operator.
	Note struct {
		Warn bool
		Text string
	}
)

func (Append) effect()       {}
func (Send) effect()         {}
func (Apply) effect()        {}
func (Examine) effect()      {}
func (Install) effect()      {}
func (WantSnapshot) effect() {}
func (ReadOK) effect()       {}
func (ReadFailed) effect()   {}
func (Dropped) effect()      {}
func (Pull) effect()         {}
func (Page) effect()         {}
func (Led) effect()          {}
func (Deposed) effect()      {}
func (LeaderIs) effect()     {}
func (Conf) effect()         {}
func (Note) effect()         {}
