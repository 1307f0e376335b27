package sim

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/supervise"
	"hb/core/wire"
)

// spoolWait is how long a reader of a silent spool waits for its answer.
const spoolWait = 500 * time.Millisecond

// child is one execution of a task: a process group on one host.
type child struct {
	node.Exec
	program
	host       int
	runner     *runner // that started it
	started    *wire.Started
	alive      bool
	begin, end moment
	// code and signal are how it ended.
	code, signal int32
	wall         int64 // clock, when it began
	spool        []byte
	waiting      []reading
}

// reading is a question for output, and whose it is.
type reading struct {
	node.ReadSpool
	from *session
}

// children are the processes of one host. They outlive the node's process, not
// the host's power; how they outlive the runner process is in runner.go.
type children struct {
	h       *host
	byFence map[core.Fence]*child
	pids    int
	boots   int
	runner  *runner  // nil: none runs
	session *session // of the node's present process; nil: it has not begun one
}

func newChildren(h *host) children {
	c := children{h: h, byFence: map[core.Fence]*child{}, pids: 300}
	return c
}

func (c *children) boot() string { return fmt.Sprintf("boot-%s-%d", c.h.name, c.boots) }

// fork makes a process, or says why there can be none.
func (c *children) fork(r *runner, e node.Exec) {
	h := c.h
	p, ok := parseWork(e.Spec)
	delay := 200*time.Microsecond + time.Duration(h.luck.ExpFloat64()*float64(time.Millisecond))
	if !ok || ledger.Unfit(e.Spec, h.offer) != "" { // what a member runs is its own to say
		at := h.unix()
		r.later(delay, func() {
			h.w.referee.executed(&child{Exec: e, host: h.i, begin: h.w.now, end: h.w.now, code: 127})
			r.step(supervise.Ended{Fence: e.Fence, Result: &wire.Result{
				Exit: 127, Error: "no such program", StartedNanos: at, EndedNanos: at}})
		})
		return
	}
	r.later(delay, func() { c.begin(r, e, p) })
}

func (c *children) begin(r *runner, e node.Exec, p program) {
	h := c.h
	c.pids++
	k := &child{Exec: e, program: p, host: h.i, runner: r, alive: true, begin: h.w.now, end: never, wall: h.unix(),
		started: &wire.Started{Fence: uint64(e.Fence), Pid: int64(c.pids), StartTicks: uint64(h.clock() / 1e7), Boot: c.boot()}}
	c.byFence[e.Fence] = k
	h.w.trace.note(h, "process %d runs attempt %d of %s, fence %d", c.pids, e.Attempt, e.Task, e.Fence)
	h.w.referee.executed(k)
	k.write(1, p.out)
	r.step(supervise.Forked{Started: k.started})
	// No two runs of one program take the same time.
	runs := p.runs + time.Duration(h.luck.Int64N(1+int64(p.runs/10)))
	h.w.after(runs, func() { c.finish(k, p.exit, 0) })
}

// finish ends a process that still runs; whoever started it hears of it.
func (c *children) finish(k *child, exit, signal int32) {
	if !k.alive {
		return
	}
	h := c.h
	k.write(2, k.program.err)
	k.alive, k.end, k.code, k.signal = false, h.w.now, exit, signal
	h.w.trace.note(h, "process %d ends, exit %d signal %d", k.started.Pid, exit, signal)
	c.feed(k)
	if k.runner != c.runner {
		return
	}
	c.runner.step(supervise.Ended{Fence: k.Fence, Result: &wire.Result{
		Exit: exit, Signal: signal, StartedNanos: k.wall, EndedNanos: h.unix(),
		StdoutTail: []byte(k.out), StderrTail: []byte(k.err), CpuNanos: int64(k.end - k.begin),
	}})
}

func (c *children) kill(k *child, sig syscall.Signal) {
	if sig == syscall.SIGKILL || !k.deaf {
		c.h.w.after(time.Duration(c.h.luck.Int64N(int64(3*time.Millisecond))), func() { c.finish(k, 0, int32(sig)) })
	}
}

// reap kills what an earlier runner process left of an attempt.
func (c *children) reap(s *wire.Started) {
	k := c.byFence[core.Fence(s.GetFence())]
	if k != nil && k.alive && (s.GetBoot() == "" || s.GetBoot() == c.boot()) {
		c.finish(k, 0, int32(syscall.SIGKILL))
	}
}

// vanish ends all processes: the power is gone, and what they wrote with it.
func (c *children) vanish() {
	for _, fence := range sortedKeys(c.byFence) {
		if k := c.byFence[fence]; k.alive {
			k.alive, k.end = false, c.h.w.now
		}
	}
	clear(c.byFence)
	c.runner = nil
}

func (c *children) newBoot() {
	c.boots++
	c.pids = 300
}

// write adds a record to the spool, laid out as core/node reads it.
func (k *child) write(stream byte, text string) {
	if text == "" {
		return
	}
	n := len(text)
	k.spool = append(k.spool, stream, byte(n>>16), byte(n>>8), byte(n))
	k.spool = append(k.spool, text...)
}

// read answers a question for output, when there is some.
func (c *children) read(q reading) {
	k := c.byFence[q.Fence]
	if k == nil {
		q.from.answer(node.Spooled{Ticket: q.Ticket, Err: errors.New("no output of this attempt is here")})
		return
	}
	if !k.alive || q.From < uint64(len(k.spool)) {
		k.answer(q)
		return
	}
	k.waiting = append(k.waiting, q)
	c.h.w.after(spoolWait, func() { c.giveUp(k, q) })
}

// giveUp tells a reader that has waited what there is by now.
func (c *children) giveUp(k *child, q reading) {
	for i, other := range k.waiting {
		if other == q {
			k.waiting = append(k.waiting[:i], k.waiting[i+1:]...)
			k.answer(q)
			return
		}
	}
}

// feed answers everybody who waits for more of a spool.
func (c *children) feed(k *child) {
	waiting := k.waiting
	k.waiting = nil
	for _, q := range waiting {
		k.answer(q)
	}
}

func (k *child) answer(q reading) {
	data := k.spool[min(q.From, uint64(len(k.spool))):]
	if q.Max > 0 {
		data = wholeRecords(data, q.Max)
	}
	end := q.From+uint64(len(data)) >= uint64(len(k.spool))
	q.from.answer(node.Spooled{Ticket: q.Ticket, Data: append([]byte(nil), data...), EOF: end && !k.alive})
}

// reading draws the time in which a file is read, beside all else that the
// node does: seldom long.
func (h *host) reading() time.Duration {
	d := time.Duration(h.luck.ExpFloat64() * float64(100*time.Microsecond))
	if h.luck.IntN(50) == 0 {
		d += time.Duration(h.luck.Int64N(int64(30 * time.Millisecond)))
	}
	return d
}

// wholeRecords is the longest beginning of a spool that ends with a record and
// is no longer than limit.
func wholeRecords(data []byte, limit int) []byte {
	end := 0
	for end+4 <= len(data) {
		n := 4 + int(data[end+1])<<16 + int(data[end+2])<<8 + int(data[end+3])
		if end+n > limit || end+n > len(data) {
			break
		}
		end += n
	}
	return data[:end]
}

func (c *children) dropSpool(fence core.Fence) {
	if k := c.byFence[fence]; k != nil && !k.alive {
		delete(c.byFence, fence)
	}
}
