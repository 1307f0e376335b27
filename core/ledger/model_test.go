package ledger

import (
	"bytes"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"hb/core"
	"hb/core/wire"
)

// TestWhateverTheLogSays draws random logs and checks what must hold of the
// ledger after every entry: Check; a final record never changes, but for late
// results beside it; no grant that was closed opens again; a version that was
// taken before encodes to what it was; a copy that went
// through Encode and Decode goes on to the same bytes.
func TestWhateverTheLogSays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := New(core.ClusterID{1}, "test")
		s.bounds = bounds{open: 6, openBytes: 4000, records: 4, recordBytes: 4000, left: 2}
		twin := s
		finals := map[place]*wire.Task{}
		grants := map[uint64]bool{} // every fence seen; true while open
		for i := range rapid.IntRange(1, 60).Draw(rt, "entries") {
			e := &wire.Entry{WallNanos: int64(rapid.IntRange(0, 1<<40).Draw(rt, "wall"))}
			for range rapid.IntRange(0, 4).Draw(rt, "commands") {
				e.Commands = append(e.Commands, drawCommand(rt, s))
			}
			index := s.Applied() + uint64(rapid.IntRange(1, 3).Draw(rt, "gap"))
			if i%5 == 0 { // the twin is a member that joins by snapshot
				twin = reload(rt, twin)
			}
			version, was := s.Version(), s.Encode()
			data := wire.EncodeEntry(e)
			decoded, err := wire.DecodeEntry(data)
			if err != nil {
				rt.Fatal(err)
			}
			for _, o := range s.Apply(index, e) {
				checkOutcome(rt, s, &o)
			}
			twin.Apply(index, decoded)
			if err := Check(s); err != nil {
				rt.Fatal(err)
			}
			if !bytes.Equal(s.Encode(), twin.Encode()) {
				rt.Fatalf("two members differ after\n%v", e)
			}
			if !bytes.Equal(version.Bytes(), was) {
				rt.Fatalf("the version before changed with\n%v", e)
			}
			checkFinals(rt, s, finals)
			checkGrants(rt, s, grants)
		}
	})
}

func reload(rt *rapid.T, s *State) *State {
	s2, err := Decode(s.Encode())
	if err != nil {
		rt.Fatal(err)
	}
	s2.bounds = s.bounds
	return s2
}

func checkOutcome(rt *rapid.T, s *State, o *Outcome) {
	if f := o.Fault(); f != nil && (f.Code == 0 || f.Message == "") {
		rt.Fatalf("refused without code or word: %v", o)
	}
	if o.Verdict == nil || o.Command.GetMemberUp() != nil {
		return
	}
	if len(o.Members)+len(o.Events) > 0 {
		rt.Fatalf("refused, and yet %v", o)
	}
}

// checkFinals keeps the final records by the place of their submits: a record
// that expired may be made anew by the same submit, where clocks are this wild.
func checkFinals(rt *rapid.T, s *State, finals map[place]*wire.Task) {
	for _, t := range s.Tasks() {
		if t.N > 0 {
			continue // they end before their parent, once: checkGrants
		}
		first, ended := finals[submitPlace(t)]
		switch {
		case ended && (first.Status != t.Status || first.Final != t.Final || !proto.Equal(first.Result, t.Result)):
			rt.Fatalf("a task ended twice: %v, then %v", first, t)
		case !ended && IsFinal(t.Status):
			finals[submitPlace(t)] = t
		}
	}
}

func checkGrants(rt *rapid.T, s *State, grants map[uint64]bool) {
	for _, t := range s.Tasks() {
		for _, a := range t.Attempts {
			open := a.Outcome == ""
			if was, seen := grants[a.Fence]; seen && !was && open {
				rt.Fatalf("grant %d opened again: %v", a.Fence, t)
			}
			grants[a.Fence] = open
		}
	}
}

