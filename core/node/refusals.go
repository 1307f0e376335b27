package node

import (
	"net/netip"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/wire"
)

// This file keeps a cluster with credentials from believing datagrams where a
// member's life is at stake. That its host refuses packets, because no process
// listens there, is a death that needs no waiting. But the message of a host that
// refuses a datagram (ICMP) is easily forged by whoever is on the wire, and that
// another member was refused can be said by any member in the name of any other.
// So both only make this node try a connection of its own, which who is not on
// the way between the two cannot refuse in the other's name. And that a member
// has left on its own wish is believed when the log says so, where only that
// member can have put it.

// refusals is what this node has found out by its streams.
type refusals struct {
	seen  map[core.NodeID]core.Instant // when a member's host last refused or reset one
	asked map[core.NodeID]core.Instant // when one was last tried for that purpose
}

const (
	// refusedAgain is how often a connection is tried, refusedLately how long it
	// counts that it was refused, in periods.
	refusedAgain  = 50 * time.Millisecond
	refusedLately = 3
)

// datagramRefused takes an ICMP message.
func (n *Node) datagramRefused(to netip.AddrPort) {
	if n.opts.Vault == nil {
		n.memberships.do(n.now, membership.Refused{Addr: to})
		return
	}
	if row, known := n.rowAt(to); known && row.Living() && row.ID != n.self.id {
		n.tryConnection(row.ID)
	}
}

// tryConnection finds out whether a member's host refuses streams; streamLost
// hears of it.
func (n *Node) tryConnection(id core.NodeID) {
	if at, asked := n.refusals.asked[id]; asked && n.now < at.Add(refusedAgain) {
		return
	}
	n.refusals.asked[id] = n.now
	n.sendTo(id, &wire.Envelope{Body: &wire.Envelope_Watch{Watch: &wire.Watch{}}})
}

// refusedBy says whether a member is accused because its host refuses, and that
// is so.
func (n *Node) refusedBy(row member.Row) bool {
	if row.Why != wire.ReasonRefused || n.opts.Vault == nil {
		return row.Why == wire.ReasonRefused
	}
	if at, seen := n.refusals.seen[row.ID]; seen && n.now < at.Add(refusedLately*n.opts.Period) {
		return true
	}
	n.tryConnection(row.ID)
	return false
}

// departed gives the weak view a way to ask the log who has left; nil where
// whoever says so is believed.
func (n *Node) departed() func(core.NodeID, core.Instance) bool {
	if n.opts.Vault == nil {
		return nil
	}
	return func(id core.NodeID, start core.Instance) bool {
		m, known := n.ledger.Member(id)
		return known && m.State == ledger.Left && start <= core.Instance(m.Row.Instance)
	}
}

// sayLeft tells the weak view of a member that has left, which it would not have
// believed from anybody else.
func (n *Node) sayLeft(m *wire.Agreed) {
	id := core.NodeID(m.Row.Id)
	row, known := n.membership.Table().Get(id)
	if n.opts.Vault == nil || m.State != ledger.Left || id == n.self.id || !known || row.Status == core.Left || row.Instance > core.Instance(m.Row.Instance) {
		return
	}
	left := wire.Row{}
	copyRow(&left, m.Row)
	left.Status, left.Incarnation = uint32(core.Left), uint32(row.Incarnation)
	n.memberships.do(n.now, membership.Rows{Rows: []*wire.Row{&left}})
}
