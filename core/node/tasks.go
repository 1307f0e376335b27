package node

import (
	"bytes"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// submit puts a task in the log and answers once it is durable.
func (n *Node) submit(id uint64, q SubmitTask) {
	if err := wire.CheckText(q.Spec); err != nil {
		n.reply(id, core.Faultf(core.CodeBadInput, "task: %v", err), true)
		return
	}
	n.runnable(id, q.Spec, func(spec *wire.Spec) { n.submitRunnable(id, SubmitTask{Task: q.Task, Spec: spec}) })
}

// runnable goes on with what some member may run, and refuses anything else: it
// would wait for ever. Where that seems so, what the log says by now counts.
func (n *Node) runnable(id uint64, spec *wire.Spec, then func(*wire.Spec)) {
	judge := func() *core.Fault {
		v := n.ledger.Hopeless(spec)
		if v == nil && n.ledger.RunsOnce(spec) && !spec.Once {
			if spec.Retries > 0 {
				return core.Faultf(core.CodeBadInput, "the task %s must not be run a second time: its definition says idempotent = false", spec.Name)
			}
			spec = proto.CloneOf(spec)
			spec.Once = true
		}
		return v.Fault()
	}
	if judge() == nil {
		then(spec)
		return
	}
	n.readIndex(true, func(res readResult) {
		f := judge()
		switch {
		case !res.ok:
			n.reply(id, n.noQuorum(), true)
		case f != nil:
			n.reply(id, f, true)
		default:
			then(spec)
		}
	})
}

// submitRunnable puts it there.
func (n *Node) submitRunnable(id uint64, q SubmitTask) {
	c := &wire.Command{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: q.Task[:], Spec: q.Spec}}}
	n.propose(c, func(a answer) {
		if f := answerFault(a); f != nil {
			n.reply(id, f, true)
			return
		}
		task := q.Task
		if len(a.task) == len(task) {
			copy(task[:], a.task)
		}
		n.reply(id, Submitted{Task: task, Index: a.fence.Index(), Node: a.node, Name: n.nameOf(a.node)}, true)
	})
}

// withTask reads a task linearizably, so that "never heard of it" is true
// everywhere.
func (n *Node) withTask(id uint64, task core.TaskID, then func(*wire.Task)) {
	n.readIndex(true, func(res readResult) {
		if !res.ok {
			n.reply(id, n.noQuorum(), true)
			return
		}
		if t, ok := n.ledger.Task(task); ok {
			then(t)
			return
		}
		n.reply(id, n.noRecord(task), true)
	})
}

// noRecord says why there is no record of a task: it was dropped, or never was.
func (n *Node) noRecord(task core.TaskID) *core.Fault {
	if n.ledger.Expired(task) {
		return core.Faultf(core.CodeUnheard, "task %s: its record has expired", task)
	}
	return core.Faultf(core.CodeUnheard, "task %s: never heard of it", task)
}

// ended says whether a task has its final record.
func ended(t *wire.Task) bool { return t.Final != 0 }

// waitTask answers when the task has ended.
func (n *Node) waitTask(id uint64, t *wire.Task) {
	if ended(t) {
		n.reply(id, t, true)
		return
	}
	var task core.TaskID
	copy(task[:], t.Id)
	n.clients.tasks = append(n.clients.tasks, taskWait{id: id, task: task})
}

// taskEnded answers those who waited for it.
func (n *Node) taskEnded(t *wire.Task) {
	if t.EndedNanos >= n.wallAt(n.started) { // and not told again at a start
		n.counted.ended[t.Status]++
	}
	for _, w := range n.clients.tasks {
		if bytes.Equal(w.task[:], t.Id) {
			n.reply(w.id, t, true)
			n.clients.tasks = without(n.clients.tasks, func(o taskWait) bool { return o == w })
		}
	}
}

// cancel puts the wish in the log.
func (n *Node) cancel(id uint64, t *wire.Task) {
	c := &wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{Task: t.Id, By: n.opts.Name}}}
	n.propose(c, func(a answer) {
		if f := answerFault(a); f != nil {
			n.reply(id, f, true)
			return
		}
		var task core.TaskID
		copy(task[:], t.Id)
		n.withTask(id, task, func(now *wire.Task) { n.reply(id, now, true) })
	})
}

// retry submits the content of a task anew, once it has ended.
func (n *Node) retry(id uint64, q RetryTask, t *wire.Task) {
	if !ended(t) {
		n.reply(id, core.Faultf(core.CodeNo, "task %s has not ended: it is %s", q.Task, t.Status), true)
		return
	}
	if t.N > 0 {
		n.reply(id, core.Faultf(core.CodeNo, "%s is an element: what is submitted anew is the whole task", ledger.Name(t)), true)
		return
	}
	spec := proto.Clone(t.Spec).(*wire.Spec)
	spec.Key = "" // which names the first
	n.submit(id, SubmitTask{Task: q.As, Spec: spec})
}
