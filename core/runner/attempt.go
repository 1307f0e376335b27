package runner

import (
	"slices"
	"time"

	"hb/core"
	"hb/core/wire"
)

// phase is how far an attempt has come.
type phase int

const (
	waiting   phase = iota // granted; for a free slot
	intending              // for its intent to be on disk (seq), and then for a slot
	handed                 // for a slot, where the processes are: perhaps it has begun
	starting               // for the driver to start it
	running
	adopting  // left by an earlier run; for news of what became of it
	ending    // for its end to be on disk
	reporting // for its end to be acknowledged
	phases    // how many there are
)

// revocable says whether the leader may take an attempt back that has not started,
// and its intent be written before there is a slot: it is of a task that may run
// again at any time. That of another is kept as short as can be.
func (a *attempt) revocable() bool {
	return a.phase <= handed && !a.exclusive() && !a.spec.GetOnce()
}

// cause is why an attempt is being ended.
type cause int

const (
	byItself cause = iota
	byKill
	byStop
)

// grace is how long an attempt has between SIGTERM and SIGKILL.
func (c cause) grace() time.Duration {
	if c == byStop {
		return StopAfter
	}
	return KillAfter
}

// attempt is one grant of a task on this node.
type attempt struct {
	fence core.Fence
	task  core.TaskID
	n     uint32
	spec  *wire.Spec
	phase phase
	// seq is the journal's write that intending and ending wait for; 0: none, of
	// ending because it is not written yet.
	seq uint64

	lease core.Instant // of an exclusive attempt: until when it may run
	cause cause

	process *wire.Started // as far as it is known
	begun   core.Instant  // when it began to run; core.Never: in an earlier run of the node
	result  *wire.Result  // of ending and reporting
	again   core.Instant  // of reporting: when to report next
	wait    time.Duration // and how long to wait after that
}

// due is when an attempt needs attention.
func (a *attempt) due() core.Instant {
	if a.phase == reporting {
		return a.again
	}
	return core.Never
}

// wellFormed says whether a grant makes sense.
func wellFormed(g *wire.Grant) bool {
	return len(g.GetTask()) == len(core.TaskID{}) && g.Fence != 0 && g.Attempt != 0
}

// granted takes a grant, new or repeated.
func (m *Machine) granted(now core.Instant, g *wire.Grant) {
	if !wellFormed(g) || g.Spec == nil {
		m.put(Note{Warn: true, Text: "a grant without a task, a token or a command was dropped"})
		return
	}
	f, task := core.Fence(g.Fence), core.TaskID(g.Task)
	if a, ok := m.find(f); ok {
		m.repeated(now, a)
		return
	}
	if m.past.done(f) {
		m.refuse(task, f, "it is done with")
		return
	}
	if instance := core.Instance(g.Instance); instance != 0 && m.opt.Instance != 0 && instance != m.opt.Instance {
		m.grantedBefore(now, f, task, g)
		return
	}
	if m.hasNewer(task, g.Attempt) {
		return
	}
	m.killOlder(now, task, g.Attempt)
	a := &attempt{fence: f, task: task, n: g.Attempt, spec: g.Spec, phase: waiting, process: &wire.Started{Fence: g.Fence}}
	m.insert(a)
	if a.exclusive() {
		m.leases.Due = now
	}
	m.changed()
}

// repeated answers a grant that is here already.
func (m *Machine) repeated(now core.Instant, a *attempt) {
	if a.phase == reporting {
		m.report(now, a)
		return
	}
	m.changed()
}

// grantedBefore answers a grant to an earlier run of this node, which the
// journal does not know.
func (m *Machine) grantedBefore(now core.Instant, f core.Fence, task core.TaskID, g *wire.Grant) {
	switch {
	case core.Instance(g.Instance) > m.opt.Instance:
		// Not for this run: the one that it is for will hear of it again.
	case core.Instance(g.Instance) < m.opt.Doubtful:
		m.giveUp(f, task, g.Attempt)
	default:
		m.past.add(f, task, g.Attempt)
		m.refuse(task, f, "it was granted to an earlier run of this member")
	}
}

// giveUp ends and reports as lost an attempt of which the journal may have
// forgotten that it ran, and runs: its process is found by its fence.
func (m *Machine) giveUp(f core.Fence, task core.TaskID, n uint32) {
	a := &attempt{fence: f, task: task, n: n, phase: adopting, process: &wire.Started{Fence: uint64(f)}}
	m.insert(a)
	m.journal(intent(a))
	m.put(Disown{f})
}

// hasNewer says whether a later attempt of the task is or was here.
func (m *Machine) hasNewer(task core.TaskID, n uint32) bool {
	if m.tasks[task] == 0 {
		return m.past.newest[task].n >= n
	}
	for _, a := range m.live {
		if a.task == task && a.n >= n {
			return true
		}
	}
	return m.past.newest[task].n >= n
}

