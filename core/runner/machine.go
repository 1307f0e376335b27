package runner

import (
	"time"

	"hb/core"
	"hb/core/wire"
)

// The thresholds (the package comment says what each is for).
const (
	KillAfter  = 5 * time.Second
	StopAfter  = 30 * time.Second
	Remembered = 16384
	SpoolFor   = time.Hour

	// A report is repeated after reportFirst, doubled up to reportMost.
	reportFirst = 500 * time.Millisecond
	reportMost  = 5 * time.Second
	// Held goes out on a change, but not within heldGap of the last, and every
	// heldEvery while there is something to hold.
	heldGap   = 200 * time.Millisecond
	heldEvery = time.Second

	// While others are ready to start, ends are gathered for endsFor, but no more
	// than endsMost: less than what the leader gives ahead of time.
	endsFor  = 20 * time.Millisecond
	endsMost = 32
	// soon is how long a record may wait for the next write that somebody waits for.
	soon = time.Second
)

// longAgo is before every instant.
const longAgo = core.Instant(-1 << 62)

// Options is what the machine is told of itself.
type Options struct {
	// Node is this node, and Instance which of its runs this is; zero leaves
	// the instance of grants unchecked.
	Node     core.NodeID
	Instance core.Instance
	// Slots is how many tasks run at once; less than one means one.
	Slots int
	// Doubtful says that the journal was damaged, and may have lost attempts
	// that were granted to runs of this node before this one; 0: it was not.
	Doubtful core.Instance
}

// Event is what the node tells the machine.
type Event interface{ event() }

type (
	// Tick says only that time has passed; due at Next. The first one after
	// New brings out what the journal left to do.
	Tick struct{}

	// Granted says that the leader grants this node an attempt.
	Granted struct{ Grant *wire.Grant }

	// Killed says that the leader wants an attempt ended.
	Killed struct{ Kill *wire.Kill }

	// Journaled says that every Journal up to Seq is on disk.
	Journaled struct{ Seq uint64 }

	// Started says that an Exec became a process, or that an adopted attempt
	// is still one.
	Started struct {
		Fence      core.Fence
		Pid        int
		StartTicks uint64
		Boot       string
	}

	// Ended says how an attempt ended, or why it never started.
	Ended struct {
		Fence  core.Fence
		Result *wire.Result
	}

	// Unbegun says that an attempt that waited for a slot has not begun, and never
	// will.
	Unbegun struct{ Fence core.Fence }

	// Reaped says that nothing of an adopted attempt is left, and nobody knows
	// how it ended.
	Reaped struct{ Fence core.Fence }

	// Orphaned says that the process that runs the attempts is gone, and
	// another has begun, which knows none of them.
	Orphaned struct{}

	// Stopping says that this machine's part in the cluster is over.
	Stopping struct{}

	// Parting says that this run of the node ends, and another will follow.
	Parting struct{}

	// Leased answers AskLease: these attempts may run for core.Lease from the
	// moment of the question.
	Leased struct {
		ID     uint64
		Fences []core.Fence
	}

	// Acked says that the end of an attempt is in the log, or superseded, or
	// that the log no longer knows the task: nobody needs the report any more.
	Acked struct{ Fence core.Fence }

	// NewLeader says that somebody else leads now, who knows nothing yet of
	// what this runner holds.
	NewLeader struct{}

	// Resized says that another number of tasks may run at once from now on. What
	// runs beyond that is not ended.
	Resized struct{ Slots int }
)

func (Tick) event()      {}
func (Granted) event()   {}
func (Killed) event()    {}
func (Journaled) event() {}
func (Started) event()   {}
func (Ended) event()     {}
func (Unbegun) event()   {}
func (Reaped) event()    {}
func (Orphaned) event()  {}
func (Stopping) event()  {}
func (Parting) event()   {}
func (Leased) event()    {}
func (Acked) event()     {}
func (NewLeader) event() {}
func (Resized) event()   {}

// Effect is what the machine wants done.
type Effect interface{ effect() }

