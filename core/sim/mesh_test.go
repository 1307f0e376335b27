package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// meshOf asks a host for the mesh, and gives what became of packets between
// hosts: "+" answered, ">" arrives only, "x" lost, "?" unknown.
func meshOf(t *testing.T, w *World, host int) [][]string {
	t.Helper()
	v := answer[node.MeshView](t, w, w.Ask(host, node.ProbeMesh{}))
	at := map[core.NodeID]int{}
	for _, m := range v.Members {
		for i, h := range w.hosts {
			if h.name == m.Name {
				at[m.ID] = i
			}
		}
	}
	got := make([][]string, len(w.hosts))
	for i := range got {
		got[i] = make([]string, len(w.hosts))
	}
	for _, p := range v.Pairs {
		mark := "?"
		switch {
		case p.RTT >= 0:
			mark = "+"
		case p.Known && p.Arrives:
			mark = ">"
		case p.Known:
			mark = "x"
		}
		got[at[p.From]][at[p.To]] = mark
	}
	return got
}

// marked wants all pairs to be answered but those listed, and those to be so.
func marked(t *testing.T, got [][]string, but map[[2]int]string) {
	t.Helper()
	for i := range got {
		for j := range got {
			want := but[[2]int{i, j}]
			if want == "" {
				want = "+"
			}
			if i != j && got[i][j] != want {
				t.Errorf("from host %d to host %d it is %q, not %q", i, j, got[i][j], want)
			}
		}
	}
}

func TestAMeshShowsWhichDirectionIsCutWhoeverAsks(t *testing.T) {
	w := cluster(t, 410, 5)
	marked(t, meshOf(t, w, 0), nil)
	w.Cut(1, 3)
	for asker := range 5 { // also those whose own streams the cut breaks
		marked(t, meshOf(t, w, asker), map[[2]int]string{{1, 3}: "x", {3, 1}: ">"})
	}
	w.Heal()
	w.Kill(4)
	dead := map[[2]int]string{}
	for i := range 4 {
		dead[[2]int{i, 4}], dead[[2]int{4, i}] = "?", "x"
	}
	marked(t, meshOf(t, w, 2), dead)
}

func TestAMeshSurvivesLossAndTheLossOfItsAsker(t *testing.T) {
	w := cluster(t, 411, 7)
	w.SetNetwork(Network{Delay: w.network.is.Delay, Jitter: w.network.is.Jitter, Loss: 0.2, Duplicate: 0.2, Reorder: 0.3})
	arrive := 0
	for _, row := range meshOf(t, w, 3) {
		for _, mark := range row {
			if mark == "+" || mark == ">" {
				arrive++
			}
		}
	}
	if arrive < 7*6-1 {
		t.Errorf("at 20 %% loss %d of 42 directions arrive", arrive)
	}
	c := w.Ask(1, node.ProbeMesh{})
	w.Kill(1)
	until(t, w, 10*time.Second, func() bool { return c.Done })
	w.Restart(1)
	reach(t, w, 30*time.Second, node.Condition{Kind: "members", N: 7})
}
