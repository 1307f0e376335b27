package sim

import (
	"time"

	"hb/core"
	"hb/core/node"
)

// Call is a client's request to one node and what came of it.
type Call struct {
	// Host is the node that was asked, Body what.
	Host int
	Body node.Request
	// Replies are the answers so far, in order.
	Replies []any
	// Done says that the last answer came, or that the node ended before it
	// could give one (Lost).
	Done, Lost bool

	world *World
	id    uint64
	asked moment
	// seen is what the referee knew when the call began.
	seen glance
	then func(*Call)
	each func(body any)
}

// Seen is one thing that somebody outside could know: what a client asked, and
// what it was told between two moments of the world's time. Lost says that it
// was told nothing, or only that nobody knows. Of what the log tells, Body is nil
// and Answer the task's record.
type Seen struct {
	Asked, Answered time.Duration
	Body            node.Request
	Answer          any
	Lost            bool
}

// seen shows a call that is over.
func (w *World) seen(c *Call) {
	if w.options.Watch != nil {
		w.options.Watch(Seen{Asked: c.asked, Answered: w.now, Body: c.Body, Answer: c.Answer(), Lost: c.Lost})
	}
}

// Answer is the last of the replies, nil while there is none.
func (c *Call) Answer() any {
	if len(c.Replies) == 0 {
		return nil
	}
	return c.Replies[len(c.Replies)-1]
}

// Fault is the answer if it is a refusal, else nil.
func (c *Call) Fault() *core.Fault {
	fault, _ := c.Answer().(*core.Fault)
	return fault
}

// Ask lets a client ask a node. The answers come as time passes; if the node's
// process is down the call is lost at once.
func (w *World) Ask(host int, body node.Request) *Call {
	return w.ask(w.hosts[host], body, nil)
}

// ask does so, and calls then when the call is done.
func (w *World) ask(h *host, body node.Request, then func(*Call)) *Call {
	w.calls++
	c := &Call{world: w, Host: h.i, Body: body, id: w.calls, asked: w.now, seen: w.referee.glance(body), then: then}
	if !h.up() {
		c.lose()
		return c
	}
	h.calls[c.id] = c
	h.later(0, node.Asked{ID: c.id, Body: body})
	return c
}

// leave makes the client of a call go away.
func (w *World) leave(c *Call) {
	h := w.hosts[c.Host]
	if h.calls[c.id] == c {
		delete(h.calls, c.id)
		h.later(0, node.Gone{ID: c.id})
	}
	c.lose()
}

func (c *Call) lose() {
	if c.Done {
		return
	}
	c.Done, c.Lost = true, true
	c.world.seen(c)
	if c.then != nil {
		c.then(c)
	}
}

// reply brings an answer to its client.
func (h *host) reply(e node.Reply) {
	c := h.calls[e.ID]
	if c == nil {
		return // gone
	}
	if c.each != nil {
		c.each(e.Body)
	} else if e.Body != nil {
		c.Replies = append(c.Replies, e.Body)
	}
	if !e.Last {
		return
	}
	delete(h.calls, e.ID)
	h.w.referee.answered(c)
	c.Done = true
	h.w.seen(c)
	if c.then != nil {
		c.then(c)
	}
}

// hangUp loses the calls that a process leaves unanswered, oldest first.
func (h *host) hangUp() {
	calls := h.calls
	h.calls = map[uint64]*Call{}
	for _, id := range sortedKeys(calls) {
		calls[id].lose()
	}
}
