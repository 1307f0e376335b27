package daemon

import (
	"context"
	"sync/atomic"

	"hb/core/node"
)

const (
	// What may wait for one client before it counts as too slow and is
	// dropped. The whole spool of one attempt fits, because the node gives it
	// out as fast as it reads it.
	maxReplies    = 1 << 16
	maxReplyBytes = 72 << 20
	// maxHeldBytes is what may wait for all clients together before those of
	// them that hold more than their share are dropped.
	maxHeldBytes = 2 * maxReplyBytes
	// mostClients and fewestClients bound how many are served at once; between
	// them it is a quarter of the files that the node may open.
	mostClients, fewestClients = 1024, 8
	// replyAhead is how far a stream's channel runs ahead of its reader, so
	// that replies which came together can leave together.
	replyAhead = 64
)

// client is one request on its way through the node. Most have one answer: the
// loop puts it where the asker reads. With the first of several begins a
// goroutine, which moves them at the asker's pace.
type client struct {
	out     chan node.Reply
	box     *mailbox[node.Reply] // nil before the first of several answers
	serve   func(*client)        // begins the goroutine
	unwatch func() bool          // ends the watch over the asker's context
	cut     chan struct{}        // closed when the client is dropped for being slow
	// What waits for it, in the box or already taken out of it.
	replies, bytes atomic.Int64
	held           *atomic.Int64 // the bytes of all clients
	unread         atomic.Bool   // nobody takes replies out any more
}

func newClient(r node.Request, held *atomic.Int64, serve func(*client)) *client {
	return &client{out: make(chan node.Reply, ahead(r)), serve: serve, unwatch: func() bool { return true }, held: held}
}

func ahead(r node.Request) int {
	switch r.(type) {
	case node.FollowOutput, node.FollowLog, node.FollowEvents:
		return replyAhead
	}
	return 1
}

// begin makes ready for several answers.
func (c *client) begin() {
	c.unwatch()
	c.box, c.cut = newMailbox[node.Reply](), make(chan struct{})
	c.serve(c)
}

// end says that no more answers come.
func (c *client) end() {
	if c.box != nil {
		c.box.close()
		return
	}
	c.unwatch()
	close(c.out)
}

// hold counts bytes that wait, or with a negative number no longer wait.
func (c *client) hold(bytes int64) {
	c.bytes.Add(bytes)
	c.held.Add(bytes)
}

// forsake gives back what nobody will read; what is added later, its request's
// end gives back.
func (c *client) forsake() {
	c.unread.Store(true)
	c.held.Add(-c.bytes.Swap(0))
}

// slow says whether too much waits for this one of so many clients.
func (c *client) slow(clients int) bool {
	bytes := c.bytes.Load()
	return c.replies.Load() > maxReplies || bytes > maxReplyBytes ||
		c.held.Load() > maxHeldBytes && bytes > maxHeldBytes/int64(max(clients, 1))
}

// Ask hands a request to the node; see control.Backend, which this is.
func (d *daemon) Ask(ctx context.Context, r node.Request) <-chan node.Reply {
	id := d.requests.Add(1)
	c := newClient(r, &d.held, func(c *client) { d.group.Go(func() { d.answer(ctx, id, c) }) })
	if ctx.Done() != nil {
		asked := make(chan struct{}) // nobody is gone who has not asked yet
		c.unwatch = context.AfterFunc(ctx, func() {
			<-asked
			d.queue.tell(node.Gone{ID: id})
		})
		defer close(asked)
	}
	select {
	case <-d.queue.done: // though there may be room in the queue
		c.end()
		return c.out
	default:
	}
	select {
	case d.queue.in <- input{ev: node.Asked{ID: id, Body: r}, client: c}:
	case <-d.queue.done:
		c.end()
	case <-ctx.Done():
		c.end()
	}
	return c.out
}

// answer moves replies to the client at the client's own pace.
func (d *daemon) answer(ctx context.Context, id uint64, c *client) {
	defer close(c.out)
	defer c.forsake()
	for {
		replies, ok := c.box.take(ctx.Done())
		if !ok {
			break
		}
		for _, r := range replies {
			select {
			case c.out <- r:
				c.replies.Add(-1)
				c.hold(-size(r))
			case <-c.cut:
				return
			case <-ctx.Done():
				d.queue.tell(node.Gone{ID: id})
				return
			}
			if r.Last {
				return
			}
		}
	}
	if ctx.Err() != nil {
		d.queue.tell(node.Gone{ID: id})
	}
}

func size(r node.Reply) int64 {
	const aboutAnyOther = 256
	if o, is := r.Body.(node.Output); is {
		return int64(len(o.Data)) + aboutAnyOther
	}
	return aboutAnyOther
}

// clients are the requests under way, by ID. Only the loop uses them.
type clients map[uint64]*client

// reply queues a reply; false when that client is too slow and was dropped.
func (cs clients) reply(r node.Reply) bool {
	c := cs[r.ID]
	if c == nil {
		return true // it went away meanwhile
	}
	if r.Last && c.box == nil {
		c.out <- r // the first and last: there is room
		cs.drop(r.ID)
		return true
	}
	if c.box == nil {
		c.begin()
	}
	c.replies.Add(1)
	c.hold(size(r))
	slow := c.slow(len(cs))
	if slow {
		close(c.cut)
	} else {
		c.box.put(r)
	}
	if r.Last || slow {
		cs.drop(r.ID)
	}
	return !slow
}

// drop forgets a request; false when it was forgotten already.
func (cs clients) drop(id uint64) bool {
	c := cs[id]
	if c == nil {
		return false
	}
	c.end()
	delete(cs, id)
	if c.unread.Load() {
		c.forsake()
	}
	return true
}
