package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hb/core/node"
	"hb/core/store"
	"hb/core/wire"
)

// keepers are toys on hosts whose disks are open.
func keepers(t *testing.T, o Options) (*World, []*toy, *store.Restored) {
	t.Helper()
	w, ms := toys(t, o, nil)
	restored := &store.Restored{}
	toy := w.build
	w.build = func(h *host) (machine, error) {
		r, err := h.storage.open()
		if err != nil {
			return nil, err
		}
		*restored = *r
		return toy(h)
	}
	for i := range w.hosts {
		w.Kill(i)
		w.Restart(i)
	}
	return w, ms, restored
}

// intent is a journal record that is not forgotten.
func intent(fence uint64) *wire.Record {
	return &wire.Record{Body: &wire.Record_Intent{Intent: &wire.Intent{Grant: &wire.Grant{Fence: fence, Task: make([]byte, 16)}}}}
}

func journal(w *World, seq, fence uint64) {
	tell(w, 0, node.Journal{Seq: seq, Records: []*wire.Record{intent(fence)}})
}

func fencesOf(r *store.Restored) []uint64 {
	var all []uint64
	for _, rec := range r.Journal {
		all = append(all, rec.GetIntent().GetGrant().GetFence())
	}
	return all
}

func member(w *World) {
	id := &wire.Identity{Format: 1, Cluster: []byte("0123456789abcdef"), ClusterName: "test", Node: 1, Raft: 2}
	tell(w, 0, node.SaveIdentity{Identity: id})
}

func TestWhatIsWrittenIsSyncedInItsTimeAndOrder(t *testing.T) {
	w, ms, _ := keepers(t, Options{Nodes: 1, Disk: Storage{Sync: 10 * time.Millisecond, Jitter: 1}})
	member(w)
	pass(t, w, 100*time.Millisecond)
	for seq := uint64(1); seq <= 5; seq++ {
		journal(w, seq, seq)
		pass(t, w, time.Millisecond)
	}
	if got := of[node.Journaled](ms[0]); len(got) != 0 {
		t.Fatalf("synced after %s: %v", 5*time.Millisecond, got)
	}
	pass(t, w, 100*time.Millisecond)
	// The first alone, the rest together under the next sync.
	if got := of[node.Journaled](ms[0]); !slices.Equal(got, []node.Journaled{{Seq: 1}, {Seq: 5}}) {
		t.Fatalf("%v", got)
	}
}

func TestASlowDiskIsSlow(t *testing.T) {
	w, ms, _ := keepers(t, Options{Nodes: 1, Disk: Storage{Sync: 10 * time.Millisecond, Jitter: 1}})
	member(w)
	pass(t, w, 100*time.Millisecond)
	w.SlowDisk(0, 100)
	journal(w, 1, 1)
	pass(t, w, 900*time.Millisecond)
	if got := of[node.Journaled](ms[0]); len(got) != 0 {
		t.Fatalf("%v", got)
	}
	pass(t, w, 200*time.Millisecond)
	if got := of[node.Journaled](ms[0]); len(got) != 1 {
		t.Fatalf("%v", got)
	}
}

func TestAnEndedProcessLosesNothingThatItWrote(t *testing.T) {
	w, _, restored := keepers(t, Options{Nodes: 1})
	member(w)
	pass(t, w, time.Second)
	journal(w, 1, 7)
	w.Kill(0)
	w.Restart(0)
	if got := fencesOf(restored); !slices.Equal(got, []uint64{7}) {
		t.Fatalf("%v", got)
	}
}

func TestAPowerCutLosesOnlyWhatWasNotSynced(t *testing.T) {
	lost := 0
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w, ms, restored := keepers(t, Options{Nodes: 1, Seed: seed})
			member(w)
			pass(t, w, time.Second)
			journal(w, 1, 1)
			pass(t, w, time.Second)
			journal(w, 2, 2)
			if n := len(of[node.Journaled](ms[0])); n != 1 {
				t.Fatalf("%d synced", n)
			}
			w.PowerCut(0)
			w.Restart(0)
			got := fencesOf(restored)
			if len(got) == 1 {
				lost++
			}
			if !slices.Equal(got, []uint64{1}) && !slices.Equal(got, []uint64{1, 2}) {
				t.Fatalf("%v", got)
			}
		})
	}
	if lost == 0 || lost == 40 {
		t.Errorf("%d of 40 power cuts lost the unsynced record", lost)
	}
}

func TestThePowerMayGoInTheMiddleOfAWrite(t *testing.T) {
	for n := range 12 {
		w, _, restored := keepers(t, Options{Nodes: 1, Seed: uint64(n)})
		member(w)
		pass(t, w, time.Second)
		w.PowerCutIn(0, n)
		for seq := uint64(1); w.hosts[0].up() && seq < 100; seq++ {
			journal(w, seq, seq)
			pass(t, w, 100*time.Millisecond)
		}
		if w.hosts[0].powered {
			t.Fatal("the power did not go")
		}
		w.Restart(0)
		if restored.Identity.GetNode() != 1 {
			t.Fatalf("after %d operations: %+v", n, restored)
		}
	}
}

func TestAFailingSyncIsToldToTheNode(t *testing.T) {
	w, ms, _ := keepers(t, Options{Nodes: 1})
	member(w)
	pass(t, w, time.Second)
	w.hosts[0].storage.disk.FailSync()
	journal(w, 1, 1)
	pass(t, w, time.Second)
	if got := of[node.DiskFailed](ms[0]); len(got) != 1 || len(of[node.Journaled](ms[0])) != 0 {
		t.Fatalf("%v", ms[0].got)
	}
}
