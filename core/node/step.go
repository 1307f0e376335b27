package node

import (
	"fmt"
	"time"

	"hb/core"
	"hb/core/discover"
	"hb/core/dispatch"
	"hb/core/lock"
	"hb/core/membership"
	"hb/core/replog"
	"hb/core/runner"
	"hb/core/timetable"
	"hb/core/wire"
)

// Step tells the node of one event. The effects are valid until the next Step.
// After Stop nothing follows any more.
func (n *Node) Step(now core.Instant, ev Event) []Effect {
	switch {
	case n.started != 0:
		n.out = n.out[:0]
	case n.life.stopped: // what its disk holds is nothing to begin with
		n.started = now
	default:
		if n.waking.until != 0 {
			n.out = n.out[:0]
		}
		if at, is := ev.(Clock); is { // what begins has a time already
			n.setClock(at.Offset)
		}
		if n.waking.old.IsValid() && !n.wake(now, ev) {
			return n.out
		}
		n.begin(now)
		for _, held := range n.waking.held {
			n.outer(held)
			n.settle()
		}
		if n.waking.old.IsValid() {
			n.waking, ev = waking{}, Tick{}
		}
	}
	if n.life.stopped {
		return n.out
	}
	n.now = max(n.now, now)
	n.outer(ev)
	n.settle()
	return n.out
}

// begin is the first step: every machine sees the time, and the log hands over
// what was committed.
func (n *Node) begin(now core.Instant) {
	n.now, n.started = now, now
	if n.self.joined { // whoever meant another cluster should see it at once
		what := "member of"
		if n.self.instance == 1 {
			what = "founded"
		}
		n.log(false, fmt.Sprintf("%s cluster %s (%s)", what, n.self.clusterName, n.self.cluster))
	}
	n.replogStep(replog.Tick{})
	n.barForgotten()
	for _, m := range n.ledger.Members() {
		n.agreedChanged(m)
	}
	n.memberships.do(now, membership.Tick{})
	n.discover(discover.Tick{})
	n.runners.do(now, runner.Tick{})
}

// outer hands an event on to the machine it concerns.
func (n *Node) outer(ev Event) {
	switch ev := ev.(type) {
	case Tick:
	case Datagram:
		n.datagram(ev)
	case Frame:
		n.frame(ev)
	case Knocked:
		to, _ := n.addrOf(ev.Peer)
		n.fromTheGrave(ev.Peer, to)
	case StreamLost:
		n.streamLost(ev)
	case Unreachable:
		n.datagramRefused(ev.To)
	case Seeds:
		n.discover(discover.Seeds{Addrs: ev.Addrs})
	case Clock:
		n.setClock(ev.Offset)
	case Measured:
		n.measured(ev.Load)
	case Asked:
		n.asked(ev)
	case Gone:
		n.clientGone(ev.ID)
	case Shutdown:
		n.shutdown(ev.Restart)
	case Reconfigured:
		n.reconfigured(ev)
	default:
		n.outerDisk(ev)
	}
}

// outerDisk takes what comes from the disk and from processes.
func (n *Node) outerDisk(ev Event) {
	switch ev := ev.(type) {
	case Synced:
		n.disk.synced(n.now, ev.Seq)
		n.replogStep(replog.Synced{Seq: ev.Seq})
	case SnapshotSaved:
		n.snapshotSaved(ev)
	case SnapshotDecoded:
		n.snapshotDecoded(ev)
	case IdentitySaved:
		n.identitySaved()
	case DiskFailed:
		n.stop(core.Faultf(core.CodeIO, "the disk does not keep what it is given: %v", ev.Err))
	case Journaled:
		n.runners.do(n.now, runner.Journaled{Seq: ev.Seq})
	case ExecStarted:
		n.runners.do(n.now, runner.Started{Fence: ev.Fence, Pid: ev.Pid, StartTicks: ev.StartTicks, Boot: ev.Boot})
	case ExecEnded:
		n.runners.do(n.now, runner.Ended{Fence: ev.Fence, Result: ev.Result})
	case Orphaned:
		n.runners.do(n.now, runner.Orphaned{})
	case Unbegun:
		n.runners.do(n.now, runner.Unbegun{Fence: ev.Fence})
	case Reaped:
		n.runners.do(n.now, runner.Reaped{Fence: ev.Fence})
	case Spooled:
		n.spooled(ev)
	default:
		panic(fmt.Sprintf("node: no way to take %T", ev))
	}
}

