package node

import (
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/membership"
	"hb/core/replog"
	"hb/core/runner"
	"hb/core/wire"
)

// life is how this node ends: by SIGTERM, which keeps its membership, or by
// leaving, which does not.
type life struct {
	stopping bool
	restart  bool         // it will be back, and its tasks go on
	until    core.Instant // when to stop at the latest
	leaving  uint64       // the client's request; 0: not leaving
	phase    leavePhase
	asked    core.Instant // when the phase last asked for what it waits for
	stopped  bool
	telling  bool // its goodbye is on its way
	transfer []transferring
}

// leavePhase is what a leaving node waits for.
type leavePhase int

const (
	leaveDraining  leavePhase = iota // its tasks to end
	leaveDeposing                    // another leader
	leaveAgreeing                    // the log to say that it left
	leaveShrinking                   // the voters to go on without it
	leaveTelling                     // its peers to have heard
	leaveGone
)

// transferring is one client that waits for another leader.
type transferring struct {
	id    uint64
	from  core.NodeID
	limit core.Instant
}

const (
	// handOver is how long an orderly stop may take over leadership, and longest
	// how long over tasks, too.
	handOver = 8 * time.Second
	longest  = runner.StopAfter + 5*time.Second
	// goodbyeAgain is how often a stopping node repeats its goodbye, and
	// leaderlessLimit how long it waits for somebody to lead.
	goodbyeAgain    = 100 * time.Millisecond
	leaderlessLimit = 1500 * time.Millisecond
	// askAgain is how often a wish that nobody fulfilled is repeated.
	askAgain = time.Second
	// transferLimit is how long `hb leader transfer` waits.
	transferLimit = 5 * time.Second
)

// stop ends the node; nothing is done any more.
func (n *Node) stop(f *core.Fault) {
	if n.life.stopped {
		return
	}
	n.life.stopped = true
	n.put(Stop{Fault: f})
}

// shutdown begins an orderly stop.
func (n *Node) shutdown(restart bool) {
	if n.life.stopping {
		return
	}
	n.life.stopping, n.life.restart, n.life.until = true, restart, n.now.Add(handOver)
	n.handOver(0)
	if restart {
		n.runners.do(n.now, runner.Parting{})
	} else {
		if len(n.runner.Fences()) > 0 {
			n.life.until = n.now.Add(longest)
		}
		n.runners.do(n.now, runner.Stopping{})
	}
}

// proposeSelfDown has the log say that this run of this node is no member any
// more, so that nobody waits for its tasks.
func (n *Node) proposeSelfDown(reason string, done func(answer)) {
	n.propose(&wire.Command{Body: &wire.Command_MemberDown{MemberDown: &wire.MemberDown{
		Ids: []uint64{uint64(n.self.id)}, Instances: []uint32{uint32(n.self.instance)}, Reason: reason,
	}}}, done)
}

// handOver asks for another leader; an engine that does not lead ignores it.
func (n *Node) handOver(to core.RaftID) { n.replogStep(replog.Transfer{To: to}) }

// alone says whether nobody else could lead.
func (n *Node) alone() bool { return len(n.replog.Voters()) <= 1 }

// advanceLife goes on with what stopping or leaving waits for.
func (n *Node) advanceLife() {
	n.serveTransfers()
	if n.life.leaving != 0 {
		n.advanceLeave()
	}
	if !n.life.stopping || n.life.stopped {
		return
	}
	n.sayGoodbye()
	tasks := !n.life.restart && len(n.runner.Fences()) > 0
	if n.othersKnow() && !tasks && !n.replog.Unsynced() || n.now >= n.life.until {
		n.stop(nil)
	}
}

// sayGoodbye has the log say that this run of the node ends, again and again:
// in the middle of a change of leader nobody takes a command.
func (n *Node) sayGoodbye() {
	if n.othersKnow() || n.replog.Leading() || n.life.telling || n.life.asked != 0 && n.now < n.life.asked.Add(goodbyeAgain) {
		return
	}
	n.life.asked, n.life.telling = n.now, true
	reason := reasonShutdown
	if n.life.restart {
		reason = reasonRestart
	}
	n.proposeSelfDown(reason, func(answer) { n.life.telling = false })
}

// othersKnow says that nobody will miss this node: another leads and has it in
// the log, or there is nobody to tell.
func (n *Node) othersKnow() bool {
	if !n.self.joined || n.alone() && n.votes() {
		return true
	}
	lost := n.leader().id == 0 && n.now >= n.lastLeader.heard.Add(leaderlessLimit)
	return lost || !n.replog.Leading() && !n.memberHere()
}

