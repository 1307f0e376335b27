package node

import (
	"net/netip"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// Effect is anything the node wants done. A driver carries effects out in the
// order given; byte slices belong to the driver from then on.
type Effect interface{ effect() }

type (
	// SendDatagram sends one UDP packet to one address.
	SendDatagram struct {
		To   netip.AddrPort
		Data []byte
		// Plain is what Data says where it is sealed, for those who watch a node
		// from inside its process; nil if it is not.
		Plain []byte
	}

	// SendBeacon sends one packet to the beacon port on every chosen interface,
	// by broadcast and multicast: a beacon, or news of members. Drivers without
	// beacons drop it.
	SendBeacon struct{ Data []byte }

	// SendFrame sends one frame over the stream to an address, in order with
	// the frames before it, or not at all: then StreamLost follows.
	SendFrame struct {
		To   netip.AddrPort
		Data []byte
		// Key is that of whom it is for: nobody else who answers there may get it.
		// Zero: whoever answers.
		Key [32]byte
		// Stranger says that it answers whoever asked, at the address that was
		// named: a driver bounds how many such it serves at a time, may drop it
		// without a word, and need not keep it in order with other frames.
		Stranger bool
	}

	// Bar revokes the certificate of a node that was forgotten: its streams end
	// at once, and none begins any more, until this process ends. A SendFrame to
	// a Stranger reaches it all the same: it is how it is told.
	Bar struct{ Node core.NodeID }

	// Append writes records at the end of the write-ahead log as one frame.
	// Synced{Seq} must follow only when they are on disk. Appends may be
	// grouped under one sync, never reordered.
	Append struct {
		Seq     uint64
		Records []*wire.Record
	}

	// SaveSnapshot writes a snapshot of the log's meaning up to Index, then
	// drops the log before Keep. Replace says that the snapshot came from a
	// peer and supersedes the log as it stands.
	SaveSnapshot struct {
		Index, Term uint64
		Meta        []byte // marshalled raftpb.SnapshotMetadata
		// Either Ledger, this node's own, which the driver encodes and writes
		// beside the node and its log, because that takes long; or Body, a
		// marshalled wire.Ledger that came from a peer.
		Ledger  *ledger.Version
		Body    []byte
		Keep    uint64
		Replace bool
	}

	// DecodeSnapshot reads what came from a peer, beside the node, because that
	// takes long.
	DecodeSnapshot struct {
		Index, Term uint64
		Body        []byte
	}

	// SaveIdentity writes the identity file once the cluster is known.
	SaveIdentity struct{ Identity *wire.Identity }

	// SaveCertificate keeps the node's next certificate (DER), and shows it to
	// others from now on.
	SaveCertificate struct{ Certificate []byte }

	// SetAside moves what the data directory holds out of the way, because the
	// node has left its cluster: a later start begins anew. Nothing is deleted.
	SetAside struct{}

	// Journal writes records at the end of the runner's journal.
	Journal struct {
		Seq     uint64
		Records []*wire.Record
	}

	// Exec starts an attempt as a process of its own session and group.
	Exec struct {
		Fence   core.Fence
		Task    core.TaskID
		Attempt uint32
		Spec    *wire.Spec
		// Until is when the process group must be gone at the latest, even if
		// the node is paused or gone, unless a Renew says later; zero: never.
		Until core.Instant
		// Abreast has it wait until fewer than so many run here; zero: it starts
		// at once.
		Abreast int
	}

	// Recall takes back an Exec that waits. Unbegun follows, unless it has begun.
	Recall struct{ Fence core.Fence }

	// Renew lets an Exec with an end go on until a later one.
	Renew struct {
		Fence core.Fence
		Until core.Instant
	}

	// Terminate ends everything of an Exec: SIGTERM, and after the grace
	// SIGKILL.
	Terminate struct {
		Fence core.Fence
		Grace time.Duration
	}

	// Adopt names all attempts that an earlier run of this node, or of its
	// runner process, may have left. Of each follows ExecStarted when it still
	// runs here, ExecEnded when it has ended meanwhile, Unbegun if it waited, or
	// Reaped once what may be left of it is ended. Processes of other attempts are
	// ended. It comes with the first Step, and after each Orphaned; until then
	// nothing is expected of the runner process, and nothing before it counts.
	Adopt struct{ Attempts []*wire.Started }

	// Disown ends whatever there may be of an attempt that no journal knows.
	// Reaped follows.
	Disown struct{ Fence core.Fence }

	// Release says that the end of an Exec is on disk.
	Release struct{ Fence core.Fence }

	// ReadSpool reads output records of an attempt from a byte on; Spooled
	// with the same Ticket follows: at once when there is data or the attempt
	// has ended, else when data comes or within half a second.
	ReadSpool struct {
		Ticket uint64
		Fence  core.Fence
		From   uint64
		Max    int
	}

	// DropSpool deletes the output of an attempt.
	DropSpool struct{ Fence core.Fence }

	// ResolveSeeds asks for a Seeds event.
	ResolveSeeds struct{}

	// Reply answers a client. Body is one of the answers named with each
	// Request, or a *core.Fault. Last ends the request.
	Reply struct {
		ID   uint64
		Body any
		Last bool
	}

	// LogLine is a line for the operator. Warn marks what needs a look.
	LogLine struct {
		Warn bool
		Text string
	}

	// Stop ends the process: in order (nil), or because it cannot go on.
	Stop struct{ Fault *core.Fault }
)

func (SendDatagram) effect()    {}
func (SendBeacon) effect()      {}
func (SendFrame) effect()       {}
func (Bar) effect()             {}
func (Append) effect()          {}
func (SaveSnapshot) effect()    {}
func (DecodeSnapshot) effect()  {}
func (SaveIdentity) effect()    {}
func (SaveCertificate) effect() {}
func (SetAside) effect()        {}
func (Journal) effect()         {}
func (Exec) effect()            {}
func (Recall) effect()          {}
func (Renew) effect()           {}
func (Terminate) effect()       {}
func (Adopt) effect()           {}
func (Disown) effect()          {}
func (Release) effect()         {}
func (ReadSpool) effect()       {}
func (DropSpool) effect()       {}
func (ResolveSeeds) effect()    {}
func (Reply) effect()           {}
func (LogLine) effect()         {}
func (Stop) effect()            {}
