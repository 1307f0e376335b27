package replog

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"
)

var chaosSeeds = flag.Int("chaos", 25, "seeds of TestNothingAcknowledgedIsLost")

// TestNothingAcknowledgedIsLost runs members under every fault the harness has,
// each run from a seed. The harness checks after every step that a term has one
// leader, that applied logs agree, that no read misses what was acknowledged
// before; the end, that all is there everywhere.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	committed, elections, installs := 0, 0, 0
	for seed := range uint64(*chaosSeeds) {
		w := newWorld(t, seed)
		w.chaos(seed)
		committed += len(w.acked)
		elections += len(w.leaders)
		for _, s := range w.sites {
			installs += s.snaps
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d entries acknowledged, %d leaders, %d snapshots installed", committed, elections, installs)
	if committed < 50**chaosSeeds || elections < 3**chaosSeeds || installs < *chaosSeeds {
		t.Errorf("too little happened")
	}
}

func (w *world) chaos(seed uint64) {
	t := w.t
	defer func() {
		if r := recover(); r != nil || t.Failed() {
			t.Errorf("seed %d: %v\n%s", seed, r, w.describe())
			if r != nil {
				panic(r)
			}
		}
	}()
	n := 3 + w.rng.IntN(5)
	w.opt.Limits = Limits{SnapshotEntries: 5 + w.rng.IntN(40), TailEntries: 1 + w.rng.IntN(20), MessageBytes: 50 + w.rng.IntN(500)}
	w.opt.ReplaceAfter = 2 * time.Second
	w.opt.Voters = 3 + 2*w.rng.IntN(2)
	w.delay = time.Duration(1+w.rng.IntN(40)) * time.Millisecond
	w.sync = time.Duration(1+w.rng.IntN(30)) * time.Millisecond
	w.cluster3(n)
	w.loss, w.duplicate = w.rng.Float64()*0.2, w.rng.Float64()*0.2
	w.torn = 0.5 * float64(w.rng.IntN(2))
	w.load(0)
	for range 25 {
		w.mishap()
		w.run(w.random(3 * time.Second))
	}
	w.loss, w.duplicate, w.cut = 0, 0, nil
	for _, s := range w.sites {
		w.unstall(s)
		if s.log == nil {
			w.start(s)
		}
	}
	w.run(20 * time.Second)
	w.until(fmt.Sprintf("seed %d: somebody leads", seed), time.Minute, func() bool { return w.leader() != nil })
	w.commit(fmt.Sprintf("the end of %d", seed))
	w.until(fmt.Sprintf("seed %d: all level", seed), 2*time.Minute, w.level)
	for data, index := range w.acked {
		for _, s := range w.sites {
			if !slices.Contains(s.data, data) {
				t.Fatalf("seed %d: site %d lacks %s, acknowledged at %d", seed, s.n, data, index)
			}
		}
	}
}

// cluster3 is cluster without the wait for a particular number of voters.
func (w *world) cluster3(n int) {
	w.found()
	for range n - 1 {
		w.join()
	}
	w.run(5 * time.Second)
}

// load proposes and reads all the time, wherever somebody believes to lead.
func (w *world) load(i int) {
	w.after(w.random(50*time.Millisecond), func() {
		for _, s := range w.sites {
			if s.log != nil && s.log.Leading() {
				w.propose(s, fmt.Sprintf("%d-%d", s.n, i))
				w.read(s)
			}
		}
		if i < 1500 {
			w.load(i + 1)
		}
	})
}

// mishap does something to somebody.
func (w *world) mishap() {
	s := w.sites[w.rng.IntN(len(w.sites))]
	switch w.rng.IntN(11) {
	case 0, 1, 2:
		if s.log != nil {
			w.crash(s, w.rng.IntN(2) == 0)
		}
	case 3, 4, 5:
		for _, s := range w.sites {
			if s.log == nil {
				s.stall = false
				w.start(s)
			}
		}
	case 6:
		side := w.rng.IntN(1 << len(w.sites))
		w.cut = func(a, b int) bool { return side>>(a-1)&1 != side>>(b-1)&1 }
	case 7: // one way only
		w.cut = func(a, b int) bool { return a == s.n }
	case 8:
		w.cut = nil
	case 9:
		if s.log != nil {
			s.stall = true
			w.later(s, w.random(4*time.Second), func() { w.unstall(s) })
		}
	case 10:
		if l := w.leader(); l != nil {
			w.step(l, Transfer{})
		}
	}
}
