package dispatch

import (
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

func TestAnIdleClusterStartsATaskInOneEntry(t *testing.T) {
	d := newDesk(t, 2, 2)
	s := submit(1, job())
	plan, ok := d.PlanFor(d.now, s.GetSubmit())
	if !ok {
		t.Fatal("no plan, though every slot is free")
	}
	effects := shape(d.apply(s, plan))
	if !strings.HasPrefix(effects, "grant 1 to ") {
		t.Fatalf("after the entry it did %q", effects)
	}
}

func TestBeforeAnyReportEachMemberCountsAsOneSlot(t *testing.T) {
	d := newDesk(t, -1, -1)
	for n := range 3 {
		d.submit(n+1, job())
		d.settle()
	}
	if d.on(1) == 0 || d.on(2) == 0 || d.on(1) == d.on(2) || d.on(3) != 0 {
		t.Fatalf("the tasks are on %d, %d and %d", d.on(1), d.on(2), d.on(3))
	}
}

func TestWhoHasReportedGoesFirst(t *testing.T) {
	d := newDesk(t, -1, 2, -1)
	for n := range 2 {
		d.submit(n+1, job())
		d.settle()
	}
	if d.on(1) != 2 || d.on(2) != 2 {
		t.Fatalf("the tasks are on %d and %d", d.on(1), d.on(2))
	}
	d.submit(3, job())
	d.settle()
	if d.on(3) != 1 && d.on(3) != 3 {
		t.Fatalf("the third is on %d", d.on(3))
	}
}

func TestNothingGoesWhereNoSlotIsFree(t *testing.T) {
	d := newDesk(t, 1, 0)
	d.submit(1, job())
	d.settle()
	d.submit(2, job())
	d.want("")
	if _, ok := d.PlanFor(d.now, submit(3, job()).GetSubmit()); ok {
		t.Fatal("a plan without a slot")
	}
	d.apply(finish(1, d.fence(1), &wire.Result{}))
	d.want("assign 2 to 1;")
}

func TestPlansCountAsInFlight(t *testing.T) {
	d := newDesk(t, 1)
	if _, ok := d.PlanFor(d.now, submit(1, job()).GetSubmit()); !ok {
		t.Fatal("no first plan")
	}
	if _, ok := d.PlanFor(d.now, submit(2, job()).GetSubmit()); ok {
		t.Fatal("a second plan for one slot")
	}
}

func TestAKnownTaskGetsNoPlan(t *testing.T) {
	d := newDesk(t, 9)
	keyed := job()
	keyed.Key = "k"
	d.submit(1, keyed)
	d.settle()
	for name, sub := range map[string]*wire.Submit{
		"the same ID":  submit(1, keyed).GetSubmit(),
		"the same key": submit(2, keyed).GetSubmit(),
		"no ID":        {Spec: job()},
		"no spec":      submit(3, nil).GetSubmit(),
	} {
		if _, ok := d.PlanFor(d.now, sub); ok {
			t.Errorf("%s: a plan", name)
		}
	}
	d.do(Deposed{})
	if _, ok := d.PlanFor(d.now, submit(4, job()).GetSubmit()); ok {
		t.Error("a plan by who does not lead")
	}
}

func TestTheStrongerGetsMore(t *testing.T) {
	d := newDesk(t, 2, 6, 4)
	counts := map[uint64]int{}
	for n := range 6 {
		d.submit(n+1, job())
		d.settle()
		counts[d.on(n+1)]++
	}
	if counts[1] != 1 || counts[2] != 3 || counts[3] != 2 {
		t.Fatalf("six tasks on 2, 6 and 4 slots went %v", counts)
	}
}

func TestWhatOthersUseCounts(t *testing.T) {
	d := newDesk(t, 4, 4)
	d.hear(1, 4, 800)
	for n := range 5 {
		d.submit(n+1, job())
		d.settle()
	}
	// (n+1)/(4·1) stays below 1/(4·0.2) = 1.25 up to the fourth task.
	for n := range 4 {
		if d.on(n+1) != 2 {
			t.Fatalf("task %d is on the busy member", n+1)
		}
	}
	if d.on(5) != 1 {
		t.Fatal("the busy member has free slots, and the last task waits")
	}
}

func TestEqualsAreDrawn(t *testing.T) {
	counts := map[uint64]int{}
	d := newDesk(t, 1, 1, 1, 1)
	d.hear(2, 1, 30) // within five per cent
	for n := range 400 {
		d.submit(n+1, job())
		d.settle()
		counts[d.on(n+1)]++
		d.apply(finish(n+1, d.fence(n+1), &wire.Result{}))
	}
	for id := uint64(1); id <= 4; id++ {
		if counts[id] < 60 || counts[id] > 140 {
			t.Fatalf("400 draws among four equals: %v", counts)
		}
	}
}

func TestPlacement(t *testing.T) {
	for _, c := range []struct {
		name string
		spec *wire.Spec
		on   []uint64 // where it may be
	}{
		{"by name", jobOn("web3"), []uint64{3}},
		{"by ID", jobOn(core.NodeID(2).String()), []uint64{2}},
		{"on the leader", jobOn("@leader"), []uint64{1}},
		{"by a tag", jobOn("", "parity=odd"), []uint64{1, 3}},
		{"by a tag that differs", jobOn("", "parity!=odd"), []uint64{2}},
		{"by a tag that nobody has", jobOn("", "disk=big"), []uint64{0}},
		{"without a tag that nobody has", jobOn("", "disk!=big", "parity!=odd"), []uint64{2}},
		{"by name and a tag that fits", jobOn("web3", "parity=odd"), []uint64{3}},
		{"by name and a tag that does not", jobOn("web3", "parity=even"), []uint64{0}},
		{"by a name that nobody has", jobOn("db1"), []uint64{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for planned := range 2 {
				d := newDesk(t, 4, 4, 4)
				entry := []*wire.Command{submit(1, c.spec)}
				if planned == 1 {
					if plan, ok := d.PlanFor(d.now, entry[0].GetSubmit()); ok {
						entry = append(entry, plan)
					}
				}
				d.apply(entry...)
				d.settle()
				got, fits := d.on(1), false
				for _, id := range c.on {
					fits = fits || got == id
				}
				if !fits {
					t.Fatalf("it is on %d, not among %v", got, c.on)
				}
			}
		})
	}
}

func TestATaskThatFitsNowhereStopsNoOther(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.submit(1, jobOn("web2"))
	d.settle()
	d.submit(2, jobOn("web2"))
	d.submit(3, jobOn("", "disk=big"))
	d.submit(4, job())
	d.want("assign 4 to 1;")
}

func TestTheOldestGoesFirstAcrossPlacements(t *testing.T) {
	d := newDesk(t, 1)
	d.submit(1, job())
	d.settle()
	for n, s := range []*wire.Spec{jobOn("", "parity=odd"), job(), jobOn("web1")} {
		d.submit(n+2, s)
	}
	for n := 1; n < 4; n++ {
		d.apply(finish(n, d.fence(n), &wire.Result{}))
		d.settle()
		if d.on(n+1) != 1 {
			t.Fatalf("after task %d it was not the turn of %d", n, n+1)
		}
	}
}

func TestACancelledTaskIsPassedOver(t *testing.T) {
	d := newDesk(t, 1)
	for n := range 4 {
		d.submit(n+1, job())
		d.settle()
	}
	d.apply(cancel(2))
	d.apply(cancel(3))
	d.apply(finish(1, d.fence(1), &wire.Result{}))
	d.want("assign 4 to 1;")
}

func TestADoubtfulMemberGetsNothingNew(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.do(Lost{2})
	d.submit(1, job())
	d.settle()
	d.submit(2, job())
	d.want("")
	d.hear(2, 1, 0)
	d.want("assign 2 to 2;")
}

func TestNewsOfStrangersIsIgnored(t *testing.T) {
	d := newDesk(t, 1)
	for _, ev := range []Event{
		Lost{9}, Heard{Node: 9, Known: true, Load: core.Load{Slots: 9}}, Held{Node: 9, Fences: []core.Fence{5}},
		Refused{Node: 9, Task: tid(1), Fence: 5}, Dropped{[]*wire.Command{{}, submit(1, job())}}, Tick{},
	} {
		d.do(ev)
		d.want("")
	}
}

func TestExplainSaysWhatTheChoiceSaw(t *testing.T) {
	d := newDesk(t, 2, 1, 4, 4, -1)
	d.apply(down(4, 1))
	d.do(Lost{5})
	d.submit(1, jobOn("web2"))
	d.settle()
	d.hear(1, 2, 250)

	e := d.Explain(d.now, jobOn("", "parity=odd"), core.TaskID{})
	candidates, choice := e.Candidates, e.Choice
	why := ""
	for _, c := range candidates {
		why += c.Name + ":" + c.Why + ";"
	}
	if want := "web1:;web2:not parity=odd;web3:;web4:down;web5:does not answer;"; why != want {
		t.Fatalf("the candidates are %q, not %q", why, want)
	}
	if choice != 3 || candidates[0].Cost != 1/(2*0.75) || candidates[2].Cost != 0.25 || candidates[0].OthersPermille != 250 {
		t.Fatalf("the choice is %v of %v", choice, candidates)
	}
	e = d.Explain(d.now, jobOn("web2"), core.TaskID{})
	candidates, choice = e.Candidates, e.Choice
	if choice != 0 || candidates[1].Why != "1 of 1 slots taken" || candidates[0].Why != "is not web2" {
		t.Fatalf("the choice is %v of %v", choice, candidates)
	}
	d.want("")
	if m, _ := d.state.Member(4); m.State != ledger.Down {
		t.Fatalf("member 4 is %v", m)
	}
}

func TestAStepDoesNotWorkThroughTheQueue(t *testing.T) {
	d := newDesk(t, 1)
	const many = 50_000
	for from := 0; from < many; from += 1000 {
		var entry []*wire.Command
		for n := range 1000 {
			entry = append(entry, submit(from+n+1, job()))
		}
		outcomes := d.state.Apply(d.state.Applied()+1, &wire.Entry{Commands: entry})
		d.do(Applied{outcomes})
		d.settle()
	}
	load := Heard{Node: 1, Load: core.Load{Slots: 1}, Known: true}
	if n := testing.AllocsPerRun(100, func() { d.Step(d.now, load) }); n > 10 {
		t.Fatalf("a load report costs %.0f allocations with %d tasks waiting", n, many)
	}
	if len(d.state.QueuedTasks()) != many-1 || d.Next() > d.now.Add(time.Minute) {
		t.Fatalf("%d tasks wait", len(d.state.QueuedTasks()))
	}
}

func BenchmarkOneDecisionAmongAThousandMembers(b *testing.B) {
	slots := make([]int, 1000)
	for i := range slots {
		slots[i] = 1 << 15
	}
	d := newDesk(&testing.T{}, slots...)
	s := submit(1, job())
	for b.Loop() {
		if _, ok := d.PlanFor(d.now, s.GetSubmit()); !ok {
			b.Fatal("no plan")
		}
		delete(d.plans, tid(1))
	}
}

func TestATaskThatWaitsSaysWhy(t *testing.T) {
	d := newDesk(t, 1, 1)
	exclusive := func() *wire.Spec {
		s := job()
		s.Exclusive = "tape"
		return s
	}
	d.submit(1, exclusive())
	d.settle()
	d.submit(2, exclusive())
	d.submit(3, job())
	d.settle()
	d.submit(4, job())
	d.submit(5, jobOn("", "parity=neither"))
	d.submit(6, jobOn("web9"))
	d.settle()
	for n, want := range map[int]string{
		2: "holds \"tape\"",
		3: "",
		4: "all 2 slots of the 2 members that may run it are taken",
		5: "no member may run it now: not parity=neither",
		6: "no member may run it now: is not web9",
	} {
		task := d.task(n)
		if got := d.Explain(d.now, task.Spec, core.TaskID(task.Id)).Waits; !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("task %d: %q, not %q", n, got, want)
		}
	}
}

// TestAMemberThatLiesIsBelievedWithinBounds lets one of two like members say that
// it is a hundred times as strong and has any number of slots.
func TestAMemberThatLiesIsBelievedWithinBounds(t *testing.T) {
	d := newDesk(t, 4, 4)
	d.do(Heard{Node: 2, Load: core.Load{Slots: 4, Strength: 100}, Known: true})
	d.do(Heard{Node: 1, Load: core.Load{Slots: 65535, Strength: 65535, Slowdown: 1}, Known: true})
	liar, honest := d.byID[1], d.byID[2]
	if liar.slots() != mostSlots || liar.slowness() < 1.0/strengthMost || honest.slowness() > strengthMost {
		t.Fatalf("it has %d slots, and is %g times as slow as others; the other is %g", liar.slots(), liar.slowness(), honest.slowness())
	}
	// Its runs, as slow as the other's, have the last word.
	d.teach(1, 20, "a", "web1", time.Second)
	d.teach(30, 20, "a", "web2", time.Second)
	if gain := honest.slowness() / liar.slowness(); gain > strengthMost/correctMost {
		t.Fatalf("after %d runs the liar still counts as %g times as fast", 20, gain)
	}
}
