package dispatch

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// desk is a dispatcher beside a ledger whose log takes everything at once.
type desk struct {
	*testing.T
	*Machine
	state *ledger.State
	now   core.Instant
	seen  []Effect // of the last step
}

// newDesk leads a cluster of members 1 to len(slots), which have reported that
// many slots; -1: not reported.
func newDesk(t *testing.T, slots ...int) *desk {
	d := &desk{T: t, state: ledger.New(core.ClusterID{1}, "test")}
	d.Machine = New(Options{Self: 1, Ledger: func() *ledger.State { return d.state }, Rand: rand.New(rand.NewPCG(1, 2))})
	for i := range slots {
		d.apply(up(uint64(i+1), 1))
	}
	d.do(Led{})
	for i, n := range slots {
		if n >= 0 {
			d.hear(uint64(i+1), n, 0)
		}
	}
	return d
}

// do takes a step.
func (d *desk) do(ev Event) []Effect {
	d.seen = append(d.seen[:0:0], d.Step(d.now, ev)...)
	return d.seen
}

// after lets time pass and takes a step if the machine asked for one.
func (d *desk) after(dt time.Duration) []Effect {
	d.now = d.now.Add(dt)
	d.seen = nil
	if d.Next() <= d.now {
		d.do(Tick{})
	}
	return d.seen
}

func (d *desk) hear(node uint64, slots, busy int) []Effect {
	return d.do(Heard{Node: core.NodeID(node), Load: core.Load{Slots: uint16(slots), BusyPermille: uint16(busy)}, Known: true})
}

// apply puts commands into the log as one entry and tells the machine.
func (d *desk) apply(commands ...*wire.Command) []Effect {
	d.Helper()
	outcomes := d.state.Apply(d.state.Applied()+1, &wire.Entry{WallNanos: int64(d.now) + 1, Commands: commands})
	if d.state.Applied() < 100 { // it is linear in the ledger, and some are large
		if err := ledger.Check(d.state); err != nil {
			d.Fatal(err)
		}
	}
	return d.do(Applied{outcomes})
}

// submit applies a submit without a plan.
func (d *desk) submit(n int, s *wire.Spec) []Effect {
	d.Helper()
	return d.apply(submit(n, s))
}

// settle applies what the last step proposed, until nothing more is.
func (d *desk) settle() []Effect {
	d.Helper()
	var all []Effect
	for {
		var commands []*wire.Command
		for _, f := range d.seen {
			if p, ok := f.(Propose); ok {
				commands = append(commands, p.Command)
			} else {
				all = append(all, f)
			}
		}
		if len(commands) == 0 {
			return all
		}
		d.apply(commands...)
	}
}

func (d *desk) task(n int) *wire.Task {
	d.Helper()
	t, ok := d.state.Task(tid(n))
	if !ok {
		d.Fatalf("task %d is not there", n)
	}
	return t
}

// on is where a task is out, 0 for nowhere.
func (d *desk) on(n int) uint64 {
	if a := ledger.OpenAttempt(d.task(n)); a != nil {
		return a.Node
	}
	return 0
}

func (d *desk) fence(n int) core.Fence {
	return core.Fence(ledger.OpenAttempt(d.task(n)).Fence)
}

// shape puts effects into words that tests compare.
func shape(effects []Effect) string {
	s := ""
	for _, f := range effects {
		switch f := f.(type) {
		case Propose:
			s += fmt.Sprintf("%s;", shapeCommand(f.Command))
		case Grant:
			s += fmt.Sprintf("grant %d to %d;", number(f.Grant.Task), f.Node)
		case Kill:
			s += fmt.Sprintf("kill %d on %d;", number(f.Kill.Task), f.Node)
		}
	}
	return s
}

func shapeCommand(c *wire.Command) string {
	switch {
	case c.GetAssign() != nil:
		return fmt.Sprintf("assign %d to %d", number(c.GetAssign().Task), c.GetAssign().Node)
	case c.GetRequeue() != nil:
		return fmt.Sprintf("requeue %d", number(c.GetRequeue().Task))
	case c.GetExpire() != nil:
		return fmt.Sprintf("expire %d", len(c.GetExpire().Tasks))
	}
	return fmt.Sprint(c)
}

func (d *desk) want(what string) {
	d.Helper()
	if got := shape(d.seen); got != what {
		d.Fatalf("at %v it did %q, not %q", d.now, got, what)
	}
}

// tid is the ID of task n; number its inverse.
func tid(n int) core.TaskID {
	return core.MintTaskID(int64(n), [10]byte{8: byte(n >> 8), 9: byte(n)})
}

func number(task []byte) int {
	if len(task) != 16 {
		return 0
	}
	return int(task[14])<<8 | int(task[15])
}

func up(id uint64, instance uint32) *wire.Command {
	tags := map[string]string{"parity": []string{"even", "odd"}[id%2]}
	return &wire.Command{Body: &wire.Command_MemberUp{MemberUp: &wire.MemberUp{Rows: []*wire.Row{{
		Id: id, Name: fmt.Sprintf("web%d", id), Instance: instance, Tags: tags,
	}}}}}
}

func down(id uint64, instance uint32) *wire.Command {
	return &wire.Command{Body: &wire.Command_MemberDown{MemberDown: &wire.MemberDown{
		Ids: []uint64{id}, Instances: []uint32{instance}, Reason: "crash",
	}}}
}

func job() *wire.Spec { return &wire.Spec{Name: "job", Argv: []string{"job"}} }

func jobOn(on string, where ...string) *wire.Spec {
	s := job()
	s.On, s.Where = on, where
	return s
}

func submit(n int, s *wire.Spec) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: id[:], Spec: s}}}
}

func finish(n int, f core.Fence, r *wire.Result) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{Task: id[:], Fence: uint64(f), Result: r}}}
}

func cancel(n int) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{Task: id[:]}}}
}