// drawCommand draws a command that has a chance to fit the state.
func drawCommand(rt *rapid.T, s *State) *wire.Command {
	n := rapid.Byte().Draw(rt, "n") % 12
	node := uint64(rapid.IntRange(1, 4).Draw(rt, "node"))
	instance := uint32(rapid.IntRange(1, 3).Draw(rt, "instance"))
	if m, ok := s.Member(core.NodeID(node)); ok && rapid.Bool().Draw(rt, "present instance") {
		instance = m.Row.Instance
	}
	var fence core.Fence
	attempt := uint32(1)
	if t, ok := s.Task(tid(n)); ok {
		attempt = NextAttempt(t)
		if k := len(t.Attempts); k > 0 {
			fence = core.Fence(t.Attempts[rapid.IntRange(max(0, k-3), k-1).Draw(rt, "which")].Fence)
		}
	}
	switch rapid.IntRange(0, 20).Draw(rt, "kind") {
	case 0, 1:
		r := row(node, instance)
		r.Name = fmt.Sprintf("web%d", rapid.IntRange(1, 4).Draw(rt, "name"))
		return up(r)
	case 2:
		return down(rapid.SampledFrom([]string{"crash", "shutdown", "left"}).Draw(rt, "reason"), node, instance)
	case 3, 4:
		return submit(n, drawSpec(rt))
	case 5, 6:
		return assign(n, attempt, node, instance)
	case 7:
		return finish(n, fence, drawResult(rt))
	case 8:
		c := requeue(n, fence)
		c.GetRequeue().Unstarted = rapid.Bool().Draw(rt, "unstarted")
		return c
	case 9:
		return cancel(n)
	case 10:
		return expire(n, n+1)
	case 12, 13:
		return drawOfElement(rt, s, n)
	case 14, 15:
		return drawOfSchedule(rt, s, n)
	case 19, 20:
		return drawOfLock(rt, n, node)
	case 11:
		on := rapid.Bool().Draw(rt, "on")
		return drain(node, on, on && rapid.Bool().Draw(rt, "evict"))
	}
	return drawWish(rt, node, instance)
}

// drawOfLock draws what may be said of one of two locks.
func drawOfLock(rt *rapid.T, session byte, node uint64) *wire.Command {
	if rapid.Bool().Draw(rt, "release") {
		return release(session)
	}
	c := acquire(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "lock"), session, node, rapid.Bool().Draw(rt, "wait"))
	c.GetAcquireLock().Shared = rapid.Bool().Draw(rt, "shared")
	return c
}

func drawWish(rt *rapid.T, node uint64, instance uint32) *wire.Command {
	switch rapid.IntRange(0, 5).Draw(rt, "wish") {
	case 0:
		return setVoters(uint32(rapid.IntRange(0, 7).Draw(rt, "voters")))
	case 1, 2:
		return setVote(node, Vote(rapid.IntRange(0, 4).Draw(rt, "vote")))
	case 3:
		return forget(node, instance, rapid.Bool().Draw(rt, "force"))
	}
	return rapid.SampledFrom([]*wire.Command{note("x"), {}}).Draw(rt, "other")
}

// drawOfSchedule draws what may be said of one of two schedules.
func drawOfSchedule(rt *rapid.T, s *State, n byte) *wire.Command {
	name := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "schedule")
	sc, _ := s.Schedule(name)
	switch rapid.IntRange(0, 5).Draw(rt, "what") {
	case 0, 1:
		made := schedule(name, drawSpec(rt))
		made.Overlap = rapid.SampledFrom([]string{OverlapSkip, OverlapQueue, OverlapAllow, ""}).Draw(rt, "overlap")
		if rapid.Bool().Draw(rt, "event") {
			made.Cron, made.Event = "", rapid.SampledFrom(append(ScheduleEvents(), "leader")).Draw(rt, "kind of event")
		}
		return setSchedule(made, rapid.Bool().Draw(rt, "replace"))
	case 2:
		return pauseSchedule(name, rapid.Bool().Draw(rt, "pause"))
	case 3:
		return dropSchedule(name)
	}
	c := fireAt(sc, sc.GetLastNanos()+rapid.Int64Range(-1e9, 1e10).Draw(rt, "at"))
	if rapid.IntRange(0, 3).Draw(rt, "by hand") == 0 {
		id := tid(n)
		c.GetFire().Task = id[:]
	}
	return c
}

