package node

import (
	"time"

	"hb/core"
	"hb/core/wire"
)

const (
	// runsLimit is how long a list of tasks waits for the leader to say which run.
	runsLimit = 500 * time.Millisecond
	// runsMost is of how many tasks that is asked at once: of so many the answer, a
	// frame, is 160 kB. A cluster has as many slots only if it is a great one.
	runsMost = 10_000
)

// askRuns answers a client which of some tasks run. That is no entry of the log: the
// runners tell the leader.
func (n *Node) askRuns(client uint64, q AskRuns) {
	ask := &wire.RunsAsk{Id: n.nextQuestion()}
	for _, task := range q.Tasks[:min(len(q.Tasks), runsMost)] {
		ask.Tasks = append(ask.Tasks, task[:])
	}
	limit := n.now.Add(runsLimit)
	if n.leader().id == 0 {
		limit = n.now // there is nobody to wait for
	}
	n.putQuestion(&question{
		client: client, id: ask.Id, limit: limit,
		frame: &wire.Envelope{Body: &wire.Envelope_RunsAsk{RunsAsk: ask}},
		here:  func() any { return runsView(n.runs(ask)) },
		alone: func() any { return RunsView{} },
	})
}

// runsAsked answers another node.
func (n *Node) runsAsked(from core.NodeID, q *wire.RunsAsk) {
	n.sendTo(from, &wire.Envelope{Body: &wire.Envelope_Runs{Runs: n.runs(q)}})
}

// runs is what the runners have told this node, if it leads.
func (n *Node) runs(q *wire.RunsAsk) *wire.Runs {
	out := &wire.Runs{Id: q.Id, Leading: n.leading}
	if !n.leading {
		return out
	}
	for _, id := range q.Tasks[:min(len(q.Tasks), runsMost)] {
		if len(id) != len(core.TaskID{}) {
			continue
		}
		if f, since, ok := n.dispatcher.Runs(core.TaskID(id)); ok {
			out.Fences, out.SinceNanos = append(out.Fences, uint64(f)), append(out.SinceNanos, since)
		}
	}
	return out
}

// runsView is the answer as clients get it.
func runsView(r *wire.Runs) RunsView {
	v := RunsView{}
	for i, f := range r.Fences {
		v[core.Fence(f)] = at(r.SinceNanos, i)
	}
	return v
}

// at is the element of a list that may be shorter than its sender should have made it.
func at(list []int64, i int) int64 {
	if i < len(list) {
		return list[i]
	}
	return 0
}