type (
	// Journal writes records, together, at the end of the runner's journal.
	// Journaled with the same Seq must follow only when they are on disk.
	Journal struct {
		Seq     uint64
		Records []*wire.Record
	}

	// Exec starts an attempt as a process of its own session and group.
	// Started and Ended follow, or Ended alone.
	Exec struct {
		Fence   core.Fence
		Task    core.TaskID
		Attempt uint32
		Spec    *wire.Spec
		// Until is when the process must be gone at the latest, whatever
		// becomes of this machine, unless a Renew says later; zero: no such time.
		Until core.Instant
		// Abreast has it wait until fewer than so many run; zero: it starts at once.
		Abreast int
	}

	// Recall takes back an Exec that has to wait. Unbegun follows, unless it has
	// begun.
	Recall struct{ Fence core.Fence }

	// Renew lets an exclusive Exec go on until a later instant.
	Renew struct {
		Fence core.Fence
		Until core.Instant
	}

	// AskLease asks whoever leads whether these exclusive attempts may run.
	AskLease struct {
		ID     uint64
		Fences []core.Fence
	}

	// Terminate ends everything of an attempt: SIGTERM, and after the grace
	// SIGKILL. Ended follows.
	Terminate struct {
		Fence core.Fence
		Grace time.Duration
	}

	// Adopt names all attempts of which the end is not known, and asks what
	// became of each: Started, Ended, or Reaped follows. Processes of any other
	// attempt are ended. A Pid of zero says that the crash came before the
	// process was noted: the driver finds it by its HB_FENCE, if it can.
	Adopt struct{ Attempts []*wire.Started }

	// Disown ends whatever there may be of an attempt that no journal knows.
	// Reaped follows.
	Disown struct{ Fence core.Fence }

	// Release says that the end of an attempt is on disk: nobody else need
	// keep it.
	Release struct{ Fence core.Fence }

	// Report tells whoever leads how an attempt ended.
	Report struct{ Done *wire.Done }

	// Refuse tells whoever leads that an attempt is not here, was never
	// started here as far as the leader's ledger can still care, and never
	// will be.
	Refuse struct{ Refused *wire.Refused }

	// Held tells whoever leads which attempts this runner has and has not
	// ended, which of these it would give back, for they have not started as far
	// as it knows, and which run; sorted; soft state.
	Held struct {
		Fences, Waiting []core.Fence
		Begun           []Begun
	}

	// DropSpool deletes the output of an attempt.
	DropSpool struct{ Fence core.Fence }

	// Note is a line for the operator. Warn marks what needs a look.
	Note struct {
		Warn bool
		Text string
	}
)

func (Journal) effect()   {}
func (Exec) effect()      {}
func (Recall) effect()    {}
func (Renew) effect()     {}
func (AskLease) effect()  {}
func (Terminate) effect() {}
func (Adopt) effect()     {}
func (Disown) effect()    {}
func (Release) effect()   {}
func (Report) effect()    {}
func (Refuse) effect()    {}
func (Held) effect()      {}
func (DropSpool) effect() {}
func (Note) effect()      {}

// Machine is the runner.
type Machine struct {
	opt     Options
	effects []Effect

	live   []*attempt // sorted by fence
	census census
	tasks  map[core.TaskID]int // how many of them are of one task
	// reportsDue is no later than the first report that is to be repeated.
	reportsDue core.Instant
	past       past
	last       core.Fence
	begun      bool // the journal's leftovers were brought out

	// seq numbers the journal's writes; records gather during a step.
	seq     uint64
	records []*wire.Record
	// later are records that nobody waits for: they go with the next write, at
	// laterDue at the latest. ends are of the attempts whose result is to be
	// written, by endsDue.
	later    []*wire.Record
	laterDue core.Instant
	ends     []*attempt
	endsDue  core.Instant

	leases      core.LeaseQuestions
	heldSent    core.Instant
	heldDue     core.Instant
	heldChanged bool
}

// New makes a runner of what the journal of its data directory holds, in the
// order in which it was written.
func New(opt Options, journal []*wire.Record) *Machine {
	opt.Slots = max(1, opt.Slots)
	m := &Machine{opt: opt, past: newPast(), tasks: map[core.TaskID]int{}, leases: core.NewLeaseQuestions(), heldSent: longAgo, heldDue: core.Never, laterDue: core.Never, endsDue: core.Never}
	for _, r := range journal {
		m.recall(r)
	}
	return m
}

