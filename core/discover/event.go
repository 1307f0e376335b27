package discover

import (
	"math/rand/v2"
	"net/netip"

	"hb/core"
	"hb/core/wire"
)

// Options is what the machine is made from.
type Options struct {
	ID       core.NodeID
	Instance core.Instance
	// Name and Version are what a census is told.
	Name, Version string
	// Addr is where others reach this node.
	Addr netip.AddrPort
	// Cluster is the cluster the node already belongs to, or zero.
	Cluster wire.Tag
	// Seeds says that ResolveSeeds brings something; Beacons that the driver
	// can send and hear beacons.
	Seeds, Beacons bool
	// Rand is the machine's only source of chance.
	Rand *rand.Rand
}

// Event is what the machine is told.
type Event interface{ event() }

// The events.
type (
	// Tick says only that time has passed; due at Next.
	Tick struct{}

	// Seeds brings the addresses that the seeds resolve to now.
	Seeds struct{ Addrs []netip.AddrPort }

	// Heard is a decoded beacon, beacon answer or census.
	Heard struct {
		From netip.AddrPort
		P    *wire.Packet
	}

	// OtherVersion says that a beacon of another protocol version came in;
	// What is the decoder's error.
	OtherVersion struct {
		From netip.AddrPort
		What error
	}

	// Joined says that the node is a member of a cluster now.
	Joined struct{ Cluster wire.Tag }

	// Left says that it is a member no more.
	Left struct{}

	// Refused says that a join failed: the other end refused it, with a
	// reason, or cannot be reached. Final: asking again will not help.
	Refused struct {
		Addr   netip.AddrPort
		Final  bool
		Reason string
	}

	// Alone says whether the node, a member, hears no other member although
	// there should be some. It then calls like one that has no cluster.
	Alone struct{ Yes bool }

	// Leading says whether the node leads its cluster, and how many members
	// live in it.
	Leading struct {
		Yes     bool
		Members int
	}
)

func (Tick) event()         {}
func (Seeds) event()        {}
func (Heard) event()        {}
func (OtherVersion) event() {}
func (Joined) event()       {}
func (Left) event()         {}
func (Refused) event()      {}
func (Alone) event()        {}
func (Leading) event()      {}

// Effect is what the machine wants done.
type Effect interface{ effect() }

// The effects.
type (
	// AskJoin asks the node at an address to be let in (or, for a member that
	// is alone, to be known again). It ends with Joined, Refused, or silence.
	AskJoin struct{ To netip.AddrPort }

	// Beacon sends a datagram to everybody near.
	Beacon struct{ Data []byte }

	// Answer sends a datagram to whoever called; it is never longer than the
	// call.
	Answer struct {
		To   netip.AddrPort
		Data []byte
	}

	// ResolveSeeds asks for a Seeds event.
	ResolveSeeds struct{}

	// Note is a line for the operator.
	Note struct {
		Warn bool
		Text string
	}
)

func (AskJoin) effect()      {}
func (Beacon) effect()       {}
func (Answer) effect()       {}
func (ResolveSeeds) effect() {}
func (Note) effect()         {}