// drawOfElement draws what may happen to an element.
func drawOfElement(rt *rapid.T, s *State, n byte) *wire.Command {
	kids := s.Elements(tid(n))
	if len(kids) == 0 {
		return note("no element")
	}
	kid := rapid.SampledFrom(kids).Draw(rt, "element")
	node := kid.Target
	if node == 0 || rapid.IntRange(0, 9).Draw(rt, "wrong member") == 0 {
		node = uint64(rapid.IntRange(1, 4).Draw(rt, "member"))
	}
	instance := uint32(1)
	if m, ok := s.Member(core.NodeID(node)); ok {
		instance = m.Row.Instance
	}
	id := core.TaskID(kid.Id)
	switch open := OpenAttempt(kid); {
	case open == nil:
		return assignTo(id, NextAttempt(kid), node, instance)
	case rapid.IntRange(0, 5).Draw(rt, "lose") == 0:
		return &wire.Command{Body: &wire.Command_Requeue{Requeue: &wire.Requeue{Task: id[:], Fence: open.Fence}}}
	case rapid.IntRange(0, 9).Draw(rt, "cancel") == 0:
		return &wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{Task: id[:]}}}
	default:
		return finishOf(id, core.Fence(open.Fence), drawResult(rt))
	}
}

func assignTo(id core.TaskID, attempt uint32, node uint64, instance uint32) *wire.Command {
	return &wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{Task: id[:], Attempt: attempt, Node: node, Instance: instance}}}
}

func finishOf(id core.TaskID, f core.Fence, r *wire.Result) *wire.Command {
	return &wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{Task: id[:], Fence: uint64(f), Result: r}}}
}

func drawSpec(rt *rapid.T) *wire.Spec {
	s := spec("job", rapid.StringN(0, 3, 300).Draw(rt, "argument"))
	s.Key = rapid.SampledFrom([]string{"", "", "", "a"}).Draw(rt, "key")
	if s.Once = rapid.Bool().Draw(rt, "once"); !s.Once {
		s.Retries = uint32(rapid.IntRange(0, 2).Draw(rt, "retries"))
	}
	switch rapid.IntRange(0, 3).Draw(rt, "elements") {
	case 0:
		s.Array = uint32(rapid.IntRange(1, 4).Draw(rt, "array"))
	case 1:
		s.All, s.SkipDown = true, rapid.Bool().Draw(rt, "skip down")
	}
	s.Parallel = uint32(rapid.IntRange(0, 2).Draw(rt, "parallel"))
	s.MaxFailures = int32(rapid.IntRange(-1, 2).Draw(rt, "max failures"))
	s.Exclusive = rapid.SampledFrom([]string{"", "", "x"}).Draw(rt, "exclusive")
	s.OnFailure = rapid.SampledFrom([]string{"", "", "/bin/page"}).Draw(rt, "on failure")
	s.NoQueue = rapid.IntRange(0, 9).Draw(rt, "no queue") == 0
	s.KeepNanos = rapid.SampledFrom([]int64{0, 0, 1e9}).Draw(rt, "keep")
	return s
}

func drawResult(rt *rapid.T) *wire.Result {
	return rapid.SampledFrom([]*wire.Result{
		exit(0), exit(1), {Lost: true}, {Signal: 15, Cancelled: true}, {TimedOut: true}, {Error: "no such file", Exit: 127}, nil,
	}).Draw(rt, "result")
}

// fill sets every field of a message, to the given depth of messages.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		switch f := fields.Get(i); {
		case f.Message() != nil && depth == 0:
		case f.IsList() && f.Message() != nil:
			fill(m.Mutable(f).List().AppendMutable().Message(), depth-1)
		case f.IsList():
			m.Mutable(f).List().Append(value(f))
		case f.Message() != nil:
			fill(m.Mutable(f).Message(), depth-1)
		default:
			m.Set(f, value(f))
		}
	}
}

func value(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(f.Name()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(f.Name()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1.5)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(7)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(7)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(7)
	}
	return protoreflect.ValueOfUint64(7)
}
