package dispatch

import (
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// leaseEnd is when the attempt of an exclusive grant is over even if its member
// cannot be asked. What was renewed before this node led cannot be known, but
// that was before it led. Other grants end at once.
func (m *Machine) leaseEnd(g *grant) core.Instant {
	if g.exclusive == "" {
		return 0
	}
	return max(m.led, g.since, g.renewed).Add(core.Lease + core.LeaseGrace)
}

const (
	// restartGrace is how long a member that has said that it will be back keeps
	// its grants, and returnGrace how long one that crashed keeps those that may
	// not run again: its tasks go on without it, and it may soon tell how they
	// ended. Nobody waits for more than that answer.
	restartGrace = 30 * time.Second
	returnGrace  = 10 * time.Second
)

// returnEnd is until when the member of a grant may come back to it. What is
// cancelled needs no answer.
func (m *Machine) returnEnd(g *grant) core.Instant {
	h := m.byID[g.node]
	if h == nil || h.state != ledger.Down || g.cancelled {
		return 0
	}
	gone := max(m.led, h.gone)
	switch {
	case h.reason == ledger.Restart:
		return gone.Add(restartGrace)
	case g.once && h.reason == ledger.Crash:
		return gone.Add(returnGrace)
	}
	return 0
}

// Renew says whether a runner may let an exclusive attempt run on, and counts
// its lease from now. The node must be known to have led at some moment since
// the runner asked. Once the grant is being taken back there is no way back.
func (m *Machine) Renew(now core.Instant, node core.NodeID, f core.Fence) bool {
	t, open := m.opt.Ledger().OpenGrant(f)
	if !m.leading || !open || core.NodeID(ledger.OpenAttempt(t).Node) != node {
		return false
	}
	g := m.grants[core.TaskID(t.Id)]
	if g == nil || g.fence != f || g.taken != 0 {
		return false
	}
	g.renewed = now
	return true
}

// notTaken lets the lease of a grant be renewed again when the log has refused
// to take it back.
func (m *Machine) notTaken(o *ledger.Outcome) {
	r := o.Command.GetRequeue()
	if r == nil || o.Verdict == nil || len(r.Task) != len(core.TaskID{}) {
		return
	}
	if g := m.grants[core.TaskID(r.Task)]; g != nil && uint64(g.fence) == r.Fence {
		g.taken = 0
	}
}

// blocked says that the tasks of a lane must wait for another that holds their
// exclusive key, or is about to, or for others of the elements of their parent.
func (m *Machine) blocked(spec *wire.Spec, parent core.TaskID) bool {
	if spec.GetParallel() > 0 && parent != (core.TaskID{}) {
		if m.opt.Ledger().Running(parent)+m.flying[parent] >= int(spec.Parallel) {
			return true
		}
	}
	if spec.GetExclusive() == "" {
		return false
	}
	_, held := m.opt.Ledger().Holder(spec.Exclusive)
	_, planned := m.holding[spec.Exclusive]
	return held || planned
}
