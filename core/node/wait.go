package node

import (
	"slices"

	"hb/core"
	"hb/core/member"
	"hb/core/wire"
)

// awaiting is one client that waits for conditions.
type awaiting struct {
	id         uint64
	conditions []Condition
	// quorum is set by a confirmed read; asking says that one is under way.
	quorum, asking bool
	// target is the index to reach for "ready": what was committed when asked,
	// as the quorum knows it. What this node knows itself may be long outdated.
	target uint64
}

// await answers when all conditions hold at once.
func (n *Node) await(id uint64, conditions []Condition) {
	a := &awaiting{id: id, conditions: conditions}
	n.clients.awaiting = append(n.clients.awaiting, a)
}

// serveAwaiting answers those whose conditions hold now.
func (n *Node) serveAwaiting() {
	for _, a := range n.clients.awaiting {
		fault := n.vain(a)
		if fault == nil && !n.holdAll(a) {
			continue
		}
		if fault != nil {
			n.reply(a.id, fault, true)
		} else {
			n.reply(a.id, nil, true)
		}
		n.clients.awaiting = without(n.clients.awaiting, func(b *awaiting) bool { return a == b })
	}
}

func (n *Node) holdAll(a *awaiting) bool {
	for _, c := range a.conditions {
		if !n.holds(a, c) {
			return false
		}
	}
	return true
}

func (n *Node) holds(a *awaiting, c Condition) bool {
	switch c.Kind {
	case "ready":
		return n.confirmQuorum(a) && n.memberHere() && n.ledger.Applied() >= a.target && n.offered()
	case "leader":
		return n.confirmQuorum(a) && n.leader().id != 0
	case "quorum":
		return n.confirmQuorum(a)
	case "members":
		return uint64(n.aliveCount()) >= c.N
	case "voters":
		return !n.replog.Joint() && uint64(len(n.replog.Voters())) >= c.N
	case "applied":
		return n.ledger.Applied() >= c.N
	case "gone":
		return n.gone(c.Node)
	}
	return false
}

// confirmQuorum keeps one read under way until it is confirmed, and says
// whether it is.
func (n *Node) confirmQuorum(a *awaiting) bool {
	if !a.quorum && !a.asking {
		a.asking = true
		n.readIndex(false, func(res readResult) { a.asking, a.quorum, a.target = false, res.ok, res.index })
	}
	return a.quorum
}

// memberHere says whether the agreed directory has this run of this node.
func (n *Node) memberHere() bool {
	m, ok := n.ledger.Member(n.self.id)
	return ok && m.State == "up" && core.Instance(m.Row.Instance) == n.self.instance
}

// vain says why a client waits in vain: for the end of somebody of whom nobody
// has ever heard, as far as a majority knows. That is a slip of the pen, and would
// hold at once.
func (n *Node) vain(a *awaiting) *core.Fault {
	for _, c := range a.conditions {
		if c.Kind == "gone" && !n.everHeardOf(c.Node) && n.confirmQuorum(a) && n.ledger.Applied() >= a.target {
			return core.Faultf(core.CodeUnheard, "no member is or was named %q", c.Node).WithHint("hb members lists them")
		}
	}
	return nil
}

// everHeardOf says whether somebody of this name or ID is a member, or was.
func (n *Node) everHeardOf(who string) bool {
	is := func(name string, id core.NodeID) bool { return name == who || id.String() == who }
	heard := func(r member.Row) bool { return is(r.Name, r.ID) }
	return slices.ContainsFunc(n.ledger.Members(), func(m *wire.Agreed) bool { return is(m.Row.Name, core.NodeID(m.Row.Id)) }) ||
		slices.ContainsFunc(n.ledger.Tombstones(), func(t *wire.Tombstone) bool { return is(t.Name, core.NodeID(t.Node)) }) ||
		slices.ContainsFunc(n.membership.Table().Rows(), heard)
}

// gone says whether a member, by name or ID, is agreed down, has left, or was
// forgotten. One that was never agreed up is judged by this node alone. Of whom
// nobody knows yet, nothing holds.
func (n *Node) gone(who string) bool {
	if !n.everHeardOf(who) {
		return false
	}
	for _, m := range n.ledger.Members() {
		if (m.Row.Name == who || core.NodeID(m.Row.Id).String() == who) && m.State == "up" {
			return false
		}
	}
	for _, row := range n.membership.Table().Rows() {
		if _, agreed := n.ledger.Member(row.ID); !agreed && row.Living() && (row.Name == who || row.ID.String() == who) {
			return false
		}
	}
	return true
}
