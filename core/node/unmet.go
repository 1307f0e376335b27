package node

import (
	"hb/core"
	"hb/core/ledger"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/wire"
)

// unmet is a member that this node has only been told of: by gossip, by a table,
// by its own disk. The word of one member may be a forgery, a mistake, or about
// somebody long gone. So it is tentative: shown as suspect, announced to nobody,
// and not agreed up, until this node has heard it itself or the log says that it
// is up, whose leader has.
//
// The failure detector treats it like any other: if it does not answer, it will be
// dead in time, and nobody was told that it ever lived.
type unmet struct {
	instance core.Instance
	why      string       // what its announcement will say
	greeted  core.Instant // when the leader last asked whether it is there; 0 never
}

// meetLater notes a member that nobody here has heard yet.
func (n *Node) meetLater(row member.Row, why string) (tentative bool) {
	m, agreed := n.ledger.Member(row.ID)
	if row.Status != core.Alive || agreed && m.State == ledger.Up && core.Instance(m.Row.Instance) >= row.Instance {
		return false
	}
	n.unmet[row.ID] = &unmet{instance: row.Instance, why: why}
	return true
}

// met ends that: the member has been heard, or is agreed up.
func (n *Node) met(id core.NodeID, instance core.Instance) {
	u := n.unmet[id]
	if u == nil || instance < u.instance {
		return
	}
	delete(n.unmet, id)
	n.agreement.look = n.now
	if row, known := n.membership.Table().Get(id); known && row.Status == core.Alive {
		n.emit("member-"+row.Status.String(), row.Name, u.why)
	}
}

// greet asks a member that it may not agree up yet whether it is there. Its ack,
// like any packet of it, is all that is wanted.
func (n *Node) greet(row member.Row) {
	u := n.unmet[row.ID]
	if u.greeted == 0 || n.now.Sub(u.greeted) >= n.opts.Period {
		u.greeted = n.now
		n.clients.tickets++
		n.memberships.do(n.now, membership.Reach{Ticket: n.clients.tickets, Target: row.ID, Addr: row.Addr})
	}
}

// firstHand meets whoever a packet of this cluster comes from.
func (n *Node) firstHand(p *wire.Packet) {
	if len(n.unmet) > 0 && p.Cluster == n.tag() {
		n.met(p.From, p.Instance)
	}
}
