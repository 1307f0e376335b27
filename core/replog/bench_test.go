package replog

import (
	"math/rand/v2"
	"testing"

	"hb/core"
)

// BenchmarkOnlyVoter is what the machine itself costs for one entry: proposed,
// appended, synced, applied, without network or disk.
func BenchmarkOnlyVoter(b *testing.B) {
	l := New(Options{Self: 1, Node: 1, Rand: rand.New(rand.NewPCG(1, 1))}, Restored{Snapshot: Genesis(1, nil)})
	now := core.Instant(1)
	var run func(ev Event)
	run = func(ev Event) {
		var next []Event
		for _, e := range l.Step(now, ev) {
			switch e := e.(type) {
			case Append:
				next = append(next, Synced{e.Seq})
			case WantSnapshot:
				s := Genesis(1, nil)
				s.Metadata.Index, s.Metadata.Term = &e.Index, &e.Term
				next = append(next, SnapshotMade{Snapshot: s}, Saved{e.Index})
			}
		}
		for _, ev := range next {
			run(ev)
		}
	}
	run(Tick{})
	b.ReportAllocs()
	for b.Loop() {
		now += 1000
		run(Propose{Data: [][]byte{make([]byte, 256)}})
	}
	if l.Applied() < uint64(b.N) {
		b.Fatalf("applied %d of %d", l.Applied(), b.N)
	}
}
