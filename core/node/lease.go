package node

import (
	"hb/core"
	"hb/core/lock"
	"hb/core/runner"
	"hb/core/wire"
)

// leaseAsked answers a member which of its exclusive attempts may run on, or which
// clients behind it keep their locks: those whose grant is open, or who are in
// the ledger, at a moment, after the question, at which a quorum confirmed that
// this node leads. Without that there is no answer.
func (n *Node) leaseAsked(from core.NodeID, ask *wire.LeaseAsk) {
	if !n.leading {
		return
	}
	n.readIndex(true, func(res readResult) {
		if !res.ok || !n.leading || res.leader != n.self.id {
			return
		}
		given := &wire.LeaseGiven{Id: ask.Id}
		for _, f := range ask.Fences {
			if n.dispatcher.Renew(n.now, from, core.Fence(f)) {
				given.Fences = append(given.Fences, f)
			}
		}
		for _, id := range ask.Locks {
			if n.locks.Renew(n.now, from, id) {
				given.Locks = append(given.Locks, id)
			}
		}
		if from == n.self.id {
			n.leaseGiven(given)
			return
		}
		n.sendTo(from, &wire.Envelope{Body: &wire.Envelope_LeaseGiven{LeaseGiven: given}})
	})
}

// leaseGiven hands the answer to the locks, or to the runner: no question is of
// both.
func (n *Node) leaseGiven(given *wire.LeaseGiven) {
	if len(given.Locks) > 0 {
		n.lockStep(lock.Leased{ID: given.Id, Sessions: given.Locks})
		return
	}
	n.runners.do(n.now, runner.Leased{ID: given.Id, Fences: fencesOf(given.Fences)})
}

func rawFences(fences []core.Fence) []uint64 {
	raw := make([]uint64, len(fences))
	for i, f := range fences {
		raw[i] = uint64(f)
	}
	return raw
}

func fencesOf(raw []uint64) []core.Fence {
	fences := make([]core.Fence, len(raw))
	for i, f := range raw {
		fences[i] = core.Fence(f)
	}
	return fences
}
