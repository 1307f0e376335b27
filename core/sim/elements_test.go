package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// submitSpec submits a task and waits until it is durable.
func submitSpec(t *testing.T, w *World, host int, s *wire.Spec) core.TaskID {
	t.Helper()
	id := w.mintTask()
	answer[node.Submitted](t, w, w.Ask(host, node.SubmitTask{Task: id, Spec: s}))
	return id
}

func TestAnArrayOutlivesItsLeaderAndRunsNoMoreAtOnceThanItMay(t *testing.T) {
	w := cluster(t, 31, 5)
	id := submitSpec(t, w, 0, &wire.Spec{Name: "x", Argv: []string{Work, "300ms"}, Array: 20, Parallel: 3})
	most := 0
	dead := -1
	until(t, w, time.Minute, func() bool {
		most = max(most, w.referee.ledger.Running(id))
		if dead < 0 && w.Task(id).GetDone() >= 5 {
			dead = w.Leader()
			w.PowerCut(dead)
		}
		return ledger.IsFinal(w.Task(id).GetStatus())
	})
	if p := w.Task(id); p.Status != ledger.Succeeded || p.Done != 20 || most != 3 || dead < 0 {
		t.Fatalf("at most %d ran at once, and it ended as %v", most, p)
	}
}

func TestATaskForAllRunsOnceOnEachAndNamesWhoIsMissing(t *testing.T) {
	w := cluster(t, 32, 5)
	dead := (w.Leader() + 1) % 5
	who := w.referee.who[dead]
	w.PowerCut(dead)
	until(t, w, time.Minute, func() bool {
		m, _ := w.referee.ledger.Member(who)
		return m.State == ledger.Down
	})
	id := submitSpec(t, w, w.Leader(), &wire.Spec{Name: "x", Argv: []string{Work, "50ms"}, All: true, Once: true})
	ends(t, w, 20*time.Second, ledger.Failed, id)
	seen := map[uint64]bool{}
	for _, e := range w.referee.ledger.Elements(id) {
		seen[e.Target] = true
		if e.Status != ledger.Succeeded || len(e.Attempts) != 1 || e.Attempts[0].Node != e.Target {
			t.Errorf("an element is %v", e)
		}
	}
	if p := w.Task(id); len(seen) != 4 || len(p.Missing) != 1 || core.NodeID(p.Missing[0].Node) != who || p.Result.Exit != 1 {
		t.Fatalf("%d members ran it; it is %v", len(seen), p)
	}
}

func TestAMemberThatDiesUnderATaskForAllKeepsNobodyWaiting(t *testing.T) {
	w := cluster(t, 33, 5)
	id := submitSpec(t, w, 0, &wire.Spec{Name: "x", Argv: []string{Work, "2s"}, All: true, Once: true})
	pass(t, w, time.Second)
	w.PowerCut((w.Leader() + 1) % 5)
	ends(t, w, time.Minute, ledger.Failed, id)
}

func TestAFailureMakesOneTaskHoweverOftenTheLeaderChanges(t *testing.T) {
	w := cluster(t, 34, 5)
	id := submitSpec(t, w, 0, &wire.Spec{Name: "x", Argv: []string{Work, "400ms", "exit=3"}, OnFailure: Work})
	pass(t, w, 300*time.Millisecond)
	w.Kill(w.Leader())
	ends(t, w, time.Minute, ledger.Failed, id)
	ends(t, w, time.Minute, ledger.Succeeded, ledger.FollowUpID(id))
	pass(t, w, 5*time.Second)
	if n := len(w.referee.ledger.Tasks()); n != 2 {
		t.Fatalf("there are %d tasks", n)
	}
}
