package ledger

import (
	"bytes"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// endedArray is a ledger in which an array of n elements has run on member 1.
func endedArray(t *testing.T, n uint32) (*book, []core.Fence) {
	b := newBook(t)
	b.up(1)
	s := spec("job")
	s.Array = n
	b.yes(submit(1, s))
	var fences []core.Fence
	for i := range n {
		id := ElementID(tid(1), i+1)
		fences = append(fences, b.yes(&wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{Task: id[:], Attempt: 1, Node: 1, Instance: 1}}}).Fence)
	}
	for i := range n {
		b.yes(finishElement(i+1, fences[i], &wire.Result{Exit: int32(i % 2), StdoutTail: []byte{byte(i)}}))
	}
	return b, fences
}

func finishElement(n uint32, f core.Fence, r *wire.Result) *wire.Command {
	id := ElementID(tid(1), n)
	return &wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{Task: id[:], Fence: uint64(f), Result: r}}}
}

func TestElementsOfAnEndedTaskAreFoundAsBefore(t *testing.T) {
	b, fences := endedArray(t, 20)
	b.wantStatus(1, Failed, "10 of 20 did not succeed")
	kids := b.Elements(tid(1))
	if len(kids) != 20 || len(b.tasks.byID) != 1 || b.Records() != 21 || len(b.Tasks()) != 21 || b.Open() != 0 {
		t.Fatalf("%d elements, %d entries, %d records, %d open", len(kids), len(b.tasks.byID), b.Records(), b.Open())
	}
	for i, kid := range kids {
		id := ElementID(tid(1), uint32(i+1))
		found, ok := b.Task(id)
		switch {
		case !ok || !proto.Equal(found, kid):
			t.Fatalf("element %d is listed as %v, and found as %v", i+1, kid, found)
		case kid.Attempts[0].Fence != uint64(fences[i]) || kid.Result.Exit != int32(i%2) || kid.Result.StdoutTail[0] != byte(i) || kid.Spec.Name != "job":
			t.Fatalf("element %d is %v", i+1, kid)
		case b.Expired(id):
			t.Fatalf("element %d is expired", i+1)
		}
	}
	if _, ok := b.Task(ElementID(tid(1), 21)); ok {
		t.Fatal("there is an element too many")
	}
}

func TestALateResultFindsItsPlaceInABlock(t *testing.T) {
	b := newBook(t)
	b.up(2)
	s := spec("job")
	s.Array = 3
	b.yes(submit(1, s))
	grant := func(n, attempt uint32, node uint64) core.Fence {
		id := ElementID(tid(1), n)
		return b.yes(&wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{Task: id[:], Attempt: attempt, Node: node, Instance: 1}}}).Fence
	}
	late := grant(2, 1, 1)
	b.yes(down("crash", 1, 1))
	id := ElementID(tid(1), 2)
	b.yes(&wire.Command{Body: &wire.Command_Requeue{Requeue: &wire.Requeue{Task: id[:], Fence: uint64(late)}}})
	for n := range uint32(3) {
		attempt := uint32(1)
		if n == 1 {
			attempt = 2
		}
		b.yes(finishElement(n+1, grant(n+1, attempt, 2), exit(0)))
	}
	b.wantStatus(1, Succeeded, "")
	before, size := b.Version(), b.tasks.endedBytes
	bytesBefore := b.Encode()
	b.yes(finishElement(2, late, &wire.Result{Exit: 7, StderrTail: []byte("late")}))
	kid, _ := b.Task(id)
	if a := kid.Attempts[0]; a.Outcome != Superseded || a.Result.Exit != 7 || kid.Status != Succeeded || b.tasks.endedBytes <= size {
		t.Fatalf("the element is %v, the records take %d bytes, before %d", kid, b.tasks.endedBytes, size)
	}
	if !bytes.Equal(before.Bytes(), bytesBefore) {
		t.Fatal("a version has changed with the ledger")
	}
}