// settle lets every machine whose time has come go on, then everybody who
// waits for what the event brought.
func (n *Node) settle() {
	n.tickParts()
	n.leaderChanged()
	n.noteAlone()
	n.tellPlight()
	n.tellHealth()
	n.tellPeers()
	n.agree()
	n.offer()
	n.keepWards()
	n.reportLoad(false)
	n.serveReads()
	n.retryProposals()
	n.retryOutput()
	n.serveProbes()
	n.serveSurveys()
	n.serveMeshes()
	n.serveAwaiting()
	n.serveQuestions()
	n.serveDraining()
	n.serveTags()
	n.serveEnrolling()
	n.keepAdmission()
	n.stepAside()
	n.keepKeys()
	n.advanceLife()
	n.follow()
	n.flush()
	n.membership.SetLog(wire.LogHint{Commit: n.replog.Commit(), Leader: n.leader().id, Term: n.hintTerm()})
	n.membership.SetLoad(n.load, n.ledger.Applied())
}

// tickParts ticks the machines that are due.
func (n *Node) tickParts() {
	if n.now >= n.membership.Next() {
		n.memberships.do(n.now, membership.Tick{})
	}
	if n.now >= n.discovery.Next() {
		n.discover(discover.Tick{})
	}
	if n.now >= n.replog.Next() {
		n.replogStep(replog.Tick{})
	}
	if n.now >= n.dispatcher.Next() {
		n.dispatches.do(n.now, dispatch.Tick{})
	}
	if n.now >= n.timetable.Next() {
		n.timetables.do(n.now, timetable.Tick{})
	}
	if n.now >= n.locks.Next() {
		n.lockStep(lock.Tick{})
	}
	if n.now >= n.runner.Next() {
		n.runners.do(n.now, runner.Tick{})
	}
}

// Next is when Step must be called at the latest.
func (n *Node) Next() core.Instant {
	if n.waking.until != 0 {
		return n.waking.until
	}
	next := core.Never
	for _, t := range [...]core.Instant{
		n.membership.Next(), n.discovery.Next(), n.replog.Next(), n.dispatcher.Next(), n.timetable.Next(), n.locks.Next(), n.runner.Next(),
		n.nextRead(), n.proposals.look, n.nextOutput(), n.nextProbe(), n.nextSurvey(), n.nextMesh(), n.nextLife(), n.nextAgree(), n.nextLoad(),
		n.nextServeQuestions(), n.nextDraining(), n.nextTags(), n.nextStepAside(), n.nextOffer(), n.nextWards(), n.nextKeys(), n.nextAdmission(), n.nextHealth(),
	} {
		next = core.Earlier(next, t)
	}
	return next
}

// nextAgree is when the leader compares table and directory again.
func (n *Node) nextAgree() core.Instant {
	if !n.leading || n.agreement.flying > 0 {
		return core.Never
	}
	return n.agreement.look
}

// nextLoad is when the next load report is due at the latest.
func (n *Node) nextLoad() core.Instant { return n.loadSent.Add(loadIdle) }

// noteAlone tells discovery when this node, a member, hears nobody.
func (n *Node) noteAlone() {
	alone := n.self.joined && (n.membership.Isolated() || n.knowsNobody() || min(n.leaderless(), n.now.Sub(n.knownSince)) >= lostAfter)
	if alone != n.saidAlone {
		n.saidAlone = alone
		n.discover(discover.Alone{Yes: alone})
	}
}

// lostAfter is how long a member may know no leader before it looks for others
// than those it hears: if all have moved, the voters may live in groups that do
// not know each other's addresses.
const lostAfter = 5 * time.Second

// knowsNobody says that this member takes everybody else for dead, or that it
// lost its log and all addresses with it: it must look for the others as if it
// were new.
func (n *Node) knowsNobody() bool {
	return n.membership.Table().Living() == 1 && !n.replog.Leading() && (n.membership.Table().Len() > 1 || n.ledger.Applied() == 0)
}

// follow has a member that is no voter keep up closely while somebody waits, or
// while the log may say any moment that somebody is up who has not been heard.
func (n *Node) follow() {
	want := len(n.proposals.order) > 0 || len(n.reads.lagging) > 0 || len(n.clients.tasks) > 0 ||
		len(n.pulls.followers) > 0 || len(n.clients.awaiting) > 0 || len(n.clients.logs) > 0 || n.locks.Waits() || n.life.leaving != 0 ||
		len(n.clients.draining) > 0 || len(n.admission.waiting) > 0 || len(n.unmet) > 0
	if want != n.following {
		n.following = want
		n.replogStep(replog.Follow{On: want})
	}
}

// hintTerm is the term in which the leader that heartbeats name leads.
func (n *Node) hintTerm() uint64 {
	if leader := n.leader(); leader.id != 0 {
		return leader.term
	}
	return 0
}
