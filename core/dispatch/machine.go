package dispatch

import (
	"math/rand/v2"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// The thresholds (the package comment says what each is for).
const (
	TiePercent  = 5
	Resend      = time.Second
	ReplanAfter = 5 * time.Second
	RetryFirst  = time.Second
	RetryMost   = time.Minute
)

// Options is what the machine is told of itself.
type Options struct {
	// Self is this node: where "--on @leader" runs.
	Self core.NodeID
	// Ledger gives the ledger as it is now; its answer may change between steps.
	Ledger func() *ledger.State
	// Rand draws among equals.
	Rand *rand.Rand
}

// Event is what the node tells the machine.
type Event interface{ event() }

type (
	// Tick says only that time has passed; due at Next.
	Tick struct{}

	// Led says that this node leads now, and that its ledger includes
	// everything committed before its term. It may be repeated: the machine
	// then builds its state anew.
	Led struct{}

	// Deposed says that this node leads no more.
	Deposed struct{}

	// Applied says what the entry that the ledger has just applied came to.
	Applied struct{ Outcomes []ledger.Outcome }

	// Heard brings a member's load report. Known is false when the member
	// answered without one.
	Heard struct {
		Node  core.NodeID
		Load  core.Load
		Known bool
	}

	// Held brings the grants that a runner says it has taken and not ended.
	Held struct {
		Node     core.NodeID
		Instance core.Instance
		Fences   []core.Fence
	}

	// Refused says that a runner does not have an attempt, never started it
	// and never will.
	Refused struct {
		Node   core.NodeID
		Task   core.TaskID
		Fence  core.Fence
		Reason string
	}

	// Lost says that this node doubts that the member is there: it gets no new
	// work until it is Heard again. Its tasks are taken back only once the log
	// agrees that it is down.
	Lost struct{ Node core.NodeID }
)

func (Tick) event()    {}
func (Led) event()     {}
func (Deposed) event() {}
func (Applied) event() {}
func (Heard) event()   {}
func (Held) event()    {}
func (Refused) event() {}
func (Lost) event()    {}

// Effect is what the machine wants done.
type Effect interface{ effect() }

type (
	// Propose puts a command into the log. All of one step belong into one
	// entry where they fit.
	Propose struct{ Command *wire.Command }

	// Grant tells a runner to run an attempt.
	Grant struct {
		Node  core.NodeID
		Grant *wire.Grant
	}

	// Kill tells a runner to end an attempt.
	Kill struct {
		Node core.NodeID
		Kill *wire.Kill
	}
)

func (Propose) effect() {}
func (Grant) effect()   {}
func (Kill) effect()    {}

// Candidate is a member as the choice saw it.
type Candidate struct {
	Node core.NodeID
	Name string
	// Slots is how many tasks it runs at once, Busy how many of them are
	// granted or planned. Known says that it has reported.
	Slots, Busy int
	Known       bool
	// OthersPermille is the share of the machine in use by anything but hb.
	OthersPermille int
	// Cost is proportional to the time a further task would need there; the
	// least wins. Zero when Why is set.
	Cost float64
	// Why says what keeps the task from running there; empty for nothing.
	Why string
}

// Machine is the dispatcher. It is idle until Led.
type Machine struct {
	opt     Options
	effects []Effect
}

// New makes a dispatcher that does not lead.
func New(opt Options) *Machine { return &Machine{opt: opt} }

// Step takes an event and gives what is to be done, in order. The slice is
// valid until the next Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect { panic("to be written") }

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant { panic("to be written") }

// PlanFor chooses a member for a task that is about to be proposed: the Assign
// belongs right behind the Submit in the same entry. False says that no slot is
// free, that the task is known already, or that this node does not lead; then
// the task is assigned in its turn once it has been applied.
func (m *Machine) PlanFor(now core.Instant, sub *wire.Submit) (*wire.Command, bool) {
	panic("to be written")
}

// Explain weighs all members of the directory for a spec, sorted by ID, without
// planning anything. The choice is one of the cheapest, or zero: queued.
func (m *Machine) Explain(spec *wire.Spec) (candidates []Candidate, choice core.NodeID) {
	panic("to be written")
}
