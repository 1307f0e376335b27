package sim

import (
	"fmt"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
)

// These are the faults that the first seeds with failing disks and moving hosts
// found, each as short as it can be.

func TestTheSuccessorOfAWipedNodeRunsNothingThatWasItsPredecessors(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := cluster(t, 700+seed, 5)
			var ids []core.TaskID
			for i := range 20 {
				id, c := w.Submit(i%5, Work, "1s")
				answer[node.Submitted](t, w, c)
				ids = append(ids, id)
			}
			gone := nonvoter(t, w, w.Leader())
			w.Wipe(gone)
			pass(t, w, 200*time.Millisecond)
			w.Restart(gone)
			// The referee knows for whom each grant was.
			ends(t, w, 2*time.Minute, ledger.Succeeded, ids...)
			reach(t, w, time.Minute, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3})
		})
	}
}

func TestWhoLostItsLogFindsTheOthersThoughAllHaveMoved(t *testing.T) {
	w := cluster(t, 710, 5)
	busy(t, w, 0, 10)
	ill := nonvoter(t, w, w.Leader())
	for i := range w.hosts {
		w.Kill(i)
		w.Move(i)
	}
	for range 2000 {
		w.Flip(ill)
	}
	w.Start(5)
	reach(t, w, time.Minute, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3}, node.Condition{Kind: "leader"})
	w.crowd = newCrowd(w)
	if w.agree(); w.Err() != nil {
		t.Fatal(w.Err())
	}
}

func TestGroupsThatMovedApartFindEachOther(t *testing.T) {
	for seed := range uint64(3) {
		w := cluster(t, 720+seed, 5)
		for i := range w.hosts {
			w.Kill(i)
			w.Move(i)
		}
		// Each group begins without the other, and takes it for dead.
		groups := [][]int{{0, 1}, {2, 3, 4}}
		w.Partition(groups...)
		w.Start(5)
		pass(t, w, 30*time.Second)
		w.Heal()
		reach(t, w, time.Minute, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "leader"})
		w.Close()
	}
}

func TestANodeWhoseDiskIsFullWaitsForRoomAndLosesNothing(t *testing.T) {
	w := New(Options{Seed: 730, Nodes: 3, Log: shortLog()})
	t.Cleanup(w.Close)
	w.Start(3)
	reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 3}, node.Condition{Kind: "voters", N: 3})
	full := w.Leader()
	w.FillDisk(full, 0)
	other := (full + 1) % 3
	var ids []core.TaskID
	for range 400 {
		id, c := w.Submit(other, Work, "1ms", "out="+fmt.Sprint(make([]byte, 100)))
		until(t, w, 20*time.Second, func() bool { return c.Done })
		if _, ok := c.Answer().(node.Submitted); ok {
			ids = append(ids, id)
		}
		if w.Leader() != full {
			break
		}
	}
	if w.Leader() == full || !w.hosts[full].up() {
		t.Fatalf("it leads: %t, it runs: %t", w.Leader() == full, w.hosts[full].up())
	}
	w.FreeDisk(full)
	ends(t, w, time.Minute, ledger.Succeeded, ids...)
	reach(t, w, time.Minute, node.Condition{Kind: "ready"}, node.Condition{Kind: "leader"})
	w.crowd = newCrowd(w)
	if w.agree(); w.Err() != nil {
		t.Fatal(w.Err())
	}
}
