package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

const (
	// think is the mean time between two things that a client does.
	think = 300 * time.Millisecond
	// clientPatience is how long a client waits for one answer before it asks
	// another node; a node gives up after five seconds itself.
	clientPatience = 8 * time.Second
)

// crowd is the clients that work during Run. Each does one thing after the
// other, and repeats what was not answered, at another node, until it is.
type crowd struct {
	w       *World
	luck    *rand.Rand
	closed  bool // nothing new is begun
	calm    bool // no member is drained any more
	busy    int  // clients in the middle of something
	doing   map[int]string
	tasks   []core.TaskID // submitted and acknowledged
	notes   int
	counted struct{ asked, answered, lost, refused int }
}

func newCrowd(w *World) *crowd {
	return &crowd{w: w, luck: w.chance("clients"), doing: map[int]string{}}
}

// enter begins the work of n clients.
func (c *crowd) enter(n int) {
	for i := range n {
		c.next(i)
	}
}

func (c *crowd) next(client int) {
	delete(c.doing, client)
	c.w.after(time.Duration(c.luck.ExpFloat64()*float64(think)), func() {
		if c.closed {
			return
		}
		c.act(client)
	})
}

// act chooses what a client does next.
func (c *crowd) act(client int) {
	body := c.choose()
	c.doing[client] = fmt.Sprintf("%T", body)
	if _, submit := body.(node.SubmitTask); submit && c.luck.IntN(100) < 5 {
		// Impatient: the same at another node before the first has answered.
		other := c.w.hosts[c.luck.IntN(len(c.w.hosts))]
		c.w.ask(other, body, func(call *Call) { c.settled(call) })
	}
	c.try(client, body)
}

func (c *crowd) choose() node.Request {
	dice := c.luck.IntN(100)
	if dice < 55 || len(c.tasks) == 0 && dice >= 80 {
		return node.SubmitTask{Task: c.w.mintTask(), Spec: c.spec()}
	}
	switch {
	case dice < 70:
		c.notes++
		return node.AppendNote{Text: fmt.Appendf(nil, "note %d", c.notes)}
	case dice < 80:
		return node.GetLeader{}
	case dice < 87:
		return node.GetTask{Task: c.some()}
	case dice < 91:
		return node.WaitTask{Task: c.some()}
	case dice < 94:
		return node.CancelTask{Task: c.some()}
	case dice < 95:
		return c.drain()
	case dice < 98:
		return node.FollowOutput{Task: c.some(), Follow: true}
	}
	return node.ListTasks{}
}

// drain drains a member or resumes one. Whoever drains one waits at times, and
// may have what runs there ended.
func (c *crowd) drain() node.Request {
	r := c.w.referee
	if r.ledger == nil {
		return node.GetLeader{}
	}
	members := r.ledger.Members()
	m := members[c.luck.IntN(len(members))]
	q := node.DrainNode{Node: core.NodeID(m.Row.Id), On: !m.Drained && !c.calm && c.luck.IntN(2) == 0, KillAfter: -1}
	if q.On && c.luck.IntN(2) == 0 {
		q.Wait, q.KillAfter = true, time.Duration(c.luck.Int64N(int64(3*time.Second)))
	}
	return q
}

// drainsEnd is when, in quiet times, the last drain that was begun before is in
// the log or never will be.
const drainsEnd = 6 * time.Second

// resumeAll ends all drains, so that every task can end.
func (c *crowd) resumeAll() {
	if c.w.referee.ledger == nil {
		return // nobody has founded a cluster
	}
	for i, m := range c.w.referee.ledger.Members() {
		if m.Drained {
			client := c.w.options.Clients + i
			c.doing[client] = "resume"
			c.insist(client, node.DrainNode{Node: core.NodeID(m.Row.Id), KillAfter: -1})
		}
	}
}

// insist asks until it is answered.
func (c *crowd) insist(client int, body node.Request) {
	w := c.w
	w.ask(w.hosts[c.luck.IntN(len(w.hosts))], body, func(call *Call) {
		if call.Lost || call.Fault() != nil {
			w.after(think, func() { c.insist(client, body) })
			return
		}
		delete(c.doing, client)
	})
}

