package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// runsOn is the host on which a task's newest attempt runs, or -1.
func runsOn(w *World, id core.TaskID) int {
	t := w.Task(id)
	if t == nil || ledger.OpenAttempt(t) == nil {
		return -1
	}
	k := w.referee.runs.runs[core.Fence(ledger.OpenAttempt(t).Fence)]
	if k == nil || !k.alive {
		return -1
	}
	return k.host
}

func TestATaskRunsAgainASecondAfterItsMemberIsFoundDeadHoweverOften(t *testing.T) {
	w := cluster(t, 11, 7)
	id, c := w.Submit(0, Work, "1h")
	answer[node.Submitted](t, w, c)
	for range 3 {
		until(t, w, 10*time.Second, func() bool { return runsOn(w, id) >= 0 })
		dead := runsOn(w, id)
		who := w.referee.who[dead]
		w.PowerCut(dead)
		until(t, w, time.Minute, func() bool {
			m, _ := w.referee.ledger.Member(who)
			return m.State == ledger.Down
		})
		found := w.Now()
		until(t, w, 5*time.Second, func() bool { return runsOn(w, id) >= 0 })
		if took := w.Now() - found; took > time.Second+200*time.Millisecond {
			t.Fatalf("it runs again %v after its member was found dead", took)
		}
		w.Restart(dead)
		reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 7})
	}
}

func TestADrainHandsTheLeadOverAndReturnsWhenNothingRuns(t *testing.T) {
	w := cluster(t, 12, 3)
	old := w.Leader()
	who := w.referee.who[old]
	var ids []core.TaskID
	for range 6 {
		id, c := w.Submit(0, Work, "2s")
		answer[node.Submitted](t, w, c)
		ids = append(ids, id)
	}
	drain := w.Ask((old+1)%3, node.DrainNode{Node: who, On: true, Wait: true, KillAfter: -1})
	until(t, w, 20*time.Second, func() bool { return drain.Done })
	if drain.Fault() != nil || w.Leader() == old || len(w.referee.ledger.OpenOn(who)) > 0 {
		t.Fatalf("the drain is answered by %v; %d leads; %d run there", drain.Answer(), w.Leader(), len(w.referee.ledger.OpenOn(who)))
	}
	ends(t, w, 10*time.Second, ledger.Succeeded, ids...)
	w.PowerCut(old)
	pass(t, w, time.Second)
	w.Restart(old)
	reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 3})
	if m, _ := w.referee.ledger.Member(who); !m.Drained {
		t.Fatal("a restart ended the drain")
	}
}

func TestADrainMayEndWhatStillRunsWhichRunsElsewhere(t *testing.T) {
	w := cluster(t, 13, 3)
	id, c := w.Submit(0, Work, "5s")
	answer[node.Submitted](t, w, c)
	until(t, w, 5*time.Second, func() bool { return runsOn(w, id) >= 0 })
	first := runsOn(w, id)
	drain := w.Ask(0, node.DrainNode{Node: w.referee.who[first], On: true, Wait: true, KillAfter: time.Second})
	until(t, w, 4*time.Second, func() bool { return drain.Done })
	until(t, w, 2*time.Second, func() bool { return runsOn(w, id) >= 0 })
	if drain.Fault() != nil || runsOn(w, id) == first {
		t.Fatalf("the drain is answered by %v; it runs on %d, it ran on %d", drain.Answer(), runsOn(w, id), first)
	}
	ends(t, w, 10*time.Second, ledger.Succeeded, id)
}

func TestAnyNodeExplainsWhatTheLeaderWouldDo(t *testing.T) {
	w := cluster(t, 14, 3)
	pass(t, w, 2*time.Second)
	for i := range 3 {
		x := answer[*wire.Explained](t, w, w.Ask(i, node.ExplainTask{Spec: &wire.Spec{Name: "x", Argv: []string{Work}}}))
		if len(x.Candidates) != 3 || x.Choice == 0 {
			t.Fatalf("node %d says %v", i, x)
		}
	}
}

func TestATaskIsTriedAgainUnderAnotherID(t *testing.T) {
	w := cluster(t, 15, 3)
	id, c := w.Submit(0, Work, "50ms", "exit=3")
	answer[node.Submitted](t, w, c)
	early := w.Ask(1, node.RetryTask{Task: id, As: w.mintTask()})
	until(t, w, 5*time.Second, func() bool { return early.Done })
	if early.Fault() == nil {
		t.Fatal("a task that has not ended was retried")
	}
	ends(t, w, 10*time.Second, ledger.Failed, id)
	again := answer[node.Submitted](t, w, w.Ask(1, node.RetryTask{Task: id, As: w.mintTask()}))
	if again.Task == id {
		t.Fatal("it is the same")
	}
	ends(t, w, 10*time.Second, ledger.Failed, again.Task)
}
