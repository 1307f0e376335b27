package membership

import (
	"math/rand/v2"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// Options is what the machine is made from.
type Options struct {
	// Self is this node's row: ID, Name, Addr, Instance, Version, Tags, Raft.
	// Its labels must pass wire.CheckLabels.
	Self member.Row
	// Cluster is the tag of the node's cluster; zero as long as it has none.
	Cluster wire.Tag
	// NewDetector makes the detector.
	NewDetector detect.Factory
	// Period is the detector's period T; default 1 s.
	Period time.Duration
	// Rand is the machine's only source of chance.
	Rand *rand.Rand
}

// Machine is a node's weak view of its cluster.
type Machine struct{}

// New makes the machine.
func New(o Options) *Machine { panic("later") }

// Step tells the machine of an event. The effects are valid until the next
// Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect { panic("later") }

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant { panic("later") }

// SetCluster says which cluster the node belongs to, from the next Step on. A
// tag other than before empties the table of everybody else. A node that left
// becomes alive again.
func (m *Machine) SetCluster(tag wire.Tag) { panic("later") }

// SetLog sets what heartbeats say about the log.
func (m *Machine) SetLog(hint wire.LogHint) { panic("later") }

// SetLoad sets the load that acks and reports carry, and how far this node has
// applied the log.
func (m *Machine) SetLoad(load core.Load, applied uint64) { panic("later") }

// Table is the membership table; read only.
func (m *Machine) Table() *member.Table { panic("later") }

// RTT is the smoothed round trip to a member, if it has been measured.
func (m *Machine) RTT(id core.NodeID) (time.Duration, bool) { panic("later") }

// Isolated says that this node hears nobody although others should be there,
// and so judges nobody.
func (m *Machine) Isolated() bool { panic("later") }

// Blame says who suspects or declared dead a member, and why; empty when
// nobody does.
func (m *Machine) Blame(id core.NodeID) string { panic("later") }
