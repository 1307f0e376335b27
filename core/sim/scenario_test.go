package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// cluster starts n whole nodes and waits until they are one cluster with three
// voters (or all of fewer).
func cluster(t *testing.T, seed uint64, n int) *World {
	t.Helper()
	w := New(Options{Seed: seed, Nodes: n})
	t.Cleanup(w.Close)
	w.Start(n)
	reach(t, w, 10*time.Second, node.Condition{Kind: "members", N: uint64(n)})
	if n >= 3 {
		reach(t, w, 10*time.Second, node.Condition{Kind: "voters", N: 3})
	}
	return w
}

// reach waits until conditions hold on every host that runs.
func reach(t *testing.T, w *World, limit time.Duration, conditions ...node.Condition) {
	t.Helper()
	var calls []*Call
	for i, h := range w.hosts {
		if h.up() {
			calls = append(calls, w.Ask(i, node.Await{Conditions: conditions}))
		}
	}
	until(t, w, limit, func() bool {
		for _, c := range calls {
			if !c.Done {
				return false
			}
		}
		return true
	})
}

func until(t *testing.T, w *World, limit time.Duration, cond func() bool) {
	t.Helper()
	if err := w.Until(cond, limit); err != nil {
		t.Fatal(err)
	}
}

// answer waits for the last answer of a call.
func answer[T any](t *testing.T, w *World, c *Call) T {
	t.Helper()
	until(t, w, 10*time.Second, func() bool { return c.Done })
	a, ok := c.Answer().(T)
	if !ok {
		t.Fatalf("%T is answered by %+v", c.Body, c.Answer())
	}
	return a
}

// others are the hosts but one.
func others(w *World, but int) []int {
	var rest []int
	for i := range w.hosts {
		if i != but {
			rest = append(rest, i)
		}
	}
	return rest
}

// ends waits until tasks have ended, and wants them to have ended so.
func ends(t *testing.T, w *World, limit time.Duration, status string, ids ...core.TaskID) {
	t.Helper()
	until(t, w, limit, func() bool {
		for _, id := range ids {
			if !ledger.IsFinal(w.Task(id).GetStatus()) {
				return false
			}
		}
		return true
	})
	for _, id := range ids {
		if task := w.Task(id); task.Status != status {
			t.Fatalf("task %s is %s: %v", id, task.Status, task)
		}
	}
}

func TestNodesFindEachOtherAndRunATask(t *testing.T) {
	w := cluster(t, 1, 5)
	id, c := w.Submit(3, Work, "200ms", "out=hello")
	if s := answer[node.Submitted](t, w, c); s.Task != id {
		t.Fatalf("%+v", s)
	}
	ends(t, w, 5*time.Second, ledger.Succeeded, id)
	out := w.Ask(1, node.FollowOutput{Task: id, Follow: true})
	if task := answer[*wire.Task](t, w, out); string(task.Result.StdoutTail) != "hello" {
		t.Fatalf("%v", task)
	}
	if o, ok := out.Replies[0].(node.Output); !ok || string(o.Data) != "hello" || o.Stream != 1 {
		t.Fatalf("%+v", out.Replies)
	}
}

func TestTheNextLeaderGoesOnWhereTheLastOneDied(t *testing.T) {
	w := cluster(t, 2, 5)
	var ids []core.TaskID
	for range 20 {
		id, c := w.Submit(0, Work, "500ms")
		answer[node.Submitted](t, w, c)
		ids = append(ids, id)
	}
	dead := w.Leader()
	w.PowerCut(dead)
	until(t, w, 5*time.Second, func() bool { return w.Leader() >= 0 })
	ends(t, w, 20*time.Second, ledger.Succeeded, ids...)
}

func TestAPowerCutOfAllLosesNothing(t *testing.T) {
	w := cluster(t, 3, 3)
	note := answer[node.Appended](t, w, w.Ask(1, node.AppendNote{Text: []byte("kept")}))
	id, c := w.Submit(2, Work, "1s")
	answer[node.Submitted](t, w, c)
	w.PowerCut(0, 1, 2)
	pass(t, w, 3*time.Second)
	w.Start(3)
	ends(t, w, 20*time.Second, ledger.Succeeded, id)
	if w.referee.promises.notes[note.Index] != "kept\n" {
		t.Fatal("the note is gone")
	}
}

func TestAMinorityConfirmsNoLeaderAndCommitsNothing(t *testing.T) {
	w := cluster(t, 4, 5)
	lonely := w.Leader()
	w.Partition([]int{lonely}, others(w, lonely))
	until(t, w, 10*time.Second, func() bool { return w.Leader() >= 0 && w.Leader() != lonely })
	pass(t, w, 2*time.Second)
	ask := w.Ask(lonely, node.GetLeader{})
	until(t, w, 10*time.Second, func() bool { return ask.Done })
	if f := ask.Fault(); f == nil || f.Code != core.CodeNoQuorum {
		t.Fatalf("the minority says %+v", ask.Answer())
	}
	note := w.Ask(lonely, node.AppendNote{Text: []byte("nowhere")})
	until(t, w, 10*time.Second, func() bool { return note.Done })
	if note.Fault() == nil {
		t.Fatalf("the minority wrote %+v", note.Answer())
	}
	w.Heal()
	pass(t, w, 3*time.Second)
	view := answer[node.LeaderView](t, w, w.Ask(lonely, node.GetLeader{}))
	if !view.Confirmed || view.Self {
		t.Fatalf("%+v", view)
	}
}

func TestAnOrderlyStopHandsTheLeadOver(t *testing.T) {
	w := cluster(t, 5, 3)
	old := w.Leader()
	w.Shutdown(old)
	until(t, w, time.Second, func() bool { return w.Leader() >= 0 && w.Leader() != old })
	until(t, w, 10*time.Second, func() bool { return !w.hosts[old].up() })
	w.Restart(old)
	reach(t, w, 10*time.Second, node.Condition{Kind: "members", N: 3})
}

func TestTasksOfADeadNodeRunElsewhere(t *testing.T) {
	w := cluster(t, 6, 5)
	var ids []core.TaskID
	for range 10 {
		id, c := w.Submit(0, Work, "3s")
		answer[node.Submitted](t, w, c)
		ids = append(ids, id)
	}
	pass(t, w, time.Second)
	dead := (w.Leader() + 1) % 5
	w.PowerCut(dead)
	ends(t, w, time.Minute, ledger.Succeeded, ids...)
	for _, id := range ids {
		for _, a := range w.Task(id).Attempts {
			if a.Outcome == ledger.Ended && core.NodeID(a.Node) == w.referee.who[dead] {
				t.Fatalf("a node without power ended %v", w.Task(id))
			}
		}
	}
}
