package node

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/membership"
	"hb/core/wire"
)

// tellAgain is how often a node that has no business here, and still talks, is
// told so.
const tellAgain = 2 * time.Second

// forget takes a member out for good.
func (n *Node) forget(id uint64, q Forget) {
	if f := n.whyNotForget(q); f != nil {
		n.reply(id, f, true)
		return
	}
	m, _ := n.ledger.Member(q.Node)
	c := &wire.Forget{Node: uint64(q.Node), Instance: m.Row.Instance, Force: q.Force}
	n.propose(&wire.Command{Body: &wire.Command_Forget{Forget: c}}, func(a answer) {
		if f := answerFault(a); f != nil {
			n.reply(id, f, true)
			return
		}
		n.reply(id, nil, true)
	})
}

// whyNotForget is the reason to refuse; nil for none. The ledger judges again.
func (n *Node) whyNotForget(q Forget) *core.Fault {
	if t, was := n.ledger.Forgotten(q.Node); was {
		return core.Faultf(core.CodeUnheard, "%s (%v) was forgotten before, in entry %d", t.Name, q.Node, t.Index)
	}
	m, known := n.ledger.Member(q.Node)
	row, seen := n.membership.Table().Get(q.Node)
	switch {
	case !known:
		return core.Faultf(core.CodeUnheard, "%s is not in the log's directory", n.nameOf(q.Node))
	case q.Node == n.self.id:
		return core.Faultf(core.CodeUsage, "%s is this node itself", m.Row.Name).WithHint("hb leave takes it out of its cluster")
	case !q.Force && seen && row.Living() && m.State == ledger.Up:
		return core.Faultf(core.CodeNo, "%s is %s", m.Row.Name, row.Status).
			WithHint("hb leave, on that node, takes it out in order; --force forgets it all the same, and it stops")
	case !q.Force && m.State == ledger.Up && n.leader().id == 0:
		return n.noQuorum() // nothing can be agreed
	case !q.Force && m.State == ledger.Up:
		return core.Faultf(core.CodeBusy, "%s is not agreed down yet", m.Row.Name).WithHint("try again in a moment")
	}
	return n.whyNotLose(q.Node, m)
}

// screenForget is the leader's part. Each of two who ask at the same time, for
// different voters, may find that the other is there to go on with; and a voter that
// was forgotten counts as one until its place is taken. So the leader judges by what
// the log has, and by what is on its way there.
func (n *Node) screenForget(c *wire.Command) {
	id := core.NodeID(c.GetForget().GetNode())
	m, known := n.ledger.Member(id)
	switch {
	case !n.leading: // what another leader has put there is not applied yet
		n.answerProposer(c, answer{verdict: notLeading()})
		return
	case known && !n.isForgotten(id) && !n.losing[id]:
		if fault := n.whyNotLose(id, m); fault != nil {
			n.answerProposer(c, answer{verdict: wire.VerdictOf(fault)})
			return
		}
		n.losing[id] = true
	}
	n.enqueue(c)
}

// whyNotLose refuses to lose a voter without which there is no majority.
func (n *Node) whyNotLose(id core.NodeID, m *wire.Agreed) *core.Fault {
	voters := n.replog.Voters()
	if !isVoter(n.replog.Role(core.RaftID(m.Row.Raft))) {
		return nil
	}
	able := 0
	for _, raft := range voters {
		other, ok := n.nodeOf(raft)
		if row, seen := n.membership.Table().Get(other); ok && other != id && !n.losing[other] && seen && row.Status == core.Alive {
			able++
		}
	}
	if able > len(voters)/2 {
		return nil
	}
	return core.Faultf(core.CodeNo, "without %s only %d of %d voters would be alive: no majority to go on with", m.Row.Name, able, len(voters)).
		WithHint("bring another voter back first; hb voters list shows them")
}

// buried drops a member that was forgotten from the weak view: its row becomes
// one that nothing outranks. This node itself ends.
func (n *Node) buried(m *wire.Agreed, t *wire.Tombstone) {
	if core.NodeID(t.Node) == n.self.id {
		r := n.forgottenRefusal(t)
		n.forgotten(r.Reason, r.Hint)
		return
	}
	n.put(Bar{Node: core.NodeID(t.Node)})
	row := wire.Row{}
	copyRow(&row, m.Row)
	row.Status, row.Instance, row.Incarnation = uint32(core.Left), math.MaxUint32, math.MaxUint32
	n.memberships.do(n.now, membership.Rows{Rows: []*wire.Row{&row}})
}

// barForgotten revokes the certificates of all whom the log has forgotten.
func (n *Node) barForgotten() {
	for _, t := range n.ledger.Tombstones() {
		if core.NodeID(t.Node) != n.self.id {
			n.put(Bar{Node: core.NodeID(t.Node)})
		}
	}
}

// fromTheGrave says whether something comes from a node that was forgotten, and
// tells that node now and then.
func (n *Node) fromTheGrave(id core.NodeID, to netip.AddrPort) bool {
	t, was := n.ledger.Forgotten(id)
	if !was {
		return false
	}
	if to.IsValid() && !n.toldLately(id) {
		n.refuse(id, to, n.forgottenRefusal(t))
	}
	return true
}

func (n *Node) forgottenRefusal(t *wire.Tombstone) *wire.Refusal {
	return &wire.Refusal{
		Final: true, Forgotten: true,
		Reason: fmt.Sprintf("%s (%v) was forgotten by its cluster, %s, in entry %d", t.Name, core.NodeID(t.Node), n.self.clusterName, t.Index),
		Hint:   "to join again, as a new node, move the data directory away first",
	}
}

// forgotten ends this node: its cluster goes on without it, and its IDs are
// void.
func (n *Node) forgotten(reason, hint string) {
	n.stop(core.Faultf(core.CodeBadInput, "%s", reason).WithHint("%s", hint))
}