// some is a task that was acknowledged, a late one rather than an early one.
func (c *crowd) some() core.TaskID {
	n := len(c.tasks)
	return c.tasks[n-1-min(n-1, int(c.luck.ExpFloat64()*10))]
}

// spec draws what a task does.
func (c *crowd) spec() *wire.Spec {
	runs := min(time.Duration(c.luck.ExpFloat64()*float64(300*time.Millisecond)), 4*time.Second)
	s := &wire.Spec{Name: "job", Argv: []string{Work, runs.Truncate(time.Millisecond).String()}}
	percent := func(n int) bool { return c.luck.IntN(100) < n }
	if percent(10) {
		s.Argv = append(s.Argv, "exit=3")
		s.Retries = uint32(c.luck.IntN(3))
	}
	if percent(20) {
		s.Argv = append(s.Argv, "out=hello")
	}
	if percent(5) {
		s.Argv = append(s.Argv, "deaf")
	}
	if percent(5) {
		s.TimeLimitNanos = int64(200 * time.Millisecond)
	}
	if percent(10) {
		s.Once, s.Retries = true, 0
	}
	if percent(3) {
		s.Argv[0] = "missing"
	}
	switch dice := c.luck.IntN(100); {
	case dice < 4:
		s.Array, s.Parallel = uint32(1+c.luck.IntN(6)), uint32(c.luck.IntN(3))
	case dice < 7:
		s.All, s.SkipDown, s.Once, s.Retries = true, c.luck.IntN(2) == 0, c.luck.IntN(2) == 0, 0
		s.Parallel, s.MaxFailures = uint32(c.luck.IntN(3)), int32(c.luck.IntN(3))-1
	}
	if percent(5) {
		s.OnFailure = Work
	}
	if percent(8) {
		s.Exclusive = fmt.Sprintf("lock-%d", c.luck.IntN(3))
	}
	if percent(10) {
		s.Priority = int32(c.luck.IntN(3)) - 1
	}
	if percent(10) {
		s.Weight = runs.Seconds() * (0.5 + c.luck.Float64())
	}
	if percent(3) {
		s.Prefer = "idle"
	}

	if percent(3) { // so short that a member gets more than it has slots
		s = &wire.Spec{Name: "brief", Argv: []string{Work, "3ms"}, Array: uint32(10 + c.luck.IntN(30))}
	}
	if percent(5) {
		s = &wire.Spec{Name: "keyed", Argv: []string{Work, "50ms"}, Key: fmt.Sprintf("key-%d", c.luck.IntN(20))}
	}
	return s
}

// try asks a node that may well be down.
func (c *crowd) try(client int, body node.Request) {
	w := c.w
	c.counted.asked++
	host := w.hosts[c.luck.IntN(len(w.hosts))]
	call := w.ask(host, body, func(call *Call) {
		if !c.settled(call) {
			wait := 50*time.Millisecond + time.Duration(c.luck.Int64N(int64(500*time.Millisecond)))
			w.after(wait, func() { c.try(client, body) })
			return
		}
		c.next(client)
	})
	if !call.Done {
		w.after(clientPatience, func() { w.leave(call) })
	}
}

// settled takes note of an answer; not settled means to ask again.
func (c *crowd) settled(call *Call) bool {
	if call.Lost {
		c.counted.lost++
		return c.giveUp(call)
	}
	if fault := call.Fault(); fault != nil {
		c.counted.refused++
		switch fault.Code {
		case core.CodeNoQuorum, core.CodeBusy, core.CodeTimeout:
			return c.giveUp(call)
		case core.CodeNo, core.CodeUnheard:
			// The referee judges whether that may be.
			return true
		}
		c.w.fail("clients get sensible answers", "%T: %d %s", call.Body, fault.Code, fault)
		return true
	}
	c.counted.answered++
	if s, ok := call.Answer().(node.Submitted); ok {
		c.tasks = append(c.tasks, s.Task)
	}
	return true
}

// giveUp says whether a request may stay unanswered: a client of a submit never
// rests, and a note must not be written twice.
func (c *crowd) giveUp(call *Call) bool {
	switch call.Body.(type) {
	case node.SubmitTask, node.WaitTask, node.CancelTask:
		return false
	}
	return true
}
