package daemon

import (
	"context"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/runner"
)

// machine is the node as the loop sees it; *node.Node is one.
type machine interface {
	// Step takes an event at a time and gives what is to be done, in order.
	// The slice is valid until the next Step.
	Step(now core.Instant, ev node.Event) []node.Effect
	// Next is when a Tick is due.
	Next() core.Instant
}

// shutdownLimit is how long an orderly stop may take. The node gives itself
// less; this is for one that does not come to an end.
const shutdownLimit = runner.StopAfter + 15*time.Second

// together is how many events may share one time and one flush: a step takes
// microseconds, so that all of them take no more than a millisecond or two.
const together = 64

// loop owns the machine and the table of clients.
type loop struct {
	machine machine
	now     func() core.Instant
	queue   *queue
	clients clients
	// carry carries out every effect but Reply and Stop, and never waits.
	carry func(node.Effect)
	// flush lets go what carry has gathered. It comes before the loop waits,
	// and now and then.
	flush func()
	// seen is told of each event before the machine is, stepped when it was.
	seen    func(node.Event)
	stepped func(now core.Instant)
	// late is told how long after its machine's time the loop woke up; mostly
	// it is early.
	late func(time.Duration)
	// turned is told that the loop goes round: nothing holds it up. It does so
	// every longest, or sooner.
	turned  func(now core.Instant)
	longest time.Duration

	at      core.Instant // the time of what is being taken
	later   []node.Event // of the loop's own, for after this step
	stopped bool
	fault   *core.Fault
}

// run gives the machine its events until it stops. When ctx ends it is asked to
// stop; nil means that it stopped in order.
func (l *loop) run(ctx context.Context) *core.Fault {
	defer close(l.queue.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var armed core.Instant // what the timer was set to
	asked, late := ctx.Done(), make(<-chan time.Time)
	for !l.stopped {
		l.turned(l.at)
		if next := l.machine.Next(); next != armed {
			armed = next
			timer.Reset(l.until(next))
		}
		l.flush()
		select {
		case i := <-l.queue.in:
			l.wakeUp()
			l.take(i)
			l.takeMore(min(len(l.queue.in), together))
		case <-timer.C:
			armed = 0
			l.tick()
		case <-asked:
			asked, late = nil, time.After(shutdownLimit)
			l.at = l.now()
			l.step(node.Shutdown{Restart: restarting(ctx)})
		case <-late:
			return core.Faultf(core.CodeTimeout, "the node did not stop in order within %v", shutdownLimit)
		}
	}
	return l.fault
}

// until is the time to sleep. Go's timers stand still while the machine is
// suspended, the machine's clock does not: a short sleep (longest) bounds what
// that costs.
func (l *loop) until(next core.Instant) time.Duration {
	if next == core.Never {
		return l.longest
	}
	return min(max(next.Sub(l.now()), 0), l.longest)
}

// tick lets time pass, but first hands over what had come before it did: a
// process that was paused must read its mail before it judges others.
func (l *loop) tick() {
	l.wakeUp()
	l.takeMore(len(l.queue.in))
	l.at = l.now()
	if !l.stopped && l.machine.Next() <= l.at {
		l.step(node.Tick{})
	}
}

// wakeUp reads the clock after a sleep, and tells how much too long that was.
func (l *loop) wakeUp() {
	l.at = l.now()
	l.late(l.at.Sub(l.machine.Next()))
}

// takeMore gives the machine what else has come: all at one time, and what it
// sends for that leaves together.
func (l *loop) takeMore(n int) {
	for ; n > 0 && !l.stopped; n-- {
		l.take(<-l.queue.in)
	}
}

// take gives the machine what came from outside.
func (l *loop) take(i input) {
	switch ev := i.ev.(type) {
	case node.Asked:
		l.clients[ev.ID] = i.client
	case node.Gone:
		if !l.clients.drop(ev.ID) {
			return // it had its last answer
		}
	}
	l.step(i.ev)
	if i.done != nil {
		i.done()
	}
}

// step runs the machine and carries out what it wants, then what came of that.
func (l *loop) step(ev node.Event) {
	l.seen(ev)
	l.stepped(l.at)
	for _, f := range l.machine.Step(l.at, ev) {
		switch f := f.(type) {
		case node.Reply:
			if !l.clients.reply(f) {
				l.later = append(l.later, node.Gone{ID: f.ID})
			}
		case node.Stop:
			l.stopped, l.fault = true, f.Fault
		default:
			l.carry(f)
		}
	}
	if failed, is := ev.(node.DiskFailed); is && !l.stopped {
		l.stopped, l.fault = true, diskFault(failed.Err)
	}
	for len(l.later) > 0 && !l.stopped {
		next := l.later[0]
		l.later = l.later[1:]
		l.step(next)
	}
}
