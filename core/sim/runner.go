package sim

import (
	"syscall"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/supervise"
)

const (
	// socketDelay is how long a message between a node and its runner process
	// takes; equal for all, so that they stay in order.
	socketDelay = 30 * time.Microsecond
	// runnerStart is how long a runner process takes to begin.
	runnerStart = 5 * time.Millisecond
)

// runner is the runner process of a host: its supervisor, and the processes that
// it has started.
type runner struct {
	c       *children
	m       *supervise.Machine
	execs   map[core.Fence]node.Exec // not forked yet
	session *session                 // the node that is connected; nil: none
	tickAt  moment
}

// session is the connection of one process of a node to a runner process.
type session struct {
	c       *children
	life    int
	runner  *runner // nil: not connected yet
	waiting []func(*runner)
	reads   map[uint64]bool
	closed  bool
}

// adopt begins a session of the node, as it wishes, with the runner process that
// is there or with a new one.
func (c *children) adopt(e node.Adopt) {
	s := &session{c: c, life: c.h.life, reads: map[uint64]bool{}}
	c.session = s
	s.send(func(r *runner) { r.step(supervise.Adopt{Attempts: e.Attempts}) })
	delay := socketDelay
	if c.runner == nil {
		delay = runnerStart
	}
	c.h.w.after(delay, func() {
		if !s.closed {
			s.connect()
		}
	})
}

func (s *session) connect() {
	c := s.c
	if c.runner == nil {
		c.runner = &runner{c: c, execs: map[core.Fence]node.Exec{}, tickAt: never,
			m: supervise.New(c.h.clock(), supervise.Options{Linger: c.h.w.options.Linger})}
		c.h.w.trace.note(c.h, "a runner process begins")
	}
	s.runner, c.runner.session = c.runner, s
	c.runner.step(supervise.Came{})
	waiting := s.waiting
	s.waiting = nil
	for _, do := range waiting {
		s.send(do)
	}
}

// send brings something to the runner process.
func (s *session) send(do func(*runner)) {
	switch {
	case s.closed:
	case s.runner == nil:
		s.waiting = append(s.waiting, do)
	default:
		s.c.h.w.after(socketDelay, func() {
			if !s.closed && s.c.runner == s.runner {
				do(s.runner)
			}
		})
	}
}

// tell brings something to the node.
func (s *session) tell(ev node.Event) { s.bring(socketDelay, ev) }

// answer brings output to the node: files are read in any order.
func (s *session) answer(ev node.Spooled) {
	s.bring(socketDelay+s.c.h.reading(), ev)
}

func (s *session) bring(delay time.Duration, ev node.Event) {
	s.c.h.w.after(delay, func() {
		if s.closed {
			return
		}
		if answer, is := ev.(node.Spooled); is {
			delete(s.reads, answer.Ticket)
		}
		s.c.h.deliver(s.life, ev)
	})
}

// close is the end of a session, from either side.
func (s *session) close() {
	if s != nil {
		s.closed = true
	}
}

// readSpool asks the runner process for output.
func (c *children) readSpool(e node.ReadSpool) {
	s := c.session
	if s == nil || s.closed {
		c.h.later(0, node.Spooled{Ticket: e.Ticket})
		return
	}
	s.reads[e.Ticket] = true
	s.send(func(*runner) { c.read(reading{e, s}) })
}

// toRunner brings an effect of the node to its runner process.
func (c *children) toRunner(eff node.Effect) {
	s := c.session
	if s == nil {
		return
	}
	switch e := eff.(type) {
	case node.Exec:
		s.send(func(r *runner) {
			r.execs[e.Fence] = e
			r.step(supervise.Exec{Fence: e.Fence, Limit: time.Duration(e.Spec.GetTimeLimitNanos()), Until: e.Until, Abreast: e.Abreast})
		})
	case node.Recall:
		s.send(func(r *runner) { r.step(supervise.Recall{Fence: e.Fence}) })
	case node.Renew:
		s.send(func(r *runner) { r.step(supervise.Renew{Fence: e.Fence, Until: e.Until}) })
	case node.Terminate:
		s.send(func(r *runner) { r.step(supervise.Terminate{Fence: e.Fence, Grace: e.Grace}) })
	case node.Disown:
		s.send(func(r *runner) { r.step(supervise.Disown{Fence: e.Fence}) })
	case node.Release:
		s.send(func(r *runner) { r.step(supervise.Release{Fence: e.Fence}) })
	case node.DropSpool:
		s.send(func(*runner) { c.dropSpool(e.Fence) })
	}
}

