package node

import (
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/dispatch"
	"hb/core/ledger"
	"hb/core/replog"
	"hb/core/wire"
)

const (
	// proposeAgain is how long an unanswered command waits before it is sent
	// once more: frames may be lost with their stream.
	proposeAgain = time.Second
	// proposeLimit is how long a command may stay without an answer.
	proposeLimit = 5 * time.Second
	// batchBytes bounds what is gathered while the disk is busy.
	batchBytes = 256 << 10
	// batchMost bounds the commands in one entry; a fence has 20 bits for them.
	batchMost = 1024
)

// answer is what became of a command: the fence of its place in the log and
// the ledger's verdict, or a fault when it is not known to be there.
type answer struct {
	fence   core.Fence
	verdict *wire.Verdict
	task    []byte      // of a submit
	node    core.NodeID // of a submit whose task was assigned at once
	fault   *core.Fault
}

// proposal is a command of this node's own that waits to be applied.
type proposal struct {
	command *wire.Command
	done    func(answer)
	sent    core.Instant // last handed to a leader; 0: not yet
	limit   core.Instant
	// again says that the command may be sent twice without doing two things.
	again bool
}

// proposals is everything this node has proposed and, on the leader, what
// waits for the disk to be free.
type proposals struct {
	open  map[uint64]*proposal // by Command.Id
	order []*proposal          // in order of asking; settled ones fall out at the next look
	look  core.Instant         // when retryProposals is due; Never when nothing is open
	next  uint64
	batch []*wire.Command
	bytes int
	// asked is every command of a Propose while the log decides to take it.
	asked []*wire.Command
}

// proposeLook is how often open proposals are looked at.
const proposeLook = 100 * time.Millisecond

// propose puts a command on its way to the log. done is called once: when the
// command was applied, was refused, or ran out of time.
func (n *Node) propose(c *wire.Command, done func(answer)) {
	p := &n.proposals
	p.next++
	c.Proposer, c.Id = uint64(n.self.id), uint64(n.self.instance)<<40|p.next
	_, note := c.Body.(*wire.Command_Note)
	pr := &proposal{command: c, done: done, limit: n.now.Add(proposeLimit), again: !note}
	p.open[c.Id] = pr
	p.order = append(p.order, pr)
	p.look = core.Earlier(p.look, n.now.Add(proposeLook))
	n.dispatchProposal(pr)
}

// dispatchProposal hands a command to whoever leads; without a leader it waits.
func (n *Node) dispatchProposal(pr *proposal) {
	leader := n.leader()
	switch {
	case leader.id == 0:
		return
	case n.replog.Leading():
		n.screen(pr.command)
	case leader.id == n.self.id:
		return
	default:
		n.sendTo(leader.id, &wire.Envelope{Body: &wire.Envelope_Propose{Propose: &wire.Propose{Id: pr.command.Id, Command: pr.command}}})
	}
	pr.sent = n.now
}

// screen is the leader's look at a command: it puts it in the log, or says at once why
// it does not belong there.
func (n *Node) screen(c *wire.Command) {
	switch c.Body.(type) {
	case *wire.Command_Admit:
		n.screenKnock(c)
	case *wire.Command_Forget:
		n.screenForget(c)
	default:
		n.enqueue(c)
	}
}

// enqueue gathers a command on the leader; flush puts it in the log.
func (n *Node) enqueue(c *wire.Command) {
	n.proposals.batch = append(n.proposals.batch, c)
	n.proposals.bytes += proto.Size(c)
}

// flush proposes what was gathered, unless an append of ours is still on its
// way to the disk: then more may come and share the next one. While leadership
// is handed over it waits for who leads then.
func (n *Node) flush() {
	p := &n.proposals
	switch {
	case len(p.batch) == 0:
		return
	case !n.replog.Leading():
		n.returnBatch()
		return
	case n.replog.Unsynced() && p.bytes < batchBytes, n.replog.HandsOver():
		return
	}
	batch := p.batch
	p.batch, p.bytes = nil, 0
	n.proposeEntries(batch)
}

// returnBatch tells whoever proposed what was gathered to ask the next leader.
func (n *Node) returnBatch() {
	batch := n.proposals.batch
	n.proposals.batch, n.proposals.bytes = nil, 0
	for _, c := range batch {
		if c.Id != 0 {
			n.answerProposer(c, answer{verdict: notLeading()})
		}
	}
}

// entryLength says how many commands go into the next entry: a note stands
// alone, for its index is its user's; others share.
func entryLength(batch []*wire.Command) int {
	size := 0
	for i, c := range batch {
		_, note := c.Body.(*wire.Command_Note)
		if note && i == 0 {
			return 1
		}
		if size += proto.Size(c); note || i > 0 && size > batchBytes || i == batchMost {
			return i
		}
	}
	return len(batch)
}

// proposeEntries makes entries of a batch, which the log takes all or none of;
// a submit is followed at once by the grant that the dispatcher would give it.
func (n *Node) proposeEntries(batch []*wire.Command) {
	var data [][]byte
	var asked []*wire.Command
	for len(batch) > 0 {
		k := entryLength(batch)
		e := &wire.Entry{WallNanos: n.wall(), Commands: n.withGrants(batch[:k])}
		data, asked, batch = append(data, wire.EncodeEntry(e)), append(asked, e.Commands...), batch[k:]
	}
	n.proposals.asked = asked
	n.replogStep(replog.Propose{Data: data})
	n.proposals.asked = nil
}

