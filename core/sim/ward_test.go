package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// everywhere says whether all hosts that run hold a member to be so.
func (w *World) everywhere(t *testing.T, name string, status core.Status) bool {
	t.Helper()
	for i, h := range w.hosts {
		if h.up() && !w.holds(t, i, name, status) {
			return false
		}
	}
	return true
}

// holds says whether one host's node believes that of a member, or knows none of that
// name.
func (w *World) holds(t *testing.T, at int, name string, status core.Status) bool {
	t.Helper()
	for _, m := range answer[node.MembersView](t, w, w.Ask(at, node.GetMembers{})).Members {
		if m.Name == name && m.Status != status {
			return false
		}
	}
	return true
}

// A killed process is known everywhere in half a second, however many there are,
// since its host ends the streams by which others watch it. A host that falls
// silent ends none, and takes its time.
func TestAKilledProcessIsDeadEverywhereInHalfASecond(t *testing.T) {
	for _, n := range []int{5, 40} {
		w := cluster(t, 600, n)
		pass(t, w, 5*time.Second)
		for _, victim := range spared(t, w, 2) {
			pass(t, w, 700*time.Millisecond)
			before := w.Now()
			w.Kill(victim)
			until(t, w, 10*time.Second, func() bool { return w.everywhere(t, w.hosts[victim].name, core.Dead) })
			if took := w.Now() - before; took > 500*time.Millisecond {
				t.Errorf("%d nodes: after %s", n, took)
			} else {
				t.Logf("%d nodes: after %s", n, took)
			}
		}
		w.Close()
	}
}
