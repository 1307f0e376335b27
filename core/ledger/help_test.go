package ledger

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

// book is a ledger under test: each do is one log entry, a second after the
// last. What must always hold is checked after every entry.
type book struct {
	*testing.T
	*State
	now int64
}

func newBook(t *testing.T) *book {
	return &book{T: t, State: New(core.ClusterID{1}, "test"), now: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).UnixNano()}
}

func (b *book) do(commands ...*wire.Command) []Outcome {
	b.Helper()
	b.now += int64(time.Second)
	out := b.Apply(b.applied+1, &wire.Entry{WallNanos: b.now, Commands: commands})
	if err := Check(b.State); err != nil {
		b.Fatal(err)
	}
	if len(out) != len(commands) {
		b.Fatalf("%d commands came to %d outcomes", len(commands), len(out))
	}
	return out
}

// yes applies a command that must be accepted.
func (b *book) yes(c *wire.Command) Outcome {
	b.Helper()
	o := b.do(c)[0]
	if o.Verdict != nil {
		b.Fatalf("%v was refused: %v", c, o.Verdict)
	}
	return o
}

// no applies a command that must be refused with this code, and must change
// nothing.
func (b *book) no(code core.Code, c *wire.Command) Outcome {
	b.Helper()
	before := unplaced(b.State)
	o := b.do(c)[0]
	switch {
	case o.Verdict == nil || core.Code(o.Verdict.Code) != code:
		b.Fatalf("%v came to the verdict %v, not to code %d", c, o.Verdict, code)
	case o.Verdict.Message == "":
		b.Fatalf("%v was refused without a word", c)
	case len(o.Events) > 0 || len(o.Members) > 0:
		b.Fatalf("%v was refused and had the events %v", c, o.Events)
	case unplaced(b.State) != before:
		b.Fatalf("%v was refused and changed the ledger", c)
	}
	return o
}

// unplaced is the encoded state but for where in the log and in time it is.
func unplaced(s *State) string {
	placed := *s
	placed.applied, placed.wall = 0, 0
	return string(placed.Encode())
}

func (b *book) task(n byte) *wire.Task {
	b.Helper()
	t, ok := b.Task(tid(n))
	if !ok {
		b.Fatalf("task %d is not there", n)
	}
	return t
}

func (b *book) wantStatus(n byte, status, reason string) *wire.Task {
	b.Helper()
	t := b.task(n)
	if t.Status != status || t.Reason != reason {
		b.Fatalf("task %d is %q (%q), not %q (%q)", n, t.Status, t.Reason, status, reason)
	}
	return t
}

// up puts members 1 to n into the directory.
func (b *book) up(n uint64) {
	b.Helper()
	for i := range n {
		b.yes(up(row(i+1, 1)))
	}
}

// out submits a task and assigns it to member 1.
func (b *book) out(n byte, spec *wire.Spec) core.Fence {
	b.Helper()
	b.yes(submit(n, spec))
	return b.again(n, 1)
}

// again assigns the next attempt of a task.
func (b *book) again(n byte, node uint64) core.Fence {
	b.Helper()
	m, _ := b.Member(core.NodeID(node))
	return b.yes(assign(n, NextAttempt(b.task(n)), node, m.Row.Instance)).Fence
}

// tid is a task ID minted on the first of March 2026, n milliseconds past noon: the
// day before a book begins.
func tid(n byte) core.TaskID {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli() + int64(n)
	return core.MintTaskID(at, [10]byte{9: n})
}

func row(id uint64, instance uint32) *wire.Row {
	return &wire.Row{Id: id, Name: "web" + string(rune('0'+id)), Addr: "10.0.0.1:7117", Instance: instance}
}

func spec(argv ...string) *wire.Spec { return &wire.Spec{Name: argv[0], Argv: argv} }

func up(rows ...*wire.Row) *wire.Command {
	return &wire.Command{Body: &wire.Command_MemberUp{MemberUp: &wire.MemberUp{Rows: rows}}}
}

func down(reason string, id uint64, instance uint32) *wire.Command {
	return &wire.Command{Body: &wire.Command_MemberDown{MemberDown: &wire.MemberDown{
		Ids: []uint64{id}, Instances: []uint32{instance}, Reason: reason,
	}}}
}

func submit(n byte, s *wire.Spec) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: id[:], Spec: s}}}
}

func assign(n byte, attempt uint32, node uint64, instance uint32) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{Task: id[:], Attempt: attempt, Node: node, Instance: instance}}}
}

func finish(n byte, f core.Fence, r *wire.Result) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{Task: id[:], Fence: uint64(f), Result: r}}}
}

func exit(code int32) *wire.Result { return &wire.Result{Exit: code} }

func requeue(n byte, f core.Fence) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Requeue{Requeue: &wire.Requeue{Task: id[:], Fence: uint64(f), Reason: "web1 is down"}}}
}

func unstarted(n byte, f core.Fence) *wire.Command {
	c := requeue(n, f)
	c.GetRequeue().Unstarted = true
	c.GetRequeue().Reason = "web1 never had it"
	return c
}

func cancel(n byte) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{Task: id[:], By: "ann"}}}
}

func note(text string) *wire.Command {
	return &wire.Command{Body: &wire.Command_Note{Note: &wire.Note{Text: []byte(text)}}}
}

func expire(ns ...byte) *wire.Command {
	x := &wire.Expire{}
	for _, n := range ns {
		id := tid(n)
		x.Tasks = append(x.Tasks, id[:])
	}
	return &wire.Command{Body: &wire.Command_Expire{Expire: x}}
}
