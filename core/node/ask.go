package node

import (
	"fmt"

	"hb/core"
	"hb/core/lock"
	"hb/core/wire"
)

// clients is what local requests are under way, besides the reads, proposals
// and followers of output that keep their own.
type clients struct {
	ring      ring
	following []uint64 // FollowEvents, in order of asking
	logs      []*logFollower
	awaiting  []*awaiting
	tasks     []taskWait
	probes    []*probing
	surveys   []*survey
	meshes    []*meshing
	taking    []*meshPart // in meshes of anybody
	questions []*question
	draining  []*draining
	open      map[uint64]bool // all requests without a last answer
	tickets   uint64          // of probes, meshes, questions and surveys
}

// taskWait is one client that waits for the end of a task.
type taskWait struct {
	id   uint64
	task core.TaskID
}

// asked answers a local request, now or later.
func (n *Node) asked(ev Asked) {
	n.clients.open[ev.ID] = true
	switch q := ev.Body.(type) {
	case GetMembers:
		n.askMembers(ev.ID, q)
	case GetStatus:
		n.reply(ev.ID, n.statusView(), true)
	case GetFigures:
		n.reply(ev.ID, n.figuresView(), true)
	case GetLeader:
		n.askLeader(ev.ID, q)
	case SubmitTask:
		n.submit(ev.ID, q)
	case GetTask:
		n.withTask(ev.ID, q.Task, func(t *wire.Task) { n.reply(ev.ID, t, true) })
	case WaitTask:
		n.withTask(ev.ID, q.Task, func(t *wire.Task) { n.waitTask(ev.ID, t) })
	case ListElements:
		n.reply(ev.ID, TasksView{Tasks: n.ledger.Elements(q.Task)}, true)
	case ListTasks:
		var v TasksView
		v.Tasks, v.Next, v.More = n.ledger.Page(q.Query)
		n.reply(ev.ID, v, true)
	case AskRuns:
		n.askRuns(ev.ID, q)
	case ExplainTask:
		if !q.Task.IsZero() {
			n.explain(ev.ID, q)
			break
		}
		n.runnable(ev.ID, q.Spec, func(*wire.Spec) { n.explain(ev.ID, q) })
	case RetryTask:
		n.withTask(ev.ID, q.Task, func(t *wire.Task) { n.retry(ev.ID, q, t) })
	case CancelTask:
		n.withTask(ev.ID, q.Task, func(t *wire.Task) { n.cancel(ev.ID, t) })
	case FollowOutput:
		n.withTask(ev.ID, q.Task, func(*wire.Task) { n.followOutput(ev.ID, q) })
	default:
		n.askedOfNode(ev)
	}
}

// askedOfNode answers requests about this node and its log.
func (n *Node) askedOfNode(ev Asked) {
	switch q := ev.Body.(type) {
	case AppendNote:
		n.appendNote(ev.ID, q.Text)
	case FollowLog:
		n.followLog(ev.ID, q)
	case FollowEvents:
		n.followEvents(ev.ID, q)
	case Await:
		n.await(ev.ID, q.Conditions)
	case Probe:
		n.probe(ev.ID, q)
	case ProbeMesh:
		n.probeMesh(ev.ID, q)
	case TransferLeader:
		n.transfer(ev.ID, q.To)
	case DrainNode:
		n.drain(ev.ID, q)
	case SetTags:
		n.setTags(ev.ID, q)
	case ListSchedules:
		n.listSchedules(ev.ID, q)
	case ChangeSchedule:
		n.changeSchedule(ev.ID, q)
	case Leave:
		n.leave(ev.ID)
	default:
		n.askedOfQuorum(ev)
	}
}

// askedOfQuorum answers requests about the voters and the members' logs.
func (n *Node) askedOfQuorum(ev Asked) {
	switch q := ev.Body.(type) {
	case GetVoters:
		n.askVoters(ev.ID)
	case SetVoters:
		n.setVoters(ev.ID, q)
	case SetVote:
		n.setVote(ev.ID, q)
	case GetPositions:
		n.askPositions(ev.ID)
	case HoldLock:
		n.holdLock(ev.ID, q)
	case EndLock:
		n.endLock(ev.ID, q)
	case ListLocks:
		n.reply(ev.ID, LocksView{Locks: n.ledger.Locks()}, true)
	case Forget:
		n.forget(ev.ID, q)
	case GetKeys:
		n.askKeys(ev.ID)
	case RotateKeys:
		n.askRotation(ev.ID)
	case GetSnapshot:
		n.askSnapshot(ev.ID, q)
	case Enroll:
		n.enroll(ev.ID, q)
	case TryEnroll:
		n.tryEnroll(ev.ID, q)
	case GetTokens:
		n.askTokens(ev.ID)
	case ChangeToken:
		n.changeToken(ev.ID, q)
	default:
		panic(fmt.Sprintf("node: no answer to %T", ev.Body))
	}
}

