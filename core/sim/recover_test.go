package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/recovery"
	"hb/core/store"
)

// voters are the hosts that vote, as one sees it.
func voters(t *testing.T, w *World, at int) (hosts []int) {
	t.Helper()
	v := answer[node.VotersView](t, w, w.Ask(at, node.GetVoters{}))
	for i := range w.hosts {
		if w.Node(i) != nil && voting(v, w.Node(i).ID()) {
			hosts = append(hosts, i)
		}
	}
	return hosts
}

// halt stops a host in order and waits for it.
func halt(t *testing.T, w *World, i int) {
	t.Helper()
	w.Shutdown(i)
	until(t, w, 20*time.Second, func() bool { return !w.hosts[i].up() })
}

func TestOneSurvivingVoterGoesOnWithWhatAnySurvivorHolds(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := cluster(t, 40+seed, 7)
			var ids []core.TaskID
			for i := range 10 {
				id, c := w.Submit(i%7, Work, "2s")
				answer[node.Submitted](t, w, c)
				ids = append(ids, id)
			}
			// Two voters are lost for good, without warning.
			vs := voters(t, w, 0)
			w.PowerCut(vs[0], vs[1])
			pass(t, w, 5*time.Second)
			var down []int
			for i := range w.hosts {
				if w.hosts[i].up() {
					halt(t, w, i)
					if i != vs[2] {
						down = append(down, i)
					}
				}
			}
			plan, err := w.Recover(vs[2], down...)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range plan.All {
				if s.Term > plan.From.Term || s.Term == plan.From.Term && s.Index > plan.From.Index {
					t.Fatalf("%s goes further than %s", s.Where, plan.From.Where)
				}
			}
			if again, err := w.Recover(vs[2]); err != nil || again.Needless == "" {
				t.Fatalf("twice: %+v, %v", again, err)
			}
			w.Restart(vs[2])
			reach(t, w, 10*time.Second, node.Condition{Kind: "leader"})
			for _, i := range down {
				if err := w.Rejoin(i); err != nil {
					t.Fatal(err)
				}
				w.Restart(i)
			}
			reach(t, w, 20*time.Second, node.Condition{Kind: "voters", N: 3}, node.Condition{Kind: "members", N: 5})
			ends(t, w, time.Minute, ledger.Succeeded, ids...)
			v := answer[node.StatusView](t, w, w.Ask(down[0], node.GetStatus{}))
			if v.Cluster.Epoch != plan.Epoch || v.Applied < plan.Index {
				t.Fatalf("%+v", v)
			}
		})
	}
}

func TestAVoterOfTheOldEpochIsRefusedAndStops(t *testing.T) {
	w := cluster(t, 50, 5)
	vs := voters(t, w, 0)
	w.Kill(vs[0])
	w.Kill(vs[1])
	pass(t, w, time.Second)
	halt(t, w, vs[2])
	if _, err := w.Recover(vs[2]); err != nil {
		t.Fatal(err)
	}
	w.Restart(vs[2])
	pass(t, w, 3*time.Second)
	var old []int // the two voters, and the two members, who have run all the time
	for i := range w.hosts {
		if i != vs[2] {
			w.Foresee(i, core.CodeBadInput)
			old = append(old, i)
		}
	}
	w.Restart(vs[0]) // without the other they are no majority
	until(t, w, 2*time.Minute, func() bool {
		for _, i := range old {
			if w.hosts[i].up() {
				return false
			}
		}
		return true
	})
	for _, i := range old {
		f := w.Fault(i)
		if i == vs[1] {
			continue // never came back
		}
		if f == nil || !strings.Contains(f.Message, "goes on as epoch 1-") || !strings.Contains(f.Hint, "hb recover --rejoin") {
			t.Errorf("n%d stopped with %+v", i+1, f)
		}
	}
	if v := voters(t, w, vs[2]); len(v) != 1 {
		t.Errorf("%v vote", v)
	}
	answer[node.Appended](t, w, w.Ask(vs[2], node.AppendNote{Text: []byte("alone")}))
}

func TestANodeOnAHalfFinishedRecoveryDoesNotStart(t *testing.T) {
	w := cluster(t, 51, 3)
	vs := voters(t, w, 0)
	w.Kill(vs[0])
	w.Kill(vs[1])
	halt(t, w, vs[2])
	// The power goes at every moment of the recovery.
	refused := 0
	for cut := 1; ; cut++ {
		disk := w.hosts[vs[2]].storage.disk
		disk.CutAfter(cut)
		_, err := w.Recover(vs[2])
		disk.Crash()
		if err == nil {
			break
		}
		if s := w.look(t, vs[2]); core.Epoch(s.Identity.Epoch) != s.Epoch() {
			refused++
			w.Foresee(vs[2], core.CodeBadInput)
			w.Restart(vs[2])
			if f := w.Fault(vs[2]); f == nil || !strings.Contains(f.Message, "was not finished") {
				t.Fatalf("cut after %d: %+v", cut, f)
			}
		} else if s.Epoch() != 0 {
			break // all that matters was done
		}
	}
	if refused == 0 {
		t.Error("no cut came between identity and snapshot")
	}
	if _, err := w.Recover(vs[2]); err != nil {
		t.Fatal(err)
	}
	w.Restart(vs[2])
	reach(t, w, 10*time.Second, node.Condition{Kind: "leader"})
	answer[node.Appended](t, w, w.Ask(vs[2], node.AppendNote{Text: []byte("alone")}))
}

// look reads a host's disk.
func (w *World) look(t *testing.T, i int) *recovery.Survivor {
	t.Helper()
	copied, err := store.Copy(w.hosts[i].storage.disk)
	if err != nil {
		t.Fatal(err)
	}
	s, err := recovery.Look(copied)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