func TestBlocksComeBackFromTheirBytes(t *testing.T) {
	b, _ := endedArray(t, 20)
	s, err := Decode(b.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(s); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.Encode(), b.Encode()) || len(s.tasks.byID) != 1 || s.tasks.endedBytes != b.tasks.endedBytes {
		t.Fatalf("it comes back with %d entries and %d bytes, not %d", len(s.tasks.byID), s.tasks.endedBytes, b.tasks.endedBytes)
	}
	v, whole := b.Version(), b.Encode()
	if v.Size() != int64(len(whole)) || v.Sum() != wire.Checksum(whole) {
		t.Fatalf("a version says that it takes %d bytes of the sum %x, and takes %d of %x", v.Size(), v.Sum(), len(whole), wire.Checksum(whole))
	}
	if err := iotest.TestReader(io.NewSectionReader(v, 0, v.Size()), whole); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*wire.Ledger){
		"an element is missing":            func(l *wire.Ledger) { l.Tasks = append(l.Tasks[:5], l.Tasks[6:]...) },
		"the last element is missing":      func(l *wire.Ledger) { l.Tasks = l.Tasks[:20] },
		"all elements are missing":         func(l *wire.Ledger) { l.Tasks = l.Tasks[:1] },
		"an element has not ended":         func(l *wire.Ledger) { l.Tasks[3].Status, l.Tasks[3].Final = Queued, 0 },
		"an element has another's ID":      func(l *wire.Ledger) { l.Tasks[3].Id = l.Tasks[4].Id },
		"there are more elements than can": func(l *wire.Ledger) { l.Tasks[0].Elements = 1 << 31 },
	} {
		var l wire.Ledger
		if err := wire.Unmarshal(b.Encode(), &l); err != nil {
			t.Fatal(err)
		}
		spoil(&l)
		if _, err := Decode(wire.Marshal(&l)); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

func TestADroppedArrayLeavesNothing(t *testing.T) {
	b, _ := endedArray(t, 20)
	b.yes(expire(1))
	if len(b.tasks.byID)+len(b.tasks.folded)+b.tasks.endedBytes+b.tasks.all.len() != 0 {
		t.Fatalf("left are %d, %d, %d bytes, %d", len(b.tasks.byID), len(b.tasks.folded), b.tasks.endedBytes, b.tasks.all.len())
	}
	if !b.Expired(ElementID(tid(1), 3)) {
		t.Fatal("an element is forgotten, and not expired")
	}
}

// A history must take little more than its bytes: as messages it would be ten
// times as much.
func TestAHistoryTakesLittleMoreThanItsBytes(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	s := history(2, 10_000)
	took := heap() - before
	if bytes := uint64(s.tasks.endedBytes); took > bytes*2+1<<20 {
		t.Errorf("records of %d bytes take %d", bytes, took)
	}
	runtime.KeepAlive(s)
}

// history is a ledger in which so many arrays have run.
func history(arrays, elements int) *State {
	s := New(core.ClusterID{1}, "bench")
	s.Apply(1, &wire.Entry{Commands: []*wire.Command{up(row(1, 1))}})
	for a := range arrays {
		id := core.MintTaskID(int64(a), [10]byte{1})
		job := spec("true")
		job.Array = uint32(elements)
		s.Apply(s.applied+1, &wire.Entry{WallNanos: int64(a) * 1e9, Commands: []*wire.Command{{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: id[:], Spec: job}}}}})
		for n := 1; n <= elements; n += 100 {
			var grants, ends []*wire.Command
			for k := n; k < n+100; k++ {
				kid := ElementID(id, uint32(k))
				grants = append(grants, &wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{Task: kid[:], Attempt: 1, Node: 1, Instance: 1, Why: "idle"}}})
			}
			for i, o := range s.Apply(s.applied+1, &wire.Entry{WallNanos: int64(a) * 1e9, Commands: grants}) {
				kid := ElementID(id, uint32(n+i))
				ends = append(ends, &wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{
					Task: kid[:], Fence: uint64(o.Fence), Result: &wire.Result{StartedNanos: 1e18, EndedNanos: 1e18 + 1e6, CpuNanos: 1e6, MaxRssBytes: 1 << 21},
				}}})
			}
			s.Apply(s.applied+1, &wire.Entry{WallNanos: int64(a) * 1e9, Commands: ends})
		}
	}
	return s
}

// BenchmarkHistory is what restarting with a full history costs: to read it, and
// to write a checkpoint of it.
func BenchmarkHistory(b *testing.B) {
	s := history(40, 10_000)
	data := s.Encode()
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := Decode(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("snapshot", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			s.Version().Bytes()
		}
	})
}
