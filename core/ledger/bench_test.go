package ledger

import (
	"testing"

	"hb/core"
	"hb/core/wire"
)

// BenchmarkTaskLife is what one task costs the ledger, from its submit to its
// end, with the queue of a loaded cluster beside it.
func BenchmarkTaskLife(b *testing.B) {
	s := crowded(MaxOpen - 1)
	n := MaxOpen
	for b.Loop() {
		n++
		id := core.MintTaskID(int64(n), [10]byte{})
		out := s.Apply(s.applied+1, &wire.Entry{Commands: []*wire.Command{
			{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: id[:], Spec: spec("true")}}},
			{Body: &wire.Command_Assign{Assign: &wire.Assign{Task: id[:], Attempt: 1, Node: 1, Instance: 1}}},
		}})
		out = s.Apply(s.applied+1, &wire.Entry{Commands: []*wire.Command{
			{Body: &wire.Command_Finish{Finish: &wire.Finish{Task: id[:], Fence: uint64(out[1].Fence), Result: exit(0)}}},
		}})
		if out[0].Verdict != nil {
			b.Fatal(out[0].Verdict)
		}
	}
}

// BenchmarkSnapshot is one checkpoint of a full queue, and BenchmarkRestore the
// way back.
func BenchmarkSnapshot(b *testing.B) {
	s := crowded(MaxOpen)
	for b.Loop() {
		b.SetBytes(int64(len(s.Encode())))
	}
}

// BenchmarkVersion is what a step pays for it.
func BenchmarkVersion(b *testing.B) {
	s := crowded(MaxOpen)
	for b.Loop() {
		s.Version()
	}
}

func BenchmarkRestore(b *testing.B) {
	data := crowded(MaxOpen).Encode()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

// crowded is a ledger of one member and so many queued tasks.
func crowded(tasks int) *State {
	s := New(core.ClusterID{1}, "bench")
	s.Apply(1, &wire.Entry{Commands: []*wire.Command{up(row(1, 1))}})
	for n := range tasks {
		id := core.MintTaskID(int64(n), [10]byte{1})
		s.Apply(s.applied+1, &wire.Entry{Commands: []*wire.Command{
			{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: id[:], Spec: spec("true")}}},
		}})
	}
	return s
}
