package runner

import (
	"syscall"
	"time"

	"hb/core"
	"hb/core/wire"
)

// The thresholds (the package comment says what each is for).
const (
	KillAfter  = 5 * time.Second
	Remembered = 16384
	SpoolFor   = time.Hour
)

// Options is what the machine is told of itself.
type Options struct {
	// Node is this node.
	Node core.NodeID
	// Slots is how many tasks run at once; less than one means one.
	Slots int
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

	// Started says that an Exec became a process.
	Started struct {
		Fence      core.Fence
		Pid        int
		StartTicks uint64
		Boot       string
	}

	// Ended says how an Exec ended, or why it never started.
	Ended struct {
		Fence  core.Fence
		Result *wire.Result
	}

	// Reaped answers Reap: nothing of the old process group is left.
	Reaped struct{ Fence core.Fence }

	// Acked says that the end of an attempt is in the log, or superseded, or
	// that the log no longer knows the task: nobody needs the report any more.
	Acked struct{ Fence core.Fence }

	// NewLeader says that somebody else leads now, who knows nothing yet of
	// what this runner holds.
	NewLeader struct{}
)

func (Tick) event()      {}
func (Granted) event()   {}
func (Killed) event()    {}
func (Journaled) event() {}
func (Started) event()   {}
func (Ended) event()     {}
func (Reaped) event()    {}
func (Acked) event()     {}
func (NewLeader) event() {}

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
	}

	// Signal sends a signal to the whole process group of an Exec.
	Signal struct {
		Fence core.Fence
		Sig   syscall.Signal
	}

	// Reap ends whatever an earlier run of this node left of an attempt.
	// Reaped follows. A Pid of zero says that the crash came before the process
	// was noted: the driver finds it by its HB_FENCE, if it can.
	Reap struct{ Started *wire.Started }

	// Report tells whoever leads how an attempt ended.
	Report struct{ Done *wire.Done }

	// Refuse tells whoever leads that an attempt is not here, was never
	// started here as far as the leader's ledger can still care, and never
	// will be.
	Refuse struct{ Refused *wire.Refused }

	// Held tells whoever leads which attempts this runner has and has not
	// ended, sorted; soft state.
	Held struct{ Fences []core.Fence }

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
func (Signal) effect()    {}
func (Reap) effect()      {}
func (Report) effect()    {}
func (Refuse) effect()    {}
func (Held) effect()      {}
func (DropSpool) effect() {}
func (Note) effect()      {}

// Machine is the runner.
type Machine struct{ opt Options }

// New makes a runner of what the journal of its data directory holds, in the
// order in which it was written.
func New(opt Options, journal []*wire.Record) *Machine { return &Machine{opt: opt} }

// Step takes an event and gives what is to be done, in order. The slice is
// valid until the next Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect { panic("to be written") }

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant { panic("to be written") }

// Running is how many processes run here now.
func (m *Machine) Running() int { panic("to be written") }

// Holds says whether the attempt is here and has not ended.
func (m *Machine) Holds(f core.Fence) bool { panic("to be written") }

// Fences are the attempts that are here and have not ended, sorted.
func (m *Machine) Fences() []core.Fence { panic("to be written") }

// LastGrant is the highest fence that was ever granted here: Load.Granted.
func (m *Machine) LastGrant() core.Fence { panic("to be written") }

// Output finds the newest attempt of a task whose output is spooled here, and
// whether it has ended.
func (m *Machine) Output(task core.TaskID) (f core.Fence, ended, ok bool) { panic("to be written") }

// Compact gives the records of a journal that still matter, to replace it by
// when a node starts.
func Compact(journal []*wire.Record) []*wire.Record { panic("to be written") }
