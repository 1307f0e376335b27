package supervise

import (
	"cmp"
	"slices"
	"syscall"
	"time"

	"hb/core"
	"hb/core/wire"
)

// The thresholds (the package comment says what each is for).
const (
	KillAfter  = 5 * time.Second
	StopGrace  = 30 * time.Second
	IdleLinger = 10 * time.Second

	// leaseAgain is how often what outlives its lease is killed: what it forks
	// meanwhile must not escape.
	leaseAgain = 100 * time.Millisecond
	// tellAfter is how long an attempt has run when the daemon is told that it
	// runs. Most have ended by then: that is all there is to tell.
	tellAfter = 20 * time.Millisecond
	// quitPatience is how long the end of this process waits for processes that
	// SIGKILL does not end because they are stuck in the kernel.
	quitPatience = 10 * time.Second
	// While others wait to begin, ends are gathered for endsFor, but no more than
	// endsMost.
	endsFor  = 10 * time.Millisecond
	endsMost = 16
)

// Forever is a Linger without end.
const Forever = time.Duration(1<<63 - 1)

// Options is what the machine is told at its start.
type Options struct {
	// Linger is how long attempts go on without a daemon.
	Linger time.Duration
}

// Event is what happens to the runner process.
type Event interface{ event() }

type (
	// Tick says only that time has passed; due at Next.
	Tick struct{}

	// Exec begins an attempt, or, with an Abreast, as soon as fewer than so many
	// run. Limit bounds its running time, Until is its lease; zero: none.
	Exec struct {
		Fence   core.Fence
		Limit   time.Duration
		Until   core.Instant
		Abreast int
	}

	// Recall takes back an attempt that has not begun. TellUnbegun follows, unless
	// it has.
	Recall struct{ Fence core.Fence }

	// Renew lets an attempt with a lease go on until a later instant.
	Renew struct {
		Fence core.Fence
		Until core.Instant
	}

	// Terminate ends an attempt: SIGTERM, and after the grace SIGKILL.
	Terminate struct {
		Fence core.Fence
		Grace time.Duration
	}

	// Adopt names all attempts that the daemon believes to be here.
	Adopt struct{ Attempts []*wire.Started }

	// Disown ends whatever there may be of an attempt. TellGone follows.
	Disown struct{ Fence core.Fence }

	// Release says that the end of an attempt need not be told again.
	Release struct{ Fence core.Fence }

	// Quit ends everything at once: the daemon ends for good.
	Quit struct{}

	// Stop ends everything in order: the machine stops.
	Stop struct{}

	// Came says that there is a daemon.
	Came struct{}

	// Went says that there is none any more.
	Went struct{}

	// Homeless says that the data directory is gone.
	Homeless struct{}

	// Forked says that a Fork became a process.
	Forked struct{ Started *wire.Started }

	// Ended says that an attempt's process has ended, and that nothing of it is
	// left; or why it never became one.
	Ended struct {
		Fence  core.Fence
		Result *wire.Result
	}

	// Reaped answers Reap.
	Reaped struct{ Fence core.Fence }
)

func (Tick) event()      {}
func (Exec) event()      {}
func (Recall) event()    {}
func (Renew) event()     {}
func (Terminate) event() {}
func (Adopt) event()     {}
func (Disown) event()    {}
func (Release) event()   {}
func (Quit) event()      {}
func (Stop) event()      {}
func (Came) event()      {}
func (Went) event()      {}
func (Homeless) event()  {}
func (Forked) event()    {}
func (Ended) event()     {}
func (Reaped) event()    {}

// Effect is what the runner process is to do.
type Effect interface{ effect() }

