package sim

import (
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
)

// torn makes a cluster of three in which one voter has missed the last entries,
// the log of a second lost its last write to a power cut, and the third is gone;
// false where this seed's power cut tore nothing.
func torn(t *testing.T, seed uint64) (w *World, late, ill, gone int, ids []core.TaskID, ok bool) {
	w = cluster(t, seed, 3)
	ids = busy(t, w, 0, 5)
	gone = w.Leader()
	ill, late = (gone+1)%3, (gone+2)%3
	w.Partition([]int{late}, []int{ill, gone})
	ids = append(ids, busy(t, w, gone, 5)...)
	for range 10 {
		w.Submit(gone, Work, "100ms")
	}
	pass(t, w, time.Duration(seed%13)*300*time.Microsecond)
	w.PowerCut(ill, gone)
	w.Heal()
	w.Restart(ill)
	pass(t, w, 100*time.Millisecond)
	w.hosts[ill].look()
	return w, late, ill, gone, ids, w.hosts[ill].part.Doubt
}

func TestATornLogBesideAVoterLostForGoodSaysWhatIsMissingAndIsRecovered(t *testing.T) {
	seen := 0
	for seed := uint64(760); seed < 860 && seen < 2; seed++ {
		w, late, ill, gone, ids, ok := torn(t, seed)
		if !ok {
			w.Close()
			continue
		}
		pass(t, w, 15*time.Second)
		if w.Leader() >= 0 && w.Leader() != gone {
			t.Fatalf("seed %d: host %d leads", seed, w.Leader())
		}
		lost := w.hosts[gone].name
		want := "the last write of " + w.hosts[ill].name + " was torn by a crash, and only " + lost + " could tell what it held, and " + lost + " does not answer"
		for _, i := range []int{late, ill} {
			v := answer[node.StatusView](t, w, w.Ask(i, node.GetStatus{}))
			if v.Plight != want || !strings.HasPrefix(v.ToDo, "start "+lost+", and nothing is lost; if that is gone for good: ") {
				t.Fatalf("seed %d: host %d says %q, %q", seed, i, v.Plight, v.ToDo)
			}
			c := w.Ask(i, node.GetLeader{})
			until(t, w, 10*time.Second, func() bool { return c.Done })
			if f := c.Fault(); f == nil || f.Code != core.CodeNoQuorum || f.Message != "no leader: "+want {
				t.Fatalf("seed %d: host %d says who leads: %v", seed, i, f)
			}
		}
		halt(t, w, late)
		halt(t, w, ill)
		plan, err := w.Recover(late, ill)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if words := plan.Words(time.Unix(0, 0))[0]; !strings.Contains(words, "a majority of the 3 voters is here, but on "+w.hosts[ill].name) || !strings.Contains(words, "Only if "+lost) {
			t.Fatalf("seed %d: %s", seed, words)
		}
		if plan.From.Where != plan.All[1].Where {
			t.Fatalf("seed %d: the log of %s is taken", seed, plan.From.Where)
		}
		w.Restart(late)
		reach(t, w, 10*time.Second, node.Condition{Kind: "leader"})
		ends(t, w, time.Minute, ledger.Succeeded, ids...)
		w.Close()
		seen++
	}
	if seen < 2 {
		t.Fatalf("only %d power cuts have torn a log", seen)
	}
}

func TestAMinoritySaysWhoIsMissing(t *testing.T) {
	w := cluster(t, 861, 3)
	left := w.Leader()
	a, b := (left+1)%3, (left+2)%3
	w.Kill(a)
	w.Kill(b)
	pass(t, w, 20*time.Second)
	v := answer[node.StatusView](t, w, w.Ask(left, node.GetStatus{}))
	names := []string{w.hosts[min(a, b)].name, w.hosts[max(a, b)].name}
	if want := "of the 3 voters 2 are needed to elect one, and " + strings.Join(names, " and ") + " do not answer"; v.Plight != want || !strings.HasPrefix(v.ToDo, "start those that are missing") {
		t.Fatalf("it says %q, %q", v.Plight, v.ToDo)
	}
}
