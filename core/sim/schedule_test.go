package sim

import (
	"fmt"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// everyFewSeconds adds a schedule and gives its record.
func everyFewSeconds(t *testing.T, w *World, sc *wire.Schedule) *wire.Schedule {
	t.Helper()
	set := &wire.SetSchedule{Schedule: sc}
	answerNothing(t, w, w.Ask(w.Leader(), node.ChangeSchedule{Command: &wire.Command{Body: &wire.Command_SetSchedule{SetSchedule: set}}}))
	got, ok := w.referee.ledger.Schedule(sc.Name)
	if !ok {
		t.Fatal("the log does not have it")
	}
	return got
}

func tick(name, line string) *wire.Schedule {
	return &wire.Schedule{
		Name: name, Cron: line, Overlap: ledger.OverlapAllow, CatchUp: ledger.CatchUpAll,
		Spec: &wire.Spec{Name: name, Argv: []string{Work, "50ms"}},
	}
}

// firedOnce checks that each time since the schedule was set made one task, and
// gives how many.
func firedOnce(t *testing.T, w *World, sc *wire.Schedule, every time.Duration) int {
	t.Helper()
	seen := map[int64]int{}
	last := sc.SetNanos
	for _, task := range w.referee.ledger.Tasks() {
		if task.Schedule == sc.Name {
			seen[task.DueNanos]++
			last = max(last, task.DueNanos)
		}
	}
	for at := sc.SetNanos + int64(every); at <= last; at += int64(every) {
		if seen[at] != 1 {
			t.Fatalf("the time %d s after it was set made %d tasks", (at-sc.SetNanos)/1e9, seen[at])
		}
		delete(seen, at)
	}
	if len(seen) > 0 {
		t.Fatalf("tasks were made for other times: %v", seen)
	}
	return int((last - sc.SetNanos) / int64(every))
}

// TestLeadersThatDieAsTheyFireFireOnce kills the leader at every moment around a
// time that is due, with clocks that are wrong by up to two seconds.
func TestLeadersThatDieAsTheyFireFireOnce(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := cluster(t, 50+seed, 3)
			for i := range 3 {
				w.JumpClock(i, time.Duration(i-1)*time.Duration(seed)*700*time.Millisecond)
			}
			sc := everyFewSeconds(t, w, tick("tick", "@every 5s"))
			kills := 0
			for offset := -2 * time.Millisecond; offset <= 4*time.Millisecond; offset += 500 * time.Microsecond {
				dead := w.Leader()
				// Its own clock says when the next time is due.
				host := w.hosts[dead]
				wall := int64(epoch+w.now) + int64(host.wall)
				now, _ := w.referee.ledger.Schedule("tick")
				due := now.LastNanos + int64(5*time.Second)
				if due <= wall {
					due = wall + int64(time.Second)
				}
				pass(t, w, max(0, time.Duration(due-wall)+offset))
				w.Kill(dead)
				kills++
				until(t, w, time.Minute, func() bool { return w.Leader() >= 0 && w.Leader() != dead })
				w.Restart(dead)
				pass(t, w, time.Second)
			}
			pass(t, w, 20*time.Second)
			end := int64(epoch+w.now) - int64(8*time.Second) // whatever the clocks say
			if n := firedOnce(t, w, sc, 5*time.Second); int64(n) < (end-sc.SetNanos)/int64(5*time.Second) || kills != 13 {
				t.Fatalf("%d times were fired while %d leaders died", n, kills)
			}
		})
	}
}

func TestWhatIsDueWithoutAQuorumIsMadeGoodOnce(t *testing.T) {
	w := cluster(t, 60, 3)
	all := everyFewSeconds(t, w, tick("all", "@every 5s"))
	last := tick("once", "@every 5s")
	last.CatchUp = ledger.CatchUpOnce
	everyFewSeconds(t, w, last)
	w.Partition([]int{0}, []int{1}, []int{2})
	pass(t, w, time.Minute)
	w.Heal()
	pass(t, w, 15*time.Second)
	if n := firedOnce(t, w, all, 5*time.Second); n < 12 {
		t.Fatalf("%d times were made good", n)
	}
	sc, _ := w.referee.ledger.Schedule("once")
	if sc.Fired+sc.Skipped < 12 || sc.Fired > 6 {
		t.Fatalf("one that makes good once is %v", sc)
	}
}

func TestADeathMakesItsTaskOnceWhoeverLeads(t *testing.T) {
	w := cluster(t, 61, 5)
	sc := tick("page", "")
	sc.Event = "agreed-down"
	everyFewSeconds(t, w, sc)
	who := core.NodeID(0)
	dead := w.Leader()
	who = w.referee.who[dead]
	w.PowerCut(dead) // the leader itself: another must agree on it
	until(t, w, time.Minute, func() bool {
		m, _ := w.referee.ledger.Member(who)
		return m.State == ledger.Down
	})
	pass(t, w, 10*time.Second)
	made := 0
	for _, task := range w.referee.ledger.Tasks() {
		if task.Schedule == "page" {
			made++
			ends(t, w, time.Minute, ledger.Succeeded, core.TaskID(task.Id))
		}
	}
	if made != 1 {
		t.Fatalf("one death made %d tasks", made)
	}
}