type (
	// Fork makes a process of an attempt; Forked and Ended follow, or Ended
	// alone.
	Fork struct{ Fence core.Fence }

	// Kill sends a signal to everything of an attempt.
	Kill struct {
		Fence core.Fence
		Sig   syscall.Signal
	}

	// Reap ends what an earlier runner process may have left of an attempt.
	// Reaped follows.
	Reap struct{ Started *wire.Started }

	// TellStarted tells the daemon, if there is one, that an attempt runs; of one
	// that ends at once its end alone is told.
	TellStarted struct{ Started *wire.Started }

	// TellEnded tells it how an attempt ended.
	TellEnded struct {
		Fence  core.Fence
		Result *wire.Result
	}

	// TellGone tells it that nothing of an attempt is here.
	TellGone struct{ Fence core.Fence }

	// TellUnbegun tells it that an attempt has not begun, and never will.
	TellUnbegun struct{ Fence core.Fence }

	// Exit ends the runner process; nothing follows.
	Exit struct{}
)

func (Fork) effect()        {}
func (Kill) effect()        {}
func (Reap) effect()        {}
func (TellStarted) effect() {}
func (TellEnded) effect()   {}
func (TellGone) effect()    {}
func (TellUnbegun) effect() {}
func (Exit) effect()        {}

// Machine is the supervisor.
type Machine struct {
	opt     Options
	effects []Effect

	attempts []*attempt   // sorted by fence
	queue    []*attempt   // of them: those that have not begun, in the order in which they will
	busy     int          // of them: how many have begun and not ended
	ends     []*attempt   // of which it is still to be told how they ended
	endsDue  core.Instant // when at the latest; Never: there are none
	gone     core.Instant // since when there is no daemon; Never: there is one
	met      bool         // there has been one
	quitting core.Instant // when to exit at the latest; Never: not quitting
	stopping bool
	exited   bool
}

// New makes a supervisor without attempts, as yet without a daemon.
func New(now core.Instant, opt Options) *Machine {
	return &Machine{opt: opt, gone: now, quitting: core.Never, endsDue: core.Never}
}

// Attempts is how many attempts run here, or have ends that were not released.
func (m *Machine) Attempts() int { return len(m.attempts) }

// Step takes an event and gives what is to be done, in order. The slice is
// valid until the next Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect {
	m.effects = m.effects[:0]
	switch ev := ev.(type) {
	case Exec:
		m.exec(now, ev)
	case Recall:
		m.recall(ev.Fence)
	case Renew:
		if a := m.find(ev.Fence); a != nil && a.until != 0 {
			a.until = max(a.until, ev.Until)
		}
	case Terminate:
		if a := m.find(ev.Fence); a != nil {
			m.terminate(now, a, byWish, ev.Grace)
		}
	case Adopt:
		m.adopt(now, ev.Attempts)
	case Disown:
		m.disown(now, ev.Fence)
	case Release:
		if a := m.find(ev.Fence); a != nil && a.result != nil {
			m.remove(a)
		}
	case Forked:
		m.forked(now, ev.Started)
	case Ended:
		m.ended(now, ev)
	case Reaped:
		m.put(TellGone{ev.Fence})
	default:
		m.life(now, ev)
	}
	m.lookAtDue(now)
	m.tellEnds(now)
	m.perhapsExit(now)
	return m.effects
}

// life takes what concerns the process as a whole.
func (m *Machine) life(now core.Instant, ev Event) {
	switch ev.(type) {
	case Came:
		m.gone, m.met = core.Never, true
	case Went:
		m.gone = now
	case Quit, Homeless:
		m.quit(now)
	case Stop:
		m.stopping = true
		m.recallAll()
		for _, a := range m.attempts {
			m.terminate(now, a, byStop, StopGrace)
		}
	}
}

// quit ends everything at once.
func (m *Machine) quit(now core.Instant) {
	if m.quitting != core.Never {
		return
	}
	m.quitting = now.Add(quitPatience)
	m.recallAll()
	for _, a := range m.attempts {
		m.kill(now, a, byStop)
	}
}

