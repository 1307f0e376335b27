package sim

import (
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// exclusively submits a task that runs so long under one key.
func (w *World) exclusively(host int, long time.Duration, key string) (core.TaskID, *Call) {
	id := w.mintTask()
	return id, w.Ask(host, node.SubmitTask{Task: id, Spec: &wire.Spec{
		Name: "x", Argv: []string{Work, long.String()}, Exclusive: key,
	}})
}

func TestExclusiveTasksRunOneAfterTheOther(t *testing.T) {
	w := cluster(t, 21, 3)
	var ids []core.TaskID
	for range 5 {
		id, c := w.exclusively(0, 400*time.Millisecond, "k")
		answer[node.Submitted](t, w, c)
		ids = append(ids, id)
	}
	ends(t, w, 15*time.Second, ledger.Succeeded, ids...)
}

func TestALongExclusiveTaskOutlivesManyLeasesAndAChangeOfLeader(t *testing.T) {
	w := cluster(t, 22, 5)
	id, c := w.exclusively(0, time.Minute, "k")
	answer[node.Submitted](t, w, c)
	until(t, w, 5*time.Second, func() bool { return runsOn(w, id) >= 0 })
	pass(t, w, 20*time.Second)
	if old := w.Leader(); old != runsOn(w, id) {
		w.Kill(old)
		pass(t, w, 20*time.Second)
		w.Restart(old)
	}
	ends(t, w, time.Minute, ledger.Succeeded, id)
	if n := len(w.Task(id).Attempts); n != 1 {
		t.Fatalf("it took %d attempts", n)
	}
}

// TestWhateverBecomesOfTheHolderNobodyElseRunsBesideIt: the world itself fails
// when two run at once.
func TestWhateverBecomesOfTheHolderNobodyElseRunsBesideIt(t *testing.T) {
	for what, upset := range map[string]func(w *World, holder int){
		"it is cut off":        func(w *World, holder int) { w.Partition([]int{holder}, others(w, holder)) },
		"it is not heard":      func(w *World, holder int) { cutFrom(w, holder) },
		"its daemon is killed": func(w *World, holder int) { w.Kill(holder) },
		"its daemon is paused": func(w *World, holder int) { w.Pause(holder, 40*time.Second) },
		"its clock jumps": func(w *World, holder int) {
			w.JumpClock(holder, -time.Hour)
			w.Partition([]int{holder}, others(w, holder))
		},
		"the power goes":          func(w *World, holder int) { w.PowerCut(holder) },
		"a minority has a leader": minority,
	} {
		t.Run(strings.ReplaceAll(what, " ", "-"), func(t *testing.T) {
			w := cluster(t, 23, 5)
			first, c := w.exclusively(0, 3*time.Minute, "k")
			answer[node.Submitted](t, w, c)
			until(t, w, 5*time.Second, func() bool { return runsOn(w, first) >= 0 })
			holder := runsOn(w, first)
			asker := others(w, holder)[0]
			second, c := w.exclusively(asker, time.Second, "k")
			answer[node.Submitted](t, w, c)
			pass(t, w, 3*time.Second)
			upset(w, holder)
			until(t, w, 2*time.Minute, func() bool { return len(w.Task(first).GetAttempts()) > 1 || ledger.IsFinal(w.Task(second).GetStatus()) })
			w.Heal()
			pass(t, w, 20*time.Second)
		})
	}
}

// cutFrom lets a host hear everybody and be heard by nobody.
func cutFrom(w *World, host int) {
	for _, other := range others(w, host) {
		w.Cut(host, other)
	}
}

// minority cuts off the holder together with whoever leads, or with one more.
func minority(w *World, holder int) {
	with := w.Leader()
	if with == holder {
		with = (holder + 1) % 5
	}
	var rest []int
	for i := range 5 {
		if i != holder && i != with {
			rest = append(rest, i)
		}
	}
	w.Partition([]int{holder, with}, rest)
}
