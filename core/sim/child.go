package sim

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// spoolWait is how long a reader of a silent spool waits for its answer.
const spoolWait = 500 * time.Millisecond

// child is one execution of a task: a process group on one host.
type child struct {
	node.Exec
	program
	host       int
	life       int          // of the node that started it
	until      core.Instant // its lease; 0: none
	pid        int
	ticks      uint64
	alive      bool
	begin, end moment
	// code and signal are how it ended.
	code, signal int32
	started      int64 // wall clock
	spool        []byte
	waiting      []node.ReadSpool
}

// children are the processes of one host. They outlive the node's process, not
// the host's power.
type children struct {
	h       *host
	byFence map[core.Fence]*child
	pids    int
	boots   int
}

func newChildren(h *host) children {
	c := children{h: h, byFence: map[core.Fence]*child{}, pids: 300}
	return c
}

func (c *children) boot() string { return fmt.Sprintf("boot-%s-%d", c.h.name, c.boots) }

// exec makes a process, or reports why there can be none.
func (c *children) exec(e node.Exec) {
	h := c.h
	p, ok := parseWork(e.Spec)
	delay := 200*time.Microsecond + time.Duration(h.luck.ExpFloat64()*float64(time.Millisecond))
	if !ok {
		at := h.unix()
		h.ifRunning(delay, func() {
			h.w.referee.executed(&child{Exec: e, host: h.i, begin: h.w.now, end: h.w.now, code: 127})
			h.deliver(h.life, node.ExecEnded{Fence: e.Fence, Result: &wire.Result{
				Exit: 127, Error: "no such program", StartedNanos: at, EndedNanos: at}})
		})
		return
	}
	h.ifRunning(delay, func() { c.begin(e, p) })
}

func (c *children) begin(e node.Exec, p program) {
	h := c.h
	c.pids++
	k := &child{Exec: e, program: p, host: h.i, life: h.life, pid: c.pids, alive: true,
		ticks: uint64(h.clock() / 1e7), begin: h.w.now, end: never, started: h.unix(), until: e.Until}
	c.byFence[e.Fence] = k
	h.w.trace.note(h, "process %d runs attempt %d of %s, fence %d", k.pid, e.Attempt, e.Task, e.Fence)
	h.w.referee.executed(k)
	k.write(1, p.out)
	h.deliver(h.life, node.ExecStarted{Fence: e.Fence, Pid: k.pid, StartTicks: k.ticks, Boot: c.boot()})
	c.watch(k)
	// No two runs of one program take the same time.
	runs := p.runs + time.Duration(h.luck.Int64N(1+int64(p.runs/10)))
	h.w.after(runs, func() { c.finish(k, p.exit, 0) })
}

// watch ends a process with its lease, whatever its node does meanwhile.
func (c *children) watch(k *child) {
	if k.until == 0 {
		return
	}
	c.h.w.after(k.until.Sub(c.h.clock()), func() {
		switch {
		case !k.alive:
		case c.h.clock() >= k.until:
			c.finish(k, 0, int32(syscall.SIGKILL))
		default:
			c.watch(k)
		}
	})
}

// renew lets a process live longer.
func (c *children) renew(e node.Renew) {
	if k := c.byFence[e.Fence]; k != nil && k.life == c.h.life {
		k.until = max(k.until, e.Until)
	}
}

// finish ends a process that still runs; its node hears of it unless it is
// another than the one that started it.
func (c *children) finish(k *child, exit, signal int32) {
	if !k.alive {
		return
	}
	h := c.h
	k.write(2, k.program.err)
	k.alive, k.end, k.code, k.signal = false, h.w.now, exit, signal
	h.w.trace.note(h, "process %d ends, exit %d signal %d", k.pid, exit, signal)
	c.feed(k)
	if h.life != k.life {
		return
	}
	h.deliver(k.life, node.ExecEnded{Fence: k.Fence, Result: &wire.Result{
		Exit: exit, Signal: signal, StartedNanos: k.started, EndedNanos: h.unix(),
		StdoutTail: []byte(k.out), StderrTail: []byte(k.err), CpuNanos: int64(k.end - k.begin),
	}})
}

func (c *children) signal(e node.Signal) {
	k := c.byFence[e.Fence]
	if k == nil || !k.alive || k.life != c.h.life {
		return
	}
	c.kill(k, e.Sig)
}

func (c *children) kill(k *child, sig syscall.Signal) {
	if sig == syscall.SIGKILL || !k.deaf {
		c.h.w.after(time.Duration(c.h.luck.Int64N(int64(3*time.Millisecond))), func() { c.finish(k, 0, int32(sig)) })
	}
}

// reap kills what an earlier life of the node left, if it is still that process.
func (c *children) reap(e node.Reap) {
	fence := core.Fence(e.Started.GetFence())
	if k := c.byFence[fence]; k != nil && k.alive && k.is(e.Started, c.boot()) {
		c.finish(k, 0, int32(syscall.SIGKILL))
	}
	c.h.later(2*time.Millisecond, node.Reaped{Fence: fence})
}

// is says whether this is the process that a journal speaks of. Without a
// number there, the crash came first, and it is found by its HB_FENCE.
func (k *child) is(s *wire.Started, boot string) bool {
	return s.GetPid() == 0 ||
		s.GetBoot() == boot && int64(k.pid) == s.GetPid() && k.ticks == s.GetStartTicks()
}

// vanish ends all processes: the power is gone, and what they wrote with it.
func (c *children) vanish() {
	for _, fence := range sortedKeys(c.byFence) {
		if k := c.byFence[fence]; k.alive {
			k.alive, k.end = false, c.h.w.now
		}
	}
	clear(c.byFence)
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

func (c *children) readSpool(e node.ReadSpool) {
	k := c.byFence[e.Fence]
	if k == nil {
		c.h.later(c.reading(), node.Spooled{Ticket: e.Ticket, Err: errors.New("no output of this attempt is here")})
		return
	}
	if !k.alive || e.From < uint64(len(k.spool)) {
		c.spooled(k, e)
		return
	}
	k.waiting = append(k.waiting, e)
	c.h.ifAlive(spoolWait, func() { c.answer(k, e.Ticket) })
}

// answer tells a reader that has waited what there is by now.
func (c *children) answer(k *child, ticket uint64) {
	for i, e := range k.waiting {
		if e.Ticket == ticket {
			k.waiting = append(k.waiting[:i], k.waiting[i+1:]...)
			c.spooled(k, e)
			return
		}
	}
}

// feed answers everybody who waits for more of a spool.
func (c *children) feed(k *child) {
	waiting := k.waiting
	k.waiting = nil
	if c.h.life != k.life {
		return
	}
	for _, e := range waiting {
		c.spooled(k, e)
	}
}

func (c *children) spooled(k *child, e node.ReadSpool) {
	data := k.spool[min(e.From, uint64(len(k.spool))):]
	if e.Max > 0 {
		data = wholeRecords(data, e.Max)
	}
	end := e.From+uint64(len(data)) >= uint64(len(k.spool))
	c.h.later(c.reading(), node.Spooled{Ticket: e.Ticket, Data: append([]byte(nil), data...), EOF: end && !k.alive})
}

// reading draws the time in which a file is read, beside all else that the
// node does: seldom long.
func (c *children) reading() time.Duration {
	d := time.Duration(c.h.luck.ExpFloat64() * float64(100*time.Microsecond))
	if c.h.luck.IntN(50) == 0 {
		d += time.Duration(c.h.luck.Int64N(int64(30 * time.Millisecond)))
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
