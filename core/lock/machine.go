package lock

import (
	"slices"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

const (
	// strayAfter is how long a session of this node may be without a client: the
	// client may be there, and trust in a lease that an earlier run of this node
	// told it of.
	strayAfter = core.Lease
	// endAgain is when the end of a session is proposed anew: the log did not
	// take it.
	endAgain = 5 * time.Second
)

// Reserved is how the names of hb's own locks begin, and no user's. LeaderName is
// that of the lock which those share who run something only while their node
// leads.
const (
	Reserved   = "hb:"
	LeaderName = Reserved + "leader"
)

// Session names a client's wish.
type Session = ledger.LockSession

// Options is what the machine is told of itself.
type Options struct {
	Self core.NodeID
	// Ledger gives the ledger as it is now; its answer may change between steps.
	Ledger func() *ledger.State
}

// Event is what the node tells the machine.
type Event interface{ event() }

type (
	// Tick says only that time has passed; due at Next.
	Tick struct{}

	// Led says that this node leads now, and that its ledger includes everything
	// committed before its term.
	Led struct{}

	// Deposed says that it leads no more.
	Deposed struct{}

	// Changed says that locks of the ledger have other sessions now.
	Changed struct{}

	// Open is a client that wants a lock, or comes back to its session. With
	// Leader it wants to run while this node leads, and Name is not looked at.
	Open struct {
		Client  uint64
		Session Session
		Name    string
		Wait    bool
		Leader  bool
	}

	// Close says that a client has gone away.
	Close struct{ Client uint64 }

	// Ended says that a client has let go of its session by itself.
	Ended struct{ Session Session }

	// Answered is what became of an Acquire: its place in the log, or why it is
	// not there.
	Answered struct {
		Session Session
		Fence   core.Fence
		Fault   *core.Fault
	}

	// Leased says which sessions the leader has renewed after question ID.
	Leased struct {
		ID       uint64
		Sessions [][]byte
	}
)

func (Tick) event()     {}
func (Led) event()      {}
func (Deposed) event()  {}
func (Changed) event()  {}
func (Open) event()     {}
func (Close) event()    {}
func (Ended) event()    {}
func (Answered) event() {}
func (Leased) event()   {}

// Effect is what the machine wants done.
type Effect interface{ effect() }

type (
	// Acquire is to be put in the log; Answered follows.
	Acquire struct {
		Session Session
		Command *wire.Command
	}

	// End is to be put in the log; nobody waits for an answer.
	End struct{ Command *wire.Command }

	// AskLease asks the leader to renew.
	AskLease struct {
		ID       uint64
		Sessions [][]byte
	}

	// Held tells a client that it has its lock until an instant, under a fence.
	Held struct {
		Client uint64
		Fence  core.Fence
		Until  core.Instant
	}

	// Waiting tells a client, once, that others are before it.
	Waiting struct{ Client uint64 }

	// Lost tells a client that it has its lock no more, or never had it. It is
	// the last that it is told.
	Lost struct {
		Client uint64
		Fault  *core.Fault
	}
)

func (Acquire) effect()  {}
func (End) effect()      {}
func (AskLease) effect() {}
func (Held) effect()     {}
func (Waiting) effect()  {}
func (Lost) effect()     {}

// Machine is both ends of the leases of a node.
type Machine struct {
	opt     Options
	clients []*client // in order of coming
	leases  core.LeaseQuestions
	strays  map[Session]core.Instant // sessions of this node without a client, since when
	keeper  keeper
	leading bool
	out     []Effect
}

// New makes a machine without clients that does not lead.
func New(opt Options) *Machine {
	return &Machine{opt: opt, leases: core.NewLeaseQuestions(), strays: map[Session]core.Instant{}, keeper: newKeeper()}
}

// Step takes an event and gives what is to be done. The slice is valid until the
// next Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect {
	m.out = m.out[:0]
	switch ev := ev.(type) {
	case Led:
		m.leading = true
		m.keeper.begin(now)
		m.leadersBegin(now)
	case Deposed:
		m.leading = false
		m.keeper.end()
		m.leadersLose()
	case Open:
		m.open(now, ev)
	case Close:
		m.close(ev.Client)
	case Ended:
		m.ended(ev.Session)
	case Answered:
		m.answered(now, ev)
	case Leased:
		m.leased(ev)
	}
	m.look(now)
	if m.leading {
		m.endSilent(now)
	}
	m.askLease(now)
	return m.out
}

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant {
	next := core.Earlier(m.leases.Due, m.keeper.next)
	for _, c := range m.clients {
		if c.told != 0 {
			next = core.Earlier(next, c.until)
		}
	}
	for _, since := range m.strays {
		next = core.Earlier(next, since.Add(strayAfter))
	}
	return next
}

// Waits says whether any client waits for what the log says of its lock.
func (m *Machine) Waits() bool {
	return slices.ContainsFunc(m.clients, func(c *client) bool { return c.told == 0 })
}

func (m *Machine) put(f Effect) { m.out = append(m.out, f) }

// Release is the command that ends a session behind a node.
func Release(id Session, node core.NodeID) *wire.Command {
	return &wire.Command{Body: &wire.Command_ReleaseLock{ReleaseLock: &wire.ReleaseLock{Session: id[:], Node: uint64(node)}}}
}
