package sim

import (
	"testing"
	"time"

	"hb/core/node"
)

// Each that is let in gets the table as it is then, without those behind it.
func TestManyThatComeAtOnceKnowEachOtherSoon(t *testing.T) {
	const nodes = 40
	for seed := range uint64(3) {
		w := New(Options{Seed: seed, Nodes: nodes})
		t.Cleanup(w.Close)
		w.Start(1)
		pass(t, w, 2*time.Second)
		from := w.now
		for i := 1; i < nodes; i++ {
			w.Restart(i)
		}
		reach(t, w, 10*time.Second, node.Condition{Kind: "members", N: nodes})
		if took := w.now - from; took > 500*time.Millisecond {
			t.Errorf("seed %d: %v", seed, took)
		}
	}
}
