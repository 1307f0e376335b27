package node

import (
	"encoding/binary"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// A spool is a sequence of records: one byte for the stream (1 stdout, 2
// stderr), three bytes for the length, big-endian, then as many bytes of
// output. Offsets always stand at the start of a record.
const spoolHeader = 4

const (
	// outputChunk is how much of a spool travels in one frame, at most: two of
	// the longest records that a driver makes, whole.
	outputChunk = 2 * (spoolHeader + 32<<10)
	// outputAgain is when an unanswered pull is repeated; a runner answers one
	// of a silent task after half a second.
	outputAgain = 2 * time.Second
	// outputPause is the wait before asking again for a spool that is not
	// there yet.
	outputPause = 50 * time.Millisecond
)

// follower reads one task's output for one client, attempt by attempt.
type follower struct {
	id      uint64 // the client's request
	task    core.TaskID
	follow  bool
	attempt int    // position in the task's attempts
	from    uint64 // byte of that attempt's spool
	pull    uint64 // the pull under way; 0: none
	// over says that the attempt had ended when its runner was asked: only then
	// does an answer of "no output here" mean that there will be none.
	over  bool
	again core.Instant
}

// pulls are the output questions under way: of this node's clients, and of
// other nodes to this runner.
type pulls struct {
	followers []*follower
	next      uint64
	// remote are other nodes' questions that the driver reads for, by ticket.
	remote map[uint64]outputAsk
}

type outputAsk struct {
	from  core.NodeID
	pull  *wire.OutputPull
	local bool
}

// followOutput starts to read a task's output for a client.
func (n *Node) followOutput(id uint64, q FollowOutput) {
	f := &follower{id: id, task: q.Task, follow: q.Follow}
	n.pulls.followers = append(n.pulls.followers, f)
	n.advanceOutput(f)
}

// advanceOutput asks for what comes next, or ends the request when the task
// has ended and all its output was given.
func (n *Node) advanceOutput(f *follower) {
	t, ok := n.ledger.Task(f.task)
	if !ok {
		n.endOutput(f, n.noRecord(f.task))
		return
	}
	if f.pull != 0 {
		return
	}
	if f.attempt < len(t.Attempts) {
		n.pullOutput(f, t.Attempts[f.attempt])
		return
	}
	if ended(t) || !f.follow {
		n.endOutput(f, t)
	}
}

// pullOutput asks the attempt's runner for the next piece of its spool.
func (n *Node) pullOutput(f *follower, a *wire.Attempt) {
	n.pulls.next++
	f.pull, f.over, f.again = n.pulls.next, a.Outcome != "", n.now.Add(outputAgain)
	pull := &wire.OutputPull{Id: f.pull, Task: f.task[:], Fence: a.Fence, From: f.from, MaxBytes: outputChunk}
	if runner := core.NodeID(a.Node); runner != n.self.id {
		n.sendTo(runner, &wire.Envelope{Body: &wire.Envelope_OutputPull{OutputPull: pull}})
		return
	}
	n.readSpool(outputAsk{pull: pull, local: true})
}

// outputAsked is another node's question for a spool of this one.
func (n *Node) outputAsked(from core.NodeID, pull *wire.OutputPull) {
	n.readSpool(outputAsk{from: from, pull: pull})
}

func (n *Node) readSpool(ask outputAsk) {
	n.pulls.next++
	n.pulls.remote[n.pulls.next] = ask
	n.put(ReadSpool{Ticket: n.pulls.next, Fence: core.Fence(ask.pull.Fence), From: ask.pull.From, Max: outputChunk})
}

// spooled is the driver's answer to ReadSpool.
func (n *Node) spooled(ev Spooled) {
	ask, ok := n.pulls.remote[ev.Ticket]
	if !ok {
		return
	}
	delete(n.pulls.remote, ev.Ticket)
	c := &wire.OutputChunk{Id: ask.pull.Id, Fence: ask.pull.Fence, From: ask.pull.From, Data: ev.Data, Eof: ev.EOF, Skipped: ev.Skipped, At: ev.At}
	if ev.Err != nil {
		c.Error = ev.Err.Error()
	}
	if ask.local {
		n.outputCame(c)
		return
	}
	n.sendTo(ask.from, &wire.Envelope{Body: &wire.Envelope_OutputChunk{OutputChunk: c}})
}

// outputCame gives a piece of output to the client that waits for it.
func (n *Node) outputCame(c *wire.OutputChunk) {
	for _, f := range n.pulls.followers {
		if f.pull == 0 || f.pull != c.Id {
			continue
		}
		f.pull = 0
		n.outputPiece(f, c)
		return
	}
}

func (n *Node) outputPiece(f *follower, c *wire.OutputChunk) {
	t, ok := n.ledger.Task(f.task)
	if !ok || f.attempt >= len(t.Attempts) {
		n.advanceOutput(f)
		return
	}
	a, rest, at := t.Attempts[f.attempt], c.Data, c.At
	for len(rest) >= spoolHeader {
		size := int(binary.BigEndian.Uint32(rest) & 0xffffff)
		if size > len(rest)-spoolHeader {
			break
		}
		n.reply(f.id, Output{Attempt: a.N, Stream: int(rest[0]), Data: rest[spoolHeader : spoolHeader+size], At: at}, false)
		rest, at = rest[spoolHeader+size:], 0
	}
	f.from += c.Skipped + uint64(len(c.Data)-len(rest))
	switch {
	case c.Eof, c.Error != "" && f.over:
		f.attempt, f.from = f.attempt+1, 0
	case c.Error != "": // granted, but not started when asked
		f.pull, f.again = ^uint64(0), n.now.Add(outputPause)
		return
	case !f.follow && len(c.Data) == 0:
		f.attempt = len(t.Attempts)
	}
	n.advanceOutput(f)
}

// retryOutput repeats what went unanswered, and gives up on a runner that is
// gone once the log says that its attempt is over.
func (n *Node) retryOutput() {
	for _, f := range append([]*follower(nil), n.pulls.followers...) {
		if f.pull != 0 && n.now >= f.again {
			f.pull = 0
			if t, ok := n.ledger.Task(f.task); ok && f.attempt < len(t.Attempts) && n.unreachableRunner(t.Attempts[f.attempt]) {
				f.attempt, f.from = f.attempt+1, 0
			}
		}
		n.advanceOutput(f)
	}
}

// unreachableRunner says whether the rest of an attempt's output can't be had.
func (n *Node) unreachableRunner(a *wire.Attempt) bool {
	if a.Outcome == "" {
		return false
	}
	m, ok := n.ledger.Member(core.NodeID(a.Node))
	return !ok || m.State != ledger.Up
}

// endOutput gives the client its last answer.
func (n *Node) endOutput(f *follower, last any) {
	n.reply(f.id, last, true)
	n.dropFollower(f.id)
}

func (n *Node) dropFollower(id uint64) {
	list := n.pulls.followers
	for i, f := range list {
		if f.id == id {
			n.pulls.followers = append(list[:i:i], list[i+1:]...)
			return
		}
	}
}

// nextOutput is when retryOutput has something to do.
func (n *Node) nextOutput() core.Instant {
	next := core.Never
	for _, f := range n.pulls.followers {
		if f.pull != 0 {
			next = core.Earlier(next, f.again)
		}
	}
	return next
}