// killOlder ends earlier attempts of the task: the log has given them up.
func (m *Machine) killOlder(now core.Instant, task core.TaskID, n uint32) {
	if m.tasks[task] == 0 {
		return
	}
	for _, a := range slices.Clone(m.live) {
		if a.task == task && a.n < n {
			m.kill(now, a, byKill)
		}
	}
}

// intendWaiting journals the intents for which there are slots, lowest fence first,
// and ahead of its time that of whatever may as well be lost as not: then it starts
// as soon as a slot is free. Nothing starts before the leftovers of an earlier run
// are gone.
func (m *Machine) intendWaiting(now core.Instant) {
	c := m.census
	if c[waiting] == 0 || c[adopting] > 0 {
		return
	}
	free := m.opt.Slots - c.occupied()
	for _, a := range m.live {
		switch {
		case a.phase == intending:
			free--
		case a.phase != waiting || m.olderRuns(a) || !a.mayBegin(now):
		case free > 0 || a.revocable():
			free--
			m.move(a, intending)
			a.seq = m.journal(intent(a))
		}
	}
}

// startReady starts what has its intent on disk, and its lease, in the slots that
// are free, and hands on what may wait for one there, but nothing that would
// overtake what waits here.
func (m *Machine) startReady(now core.Instant) {
	c := m.census
	if c[intending] == 0 || c[adopting] > 0 {
		return
	}
	free := m.opt.Slots - c.occupied()
	for _, a := range m.live {
		ready := a.phase == intending && a.seq == 0 && a.mayBegin(now) && !m.olderRuns(a)
		switch {
		case ready && free > 0:
			free--
			m.start(a, starting)
		case ready && a.revocable() && a.cause == byItself:
			m.start(a, handed)
		case a.phase < handed && !a.revocable() && a.mayBegin(now):
			return
		}
	}
}

// census is how many attempts are in each phase.
type census [phases]int

// occupied is how many slots are taken, or will be before another can be.
func (c census) occupied() int { return c[handed] + c[starting] + c[running] + c[adopting] }

// start hands an attempt to the driver.
func (m *Machine) start(a *attempt, to phase) {
	m.move(a, to)
	e := Exec{Fence: a.fence, Task: a.task, Attempt: a.n, Spec: a.spec, Until: a.lease}
	if to == handed {
		e.Abreast = m.opt.Slots
	}
	m.put(e)
}

// intent is the record of an attempt that is about to start. Of the spec it
// keeps what an adopted process needs: nothing is started from it.
func intent(a *attempt) *wire.Record {
	return &wire.Record{Body: &wire.Record_Intent{Intent: &wire.Intent{Grant: &wire.Grant{
		Task: a.task[:], Attempt: a.n, Fence: uint64(a.fence),
		Spec: &wire.Spec{Name: a.spec.GetName(), Exclusive: a.spec.GetExclusive()},
	}}}}
}

// olderRuns says whether an earlier attempt of the same task has not ended.
func (m *Machine) olderRuns(a *attempt) bool {
	if m.tasks[a.task] == 1 {
		return false
	}
	for _, b := range m.live {
		if b.task == a.task && b.n < a.n && b.phase != reporting {
			return true
		}
	}
	return false
}

// journaled goes on with what waited for the disk.
func (m *Machine) journaled(now core.Instant, seq uint64) {
	for _, a := range m.live {
		if a.seq == 0 || a.seq > seq {
			continue
		}
		switch {
		case a.phase == intending && a.cause != byItself:
			m.end(now, a, &wire.Result{Cancelled: true})
		case a.phase == intending:
			a.seq = 0 // startReady goes on
		case a.phase == ending:
			m.move(a, reporting)
			a.seq = 0
			m.put(Release{a.fence})
			m.report(now, a)
			m.changed()
		}
	}
}

// started notes the process, so that it can be found after a crash.
func (m *Machine) started(now core.Instant, ev Started) {
	a, ok := m.find(ev.Fence)
	if !ok || a.phase != handed && a.phase != starting && a.phase != adopting {
		return
	}
	if a.process.Pid == 0 {
		a.process = &wire.Started{Fence: uint64(ev.Fence), Pid: int64(ev.Pid), StartTicks: ev.StartTicks, Boot: ev.Boot}
		m.journal(&wire.Record{Body: &wire.Record_Started{Started: a.process}})
	}
	a.begun = now
	if a.phase == adopting {
		a.begun = core.Never
	}
	m.move(a, running)
	m.changed()
	if a.exclusive() {
		m.leases.Due = core.Earlier(m.leases.Due, now)
	}
	if a.cause != byItself {
		m.put(Terminate{a.fence, a.cause.grace()})
	}
}

// ended takes the end of a process.
func (m *Machine) ended(now core.Instant, ev Ended) {
	a, ok := m.find(ev.Fence)
	if !ok || a.phase < handed || a.phase > adopting {
		return
	}
	r := ev.Result
	if r == nil {
		r = &wire.Result{Exit: int32(core.CodeTaskLost), Error: "the driver gave no result"}
	}
	m.end(now, a, r)
}