// recall takes in one record of the journal.
func (m *Machine) recall(r *wire.Record) {
	switch b := r.GetBody().(type) {
	case *wire.Record_Intent:
		g := b.Intent.GetGrant()
		if _, known := m.find(core.Fence(g.GetFence())); !known && wellFormed(g) {
			m.insert(&attempt{
				fence: core.Fence(g.Fence), task: core.TaskID(g.Task), n: g.Attempt, spec: g.Spec, phase: adopting,
				process: &wire.Started{Fence: g.Fence},
			})
		}
	case *wire.Record_Started:
		if a, ok := m.find(core.Fence(b.Started.GetFence())); ok {
			a.process = b.Started
		}
	case *wire.Record_Ended:
		if a, ok := m.find(core.Fence(b.Ended.GetFence())); ok {
			m.move(a, reporting)
			a.result = b.Ended.Result
		}
	case *wire.Record_Forgotten:
		if a, ok := m.find(core.Fence(b.Forgotten)); ok {
			m.remove(a)
			m.past.add(a.fence, a.task, a.n)
		}
	}
}

// Step takes an event and gives what is to be done, in order. The slice is
// valid until the next Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect {
	m.effects, m.records = m.effects[:0], nil
	m.begin(now)
	switch ev := ev.(type) {
	case Granted:
		m.granted(now, ev.Grant)
	case Killed:
		m.killed(now, ev.Kill)
	case Journaled:
		m.journaled(now, ev.Seq)
	case Started:
		m.started(now, ev)
	case Ended:
		m.ended(now, ev)
	case Leased:
		m.leased(ev)
	case Unbegun:
		m.unbegun(ev.Fence)
	case Reaped:
		m.reaped(now, ev.Fence)
	case Orphaned:
		m.orphaned()
	case Stopping:
		m.stopping(now)
	case Parting:
		m.parting()
	case Acked:
		m.acked(now, ev.Fence)
	case NewLeader:
		m.newLeader(now)
	case Resized:
		m.opt.Slots = max(1, ev.Slots)
	}
	m.lookAtDue(now)
	m.startReady(now)
	m.intendWaiting(now)
	m.writeEnds(now)
	m.askLease(now)
	m.sayHeld(now)
	m.write(now)
	return m.effects
}

// write journals what the step has brought.
func (m *Machine) write(now core.Instant) {
	if len(m.later) > 0 && m.laterDue == core.Never {
		m.laterDue = now.Add(soon)
	}
	if len(m.records) == 0 {
		if now < m.laterDue {
			return
		}
		m.seq++
	}
	m.put(Journal{m.seq, append(m.later, m.records...)})
	m.later, m.laterDue = nil, core.Never
}

// begin brings out, once, what the journal left to do.
func (m *Machine) begin(now core.Instant) {
	if m.begun {
		return
	}
	m.begun = true
	for _, f := range m.past.fences {
		m.past.keepSpool(f, now.Add(SpoolFor))
	}
	m.adopt()
	m.changed()
}

// adopt asks what became of the attempts that an earlier run, of this node or
// of the process that runs them, has left.
func (m *Machine) adopt() {
	var left []*wire.Started
	for _, a := range m.live {
		if a.phase == adopting {
			left = append(left, a.process)
		}
	}
	m.put(Adopt{left})
}

// orphaned has the attempts of a process that is gone looked for.
func (m *Machine) orphaned() {
	for _, a := range m.live {
		if a.phase >= handed && a.phase <= running {
			m.move(a, adopting)
		}
	}
	m.adopt()
}

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant {
	if !m.begun {
		return 0
	}
	next := core.Earlier(core.Earlier(m.heldAt(), m.leases.Due), m.past.next())
	next = core.Earlier(next, core.Earlier(m.laterDue, m.endsDue))
	return core.Earlier(next, m.reportsDue)
}

func (m *Machine) put(e Effect) { m.effects = append(m.effects, e) }

// journal writes a record with this step's others and gives their number.
func (m *Machine) journal(r *wire.Record) uint64 {
	if len(m.records) == 0 {
		m.seq++
	}
	m.records = append(m.records, r)
	return m.seq
}

// journalSoon writes a record that nobody waits for.
func (m *Machine) journalSoon(r *wire.Record) { m.later = append(m.later, r) }
