package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
)

// lockers are clients that work during Run as `hb lock` and `hb leader run` do:
// each asks for a lock behind one host, does something while it has it, and lets
// go, goes away, or finds that it has it no more.
type lockers struct {
	w      *World
	luck   *rand.Rand
	minted uint64
	closed bool // nothing new is begun
	had    int  // how often somebody had a lock
}

// locker is one wish of one client.
type locker struct {
	all     *lockers
	host    int
	ask     node.HoldLock
	call    *Call
	until   moment // it knows that it has the lock; 0: it has not
	work    bool   // it has begun what it wanted the lock for
	ended   bool
	forsake bool // goes away without a word instead of letting go
}

func newLockers(w *World) *lockers { return &lockers{w: w, luck: w.chance("lockers")} }

func (l *lockers) enter(n int) {
	for range n {
		l.next()
	}
}

func (l *lockers) next() {
	l.w.after(time.Duration(l.luck.ExpFloat64()*float64(think)), func() {
		if !l.closed {
			l.begin()
		}
	})
}

// begin asks for one of two locks, or for leadership.
func (l *lockers) begin() {
	l.minted++
	k := &locker{all: l, host: l.luck.IntN(len(l.w.hosts)), forsake: l.luck.IntN(3) == 0}
	k.ask = node.HoldLock{Session: ledger.LockSession{15: byte(l.minted), 14: byte(l.minted >> 8)}, Wait: l.luck.IntN(4) > 0}
	if l.luck.IntN(4) == 0 {
		k.ask.Leader = true
	} else {
		k.ask.Name = fmt.Sprintf("lock-%d", l.luck.IntN(2))
	}
	k.dial()
	l.w.after(time.Duration(l.luck.ExpFloat64()*float64(5*time.Second)), k.tire)
}

// dial asks the node, which may not be there.
func (k *locker) dial() {
	w := k.all.w
	k.call = w.ask(w.hosts[k.host], k.ask, k.hungUp)
	if !k.call.Done {
		k.call.each = k.told
	}
}

// told is what the node says.
func (k *locker) told(body any) {
	v, is := body.(node.LockView)
	if !is || !v.Held || k.ended {
		return
	}
	w := k.all.w
	h := w.hosts[k.host]
	until := w.now + v.Until.Sub(h.clock())
	if until <= w.now {
		return
	}
	if !k.work {
		k.work = true
		k.all.had++
		w.after(time.Duration(k.all.luck.ExpFloat64()*float64(3*time.Second)), k.done)
	}
	k.until = max(k.until, until)
	w.referee.check("no two have one lock", w.referee.locks.hold(w.now, lockHolder{
		name: lockName(k.ask), session: k.ask.Session, host: k.host, shared: k.ask.Leader, fence: v.Fence, until: k.until,
	}))
}

func lockName(q node.HoldLock) string {
	if q.Leader {
		return "leadership"
	}
	return q.Name
}

// hungUp is the end of a call: the node went away, or it is over.
func (k *locker) hungUp(c *Call) {
	w := k.all.w
	if k.ended || c != k.call {
		return
	}
	if f := c.Fault(); f != nil && !c.Lost {
		switch f.Code {
		case core.CodeNo, core.CodeNoQuorum, core.CodeTimeout, core.CodeBusy, core.CodeTaskLost:
		default:
			w.fail("clients get sensible answers", "%T: %d %s", c.Body, f.Code, f)
		}
		k.end()
		return
	}
	if w.now >= k.until && k.work {
		k.end()
		return
	}
	w.after(200*time.Millisecond, func() { // it comes back to its session
		if !k.ended {
			k.dial()
		}
	})
}

// done is the end of what it wanted the lock for.
func (k *locker) done() {
	if !k.ended {
		k.end()
	}
}

// tire gives up waiting.
func (k *locker) tire() {
	if !k.ended && !k.work {
		k.end()
	}
}

// end lets go, or goes away.
func (k *locker) end() {
	w := k.all.w
	k.ended = true
	w.referee.locks.release(k.ask.Session)
	call := k.call
	if k.forsake {
		w.leave(call)
	} else {
		w.ask(w.hosts[k.host], node.EndLock{Session: k.ask.Session}, func(*Call) {})
		w.after(time.Second, func() { w.leave(call) })
	}
	k.all.next()
}

// lockHolder is a client that was told that it has a lock.
type lockHolder struct {
	name    string
	session ledger.LockSession
	host    int
	shared  bool
	fence   core.Fence
	until   moment
}

// lockBook holds who believes to have which lock, and for how long.
type lockBook struct {
	holders []lockHolder
	fences  map[string]lockHolder // of whoever was told the highest last
}

// hold is a client that is told that it has a lock, or has it longer.
func (b *lockBook) hold(now moment, h lockHolder) error {
	kept := b.holders[:0]
	for _, other := range b.holders {
		if other.session == h.session || other.until <= now {
			continue
		}
		kept = append(kept, other)
	}
	b.holders = append(kept, h)
	for _, other := range kept {
		if other.name == h.name && (!other.shared || !h.shared || other.host != h.host) {
			return fmt.Errorf("%s: a client on n%d has it (fence %d) until %s, and one on n%d is told so (fence %d)",
				h.name, other.host+1, other.fence, other.until, h.host+1, h.fence)
		}
	}
	if b.fences == nil {
		b.fences = map[string]lockHolder{}
	}
	last := b.fences[h.name]
	if h.fence < last.fence && (!h.shared || h.host != last.host) {
		return fmt.Errorf("%s: fence %d on n%d comes after %d on n%d", h.name, h.fence, h.host+1, last.fence, last.host+1)
	}
	if h.fence > last.fence {
		b.fences[h.name] = h
	}
	return nil
}

// release is a client that does nothing under its lock any more.
func (b *lockBook) release(session ledger.LockSession) {
	kept := b.holders[:0]
	for _, h := range b.holders {
		if h.session != session {
			kept = append(kept, h)
		}
	}
	b.holders = kept
}
