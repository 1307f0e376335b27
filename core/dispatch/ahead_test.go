package dispatch

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// short teaches a desk with one member that jobs take so long.
func (d *desk) short(took time.Duration) {
	d.Helper()
	for n := 1; n <= freshRuns; n++ {
		d.submit(n, job())
		d.settle()
		d.apply(finish(n, d.fence(n), &wire.Result{StartedNanos: 1, EndedNanos: 1 + int64(took)}))
		d.settle()
	}
}

// queueMany submits tasks from 101 on, and gives how many the member was granted.
func (d *desk) queueMany(many int, s func() *wire.Spec) (granted int) {
	d.Helper()
	for n := range many {
		d.submit(101+n, s())
		d.settle()
	}
	for n := range many {
		if d.on(101+n) != 0 {
			granted++
		}
	}
	return granted
}

func TestAMemberGetsAFewShortTasksMoreThanItHasSlots(t *testing.T) {
	for _, c := range []struct {
		name    string
		took    time.Duration
		spec    func() *wire.Spec
		granted int
	}{
		{"as much as its slots do in aheadTime", 22 * time.Millisecond, job, 2 + 7},
		{"no more than so many", time.Millisecond, job, 2 + aheadMost/2 + 1},
		{"none of long ones", 2 * time.Second, job, 2},
		{"none that take longer than it may wait", 300 * time.Millisecond, job, 2},
		{"none that may run only once", time.Millisecond, func() *wire.Spec { s := job(); s.Once = true; return s }, 2},
		{"none of which nothing is known", time.Millisecond, func() *wire.Spec { s := job(); s.Name = "new"; return s }, 2},
		{"none that must be alone", time.Millisecond, func() *wire.Spec { s := job(); s.Exclusive = "key"; return s }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, 2)
			d.short(c.took)
			if granted := d.queueMany(80, c.spec); granted != c.granted {
				t.Errorf("%d are granted, not %d", granted, c.granted)
			}
		})
	}
}

func TestWhatWaitsAtAMemberBeginsAsOthersEnd(t *testing.T) {
	d := newDesk(t, 2)
	d.short(20 * time.Millisecond)
	d.queueMany(40, job)
	h := d.byID[1]
	for range 20 {
		d.now = d.now.Add(20 * time.Millisecond)
		for n := 101; n < 141; n++ {
			if task := d.task(n); task.Status == ledger.Assigned && d.grants[tid(n)].begun {
				d.apply(finish(n, d.fence(n), &wire.Result{StartedNanos: 1, EndedNanos: 1 + int64(20*time.Millisecond)}))
				d.settle()
				break
			}
		}
		begun := 0
		for _, g := range h.runs {
			if g.begun {
				begun++
			}
		}
		if begun != min(2, len(h.runs)) {
			t.Fatalf("%d of %d have begun", begun, len(h.runs))
		}
	}
}

func TestAMemberWhoseTasksAreOverdueGetsNoMore(t *testing.T) {
	d := newDesk(t, 2)
	d.short(20 * time.Millisecond)
	d.queueMany(2, job)
	d.now = d.now.Add(time.Second)
	for n := range 40 {
		d.submit(201+n, job())
		d.settle()
		if d.on(201+n) != 0 {
			t.Fatalf("task %d goes there", 201+n)
		}
	}
}

func TestWhatHasNotStartedInTimeIsAskedBack(t *testing.T) {
	d := newDesk(t, 2)
	d.short(20 * time.Millisecond)
	d.queueMany(4, job)
	all := []core.Fence{d.fence(101), d.fence(102), d.fence(103), d.fence(104)}
	d.now = d.now.Add(aheadLate - 1)
	d.do(Held{Node: 1, Instance: 1, Fences: all, Waiting: all[2:]})
	d.want("")
	d.now++
	d.do(Held{Node: 1, Instance: 1, Fences: all, Waiting: all[2:]})
	d.want("kill 103 on 1;kill 104 on 1;")
	for _, f := range d.seen {
		if !f.(Kill).Kill.Unstarted {
			t.Fatal("it might end what runs")
		}
	}
	d.do(Refused{Node: 1, Task: tid(103), Fence: d.fence(103), Reason: "it waited"})
	d.want("requeue 103;")
	d.settle()
	if task := d.task(103); task.Status != ledger.Queued {
		t.Fatalf("it is %v", task)
	}
	// By now nobody knows how long the member will be busy.
	if d.on(103) != 0 || d.on(104) != 1 {
		t.Fatalf("they are on %d and %d", d.on(103), d.on(104))
	}
}

func TestADrainAsksBackWhatHasNotStarted(t *testing.T) {
	d := newDesk(t, 1)
	d.short(20 * time.Millisecond)
	d.queueMany(2, job)
	d.apply(&wire.Command{Body: &wire.Command_Drain{Drain: &wire.Drain{Node: 1, On: true}}})
	d.do(Held{Node: 1, Instance: 1, Fences: []core.Fence{d.fence(101), d.fence(102)}, Waiting: []core.Fence{d.fence(102)}})
	d.want("kill 102 on 1;")
}
