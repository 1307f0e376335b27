package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
)

// busy submits a few tasks and waits until they are acknowledged.
func busy(t *testing.T, w *World, host, n int) (ids []core.TaskID) {
	t.Helper()
	for range n {
		id, c := w.Submit(host, Work, "100ms")
		answer[node.Submitted](t, w, c)
		ids = append(ids, id)
	}
	return ids
}

func TestANodeWhoseDiskFailsStopsAndTheOthersGoOn(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := cluster(t, 20+seed, 5)
			ids := busy(t, w, 0, 5)
			ill := w.Leader()
			w.hosts[ill].storage.disk.FailSync()
			until(t, w, 5*time.Second, func() bool { return !w.hosts[ill].up() })
			until(t, w, 10*time.Second, func() bool { return w.Leader() >= 0 })
			ids = append(ids, busy(t, w, (ill+1)%5, 5)...)
			ends(t, w, 30*time.Second, ledger.Succeeded, ids...)
			w.Restart(ill)
			reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 5})
			w.crowd = newCrowd(w)
			if w.agree(); w.Err() != nil {
				t.Fatal(w.Err())
			}
		})
	}
}

func TestAVoterWhoseLogIsDamagedLosesNothingForTheOthers(t *testing.T) {
	damaged := 0
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := cluster(t, 40+seed, 5)
			ids := busy(t, w, 0, 5)
			ill := w.Leader()
			w.PowerCut(ill)
			until(t, w, 10*time.Second, func() bool { return w.Leader() >= 0 })
			for range 60 { // most hit what is not used yet
				if strings.HasPrefix(w.hosts[ill].storage.disk.Flip(), "id,") {
					return // there is one copy of the identity: the store refuses to open
				}
			}
			var trace strings.Builder
			w.trace.out = &trace
			w.Restart(ill)
			ids = append(ids, busy(t, w, (ill+1)%5, 5)...)
			ends(t, w, 30*time.Second, ledger.Succeeded, ids...)
			reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 5})
			w.crowd = newCrowd(w)
			if w.agree(); w.Err() != nil {
				t.Fatal(w.Err())
			}
			if strings.Contains(trace.String(), "log: the log is damaged") {
				damaged++
			}
		})
	}
	if damaged < 3 {
		t.Errorf("only %d of 20 logs were damaged", damaged)
	}
}