// exec begins an attempt, unless it is here already, or puts it into the queue.
func (m *Machine) exec(now core.Instant, ev Exec) {
	at, known := m.place(ev.Fence)
	if known {
		return
	}
	a := &attempt{fence: ev.Fence, limit: ev.Limit, until: ev.Until, kill: core.Never, limitAt: core.Never, tellAt: core.Never}
	m.attempts = slices.Insert(m.attempts, at, a)
	switch {
	case m.stopping || m.quitting != core.Never:
		m.conclude(now, a, &wire.Result{Lost: true, Error: "the runner process ends"})
	case ev.Abreast > 0 && (m.busy >= ev.Abreast || len(m.queue) > 0):
		a.abreast = ev.Abreast
		m.queue = append(m.queue, a)
	default:
		m.begin(a)
	}
}

// adopt tells a daemon what became of the attempts that it names, and ends the
// others.
func (m *Machine) adopt(now core.Instant, named []*wire.Started) {
	wanted := map[core.Fence]bool{}
	for _, s := range named {
		f := core.Fence(s.GetFence())
		wanted[f] = true
		switch a := m.find(f); {
		case a == nil:
			m.put(Reap{s})
		case a.queued():
			m.recall(f)
		case a.result != nil:
			a.untold = false
			m.put(TellEnded{f, a.result})
		case a.started != nil:
			m.tell(a)
		}
	}
	for _, a := range slices.Clone(m.attempts) {
		if !wanted[a.fence] {
			m.disown(now, a.fence)
		}
	}
}

// disown ends an attempt whose end nobody wants to know.
func (m *Machine) disown(now core.Instant, f core.Fence) {
	switch a := m.find(f); {
	case a == nil:
		m.put(Reap{&wire.Started{Fence: uint64(f)}})
	case a.result != nil || m.unqueue(a):
		a.untold = false
		m.remove(a)
		m.put(TellGone{f})
	default:
		a.stray = true
		m.kill(now, a, byStop)
	}
}

// lookAtDue insists on ends, and begins those whose time has come.
func (m *Machine) lookAtDue(now core.Instant) {
	for _, a := range m.attempts {
		if now < a.due() {
			continue
		}
		if now >= a.tellAt {
			m.tell(a)
		}
		switch {
		case now < a.due():
		case a.leaseOver(now):
			m.kill(now, a, byLease)
		case now >= a.kill:
			m.kill(now, a, a.cause)
		default:
			m.terminate(now, a, byLimit, KillAfter)
		}
	}
	if m.gone != core.Never && now >= m.leaveAt() {
		m.quit(now)
	}
}

// leaveAt is when a process without a daemon goes.
func (m *Machine) leaveAt() core.Instant {
	linger := m.opt.Linger
	switch {
	case !m.met:
		linger = IdleLinger
	case len(m.attempts) == 0:
		linger = min(linger, IdleLinger)
	}
	if linger == Forever {
		return core.Never
	}
	return m.gone.Add(linger)
}

// perhapsExit ends the process when nothing holds it any more.
func (m *Machine) perhapsExit(now core.Instant) {
	if m.exited || m.quitting == core.Never && !m.stopping {
		return
	}
	if m.busy == 0 || now >= m.quitting {
		m.exited = true
		m.put(Exit{})
	}
}

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant {
	if m.exited {
		return core.Never
	}
	next := m.quitting
	if m.gone != core.Never && m.quitting == core.Never {
		next = core.Earlier(next, m.leaveAt())
	}
	for _, a := range m.attempts {
		next = core.Earlier(next, a.due())
	}
	return core.Earlier(next, m.endsDue)
}

func (m *Machine) put(e Effect) { m.effects = append(m.effects, e) }

func (m *Machine) place(f core.Fence) (int, bool) {
	return slices.BinarySearchFunc(m.attempts, f, func(a *attempt, f core.Fence) int { return cmp.Compare(a.fence, f) })
}

// find gives the attempt with a fence, nil if there is none.
func (m *Machine) find(f core.Fence) *attempt {
	at, ok := m.place(f)
	if !ok {
		return nil
	}
	return m.attempts[at]
}

func (m *Machine) remove(a *attempt) {
	at, _ := m.place(a.fence)
	m.attempts = slices.Delete(m.attempts, at, at+1)
}