// dropped answers the commands of entries that the log did not take.
func (n *Node) dropped(busy bool) {
	verdict := notLeading()
	if busy {
		verdict = &wire.Verdict{Code: uint32(core.CodeBusy), Message: "the log is busy", Hint: "try again"}
	}
	commands := n.proposals.asked
	for _, c := range commands {
		delete(n.losing, core.NodeID(c.GetForget().GetNode()))
		if c.Id != 0 {
			n.answerProposer(c, answer{verdict: verdict})
		}
	}
	n.dispatches.do(n.now, dispatch.Dropped{Commands: commands})
}

// notLeading is the answer to a command that came to the wrong node.
func notLeading() *wire.Verdict {
	return &wire.Verdict{Code: uint32(core.CodeNoQuorum), Message: "this node does not lead"}
}

// proposeAsked is another node's command for the leader.
func (n *Node) proposeAsked(from core.NodeID, m *wire.Propose) {
	c := m.Command
	if c == nil || c.Body == nil || c.Id != m.Id || core.NodeID(c.Proposer) != from {
		return
	}
	if !n.replog.Leading() {
		n.answerProposer(c, answer{verdict: notLeading()})
		return
	}
	if !n.has(from, commandRight(from, c)) {
		n.answerProposer(c, answer{verdict: refusedCommand()})
		return
	}
	n.screen(c)
}

// applied answers whoever proposed a command that is now in the ledger.
func (n *Node) applied(o *ledger.Outcome) {
	c := o.Command
	if c.Id == 0 || c.Proposer == 0 {
		return
	}
	a := answer{fence: o.Fence, verdict: o.Verdict}
	if (c.GetSubmit() != nil || c.GetFire() != nil) && o.Task != nil {
		// A repeated submit, or one whose key is taken, is answered as the first.
		a.task, a.fence = o.Task.Id, core.Fence(o.Task.Order)
		if t, ok := n.ledger.Task(core.TaskID(o.Task.Id)); ok && ledger.OpenAttempt(t) != nil {
			a.node = core.NodeID(ledger.OpenAttempt(t).Node)
		}
	}
	if core.NodeID(c.Proposer) == n.self.id || n.replog.Leading() {
		n.answerProposer(c, a)
	}
}

// answerProposer calls a local proposer back, or sends a remote one its answer.
func (n *Node) answerProposer(c *wire.Command, a answer) {
	if id := core.NodeID(c.Proposer); id != n.self.id {
		n.sendTo(id, &wire.Envelope{Body: &wire.Envelope_Proposed{Proposed: &wire.Proposed{
			Id: c.Id, Index: a.fence.Index(), Position: uint32(a.fence) & (1<<20 - 1), Verdict: a.verdict,
			Node: uint64(a.node), Task: a.task,
		}}})
		return
	}
	n.settleProposal(c.Id, a)
}

// settleProposal finds the local proposal and calls it back. A "not leading"
// keeps it waiting for the next leader.
func (n *Node) settleProposal(id uint64, a answer) {
	pr, ok := n.proposals.open[id]
	switch {
	case !ok:
	case a.fence == 0 && a.verdict.GetCode() == uint32(core.CodeNoQuorum):
		pr.sent = 0
	default:
		delete(n.proposals.open, id)
		pr.done(a)
	}
}

// proposedCame is the leader's answer to a forwarded command.
func (n *Node) proposedCame(m *wire.Proposed) {
	n.settleProposal(m.Id, answer{
		fence: core.NewFence(m.Index, int(m.Position)), verdict: m.Verdict,
		node: core.NodeID(m.Node), task: m.Task,
	})
}

// retryProposals sends again what may be sent again and ends what waited long
// enough.
func (n *Node) retryProposals() {
	p := &n.proposals
	if n.now < p.look {
		return
	}
	var late, open []*proposal
	for _, pr := range p.order {
		switch {
		case p.open[pr.command.Id] == nil:
		case n.now >= pr.limit:
			late = append(late, pr)
			delete(p.open, pr.command.Id)
		default:
			open = append(open, pr)
		}
	}
	p.order, p.look = open, core.Never
	if len(open) > 0 {
		p.look = n.now.Add(proposeLook)
	}
	for _, pr := range open {
		if pr.sent == 0 || pr.again && n.now >= pr.sent.Add(proposeAgain) {
			n.dispatchProposal(pr)
		}
	}
	for _, pr := range late {
		pr.done(answer{fault: n.lateFault(pr)})
	}
}

// lateFault says what is known of a command that nobody answered.
func (n *Node) lateFault(pr *proposal) *core.Fault {
	if pr.sent == 0 {
		f := n.noQuorum()
		f.Message = "nothing was written: " + f.Message
		return f
	}
	return core.Faultf(core.CodeTimeout, "the leader did not answer: it may or may not be in the log").
		WithHint("hb log shows what is")
}
