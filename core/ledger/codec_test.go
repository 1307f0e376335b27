package ledger

import (
	"bytes"
	"errors"
	"testing"

	"hb/core"
	"hb/core/alloctest"
	"hb/core/wire"
)

// lively is a ledger with something of everything in it.
func lively(t *testing.T) *State {
	b := newBook(t)
	b.up(3)
	tagged := row(3, 2)
	tagged.Tags = map[string]string{"disk": "big", "zone": "a", "rack": "7"}
	b.yes(up(tagged))
	b.yes(finish(1, b.out(1, spec("true")), exit(0)))
	keyed := spec("backup")
	keyed.Key, keyed.Retries = "nightly", 3
	b.yes(finish(2, b.out(2, keyed), exit(1)))
	b.out(3, spec("sleep"))
	b.yes(cancel(3))
	f := b.out(4, spec("job"))
	b.yes(down("crash", 1, 1))
	b.yes(requeue(4, f))
	b.yes(finish(4, f, exit(0)))
	b.yes(submit(5, spec("true")))
	b.yes(cancel(5))
	b.yes(expire(5))
	b.yes(down("left", 2, 1))
	return b.State
}

func TestALedgerComesBackFromItsBytes(t *testing.T) {
	s := lively(t)
	b := s.Encode()
	s2, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s2.Encode(), b) {
		t.Fatal("it encodes to other bytes")
	}
	if s2.Applied() != s.Applied() || s2.Wall() != s.Wall() || s2.Name() != "test" || s2.Cluster() != s.Cluster() || !s2.Expired(tid(5)) {
		t.Fatalf("it is %d %d %q %v %t", s2.Applied(), s2.Wall(), s2.Name(), s2.Cluster(), s2.Expired(tid(5)))
	}
	if len(s2.OpenGrants()) != 1 || len(s2.QueuedTasks()) != 2 || s2.Open() != 3 {
		t.Fatalf("%d grants, %d queued, %d open", len(s2.OpenGrants()), len(s2.QueuedTasks()), s2.Open())
	}
	if _, ok := s2.Keyed("nightly"); !ok {
		t.Fatal("the key is forgotten")
	}
}

func TestAVersionCopiesNoRecord(t *testing.T) {
	s := crowded(2000)
	var v *Version
	if n := testing.AllocsPerRun(10, func() { v = s.Version() }); n > 20 {
		t.Errorf("a version of 2000 tasks takes %v allocations", n)
	}
	if !bytes.Equal(v.Bytes(), s.Encode()) {
		t.Error("it encodes to other bytes than the ledger")
	}
}

func TestALedgerThatContradictsItselfIsNotRead(t *testing.T) {
	good := func() *wire.Ledger {
		var l wire.Ledger
		if err := wire.Unmarshal(lively(t).Encode(), &l); err != nil {
			t.Fatal(err)
		}
		return &l
	}
	if _, err := Decode(wire.Marshal(good())); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*wire.Ledger){
		"a short cluster ID":        func(l *wire.Ledger) { l.Cluster = l.Cluster[:3] },
		"a member twice":            func(l *wire.Ledger) { l.Members = append(l.Members, l.Members[0]) },
		"a member without a row":    func(l *wire.Ledger) { l.Members[0].Row = nil },
		"a member in no state":      func(l *wire.Ledger) { l.Members[0].State = "asleep" },
		"one name twice":            func(l *wire.Ledger) { l.Members[0].State, l.Members[0].Row.Name = Up, l.Members[2].Row.Name },
		"a task twice":              func(l *wire.Ledger) { l.Tasks = append(l.Tasks, l.Tasks[0]) },
		"a task without an ID":      func(l *wire.Ledger) { l.Tasks[0].Id = nil },
		"a task without a spec":     func(l *wire.Ledger) { l.Tasks[0].Spec = nil },
		"tasks out of order":        func(l *wire.Ledger) { l.Tasks[0], l.Tasks[1] = l.Tasks[1], l.Tasks[0] },
		"one key twice":             func(l *wire.Ledger) { l.Tasks[0].Spec.Key = "nightly" },
		"an unheard-of status":      func(l *wire.Ledger) { l.Tasks[0].Status = "resting" },
		"an end without a place":    func(l *wire.Ledger) { l.Tasks[0].Final = 0 },
		"a place without an end":    func(l *wire.Ledger) { l.Tasks[1].Final = l.Tasks[0].Final + 1 },
		"out without a grant":       func(l *wire.Ledger) { l.Tasks[2].Attempts = nil },
		"out with a closed grant":   func(l *wire.Ledger) { l.Tasks[2].Attempts[0].Outcome = Ended },
		"queued with an open grant": func(l *wire.Ledger) { l.Tasks[3].Attempts[0].Outcome = "" },
		"a grant before its task":   func(l *wire.Ledger) { l.Tasks[0].Attempts[0].Fence = 1 },
		"an end before the grant":   func(l *wire.Ledger) { l.Tasks[0].Final = l.Tasks[0].Attempts[0].Fence - 1 },
		"a grant from the future":   func(l *wire.Ledger) { l.Tasks[2].Attempts[0].Fence = uint64(core.NewFence(l.Applied+1, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			l := good()
			spoil(l)
			if _, err := Decode(wire.Marshal(l)); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("it was read: %v", err)
			}
		})
	}
	newer := good()
	newer.Format = Format + 1
	if _, err := Decode(wire.Marshal(newer)); !errors.Is(err, wire.ErrVersion) {
		t.Fatalf("of a newer format it says %v", err)
	}
}

// Snapshots come from any member that is ahead, and may be long.
func TestASnapshotOfNothingTakesLittle(t *testing.T) {
	start := New(core.ClusterID{1}, "test").Encode()
	for name, field := range map[string]string{
		"tasks": "\x2a\x00", "longer tasks": "\x2a\x01\x00", "members": "\x22\x00", "members of empty rows": "\x22\x02\x0a\x00",
		"what nobody knows": "\xfa\x3f\x00", "tombstones": "\xba\x04\x00", "numbers": "\x30\x01",
	} {
		b := append(bytes.Clone(start), bytes.Repeat([]byte(field), 1<<20/len(field))...)
		alloctest.Within(t, 2*len(b), func() { Decode(b) })
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(New(core.ClusterID{1}, "empty").Encode())
	f.Add(lively(&testing.T{}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		var s *State
		var err error
		alloctest.Within(t, 64<<10+8*len(b), func() { s, err = Decode(b) })
		if err != nil {
			return
		}
		if err := Check(s); err != nil {
			t.Fatal(err)
		}
		again, err := Decode(s.Encode())
		if err != nil || !bytes.Equal(again.Encode(), s.Encode()) {
			t.Fatalf("what was read does not survive: %v", err)
		}
		s.Apply(s.Applied()+1, &wire.Entry{Commands: []*wire.Command{
			up(row(1, 9)), submit(1, spec("true")), assign(1, 1, 1, 9), cancel(2), requeue(3, 1), finish(4, 1, exit(0)), expire(1, 2, 3),
		}})
		if err := Check(s); err != nil {
			t.Fatal(err)
		}
	})
}
