package replog

import (
	"hb/core"
	"hb/core/wire"

	"go.etcd.io/raft/v3/raftpb"
)

// Event is anything the log is told. Each is a value of this package.
type Event interface{ event() }

type (
	// Tick says only that time has passed; Step looks at the clock it is given
	// whatever the event.
	Tick struct{}

	// Received is a message of the engine from another voter or learner. The
	// caller has made sure that it comes from the node that owns Msg.From.
	// Anything malformed, or meant for another raft ID, is dropped.
	Received struct{ Msg *raftpb.Message }

	// Synced says that every Append up to Seq is on disk.
	Synced struct{ Seq uint64 }

	// Propose asks for entries, one behind the other. They are either appended
	// all, and then perhaps committed and seen in Apply, or refused all by
	// Dropped with the same Ticket. Together they cost one message to each
	// voter and one write to the disk. The data belongs to the log from then on.
	Propose struct {
		Ticket uint64
		Data   [][]byte
	}

	// Read asks for an index at which a read is linearizable; answered by
	// ReadOK or ReadFailed. A repetition is a new Read with a new Ticket.
	Read struct{ Ticket uint64 }

	// Peers brings the agreed directory whenever it changes: the members among
	// whom voters are chosen, the way from raft IDs to nodes, and what people
	// wish about the voters. The order does not matter. The list belongs to the log from then on.
	Peers struct {
		List   []Peer
		Voters int // how many shall vote; 0: Options.Voters
		// Void are raft IDs that nobody speaks for any more: the nodes that had
		// them lost their logs, live on, and say so.
		Void []core.RaftID
	}

	// Heard says up to where another member says that the log is committed.
	Heard struct {
		Node   core.NodeID
		Commit uint64
	}

	// PullAsked is a peer's request for committed entries; answered by a Page,
	// at once or within Pull.wait_millis.
	PullAsked struct {
		From core.NodeID
		Pull *wire.Pull
	}

	// PageCame is a peer's answer to our Pull.
	PageCame struct {
		From core.NodeID
		Page *wire.Page
	}

	// Follow says whether somebody here waits for news of the log: then a
	// member that is no voter keeps one request open at a voter and applies
	// within milliseconds, instead of waiting for the next heartbeat.
	Follow struct{ On bool }

	// SnapshotMade answers WantSnapshot: the ledger as it was applied when that
	// effect was met. It may come late, but before the caller says that it is
	// Saved. Nil as the Body says that it is in the snapshot's Data.
	SnapshotMade struct {
		Snapshot *raftpb.Snapshot
		Body     Body
	}

	// Examined answers Examine, with the snapshot's body for others; a Why that is
	// not empty says what is wrong with it.
	Examined struct {
		Index, Term uint64
		Body        Body
		Why         string
	}

	// Saved says that the snapshot at Index (made here or installed) is on disk.
	Saved struct{ Index uint64 }

	// Transfer asks the leader to hand over to a voter; 0 lets it choose the
	// voter that is up and furthest ahead. Elsewhere it does nothing.
	Transfer struct{ To core.RaftID }

	// Lost says that messages to a peer may have been lost; Refused, that its
	// host refused or reset the connection: the process is gone.
	Lost struct {
		Raft    core.RaftID
		Refused bool
	}
)

func (Tick) event()         {}
func (Received) event()     {}
func (Synced) event()       {}
func (Propose) event()      {}
func (Read) event()         {}
func (Peers) event()        {}
func (Heard) event()        {}
func (PullAsked) event()    {}
func (PageCame) event()     {}
func (Follow) event()       {}
func (SnapshotMade) event() {}
func (Examined) event()     {}
func (Saved) event()        {}
func (Transfer) event()     {}
func (Lost) event()         {}

// Peer is one member of the agreed directory.
type Peer struct {
	Raft core.RaftID // 0: not known yet, no candidate
	Node core.NodeID
	Up   bool   // agreed up, and believed alive here
	Left bool   // left on purpose, or was forgotten
	Zone string // voters are spread over zones where they are given
	Wish Wish
}

// Wish is what people want of a member's vote.
type Wish uint8

// The wishes.
const (
	WishNothing Wish = iota
	// WishVote: it votes, in the place of one without a wish.
	WishVote
	// WishYield: it gives its vote to another as soon as there is one.
	WishYield
	// WishGo: it gives its vote up even if nobody can take it.
	WishGo
)