// leave begins to leave the cluster.
func (n *Node) leave(id uint64) {
	switch {
	case !n.self.joined:
		n.reply(id, core.Faultf(core.CodeNo, "this node is in no cluster"), true)
	case n.life.leaving != 0:
		n.reply(id, core.Faultf(core.CodeBusy, "this node is leaving already"), true)
	case n.votes() && n.alone():
		n.reply(id, core.Faultf(core.CodeNo, "this node is the last voter: without it the cluster's log is gone").
			WithHint("to end the cluster, stop the node; to move it, let others join first and wait for voters=3"), true)
	default:
		n.life.leaving, n.life.phase = id, leaveDraining
		n.reportLoad(true)
	}
}

// advanceLeave takes the next step of leaving once the last one is done.
func (n *Node) advanceLeave() {
	for n.leaveDone() {
		n.life.phase++
		n.life.asked = 0
		if n.life.phase == leaveGone {
			n.finishLeave()
			return
		}
	}
	if n.life.phase == leaveGone || n.life.asked != 0 && n.now < n.life.asked.Add(askAgain) {
		return
	}
	first := n.life.asked == 0
	n.life.asked = n.now
	switch n.life.phase {
	case leaveDeposing:
		n.handOver(0)
	case leaveAgreeing:
		n.proposeSelfDown(reasonLeft, func(answer) {})
	case leaveTelling:
		if first {
			n.memberships.do(n.now, membership.Leave{})
		}
	}
}

// leaveDone says whether the present phase of leaving has what it waits for.
func (n *Node) leaveDone() bool {
	switch n.life.phase {
	case leaveDraining:
		return len(n.runner.Fences()) == 0
	case leaveDeposing:
		return !n.replog.Leading()
	case leaveAgreeing:
		m, ok := n.ledger.Member(n.self.id)
		return ok && m.State == ledger.Left
	case leaveShrinking:
		return n.replog.Role(n.self.raft) == "member"
	case leaveTelling:
		return n.left
	}
	return false
}

// finishLeave answers, puts the data directory aside and stops.
func (n *Node) finishLeave() {
	n.reply(n.life.leaving, nil, true)
	n.put(SetAside{})
	n.stop(nil)
}

// transfer answers once another member leads.
func (n *Node) transfer(id uint64, to core.NodeID) {
	leader := n.leader()
	if leader.id == 0 {
		n.reply(id, n.noQuorum(), true)
		return
	}
	if to == leader.id {
		n.reply(id, n.leaderView(), true)
		return
	}
	if raft, ok := n.raftOf(to); to != 0 && (!ok || n.replog.Role(raft) != "voter") {
		n.reply(id, core.Faultf(core.CodeNo, "%s is no voter: it cannot lead", n.nameOf(to)), true)
		return
	}
	n.life.transfer = append(n.life.transfer, transferring{id: id, from: leader.id, limit: n.now.Add(transferLimit)})
	if n.replog.Leading() {
		n.transferAsked(to)
		return
	}
	n.sendTo(leader.id, &wire.Envelope{Body: &wire.Envelope_Transfer{Transfer: &wire.Transfer{To: uint64(to)}}})
}

// transferAsked hands leadership over, to the given node or to the best.
func (n *Node) transferAsked(to core.NodeID) {
	raft, _ := n.raftOf(to)
	n.handOver(raft)
}

func (n *Node) serveTransfers() {
	for _, t := range n.life.transfer {
		leader := n.leader()
		switch {
		case leader.id != 0 && leader.id != t.from:
			n.reply(t.id, n.leaderView(), true)
		case n.now >= t.limit:
			n.reply(t.id, core.Faultf(core.CodeTimeout, "the leader did not change within %v", transferLimit), true)
		default:
			continue
		}
		n.life.transfer = without(n.life.transfer, func(o transferring) bool { return o == t })
	}
}

// nextLife is when advanceLife has something to do.
func (n *Node) nextLife() core.Instant {
	next := core.Never
	if n.life.stopping {
		next = core.Earlier(n.life.until, n.now.Add(goodbyeAgain))
	}
	if n.life.leaving != 0 && n.life.asked != 0 {
		next = core.Earlier(next, n.life.asked.Add(askAgain))
	}
	for _, t := range n.life.transfer {
		next = core.Earlier(next, t.limit)
	}
	return next
}
