package node

import (
	"time"

	"hb/core"
	"hb/core/dispatch"
	"hb/core/wire"
)

// explainLimit is how long a question about a choice may stay open.
const explainLimit = 2 * time.Second

// explain answers a client, now or when the leader has: only its dispatcher knows.
func (n *Node) explain(client uint64, q ExplainTask) {
	ask := &wire.Explain{Id: n.nextQuestion(), Spec: q.Spec}
	if !q.Task.IsZero() {
		ask.Task = q.Task[:]
	}
	n.putQuestion(&question{
		client: client, id: ask.Id, limit: n.now.Add(explainLimit),
		frame: &wire.Envelope{Body: &wire.Envelope_Explain{Explain: ask}},
		here:  func() any { return n.explained(ask) },
		alone: func() any { return n.noQuorum() },
	})
}

// explainAsked answers another node.
func (n *Node) explainAsked(from core.NodeID, q *wire.Explain) {
	n.sendTo(from, &wire.Envelope{Body: &wire.Envelope_Explained{Explained: n.explained(q)}})
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
