package node

import (
	"net/netip"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// Event is anything a driver tells the node. Each is a value of this package;
// a driver hands them to Step one at a time, with the time at which they are
// handed over.
type Event interface{ event() }

type (
	// Tick says only that time has passed; a driver sends one at Next.
	Tick struct{}

	// Datagram is one received UDP packet. Beacon tells the port it came in on.
	Datagram struct {
		From   netip.AddrPort
		Data   []byte
		Beacon bool
	}

	// Frame is one whole frame of a stream (a marshalled wire.Envelope).
	Frame struct {
		From netip.AddrPort
		// Peer is whose stream it is, as the other side's certificate says; 0
		// where there are none (Options.Plain). Key is that of the certificate.
		Peer core.NodeID
		Key  [32]byte
		Data []byte
	}

	// Knocked says that a node tried to open a stream that a Bar keeps out.
	Knocked struct{ Peer core.NodeID }

	// StreamLost says that frames sent to an address may be lost, and whether
	// the peer's host actively refused or reset the connection.
	StreamLost struct {
		To      netip.AddrPort
		Refused bool
	}

	// Unreachable says that a datagram to an address came back refused (ICMP).
	Unreachable struct{ To netip.AddrPort }

	// Synced says that every Append up to Seq is on disk.
	Synced struct{ Seq uint64 }

	// Journaled says that every Journal up to Seq is on disk.
	Journaled struct{ Seq uint64 }

	// SnapshotSaved says that a SaveSnapshot is on disk. The driver does not touch
	// its Ledger any more.
	SnapshotSaved struct{ Index uint64 }

	// SnapshotDecoded answers DecodeSnapshot; DecodeSnapshot.Decode makes it.
	SnapshotDecoded struct {
		Index, Term uint64
		Ledger      *ledger.State
		Version     *ledger.Version // of Ledger, encoded
		Err         error
	}

	// IdentitySaved says that SaveIdentity is on disk.
	IdentitySaved struct{}

	// DiskFailed ends the node: its own disk does not keep what it is given.
	DiskFailed struct{ Err error }

	// Clock tells the wall clock: Unix time minus the Instant of Step.
	Clock struct{ Offset time.Duration }

	// Measured brings a fresh sample of this machine's load.
	Measured struct{ Load core.Load }

	// Seeds brings the addresses that the configured seeds resolve to now.
	Seeds struct{ Addrs []netip.AddrPort }

	// Asked is a local client's request; every one is answered by at least one
	// Reply with the same ID, the last of them marked so.
	Asked struct {
		ID   uint64
		Body Request
	}

	// Gone says that the client of a request does not wait any more.
	Gone struct{ ID uint64 }

	// ExecStarted says that an Exec became a process, or that an adopted one
	// still is.
	ExecStarted struct {
		Fence      core.Fence
		Pid        int
		StartTicks uint64
		Boot       string
	}

	// ExecEnded says how an Exec ended, or why it never started
	// (Result.Error is set and Exit is 125, 126 or 127).
	ExecEnded struct {
		Fence  core.Fence
		Result *wire.Result
	}

	// Unbegun says that an Exec that waited has not begun, and never will.
	Unbegun struct{ Fence core.Fence }

	// Reaped answers Adopt: nothing of the attempt is left, and how it ended is
	// not known.
	Reaped struct{ Fence core.Fence }

	// Orphaned says that the process that runs the tasks is gone.
	Orphaned struct{}

	// Spooled answers ReadSpool.
	Spooled struct {
		Ticket uint64
		Data   []byte
		// Skipped is how many bytes of the spool before the data are not kept;
		// then At is how many bytes of output come before the data.
		Skipped, At uint64
		EOF         bool
		Err         error
	}

	// Shutdown asks for an orderly end (SIGTERM): leadership handed over, disk
	// flushed, membership kept. Stop follows. Tasks are ended, unless it is only
	// a restart: then the others are told to wait for it.
	Shutdown struct{ Restart bool }

	// Reconfigured says that the node's options are others from now on: how many
	// tasks run here at once, and what it runs.
	Reconfigured struct {
		Slots int
		Offer *wire.Offer
	}
)

func (Tick) event()            {}
func (Datagram) event()        {}
func (Frame) event()           {}
func (Knocked) event()         {}
func (StreamLost) event()      {}
func (Unreachable) event()     {}
func (Synced) event()          {}
func (Journaled) event()       {}
func (SnapshotSaved) event()   {}
func (SnapshotDecoded) event() {}
func (IdentitySaved) event()   {}
func (DiskFailed) event()      {}
func (Clock) event()           {}
func (Measured) event()        {}
func (Seeds) event()           {}
func (Asked) event()           {}
func (Gone) event()            {}
func (ExecStarted) event()     {}
func (ExecEnded) event()       {}
func (Unbegun) event()         {}
func (Reaped) event()          {}
func (Orphaned) event()        {}
func (Spooled) event()         {}
func (Shutdown) event()        {}
func (Reconfigured) event()    {}
