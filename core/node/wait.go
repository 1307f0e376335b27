package node

import (
	"hb/core"
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
		if n.holdAll(a) {
			n.reply(a.id, nil, true)
			n.clients.awaiting = without(n.clients.awaiting, func(b *awaiting) bool { return a == b })
		}
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
		return n.confirmQuorum(a) && n.memberHere() && n.ledger.Applied() >= a.target
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

// gone says whether a member, by name or ID, is agreed down, has left, or is
// unknown. One that was never agreed up is judged by this node alone.
func (n *Node) gone(who string) bool {
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