// nodeGone is the end of the node's process.
func (c *children) nodeGone(forGood bool) {
	s, r := c.session, c.runner
	s.close()
	c.session = nil
	if r == nil || s == nil || r.session != s {
		return
	}
	c.h.w.after(socketDelay, func() {
		if c.runner != r || r.session != s {
			return // another node is there already
		}
		r.session = nil
		if forGood {
			r.step(supervise.Quit{})
		} else {
			r.step(supervise.Went{})
		}
	})
}

// runnerGone is the end of the runner process: leaders of process groups die
// with it. What else belongs to an attempt may live on; an exclusive one's does
// not, here, for against that there is only the next runner process.
func (c *children) runnerGone() {
	r := c.runner
	if r == nil {
		return
	}
	c.runner = nil
	for _, fence := range sortedKeys(c.byFence) {
		k := c.byFence[fence]
		if k.alive && k.runner == r && (k.Spec.GetExclusive() != "" || c.h.luck.IntN(3) > 0) {
			c.finish(k, 0, int32(syscall.SIGKILL))
		}
	}
	s := r.session
	if s == nil {
		return
	}
	s.close()
	for _, ticket := range sortedKeys(s.reads) {
		c.h.later(socketDelay, node.Spooled{Ticket: ticket})
	}
	c.h.later(socketDelay, node.Orphaned{})
}

// later runs something if the runner process of now is still there.
func (r *runner) later(d time.Duration, do func()) {
	r.c.h.w.after(d, func() {
		if r.c.runner == r {
			do()
		}
	})
}

// step moves the supervisor and carries out what it wants.
func (r *runner) step(ev supervise.Event) {
	h := r.c.h
	if h.w.broken != nil || r.c.runner != r {
		return
	}
	for _, f := range append([]supervise.Effect(nil), r.m.Step(h.clock(), ev)...) {
		r.carry(f)
		if r.c.runner != r {
			return
		}
	}
	r.schedule()
}

func (r *runner) carry(f supervise.Effect) {
	c := r.c
	switch f := f.(type) {
	case supervise.Fork:
		e := r.execs[f.Fence]
		delete(r.execs, f.Fence)
		c.fork(r, e)
	case supervise.Kill:
		if k := c.byFence[f.Fence]; k != nil && k.alive {
			c.kill(k, f.Sig)
		}
	case supervise.Reap:
		c.reap(f.Started)
		r.later(2*time.Millisecond, func() { r.step(supervise.Reaped{Fence: core.Fence(f.Started.GetFence())}) })
	case supervise.TellStarted:
		r.tell(node.ExecStarted{Fence: core.Fence(f.Started.GetFence()), Pid: int(f.Started.GetPid()), StartTicks: f.Started.GetStartTicks(), Boot: f.Started.GetBoot()})
	case supervise.TellEnded:
		r.tell(node.ExecEnded{Fence: f.Fence, Result: f.Result})
	case supervise.TellUnbegun:
		delete(r.execs, f.Fence)
		r.tell(node.Unbegun{Fence: f.Fence})
	case supervise.TellGone:
		r.tell(node.Reaped{Fence: f.Fence})
	case supervise.Exit:
		c.h.w.trace.note(c.h, "the runner process ends")
		c.runnerGone()
	default:
		c.h.w.fail("every effect is known to the driver", "%T", f)
	}
}

func (r *runner) tell(ev node.Event) {
	if r.session != nil {
		r.session.tell(ev)
	}
}

// waits is how many attempts the runner process is to begin when others have ended.
func (c *children) waits() (n int) {
	if c.runner != nil {
		for f := range c.runner.execs {
			if c.runner.m.Waits(f) {
				n++
			}
		}
	}
	return n
}

// schedule sees to it that a tick is on the heap at the supervisor's deadline.
func (r *runner) schedule() {
	h, next := r.c.h, r.m.Next()
	if next == core.Never {
		return
	}
	at := max(moment(next-h.zero), h.w.now)
	if at >= r.tickAt {
		return
	}
	r.tickAt = at
	h.w.queue.Add(at, func() {
		if r.tickAt != at {
			return
		}
		r.tickAt = never
		if r.m.Next() > h.clock() {
			r.schedule() // it was put off meanwhile
			return
		}
		r.step(supervise.Tick{})
	})
}
