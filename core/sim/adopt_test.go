package sim

import (
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// onHost submits, at one host, a task for another, and waits until it runs.
func onHost(t *testing.T, w *World, at, host int, once bool, words ...string) core.TaskID {
	t.Helper()
	id := w.mintTask()
	c := w.Ask(at, node.SubmitTask{Task: id, Spec: &wire.Spec{
		Name: "x", Argv: append([]string{Work}, words...), On: w.hosts[host].name, Once: once,
	}})
	answer[node.Submitted](t, w, c)
	until(t, w, 5*time.Second, func() bool { return runsOn(w, id) == host })
	return id
}

func attempts(w *World, id core.TaskID) int { return len(w.Task(id).GetAttempts()) }

func TestAnAnnouncedRestartCostsNoTaskAnything(t *testing.T) {
	for _, once := range []bool{true, false} {
		w := cluster(t, 61, 3)
		host := others(w, w.Leader())[0]
		id := onHost(t, w, w.Leader(), host, once, "8s", "exit=4")
		w.ShutdownToRestart(host)
		pass(t, w, 4*time.Second)
		w.Restart(host)
		ends(t, w, 20*time.Second, ledger.Failed, id)
		if n := attempts(w, id); n != 1 {
			t.Fatalf("once %t: it took %d attempts", once, n)
		}
	}
}

func TestWhatMayRunOnlyOnceOutlivesACrashOfItsDaemon(t *testing.T) {
	for _, away := range []time.Duration{time.Second, 6 * time.Second} { // back before and after its end
		w := cluster(t, 62, 3)
		host := others(w, w.Leader())[0]
		id := onHost(t, w, w.Leader(), host, true, "3s", "exit=4")
		w.Kill(host)
		pass(t, w, away)
		w.Restart(host)
		ends(t, w, 20*time.Second, ledger.Failed, id)
		if n := attempts(w, id); n != 1 {
			t.Fatalf("away %v: it took %d attempts", away, n)
		}
	}
}

func TestWhatMayRunOnlyOnceIsUnknownWhenItsMemberStaysAway(t *testing.T) {
	w := cluster(t, 63, 3)
	host := others(w, w.Leader())[0]
	id := onHost(t, w, w.Leader(), host, true, "1h")
	w.PowerCut(host)
	ends(t, w, 30*time.Second, ledger.Unknown, id)
}

func TestOtherTasksOfACrashedMemberRunAgainAtOnce(t *testing.T) {
	w := cluster(t, 64, 3)
	// More than the leader has slots: one is elsewhere. The leader's loss is another
	// matter.
	var ids []core.TaskID
	for range w.options.Slots + 1 {
		id, c := w.Submit(w.Leader(), Work, "5s")
		answer[node.Submitted](t, w, c)
		ids = append(ids, id)
	}
	var id core.TaskID
	until(t, w, 5*time.Second, func() bool {
		i := slices.IndexFunc(ids, func(id core.TaskID) bool { at := runsOn(w, id); return at >= 0 && at != w.Leader() })
		if i >= 0 {
			id = ids[i]
		}
		return i >= 0
	})
	w.Kill(runsOn(w, id))
	until(t, w, 2*time.Second, func() bool { return attempts(w, id) == 2 })
}

func TestARunnerProcessThatDiesCostsOneAttempt(t *testing.T) {
	for _, both := range []bool{false, true} {
		w := cluster(t, 65, 1)
		id, c := w.Submit(0, Work, "2s")
		answer[node.Submitted](t, w, c)
		until(t, w, 5*time.Second, func() bool { return runsOn(w, id) >= 0 })
		if both {
			w.Kill(0)
		}
		w.KillRunner(0)
		pass(t, w, time.Second)
		w.Restart(0)
		ends(t, w, 20*time.Second, ledger.Succeeded, id)
		if n := attempts(w, id); n != 2 {
			t.Fatalf("both %t: it took %d attempts", both, n)
		}
	}
}
