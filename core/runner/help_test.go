package runner

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

// bench is a runner under test whose journal syncs only when told to.
type bench struct {
	*testing.T
	*Machine
	opt  Options
	now  core.Instant
	seen []Effect // of the last step
	disk []*wire.Record
	wet  []Journal // written, not synced
}

func newBench(t *testing.T, slots int) *bench {
	b := &bench{T: t, opt: Options{Node: 1, Instance: 1, Slots: slots}, now: core.Instant(time.Hour)}
	b.Machine = New(b.opt, nil)
	b.do(Tick{})
	b.want("adopt;")
	return b
}

func (b *bench) do(ev Event) []Effect {
	b.seen = append(b.seen[:0:0], b.Step(b.now, ev)...)
	for _, f := range b.seen {
		if j, ok := f.(Journal); ok {
			b.wet = append(b.wet, j)
		}
	}
	return b.seen
}

// after lets time pass and takes a step if the machine asked for one.
func (b *bench) after(d time.Duration) []Effect {
	b.now = b.now.Add(d)
	b.seen = nil
	if b.Next() <= b.now {
		b.do(Tick{})
	}
	return b.seen
}

// sync puts on disk what was written.
func (b *bench) sync() []Effect { return b.syncSome(len(b.wet)) }

// syncSome puts the first n writes on disk.
func (b *bench) syncSome(n int) []Effect {
	if n == 0 {
		return nil
	}
	for _, j := range b.wet[:n] {
		b.disk = append(b.disk, j.Records...)
	}
	last := b.wet[n-1].Seq
	b.wet = b.wet[n:]
	return b.do(Journaled{last})
}

// restart crashes the runner; what was not synced is gone.
func (b *bench) restart() []Effect {
	b.wet = nil
	b.opt.Instance++
	b.Machine = New(b.opt, kept(b.disk))
	return b.do(Tick{})
}

// kept is what a store keeps of a journal: the attempts that are not forgotten.
func kept(disk []*wire.Record) []*wire.Record {
	forgotten := map[uint64]bool{}
	for _, r := range disk {
		forgotten[r.GetForgotten()] = true
	}
	var rest []*wire.Record
	for _, r := range disk {
		if _, gone := r.Body.(*wire.Record_Forgotten); !gone && !forgotten[fenceOf(r)] {
			rest = append(rest, r)
		}
	}
	return rest
}

func fenceOf(r *wire.Record) uint64 {
	switch b := r.Body.(type) {
	case *wire.Record_Intent:
		return b.Intent.Grant.Fence
	case *wire.Record_Started:
		return b.Started.Fence
	case *wire.Record_Ended:
		return b.Ended.Fence
	}
	return r.GetForgotten()
}

// grant grants attempt 1 of task n, with the fence n.
func (b *bench) grant(n int) []Effect { return b.do(Granted{grant(n, 1, n)}) }

// once grants attempt 1 of task n, which must not run twice.
func (b *bench) once(n int) []Effect {
	g := grant(n, 1, n)
	g.Spec.Once = true
	return b.do(Granted{g})
}

// running takes attempt 1 of task n until it runs.
func (b *bench) running(n int) {
	b.Helper()
	b.grant(n)
	b.sync()
	b.want(fmt.Sprintf("exec %d;", n))
	b.do(Started{Fence: core.Fence(n), Pid: 100 + n, StartTicks: 7, Boot: "boot"})
	b.sync()
}

// reported takes it until its end is reported.
func (b *bench) reported(n int, r *wire.Result) {
	b.Helper()
	b.running(n)
	b.do(Ended{core.Fence(n), r})
	b.sync()
}

// forgotten takes it from there until nothing of it is left in the journal.
func (b *bench) forgotten(n int) {
	b.Helper()
	b.do(Acked{core.Fence(n)})
	b.after(soon)
	b.sync()
}

func (b *bench) want(what string) {
	b.Helper()
	if got := shape(b.seen); got != what {
		b.Fatalf("it did %q, not %q", got, what)
	}
}

// shape puts effects into words; Held, Note and Release are looked at where they
// matter.
func shape(effects []Effect) string {
	s := ""
	for _, f := range effects {
		switch f := f.(type) {
		case Journal:
			s += "journal"
			for _, r := range f.Records {
				s += " " + shapeRecord(r)
			}
			s += ";"
		case Exec:
			word := "exec"
			if f.Abreast > 0 {
				word = fmt.Sprintf("queue at %d", f.Abreast)
			}
			s += fmt.Sprintf("%s %d;", word, f.Fence)
		case Recall:
			s += fmt.Sprintf("recall %d;", f.Fence)
		case Terminate:
			s += fmt.Sprintf("terminate %d after %v;", f.Fence, f.Grace)
		case Adopt:
			s += "adopt"
			for _, a := range f.Attempts {
				s += fmt.Sprintf(" %d pid %d", a.Fence, a.Pid)
			}
			s += ";"
		case Disown:
			s += fmt.Sprintf("disown %d;", f.Fence)
		case Report:
			s += fmt.Sprintf("report %d %s;", f.Done.Fence, shapeResult(f.Done.Result))
		case Refuse:
			s += fmt.Sprintf("refuse %d;", f.Refused.Fence)
		case DropSpool:
			s += fmt.Sprintf("drop %d;", f.Fence)
		}
	}
	return s
}

func shapeRecord(r *wire.Record) string {
	switch r.Body.(type) {
	case *wire.Record_Intent:
		return fmt.Sprint("intent ", fenceOf(r))
	case *wire.Record_Started:
		return fmt.Sprint("started ", fenceOf(r))
	case *wire.Record_Ended:
		return fmt.Sprint("ended ", fenceOf(r))
	}
	return fmt.Sprint("forgotten ", r.GetForgotten())
}

func shapeResult(r *wire.Result) string {
	switch {
	case r.Lost:
		return "lost"
	case r.TimedOut:
		return "timed out"
	case r.Cancelled:
		return "cancelled"
	}
	return fmt.Sprint("exit ", r.Exit)
}

// held is what the last step told of the fences that are here.
func (b *bench) held() string {
	s := "nothing"
	for _, f := range b.seen {
		if h, ok := f.(Held); ok {
			s = fmt.Sprint(h.Fences)
		}
	}
	return s
}

func tid(n int) core.TaskID { return core.MintTaskID(int64(n), [10]byte{9: byte(n)}) }

func grant(task, attempt, fence int) *wire.Grant {
	id := tid(task)
	return &wire.Grant{
		Task: id[:], Attempt: uint32(attempt), Fence: uint64(fence),
		Spec: &wire.Spec{Name: "job", Argv: []string{"job", "--secret"}},
	}
}

func kill(task, fence int) Killed {
	id := tid(task)
	return Killed{&wire.Kill{Task: id[:], Fence: uint64(fence)}}
}

// TestMain draws longer histories than rapid does by itself, for a runner's
// faults need a crash in the midst of things.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "400", "rapid.steps": "100"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
