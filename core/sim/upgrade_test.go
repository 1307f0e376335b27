package sim

import (
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
)

// level is the feature level of the cluster as a host sees it.
func level(t *testing.T, w *World, at int) node.FeaturesView {
	t.Helper()
	return answer[node.StatusView](t, w, w.Ask(at, node.GetStatus{})).Features
}

// upgrade puts a newer program on a host, as an operator does: an orderly stop,
// another file, a start.
func upgrade(t *testing.T, w *World, i int, to core.Features) {
	t.Helper()
	w.Shutdown(i)
	until(t, w, 20*time.Second, func() bool { return !w.hosts[i].up() })
	w.Install(i, to)
	w.Restart(i)
	reach(t, w, 30*time.Second, node.Condition{Kind: "members", N: uint64(len(w.hosts))})
}

func TestARollingUpgradeRaisesTheLevelWithItsLastMember(t *testing.T) {
	w := cluster(t, 5, 5)
	old, next := core.FeaturesNow, core.FeaturesNow+1
	until(t, w, 10*time.Second, func() bool { return level(t, w, 4).Cluster == old })
	var tasks []core.TaskID
	for i := range 5 {
		id, c := w.Submit((i+1)%5, Work, "500ms")
		answer[node.Submitted](t, w, c)
		tasks = append(tasks, id)
		if at := level(t, w, 4); at.Cluster != old {
			t.Fatalf("the log is at %+v after %d of 5 upgrades", at, i)
		}
		upgrade(t, w, i, next)
	}
	for i := range w.hosts {
		until(t, w, 10*time.Second, func() bool { return level(t, w, i).Cluster == next })
	}
	ends(t, w, 30*time.Second, ledger.Succeeded, tasks...)
}

func TestWhoHoldsAnUpgradeBackIsNamed(t *testing.T) {
	w := cluster(t, 6, 3)
	upgrade(t, w, 0, core.FeaturesNow+1)
	upgrade(t, w, 1, core.FeaturesNow+1)
	until(t, w, 10*time.Second, func() bool {
		v := level(t, w, 1)
		return strings.Join(v.Holding, ",") == "n3 (hb sim)" && v.Here == v.Cluster+1
	})
	if v := level(t, w, 2); len(v.Holding) != 0 {
		t.Fatalf("the old one itself wants nothing more: %+v", v)
	}
}

// A member that is down may be on its way back with the program it had.
func TestTheLevelWaitsForWhoIsDown(t *testing.T) {
	w := cluster(t, 7, 4)
	w.Kill(3)
	for i := range 3 {
		w.Shutdown(i)
		until(t, w, 20*time.Second, func() bool { return !w.hosts[i].up() })
		w.Install(i, core.FeaturesNow+1)
		w.Restart(i)
		reach(t, w, 30*time.Second, node.Condition{Kind: "voters", N: 3})
	}
	pass(t, w, 20*time.Second)
	if v := level(t, w, 0); v.Cluster != core.FeaturesNow || strings.Join(v.Holding, ",") != "n4 (hb sim)" {
		t.Fatalf("%+v", v)
	}
	for _, m := range answer[node.MembersView](t, w, w.Ask(0, node.GetMembers{})).Members {
		if m.Name == "n4" {
			answerNothing(t, w, w.Ask(0, node.Forget{Node: m.ID}))
		}
	}
	until(t, w, 10*time.Second, func() bool { return level(t, w, 0).Cluster == core.FeaturesNow+1 })
}

// Whoever gets an older program back must not carry out half of what it reads.
func TestAnOlderProgramStopsWithAWord(t *testing.T) {
	w := cluster(t, 8, 4)
	for i := range w.hosts {
		upgrade(t, w, i, core.FeaturesNow+1)
	}
	until(t, w, 10*time.Second, func() bool { return level(t, w, 3).Cluster == core.FeaturesNow+1 })
	w.Shutdown(3)
	until(t, w, 20*time.Second, func() bool { return !w.hosts[3].up() })
	w.Install(3, core.FeaturesNow)
	w.Foresee(3, core.CodeConfig)
	w.Restart(3)
	until(t, w, 30*time.Second, func() bool { return !w.hosts[3].up() })
	if f := w.Fault(3); f == nil || !strings.Contains(f.Error(), "feature level") {
		t.Fatalf("it stops with %v", f)
	}
	upgrade(t, w, 3, core.FeaturesNow+1)
}
