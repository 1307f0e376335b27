package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
)

// saidToRun asks a node whether a task runs, and since when.
func saidToRun(t *testing.T, w *World, i int, id core.TaskID) (since int64, ok bool) {
	t.Helper()
	for _, since = range answer[node.RunsView](t, w, w.Ask(i, node.AskRuns{Tasks: []core.TaskID{id}})) {
		return since, true
	}
	return 0, false
}

func TestAnyNodeSaysWhichTasksRun(t *testing.T) {
	w := cluster(t, 16, 3)
	id := onHost(t, w, 0, 2, false, "5s")
	pass(t, w, time.Second)
	for i := range 3 {
		since, ok := saidToRun(t, w, i, id)
		if !ok || since == 0 {
			t.Fatalf("node %d knows of it: %t, since %d", i, ok, since)
		}
	}
	ends(t, w, 10*time.Second, ledger.Succeeded, id)
	for i := range 3 {
		if _, ok := saidToRun(t, w, i, id); ok {
			t.Errorf("node %d says that it still runs", i)
		}
	}
}

func TestTheNextLeaderKnowsToo(t *testing.T) {
	w := cluster(t, 17, 3)
	old := w.Leader()
	other := (old + 1) % 3
	id := onHost(t, w, other, other, false, "60s")
	w.PowerCut(old)
	until(t, w, 20*time.Second, func() bool { return w.Leader() >= 0 && w.Leader() != old })
	pass(t, w, 2*time.Second)
	if _, ok := saidToRun(t, w, other, id); !ok {
		t.Fatal("it does not know what runs")
	}
}

func TestWithoutALeaderNothingIsSaidToRun(t *testing.T) {
	w := cluster(t, 18, 3)
	id := onHost(t, w, 0, 0, false, "60s")
	w.PowerCut(1)
	w.PowerCut(2)
	pass(t, w, 20*time.Second)
	if _, ok := saidToRun(t, w, 0, id); ok {
		t.Fatal("it cannot know")
	}
}