// reaped takes the news that nothing of an earlier run's attempt is left.
func (m *Machine) reaped(now core.Instant, f core.Fence) {
	if a, ok := m.find(f); ok && a.phase == adopting {
		m.end(now, a, &wire.Result{Lost: true})
	}
}

// unbegun takes the news that an attempt was handed on in vain.
func (m *Machine) unbegun(f core.Fence) {
	if a, ok := m.find(f); ok && (a.phase == handed || a.phase == adopting) {
		m.withdraw(a, "it had not begun yet")
	}
}

// end has the result of an attempt journaled; it is reported when that is on disk.
func (m *Machine) end(now core.Instant, a *attempt, r *wire.Result) {
	m.move(a, ending)
	a.result, a.seq = r, 0
	if len(m.ends) == 0 {
		m.endsDue = now.Add(endsFor)
	}
	m.ends = append(m.ends, a)
}

// writeEnds journals the ends that have gathered, while others are ready to start:
// as long as every slot is in use nobody waits for the log, and one write, one
// report and one entry do for many.
func (m *Machine) writeEnds(now core.Instant) {
	if len(m.ends) == 0 || now < m.endsDue && len(m.ends) < endsMost && m.backlog() {
		return
	}
	for _, a := range m.ends {
		a.seq = m.journal(&wire.Record{Body: &wire.Record_Ended{Ended: m.done(a)}})
	}
	m.ends, m.endsDue = m.ends[:0], core.Never
}

// backlog says whether every slot is taken, and something is to start as soon as
// one is free.
func (m *Machine) backlog() bool {
	c := m.census
	return c.occupied() > m.opt.Slots || c.occupied() == m.opt.Slots && slices.ContainsFunc(m.live, func(a *attempt) bool { return a.phase == intending && a.revocable() })
}

func (m *Machine) done(a *attempt) *wire.Done {
	return &wire.Done{Task: a.task[:], Fence: uint64(a.fence), Result: a.result}
}

// killed takes the leader's wish to end an attempt.
func (m *Machine) killed(now core.Instant, k *wire.Kill) {
	f := core.Fence(k.GetFence())
	if a, ok := m.find(f); ok {
		if !k.Unstarted {
			m.kill(now, a, byKill)
		} else if a.revocable() && a.cause == byItself {
			m.giveBack(a, "it waited too long for a slot")
		}
		return
	}
	// Who does not say which task it is knows that the grant is closed.
	if len(k.GetTask()) != len(core.TaskID{}) || f == 0 {
		return
	}
	task := core.TaskID(k.Task)
	if core.Instance(k.Instance) < m.opt.Doubtful && !m.past.done(f) {
		m.giveUp(f, task, 1)
		return
	}
	m.past.add(f, task, 0)
	m.refuse(task, f, "it never came here")
}

// parting gives back what has not started: this run of the node ends, what runs
// goes on without it.
func (m *Machine) parting() {
	for _, a := range slices.Clone(m.live) {
		if a.revocable() && a.cause == byItself {
			m.giveBack(a, "its member is started again")
		}
	}
}

// stopping begins to end every attempt.
func (m *Machine) stopping(now core.Instant) {
	for _, a := range slices.Clone(m.live) {
		if a.phase != reporting {
			m.kill(now, a, byStop)
		}
	}
}

// kill begins to end an attempt.
func (m *Machine) kill(now core.Instant, a *attempt, why cause) {
	switch {
	case a.phase == waiting, a.revocable() && a.cause == byItself:
		a.cause = why // of what was handed on: when it turns out to have begun
		m.giveBack(a, "it was ended before it began")
	case a.phase == reporting:
		m.report(now, a)
	case a.cause != byItself, a.phase == ending:
	default:
		a.cause = why // of starting and adopting: when there is news of it
		switch {
		case a.phase == running:
			m.put(Terminate{a.fence, why.grace()})
		case a.phase == intending && a.seq == 0:
			m.end(now, a, &wire.Result{Cancelled: true})
		}
	}
}

// giveBack gives an attempt back, if it has not started.
func (m *Machine) giveBack(a *attempt, why string) {
	if a.phase == handed {
		m.put(Recall{a.fence})
		return
	}
	m.withdraw(a, why)
}

// withdraw gives an attempt back that has not started. Should its intent outlive
// that, it is reported as lost once more, and nobody counts it.
func (m *Machine) withdraw(a *attempt, why string) {
	if a.phase != waiting {
		m.journalSoon(&wire.Record{Body: &wire.Record_Forgotten{Forgotten: uint64(a.fence)}})
	}
	m.remove(a)
	m.past.add(a.fence, a.task, a.n)
	m.refuse(a.task, a.fence, why)
	m.changed()
}

func (m *Machine) refuse(task core.TaskID, f core.Fence, why string) {
	m.put(Refuse{&wire.Refused{Task: task[:], Fence: uint64(f), Reason: why}})
}