// reply answers a client that still waits.
func (n *Node) reply(id uint64, body any, last bool) {
	if !n.clients.open[id] {
		return
	}
	if last {
		delete(n.clients.open, id)
	}
	n.put(Reply{ID: id, Body: body, Last: last})
}

// clientGone forgets a client; what it began is not undone.
func (n *Node) clientGone(id uint64) {
	delete(n.clients.open, id)
	c := &n.clients
	c.following = without(c.following, func(other uint64) bool { return other == id })
	c.logs = without(c.logs, func(f *logFollower) bool { return f.id == id })
	c.awaiting = without(c.awaiting, func(a *awaiting) bool { return a.id == id })
	c.tasks = without(c.tasks, func(w taskWait) bool { return w.id == id })
	c.questions = without(c.questions, func(q *question) bool { return q.client == id })
	c.draining = without(c.draining, func(d *draining) bool { return d.id == id })
	n.tags.waiting = without(n.tags.waiting, func(w *retagging) bool { return w.id == id })
	n.lockStep(lock.Close{Client: id})
	n.admission.waiting = without(n.admission.waiting, func(w *enrolling) bool { return w.id == id })
	n.pulls.followers = without(n.pulls.followers, func(f *follower) bool { return f.id == id })
}

// without gives the list less what matches, never writing to the old one.
func without[T any](list []T, match func(T) bool) []T {
	for i, x := range list {
		if !match(x) {
			continue
		}
		kept := append([]T(nil), list[:i]...)
		for _, y := range list[i+1:] {
			if !match(y) {
				kept = append(kept, y)
			}
		}
		return kept
	}
	return list
}

// answerFault tells whether a proposal failed, as the fault a client gets.
func answerFault(a answer) *core.Fault {
	if a.fault != nil {
		return a.fault
	}
	return a.verdict.Fault()
}

// noQuorum is the answer to a read that no quorum confirmed.
func (n *Node) noQuorum() *core.Fault {
	if !n.self.joined {
		return core.Faultf(core.CodeNoQuorum, "this node is not in a cluster yet")
	}
	if why, hint := n.plight(); why != "" {
		return core.Faultf(core.CodeNoQuorum, "no leader: %s", why).WithHint("%s", hint)
	}
	return core.Faultf(core.CodeNoQuorum, "no leader, or no quorum behind it")
}

// appendNote puts a user's note in the log.
func (n *Node) appendNote(id uint64, text []byte) {
	if len(text) > noteMost {
		n.reply(id, core.Faultf(core.CodeBadInput, "a note of %d bytes: at most %d", len(text), noteMost), true)
		return
	}
	c := &wire.Command{Body: &wire.Command_Note{Note: &wire.Note{Text: text}}}
	n.propose(c, func(a answer) {
		if f := answerFault(a); f != nil {
			n.reply(id, f, true)
			return
		}
		n.reply(id, Appended{Index: a.fence.Index()}, true)
	})
}

// noteMost is the longest note in bytes.
const noteMost = 64 << 10

// askLeader answers who leads.
func (n *Node) askMembers(id uint64, q GetMembers) {
	if !q.Agreed {
		n.reply(id, n.membersView(), true)
		return
	}
	n.readIndex(true, func(res readResult) {
		if !res.ok {
			n.reply(id, n.noQuorum().WithHint("hb members --agreed --stale shows what this node knows"), true)
			return
		}
		n.reply(id, n.membersView(), true)
	})
}

func (n *Node) askLeader(id uint64, q GetLeader) {
	if q.Stale {
		n.reply(id, n.leaderView(), true)
		return
	}
	n.readIndex(false, func(res readResult) {
		if !res.ok {
			n.reply(id, n.noQuorum(), true)
			return
		}
		n.reply(id, n.confirmedLeader(res), true)
	})
}
