package detect

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/member"
	"hb/core/wire"
)

// Options is what a detector is made from.
type Options struct {
	// Table is read by the detector and changed by its owner.
	Table *member.Table
	// Period is T, the protocol's period.
	Period time.Duration
	// Rand is the detector's only source of chance.
	Rand *rand.Rand
	// Now is the time at which it is made. The rows in Table by then count as
	// just added.
	Now core.Instant
	// Without are the mechanisms to leave out: for laboratories only.
	Without Extras
}

// Factory makes a detector of one kind.
type Factory func(Options) Detector

// Detector finds out who has failed.
type Detector interface {
	// Step tells it of an event. The effects are valid until the next Step.
	Step(now core.Instant, ev Event) []Effect
	// Next is when it wants a Tick at the latest; Never while it has nothing
	// to wait for.
	Next() core.Instant
	// RTT is the smoothed round trip to a member, if it has been measured.
	RTT(core.NodeID) (time.Duration, bool)
	// Heard is when a member was last heard, if it ever was: a packet of its
	// own, or an ack that another forwarded.
	Heard(core.NodeID) (core.Instant, bool)
	// Isolated says that the detector has heard nobody for so long that it
	// doubts itself, and judges nobody.
	Isolated() bool
	// Unreachable says that a member does not answer this node, which may not
	// judge it: a remark for people, which never travels.
	Unreachable(core.NodeID) bool
	// Uses are the mechanisms beyond its algorithm that it has.
	Uses() Extras
	// Accusers lists who suspects a member now, the first one first.
	Accusers(core.NodeID) []core.NodeID
}

// Event is what a detector is told.
type Event interface{ event() }

// The events.
type (
	// Tick says only that time has passed. Judgements fall on ticks only, so
	// that what has already arrived is read before anybody is judged.
	Tick struct{}

	// Received is a packet from another node of this cluster. Its news have
	// been merged already; Packet is valid during the step only.
	Received struct {
		From   netip.AddrPort
		Packet *wire.Packet
	}

	// Changed says that the table changed.
	Changed struct{ member.Change }

	// Accused brings an accusation that changed nothing in the table: against
	// this node itself, or one more accuser of a member already suspected.
	Accused struct{ member.Evidence }

	// Refused says that the host of a member answered that no process listens at
	// its address, or that the member reset a stream. Of one that is dead already
	// it is news to those on whose behalf it was asked.
	Refused struct{ ID core.NodeID }

	// Doubted says that somebody has a reason to think that a living member has
	// failed: it should be looked at now.
	Doubted struct{ ID core.NodeID }

	// Leads says who leads the log, as far as this node knows; zero is nobody.
	Leads struct{ ID core.NodeID }
)

func (Tick) event()     {}
func (Received) event() {}
func (Changed) event()  {}
func (Accused) event()  {}
func (Refused) event()  {}
func (Doubted) event()  {}
func (Leads) event()    {}

// Effect is what a detector wants done.
type Effect interface{ effect() }

// The effects.
type (
	// Send sends a packet to an address. To is the member there, zero when
	// unknown; the accusation against To, if any, rides on the packet (the
	// buddy system of Lifeguard §IV-C).
	Send struct {
		To     core.NodeID
		Addr   netip.AddrPort
		Packet wire.Packet
	}

	// Claim is evidence to merge and, if it changes anything, to spread.
	Claim struct{ member.Evidence }

	// Repeat is an accusation worth spreading although it changes nothing
	// here: one more accuser lets suspicions elsewhere end sooner.
	Repeat struct{ member.Evidence }

	// Unreachable says that a member which this node may not judge does not
	// answer it, or, with Again, that it does again.
	Unreachable struct {
		ID    core.NodeID
		Again bool
	}

	// Note is a line for the operator.
	Note struct {
		Warn bool
		Text string
	}
)

func (Send) effect()        {}
func (Claim) effect()       {}
func (Repeat) effect()      {}
func (Unreachable) effect() {}
func (Note) effect()        {}
