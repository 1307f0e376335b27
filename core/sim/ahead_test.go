package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// brief teaches a cluster that tasks of this name take a few milliseconds.
func brief(t *testing.T, w *World, name string) {
	t.Helper()
	id := submitSpec(t, w, 0, &wire.Spec{Name: name, Argv: []string{Work, "3ms"}, Array: 12})
	ends(t, w, 20*time.Second, ledger.Succeeded, id)
}

func TestShortTasksThatTurnOutLongGoWhereThereIsRoom(t *testing.T) {
	w := cluster(t, 51, 3)
	brief(t, w, "x")
	long := submitSpec(t, w, 0, &wire.Spec{Name: "x", Argv: []string{Work, "5s"}, Array: 24})
	most := 0
	until(t, w, 10*time.Second, func() bool {
		most = max(most, w.referee.ledger.Running(long))
		return most > 6
	}) // more than there are slots
	pass(t, w, 3*time.Second)
	if n := w.referee.ledger.Running(long); n != 6 {
		t.Fatalf("%d are granted, on 6 slots", n)
	}
	ends(t, w, 5*time.Minute, ledger.Succeeded, long)
	back := 0
	for _, e := range w.referee.ledger.Elements(long) {
		back += len(e.Attempts) - 1
	}
	if back == 0 {
		t.Fatal("none was given back")
	}
}

func TestWhatHasNotStartedIsNotLostWithItsMember(t *testing.T) {
	for name, strike := range map[string]func(w *World, host int){
		"power":  func(w *World, host int) { w.PowerCut(host) },
		"crash":  func(w *World, host int) { w.Kill(host); w.Restart(host) },
		"runner": func(w *World, host int) { w.KillRunner(host) },
		"restart": func(w *World, host int) {
			w.ShutdownToRestart(host)
			until(t, w, 20*time.Second, func() bool { return !w.hosts[host].up() })
			w.Restart(host)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := cluster(t, 52, 3)
			brief(t, w, "x")
			id := submitSpec(t, w, 0, &wire.Spec{Name: "x", Argv: []string{Work, "20ms"}, Array: 200})
			victim := (w.Leader() + 1) % 3
			who := w.referee.who[victim]
			until(t, w, 10*time.Second, func() bool { return len(w.referee.ledger.OpenOn(who)) > 2 && w.hosts[victim].children.waits() > 0 })
			strike(w, victim)
			ends(t, w, 5*time.Minute, ledger.Succeeded, id)
		})
	}
}

func TestWhatRunsOnceIsNeverGivenAheadOfTime(t *testing.T) {
	w := cluster(t, 53, 3)
	brief(t, w, "x")
	id := submitSpec(t, w, 0, &wire.Spec{Name: "x", Argv: []string{Work, "3ms"}, Array: 60, Once: true})
	until(t, w, time.Minute, func() bool {
		for _, who := range w.referee.who {
			if open := w.referee.ledger.OpenOn(core.NodeID(who)); len(open) > 2 {
				t.Fatalf("%d are granted to %v", len(open), who)
			}
		}
		return ledger.IsFinal(w.Task(id).GetStatus())
	})
}
