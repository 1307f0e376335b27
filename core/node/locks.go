package node

import (
	"fmt"
	"strings"

	"hb/core"
	"hb/core/lock"
	"hb/core/wire"
)

// lockStep tells the locks something and carries out what they want.
func (n *Node) lockStep(ev lock.Event) { n.lockings.do(n.now, ev) }

// carryLock carries out one effect of the locks.
func (n *Node) carryLock(f lock.Effect) {
	switch f := f.(type) {
	case lock.Acquire:
		n.propose(f.Command, func(a answer) {
			n.lockStep(lock.Answered{Session: f.Session, Fence: a.fence, Fault: answerFault(a)})
		})
	case lock.End:
		n.propose(f.Command, func(answer) {}) // what the log does not take ends with its lease
	case lock.AskLease:
		ask := &wire.LeaseAsk{Id: f.ID, Locks: f.Sessions}
		n.toLeader(&wire.Envelope{Body: &wire.Envelope_LeaseAsk{LeaseAsk: ask}}, func() { n.leaseAsked(n.self.id, ask) })
	case lock.Waiting:
		n.reply(f.Client, LockView{}, false)
	case lock.Held:
		n.reply(f.Client, LockView{Held: true, Fence: f.Fence, Until: f.Until, Left: f.Until.Sub(n.now)}, false)
	case lock.Lost:
		n.reply(f.Client, f.Fault, true)
	default:
		panic(fmt.Sprintf("node: no way to carry out %T", f))
	}
}

// holdLock begins what a client has of a lock, or goes on with it.
func (n *Node) holdLock(id uint64, q HoldLock) {
	switch f := n.mayLock(q); {
	case f != nil:
		n.reply(id, f, true)
	default:
		n.lockStep(lock.Open{Client: id, Session: q.Session, Name: q.Name, Wait: q.Wait, Leader: q.Leader})
	}
}

func (n *Node) mayLock(q HoldLock) *core.Fault {
	switch {
	case !n.self.joined:
		return core.Faultf(core.CodeNoQuorum, "this node is not in a cluster yet")
	case n.ledger.Applied() > 0 && n.ledger.Features() < core.FeaturesLocks:
		return core.Faultf(core.CodeBusy, "not every member knows locks yet").WithHint("hb status names those that run an older hb")
	case !q.Leader && strings.HasPrefix(q.Name, lock.Reserved):
		return core.Faultf(core.CodeUsage, "lock %q: names that begin with %s are hb's own", q.Name, lock.Reserved)
	case q.Leader && !q.Wait && n.leader().id == 0: // it is not so that another leads
		return n.noQuorum()
	}
	return nil
}

// endLock ends a session for its client, who waits until nobody thinks any more
// that it has the lock.
func (n *Node) endLock(id uint64, q EndLock) {
	n.lockStep(lock.Ended{Session: q.Session})
	n.propose(lock.Release(q.Session, n.self.id), func(a answer) {
		if f := answerFault(a); f != nil {
			n.reply(id, f, true)
			return
		}
		n.reply(id, nil, true)
	})
}

// lockText says in words what a command does about a lock.
func (n *Node) lockText(c *wire.Command) string {
	switch b := c.Body.(type) {
	case *wire.Command_AcquireLock:
		return fmt.Sprintf("lock %s for session %x, behind %s", b.AcquireLock.Name, b.AcquireLock.Session, n.nameOf(core.NodeID(b.AcquireLock.Node)))
	case *wire.Command_ReleaseLock:
		if b.ReleaseLock.Lost {
			return fmt.Sprintf("unlock session %x, whose lease is over", b.ReleaseLock.Session)
		}
		return fmt.Sprintf("unlock session %x", b.ReleaseLock.Session)
	}
	return ""
}
