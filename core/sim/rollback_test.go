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
