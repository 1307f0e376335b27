package supervise

import (
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// cause is why an attempt is being ended.
type cause int

const (
	byItself cause = iota
	byLimit
	byWish
	byLease
	byStop
)

// attempt is one process group from Exec to Release.
type attempt struct {
	fence   core.Fence
	started *wire.Started // nil before it is a process
	result  *wire.Result  // nil before it has ended

	tellAt  core.Instant  // when the daemon is to hear that it runs; Never: it was told
	limit   time.Duration // 0: none
	limitAt core.Instant  // Never before it is a process
	until   core.Instant  // its lease; 0: none
	cause   cause
	kill    core.Instant  // when SIGKILL is due
	grace   time.Duration // until kill, once it is a process
	stray   bool          // no daemon knows it
	abreast int           // it begins when fewer run; 0: it did not wait
	untold  bool          // its end
}

// due is when a running attempt needs attention.
func (a *attempt) due() core.Instant {
	if a.started == nil || a.result != nil {
		return core.Never
	}
	due := core.Earlier(a.kill, a.tellAt)
	if a.cause == byItself {
		due = core.Earlier(due, a.limitAt)
	}
	if a.until != 0 && a.cause != byLease {
		due = core.Earlier(due, a.until)
	}
	return due
}

// leaseOver says that an attempt must not be there any more.
func (a *attempt) leaseOver(now core.Instant) bool { return a.until != 0 && now >= a.until }

// forked notes the process, and goes on with what was wished meanwhile.
func (m *Machine) forked(now core.Instant, s *wire.Started) {
	a := m.find(core.Fence(s.GetFence()))
	if a == nil || a.started != nil || a.result != nil {
		return
	}
	a.started = s
	switch {
	case a.stray:
	case a.cause == byItself:
		a.tellAt = now.Add(tellAfter)
	default:
		m.tell(a)
	}
	if a.limit > 0 {
		a.limitAt = now.Add(a.limit)
	}
	switch {
	case a.cause == byItself:
	case a.grace == 0:
		m.kill(now, a, a.cause)
	default:
		m.term(now, a)
	}
}

// tell tells the daemon that an attempt runs.
func (m *Machine) tell(a *attempt) {
	a.tellAt = core.Never
	m.put(TellStarted{a.started})
}

// terminate asks an attempt to end, and insists after the grace. The first
// cause stays; a shorter grace wins.
func (m *Machine) terminate(now core.Instant, a *attempt, why cause, grace time.Duration) {
	switch {
	case a.result != nil:
	case m.unqueue(a):
		m.conclude(now, a, &wire.Result{Cancelled: true})
	case a.cause != byItself:
		a.kill = core.Earlier(a.kill, now.Add(grace))
		a.grace = min(a.grace, grace)
	default:
		a.cause, a.grace = why, grace
		if a.started != nil {
			m.term(now, a)
		}
	}
}

func (m *Machine) term(now core.Instant, a *attempt) {
	a.kill = now.Add(a.grace)
	m.put(Kill{a.fence, syscall.SIGTERM})
}

// kill ends an attempt at once, and again until it is gone.
func (m *Machine) kill(now core.Instant, a *attempt, why cause) {
	if a.result != nil {
		return
	}
	if a.cause == byItself || why == byLease {
		a.cause = why
	}
	a.grace = 0
	if a.started == nil {
		return
	}
	again := KillAfter
	if a.cause == byLease {
		again = leaseAgain
	}
	a.kill = now.Add(again)
	m.put(Kill{a.fence, syscall.SIGKILL})
}

// ended takes the end of what has begun, or was about to.
func (m *Machine) ended(now core.Instant, ev Ended) {
	a := m.find(ev.Fence)
	if a == nil || a.result != nil {
		return
	}
	m.busy--
	m.beginNext()
	if a.stray {
		m.remove(a)
		m.put(TellGone{a.fence})
		return
	}
	m.conclude(now, a, ev.Result)
}

// conclude notes how an attempt ended, and says why where that was our doing.
func (m *Machine) conclude(now core.Instant, a *attempt, r *wire.Result) {
	a.result, a.untold = r, true
	if a.cause != byItself {
		a.result = proto.Clone(r).(*wire.Result)
		a.judge()
	}
	if len(m.ends) == 0 {
		m.endsDue = now.Add(endsFor)
	}
	m.ends = append(m.ends, a)
}

// tellEnds tells how attempts ended: at once, unless others begin meanwhile. Then
// nobody idles for want of the news, and a daemon takes many at a time almost as
// fast as one.
func (m *Machine) tellEnds(now core.Instant) {
	if len(m.ends) == 0 || len(m.queue) > 0 && len(m.ends) < endsMost && now < m.endsDue {
		return
	}
	for _, a := range m.ends {
		if a.untold {
			a.untold = false
			m.put(TellEnded{a.fence, a.result})
		}
	}
	m.ends, m.endsDue = m.ends[:0], core.Never
}

// judge says in the result why the attempt was ended.
func (a *attempt) judge() {
	switch r := a.result; a.cause {
	case byLimit:
		r.TimedOut = true
	case byWish, byStop:
		r.Cancelled = true
	case byLease:
		if r.Signal != 0 { // else it ended by itself, just then
			a.result = &wire.Result{Lost: true, Error: "its lease was over"}
		}
	}
}
