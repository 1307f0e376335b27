package node

import (
	"time"

	"hb/core"
	"hb/core/dispatch"
	"hb/core/wire"
)

const (
	// explainAgain is when an unanswered question about a choice is asked
	// again, explainLimit how long it may stay open.
	explainAgain = 300 * time.Millisecond
	explainLimit = 2 * time.Second
)

// explaining is one client that asks how a task would be placed. Only the
// leader's dispatcher knows.
type explaining struct {
	client uint64 // the request
	id     uint64 // of the question to the leader
	ask    *wire.Explain
	again  core.Instant
	limit  core.Instant
}

// explain answers a client, now or when the leader has.
func (n *Node) explain(client uint64, q ExplainTask) {
	n.clients.tickets++
	x := &explaining{client: client, id: n.clients.tickets, again: n.now, limit: n.now.Add(explainLimit)}
	if x.ask = (&wire.Explain{Id: x.id, Spec: q.Spec}); !q.Task.IsZero() {
		x.ask.Task = q.Task[:]
	}
	n.clients.explaining = append(n.clients.explaining, x)
	n.serveExplaining()
}

// serveExplaining asks whoever leads, and gives up on what waited too long.
func (n *Node) serveExplaining() {
	for _, x := range n.clients.explaining {
		leader := n.leader()
		switch {
		case n.now >= x.limit:
			n.endExplaining(x, n.noQuorum())
		case n.now < x.again:
		case n.leading:
			n.endExplaining(x, n.explained(x.ask))
		default:
			x.again = n.now.Add(explainAgain)
			if leader.id != 0 && leader.id != n.self.id {
				n.sendTo(leader.id, &wire.Envelope{Body: &wire.Envelope_Explain{Explain: x.ask}})
			}
		}
	}
}

func (n *Node) endExplaining(x *explaining, answer any) {
	n.clients.explaining = without(n.clients.explaining, func(o *explaining) bool { return o == x })
	n.reply(x.client, answer, true)
}

// explainAsked answers another node.
func (n *Node) explainAsked(from core.NodeID, q *wire.Explain) {
	n.sendTo(from, &wire.Envelope{Body: &wire.Envelope_Explained{Explained: n.explained(q)}})
}

// explainedCame is the leader's answer.
func (n *Node) explainedCame(a *wire.Explained) {
	for _, x := range n.clients.explaining {
		if x.id == a.Id && a.Leading {
			n.endExplaining(x, a)
			return
		}
	}
}

// explained is what this node's dispatcher says.
func (n *Node) explained(q *wire.Explain) *wire.Explained {
	out := &wire.Explained{Id: q.Id, Leading: n.leading}
	if !n.leading || q.Spec == nil {
		return out
	}
	var task core.TaskID
	copy(task[:], q.Task)
	e := n.dispatcher.Explain(n.now, q.Spec, task)
	out.Choice, out.DemandNanos, out.Waits = uint64(e.Choice), int64(e.Demand), e.Waits
	for i := range e.Candidates {
		out.Candidates = append(out.Candidates, candidateOf(&e.Candidates[i]))
	}
	return out
}

func candidateOf(c *dispatch.Candidate) *wire.Candidate {
	return &wire.Candidate{
		Node: uint64(c.Node), Name: c.Name, Slots: uint32(c.Slots), Busy: uint32(c.Busy), Known: c.Known,
		Stress: uint32(c.Stress), OthersPermille: uint32(c.OthersPermille), Slowness: c.Slowness,
		CompletionNanos: int64(c.Completion), Cost: c.Cost, Why: c.Why,
	}
}

// nextExplaining is when serveExplaining has something to do.
func (n *Node) nextExplaining() core.Instant {
	next := core.Never
	for _, x := range n.clients.explaining {
		next = core.Earlier(next, core.Earlier(x.again, x.limit))
	}
	return next
}
