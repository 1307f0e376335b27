package node

import (
	"fmt"
	"slices"
	"time"

	"hb/core"
	"hb/core/dispatch"
	"hb/core/ledger"
	"hb/core/membership"
	"hb/core/runner"
	"hb/core/wire"
)

// withGrants puts, behind each submit of an entry, the grant that the
// dispatcher would give the task at once.
func (n *Node) withGrants(commands []*wire.Command) []*wire.Command {
	out := make([]*wire.Command, 0, 2*len(commands))
	for _, c := range commands {
		out = append(out, c)
		if sub, ok := c.Body.(*wire.Command_Submit); ok && n.leading {
			if assign, ok := n.dispatcher.PlanFor(n.now, sub.Submit); ok {
				out = append(out, assign)
			}
		}
	}
	return out
}

// carryDispatch carries out one effect of the dispatcher.
func (n *Node) carryDispatch(f dispatch.Effect) {
	switch f := f.(type) {
	case dispatch.Propose:
		if n.leading {
			n.enqueue(f.Command)
		}
	case dispatch.Grant:
		if f.Node == n.self.id {
			n.granted(f.Grant)
			return
		}
		n.sendTo(f.Node, &wire.Envelope{Body: &wire.Envelope_Grant{Grant: f.Grant}})
	case dispatch.Kill:
		if f.Node == n.self.id {
			n.killed(f.Kill)
			return
		}
		n.sendTo(f.Node, &wire.Envelope{Body: &wire.Envelope_Kill{Kill: f.Kill}})
	default:
		panic(fmt.Sprintf("node: no way to carry out %T", f))
	}
}

// carryRunner carries out one effect of the runner.
func (n *Node) carryRunner(f runner.Effect) {
	switch f := f.(type) {
	case runner.Journal:
		n.put(Journal{Seq: f.Seq, Records: f.Records})
	case runner.Exec:
		n.put(Exec{Fence: f.Fence, Task: f.Task, Attempt: f.Attempt, Spec: f.Spec, Until: f.Until, Abreast: f.Abreast})
	case runner.Recall:
		n.put(Recall{Fence: f.Fence})
	case runner.Renew:
		n.put(Renew{Fence: f.Fence, Until: f.Until})
	case runner.AskLease:
		ask := &wire.LeaseAsk{Id: f.ID, Fences: rawFences(f.Fences)}
		n.toLeader(&wire.Envelope{Body: &wire.Envelope_LeaseAsk{LeaseAsk: ask}}, func() { n.leaseAsked(n.self.id, ask) })
	case runner.Terminate:
		n.put(Terminate{Fence: f.Fence, Grace: f.Grace})
	case runner.Adopt:
		n.put(Adopt{Attempts: f.Attempts})
	case runner.Disown:
		n.put(Disown{Fence: f.Fence})
	case runner.Release:
		n.put(Release{Fence: f.Fence})
	case runner.DropSpool:
		n.put(DropSpool{Fence: f.Fence})
	case runner.Note:
		n.log(f.Warn, f.Text)
	case runner.Report:
		n.toLeader(&wire.Envelope{Body: &wire.Envelope_Done{Done: f.Done}}, func() { n.doneCame(n.self.id, f.Done) })
	case runner.Refuse:
		n.toLeader(&wire.Envelope{Body: &wire.Envelope_Refused{Refused: f.Refused}}, func() { n.grantRefused(n.self.id, f.Refused) })
	case runner.Held:
		r := &wire.Running{Fences: rawFences(f.Fences), Waiting: rawFences(f.Waiting)}
		for _, b := range f.Begun {
			since := int64(0)
			if b.At != core.Never {
				since = n.wallAt(b.At)
			}
			r.Begun, r.BegunNanos = append(r.Begun, uint64(b.Fence)), append(r.BegunNanos, since)
		}
		n.toLeader(&wire.Envelope{Body: &wire.Envelope_Running{Running: r}}, func() { n.runningCame(n.self.id, n.self.instance, r) })
	default:
		panic(fmt.Sprintf("node: no way to carry out %T", f))
	}
}

// toLeader sends a frame to whoever leads, or does it here. Without a leader
// it is lost; the runner repeats what matters.
func (n *Node) toLeader(e *wire.Envelope, here func()) {
	switch leader := n.leader(); {
	case n.leading:
		here()
	case leader.id != 0 && leader.id != n.self.id:
		n.sendTo(leader.id, e)
	}
}

func (n *Node) granted(g *wire.Grant) {
	if n.life.leaving != 0 || n.life.stopping {
		return // the leader asks again elsewhere once this node is down
	}
	n.runners.do(n.now, runner.Granted{Grant: g})
}

func (n *Node) killed(k *wire.Kill) { n.runners.do(n.now, runner.Killed{Kill: k}) }

func (n *Node) doneAcked(f core.Fence) { n.runners.do(n.now, runner.Acked{Fence: f}) }

// doneCame is a runner's report to the leader: it goes into the log once, and
// is acknowledged when it is there or does not matter any more.
func (n *Node) doneCame(from core.NodeID, d *wire.Done) {
	fence := core.Fence(d.Fence)
	if !n.leading || n.finishing[fence] || len(d.Task) != len(core.TaskID{}) {
		return
	}
	if n.settled(core.TaskID(d.Task), fence) {
		n.ackDone(from, fence)
		return
	}
	if !n.ranBy(from, core.TaskID(d.Task), fence) {
		return
	}
	n.finishing[fence] = true
	c := &wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{Task: d.Task, Fence: d.Fence, Result: d.Result}}}
	n.propose(c, func(a answer) {
		delete(n.finishing, fence)
		if a.fault == nil && a.fence != 0 {
			n.ackDone(from, fence)
		}
	})
}

