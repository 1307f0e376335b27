package membership

import (
	"net/netip"
	"time"

	"hb/core"
	"hb/core/member"
	"hb/core/wire"
)

// Event is what the machine is told.
type Event interface{ event() }

// The events.
type (
	// Tick says only that time has passed; due at Next.
	Tick struct{}

	// Packet is a decoded datagram. Beacons are none of its business. P is
	// read during the step only. Cast says that it came by multicast, so that
	// its sender is not reached at From.
	Packet struct {
		From netip.AddrPort
		P    *wire.Packet
		Cast bool
	}

	// Rows is a table, or a part of one, from a stream: of a joiner, in a
	// welcome, or in anti-entropy. It also serves to tell what the node's disk
	// remembers of its cluster (From zero). With Reply the sender is answered
	// with what it lacks, at Addr, or else where the table then has it. Digest,
	// Parts and Of are those of wire.Rows.
	Rows struct {
		From   core.NodeID
		Addr   netip.AddrPort
		Rows   []*wire.Row
		Reply  bool
		Digest []uint64
		Parts  []uint32
		Of     uint32
	}

	// Refused says that a datagram or stream to an address was actively
	// refused or reset: the process that was there may be gone.
	Refused struct{ Addr netip.AddrPort }

	// Report asks for one load report (the load of SetLoad) to the leader.
	Report struct {
		ID core.NodeID
		To netip.AddrPort
	}

	// Reach probes an address for an operator: directly, and through up to
	// Helpers other living members when Target is one. Reached follows for each
	// way. A zero Target asks whoever is there.
	Reach struct {
		Ticket  uint64
		Target  core.NodeID
		Addr    netip.AddrPort
		Helpers int
	}

	// MeshProbe has this node ping members and listen whom of them it hears, as
	// all of them are to do at the same time. MeshProbed follows.
	MeshProbe struct {
		Ticket uint64
		Whom   []core.NodeID
	}

	// Roll asks for a roll call: all living members are pinged at once, and the
	// detector looks at those that do not answer. Rolled follows. One at a time:
	// asked for during one, it is that one.
	Roll struct{}

	// Retag gives this node other tags, which must pass wire.CheckLabels.
	Retag struct{ Tags map[string]string }

	// Leave takes the node out of its cluster on purpose. Left follows.
	Leave struct{}
)

func (Tick) event()      {}
func (Packet) event()    {}
func (Rows) event()      {}
func (Refused) event()   {}
func (Report) event()    {}
func (Reach) event()     {}
func (MeshProbe) event() {}
func (Roll) event()      {}
func (Retag) event()     {}
func (Leave) event()     {}

// Effect is what the machine wants done or known.
type Effect interface{ effect() }

// The effects.
type (
	// Send sends one datagram, for the member ID; zero: for whoever is there.
	Send struct {
		ID   core.NodeID
		To   netip.AddrPort
		Data []byte
	}

	// Cast sends one datagram to all members on the wire, by multicast.
	Cast struct{ Data []byte }

	// SendRows sends a wire.Rows over the stream to a member.
	SendRows struct {
		To     netip.AddrPort
		Rows   []*wire.Row
		Reply  bool
		Digest []uint64
		Parts  []uint32
		Of     uint32
	}

	// Changed is a change of the table that people can see: a new member, or
	// another status, address, name or instance. Why is a sentence for them.
	Changed struct {
		Before, After member.Row // Before.ID is zero for a new member
		Why           string
	}

	// Unreachable says that a member which is not dead to anybody does not
	// answer this node, and why that is all there is to say; or, with Again,
	// that it answers again.
	Unreachable struct {
		Row   member.Row
		Again bool
		Why   string
	}

	// Heard is what a heartbeat carried for the log.
	Heard struct {
		Node core.NodeID
		wire.LogHint
	}

	// Loaded is a member's load, from its acks or its reports. Report tells
	// the latter.
	Loaded struct {
		Node    core.NodeID
		Load    core.Load
		Applied uint64
		Report  bool
	}

	// Reached answers Reach, once for the direct way (Via zero) and once for
	// each helper. Told says that a helper answered, be it that it got no answer
	// itself; without it, nothing came back at all.
	Reached struct {
		Ticket uint64
		Via    core.NodeID
		OK     bool
		Told   bool
		RTT    time.Duration
	}

	// MeshProbed ends MeshProbe. Without Views this node could take no part.
	MeshProbed struct {
		Ticket uint64
		Views  []MeshView
	}

	// Rolled ends Roll: everybody has answered, is suspected, or had the time for
	// either.
	Rolled struct{}

	// Note is a line for the operator.
	Note struct {
		Warn bool
		Text string
	}

	// Left ends Leave: three peers know, or there was nobody to tell in time.
	// The machine is silent from here on, until SetCluster.
	Left struct{}
)

func (Send) effect()        {}
func (Cast) effect()        {}
func (SendRows) effect()    {}
func (Changed) effect()     {}
func (Unreachable) effect() {}
func (Heard) effect()       {}
func (Loaded) effect()      {}
func (Reached) effect()     {}
func (MeshProbed) effect()  {}
func (Rolled) effect()      {}
func (Note) effect()        {}
func (Left) effect()        {}

// MeshView is what a node found out about another one in a mesh of probes.
type MeshView struct {
	ID core.NodeID
	// Heard says that a packet of its own arrived here.
	Heard bool
	// RTT is the round trip of a ping to it; negative: none was answered.
	RTT time.Duration
}

// Wire is what is to be sent.
func (e SendRows) Wire() *wire.Rows {
	return &wire.Rows{Rows: e.Rows, Reply: e.Reply, Digest: e.Digest, Parts: e.Parts, Of: e.Of}
}

// RowsFrom is the event of a wire.Rows that came.
func RowsFrom(from core.NodeID, addr netip.AddrPort, r *wire.Rows) Rows {
	return Rows{From: from, Addr: addr, Rows: r.Rows, Reply: r.Reply, Digest: r.Digest, Parts: r.Parts, Of: r.Of}
}
