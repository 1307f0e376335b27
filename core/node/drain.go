package node

import (
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/replog"
	"hb/core/wire"
)

// draining is one client that waits until the log has its wish and, if it
// wants, nothing runs on a member any more.
type draining struct {
	id    uint64
	index uint64 // of the wish in the log
	ask   DrainNode
	evict core.Instant // when what still runs there is ended; Never: not at all
}

// drain keeps new work from a member, or lets it come again.
func (n *Node) drain(id uint64, q DrainNode) {
	if m, ok := n.ledger.Member(q.Node); ok && q.On && m.Evict {
		n.drained(id, 0, q) // to ask again takes nothing back
		return
	}
	n.proposeDrain(q.Node, q.On, false, func(a answer) {
		if f := answerFault(a); f != nil {
			n.reply(id, f, true)
			return
		}
		n.drained(id, a.fence.Index(), q)
	})
}

// drained goes on once the wish is in the log.
func (n *Node) drained(id, index uint64, q DrainNode) {
	d := &draining{id: id, index: index, ask: q, evict: core.Never}
	if q.On && q.Wait && q.KillAfter >= 0 {
		d.evict = n.now.Add(q.KillAfter)
	}
	n.clients.draining = append(n.clients.draining, d)
}

func (n *Node) proposeDrain(id core.NodeID, on, evict bool, done func(answer)) {
	n.propose(&wire.Command{Body: &wire.Command_Drain{Drain: &wire.Drain{Node: uint64(id), On: on, Evict: evict}}}, done)
}

// serveDraining answers those whose member is empty and leads no more, and has
// what still runs ended when its time is over.
func (n *Node) serveDraining() {
	for _, d := range n.clients.draining {
		m, ok := n.ledger.Member(d.ask.Node)
		switch {
		case n.ledger.Applied() < d.index:
		case !d.ask.On || !d.ask.Wait:
			n.endDraining(d, nil)
		case !ok || !m.Drained:
			n.endDraining(d, core.Faultf(core.CodeNo, "%s is drained no more: somebody has resumed it", n.nameOf(d.ask.Node)))
		case n.empty(d.ask.Node):
			n.endDraining(d, nil)
		case n.now >= d.evict:
			d.evict = core.Never
			n.proposeDrain(d.ask.Node, true, true, func(answer) {})
		}
	}
}

// empty says that nothing runs on a member, and it leads only if nobody else may.
func (n *Node) empty(id core.NodeID) bool {
	return len(n.ledger.OpenOn(id)) == 0 && (n.leader().id != id || n.successor(id) == 0)
}

func (n *Node) endDraining(d *draining, answer any) {
	n.clients.draining = without(n.clients.draining, func(o *draining) bool { return o == d })
	n.reply(d.id, answer, true)
}

// nextDraining is when serveDraining has something to do.
func (n *Node) nextDraining() core.Instant {
	next := core.Never
	for _, d := range n.clients.draining {
		if n.ledger.Applied() >= d.index {
			next = core.Earlier(next, d.evict)
		}
	}
	return next
}

// stepAsideEvery is how often a drained leader asks another to lead.
const stepAsideEvery = time.Second

// stepAside has a drained leader hand over to a voter that is not drained.
func (n *Node) stepAside() {
	if m, ok := n.ledger.Member(n.self.id); !n.leading || !ok || !m.Drained || n.now < n.stepping {
		return
	}
	n.stepping = n.now.Add(stepAsideEvery)
	if to := n.successor(n.self.id); to != 0 {
		n.replogStep(replog.Transfer{To: to})
	}
}

// nextStepAside is when stepAside has something to do.
func (n *Node) nextStepAside() core.Instant {
	if m, ok := n.ledger.Member(n.self.id); n.leading && ok && m.Drained {
		return n.stepping
	}
	return core.Never
}

// successor is the voter, up and not drained, that has applied the most.
func (n *Node) successor(but core.NodeID) core.RaftID {
	var best core.RaftID
	var most uint64
	for _, raft := range n.replog.Voters() {
		id, ok := n.nodeOf(raft)
		if !ok || id == but {
			continue
		}
		if m, ok := n.ledger.Member(id); ok && m.State == ledger.Up && !m.Drained {
			if applied := n.peers[id].applied; best == 0 || applied > most {
				best, most = raft, applied
			}
		}
	}
	return best
}