// settled says whether the log already has the end of an attempt, or has
// forgotten the task.
func (n *Node) settled(task core.TaskID, fence core.Fence) bool {
	if fence.Index() > n.ledger.Applied() {
		return false // granted by a later leader, of whom this one has not heard
	}
	t, ok := n.ledger.Task(task)
	if !ok {
		return true
	}
	for _, a := range t.Attempts {
		if a.Fence == uint64(fence) {
			return a.Outcome == ledger.Ended || a.Outcome == ledger.Superseded
		}
	}
	return true
}

// ranBy says whether an attempt is not known to be another node's.
func (n *Node) ranBy(id core.NodeID, task core.TaskID, fence core.Fence) bool {
	t, _ := n.ledger.Task(task)
	return !slices.ContainsFunc(t.GetAttempts(), func(a *wire.Attempt) bool {
		return a.Fence == uint64(fence) && core.NodeID(a.Node) != id
	})
}

func (n *Node) ackDone(to core.NodeID, fence core.Fence) {
	if to == n.self.id {
		n.doneAcked(fence)
		return
	}
	n.sendTo(to, &wire.Envelope{Body: &wire.Envelope_DoneAck{DoneAck: &wire.DoneAck{Fence: uint64(fence)}}})
}

func (n *Node) grantRefused(from core.NodeID, r *wire.Refused) {
	if len(r.Task) != len(core.TaskID{}) {
		return
	}
	n.dispatches.do(n.now, dispatch.Refused{Node: from, Task: core.TaskID(r.Task), Fence: core.Fence(r.Fence), Reason: r.Reason})
}

func (n *Node) runningCame(from core.NodeID, instance core.Instance, r *wire.Running) {
	begun := make(map[core.Fence]int64, len(r.Begun))
	for i, f := range r.Begun {
		begun[core.Fence(f)] = at(r.BegunNanos, i)
	}
	n.dispatches.do(n.now, dispatch.Held{Node: from, Instance: instance, Fences: fencesOf(r.Fences), Waiting: fencesOf(r.Waiting), Begun: begun})
}

// peer is what a member said of itself.
type peer struct {
	load    core.Load
	loaded  bool
	applied uint64
}

// heardLoad takes a load report, a member's or this node's own.
func (n *Node) heardLoad(id core.NodeID, load core.Load) {
	p := n.peers[id]
	p.load, p.loaded = load, true
	n.peers[id] = p
	n.dispatches.do(n.now, dispatch.Heard{Node: id, Load: load, Known: true})
}

// tellLoads gives the dispatcher what members said of their load before the
// directory had them.
func (n *Node) tellLoads(members []*wire.Agreed) {
	for _, m := range members {
		id := core.NodeID(m.Row.Id)
		if p := n.peers[id]; p.loaded && m.State == ledger.Up {
			n.dispatches.do(n.now, dispatch.Heard{Node: id, Load: p.load, Known: true})
		}
	}
}

// measured takes the driver's sample and completes it with the runner's part.
func (n *Node) measured(load core.Load) {
	n.sample = load
	n.reportLoad(false)
}

const (
	// loadEvery is the period of load reports while tasks come and go; loadIdle
	// that of an idle member.
	loadEvery = time.Second
	loadIdle  = 10 * time.Second
	// loadStep is how far off the stress as reported must be for how long to be
	// worth a report, in permille times seconds: 40 % after a second, 5 % after
	// eight. Acks carry the load as well.
	loadStep = 400
)

// reportLoad tells the leader this machine's load when it is time to.
func (n *Node) reportLoad(now bool) {
	load := n.sample
	load.Slots, load.Running = uint16(n.opts.Slots), uint16(n.runner.Running())
	load.Granted = n.runner.LastGrant()
	if n.life.leaving != 0 || n.life.stopping {
		load.Slots = 0
	}
	since := n.now.Sub(n.loadSent)
	changed := load.Running != n.load.Running || load.Slots != n.load.Slots || load.Granted != n.load.Granted || load.Slowdown != n.load.Slowdown ||
		float64(diff(load.Stress, n.load.Stress))*since.Seconds() >= loadStep
	if !now && since < loadIdle && !(changed && since >= loadEvery) {
		return
	}
	n.load, n.loadSent = load, n.now
	if n.leading {
		n.heardLoad(n.self.id, load)
		return
	}
	if leader := n.leader(); leader.id != 0 {
		n.sendLoad(leader.id, load)
	}
}

// sendLoad reports to a remote leader.
func (n *Node) sendLoad(to core.NodeID, load core.Load) {
	addr, ok := n.addrOf(to)
	if !ok {
		return
	}
	n.membership.SetLoad(load, n.ledger.Applied())
	n.memberships.do(n.now, membership.Report{ID: to, To: addr})
}

// runnersNewLeader has the runner repeat what the new leader must know.
func (n *Node) runnersNewLeader() { n.runners.do(n.now, runner.NewLeader{}) }

func diff(a, b uint16) uint16 { return max(a, b) - min(a, b) }
