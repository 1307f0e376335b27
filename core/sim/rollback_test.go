package sim

import (
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// stopsAsSuperseded waits until a host's node has stopped because a later start
// of it is known.
func stopsAsSuperseded(t *testing.T, w *World, i int) {
	t.Helper()
	until(t, w, 30*time.Second, func() bool { return !w.hosts[i].up() })
	if f := w.Fault(i); f == nil || f.Code != core.CodeBadInput || !strings.Contains(f.Message, "start") || f.Hint == "" {
		t.Errorf("it stopped with %+v", f)
	}
}

func TestANodeWhoseDiskWasPutBackStopsAndSaysWhy(t *testing.T) {
	for name, later := range map[string]int{"as many starts as the last one, which ended in order": 1, "fewer starts": 2} {
		w := cluster(t, 420, 5)
		i := nonvoter(t, w, w.Leader())
		stop := func() {
			w.Shutdown(i)
			until(t, w, 30*time.Second, func() bool { return !w.hosts[i].up() })
		}
		stop()
		backup := w.Backup(i)
		for range later {
			w.Restart(i)
			reach(t, w, 30*time.Second, node.Condition{Kind: "ready"}, node.Condition{Kind: "members", N: 5})
			stop()
		}
		w.PutBack(i, backup)
		w.Foresee(i, core.CodeBadInput)
		t.Log(name)
		w.Restart(i)
		stopsAsSuperseded(t, w, i)

		// What the words advise works.
		if err := w.Rejoin(i); err != nil {
			t.Fatal(err)
		}
		w.Restart(i)
		reach(t, w, 30*time.Second, node.Condition{Kind: "ready"}, node.Condition{Kind: "members", N: 5})
		w.Close()
	}
}

// Whoever has heard the latest start with its own ears drops what an earlier one
// seals, and tells it all the same. The seeds are some in which all had.
func TestANodeWithCredentialsWhoseDiskWasPutBackStops(t *testing.T) {
	for _, seed := range []uint64{6034, 6041, 6045, 6055, 6060, 6065, 6066} {
		w := sealed(t, seed, 4)
		i := (w.Leader() + 1 + int(seed%3)) % 4
		stop := func() {
			w.Shutdown(i)
			until(t, w, 30*time.Second, func() bool { return !w.hosts[i].up() })
		}
		stop()
		backup := w.Backup(i)
		for range 2 {
			w.Restart(i)
			ready := w.Ask(i, node.Await{Conditions: []node.Condition{{Kind: "ready"}}})
			until(t, w, 30*time.Second, func() bool { return ready.Done })
			stop()
		}
		w.PutBack(i, backup)
		w.Foresee(i, core.CodeBadInput)
		w.Restart(i)
		stopsAsSuperseded(t, w, i)
		w.Close()
	}
}

func TestOfTwoProcessesWithOneIdentityTheEarlierStops(t *testing.T) {
	w := New(Options{Seed: 421, Nodes: 6})
	t.Cleanup(w.Close)
	w.Start(5)
	reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3})
	i := nonvoter(t, w, w.Leader())
	w.PutBack(5, w.Backup(i)) // while it runs
	w.Foresee(i, core.CodeBadInput)
	w.Restart(5)
	stopsAsSuperseded(t, w, i)
	reach(t, w, 30*time.Second, node.Condition{Kind: "ready"}, node.Condition{Kind: "members", N: 5})
}

// A copy of a voter's directory, started beside the original, would vote under the
// same raft ID: each half of the cluster would have a majority, and of what one
// half acknowledged the other would know nothing.
func TestACopyOfAVoterIsNoSecondVoter(t *testing.T) {
	for seed := uint64(430); seed < 434; seed++ {
		w := New(Options{Seed: seed, Nodes: 4})
		t.Cleanup(w.Close)
		w.Start(3)
		reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 3}, node.Condition{Kind: "voters", N: 3})
		leader := w.Leader()
		original, other, clone := (leader+1)%3, (leader+2)%3, 3
		w.PutBack(clone, w.Backup(original))
		w.Foresee(clone, core.CodeBadInput)
		w.Foresee(original, core.CodeBadInput) // what would happen to it too late
		w.Restart(clone)
		pass(t, w, 40*time.Millisecond)
		w.Partition([]int{leader, original}, []int{other, clone})
		for range 40 {
			for _, at := range []int{leader, other} {
				w.Submit(at, Work, "1ms") // whatever is acknowledged must not be lost
			}
			pass(t, w, 100*time.Millisecond)
		}
		if f := w.Fault(clone); w.hosts[clone].up() || f == nil || !strings.Contains(f.Message, "this data directory is a copy of its") || f.Hint == "" {
			t.Errorf("seed %d: the copy runs: %t; it stopped with %v", seed, w.hosts[clone].up(), f)
		}
		if !w.hosts[original].up() {
			t.Errorf("seed %d: the original stopped with %v", seed, w.Fault(original))
		}
		w.Heal()
		until(t, w, 30*time.Second, func() bool { return w.Leader() >= 0 })
		pass(t, w, 5*time.Second)
		reach(t, w, 30*time.Second, node.Condition{Kind: "ready"}, node.Condition{Kind: "leader"})
		if w.Err() != nil {
			t.Fatalf("seed %d: %v", seed, w.Err())
		}
		w.Close()
	}
}

func TestAVoterThatMovedVotesAgain(t *testing.T) {
	for name, gone := range map[string]func(w *World, i int){
		"nobody is at its old address":   func(w *World, i int) { w.Kill(i) },
		"its old machine has lost power": func(w *World, i int) { w.PowerCut(i) },
	} {
		t.Log(name)
		w := cluster(t, 440, 3)
		moved := (w.Leader() + 1) % 3
		gone(w, moved)
		w.Move(moved)
		w.Kill((moved + 1) % 3) // so that its vote is needed
		w.Restart(moved)
		until(t, w, 20*time.Second, func() bool { return w.Leader() >= 0 })
		reach(t, w, 20*time.Second, node.Condition{Kind: "leader"})
		w.Close()
	}
}
