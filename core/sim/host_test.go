package sim

import (
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

func TestANodeIsTickedAtItsDeadline(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, func(m *toy, ev node.Event) []node.Effect {
		m.next = core.Never
		if len(of[node.Tick](m)) < 5 {
			m.next = m.host.clock().Add(time.Second)
		}
		return nil
	})
	pass(t, w, time.Minute)
	var ticks []moment
	for _, h := range ms[0].got {
		if _, ok := h.ev.(node.Tick); ok {
			ticks = append(ticks, h.at)
		}
	}
	// Every event puts the deadline off; the load's samples come each second too.
	if len(ticks) != 5 || ticks[4] > 10*time.Second {
		t.Fatalf("%v", ticks)
	}
}

func TestANodeThatAsksForTheSameInstantForEverFails(t *testing.T) {
	w, _ := toys(t, Options{Nodes: 1}, func(m *toy, ev node.Event) []node.Effect {
		m.next = m.host.clock()
		return nil
	})
	broken(t, w, "no node asks for the same instant for ever")
}

func TestAStepWithoutBoundFails(t *testing.T) {
	w, _ := toys(t, Options{Nodes: 1}, func(m *toy, ev node.Event) []node.Effect {
		return make([]node.Effect, 0, 1)
	})
	w.hosts[0].m.(*toy).do = func(ev node.Event) []node.Effect {
		effects := make([]node.Effect, stepEffects+1)
		for i := range effects {
			effects[i] = node.LogLine{Text: "again"}
		}
		return effects
	}
	broken(t, w, "no Step does unbounded work")
}

func TestAPanicIsAViolation(t *testing.T) {
	w, _ := toys(t, Options{Nodes: 1, Seed: 77}, nil)
	w.hosts[0].m.(*toy).do = func(node.Event) []node.Effect { panic("the queue holds -1 tasks") }
	broken(t, w, "no node panics")
	text := w.Err().Error()
	for _, want := range []string{"seed 77", "-1 tasks", "scripts/seeds --seed 77"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

func TestANodeThatStopsUnaskedFails(t *testing.T) {
	w, _ := toys(t, Options{Nodes: 1}, nil)
	tell(w, 0, node.Stop{Fault: core.Faultf(core.CodeInternal, "enough")})
	broken(t, w, "no node stops unasked")
}

func TestANodeMayStopWhenAsked(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, func(m *toy, ev node.Event) []node.Effect {
		if _, ok := ev.(node.Shutdown); ok {
			return []node.Effect{node.Stop{}, node.LogLine{Text: "too late"}}
		}
		return nil
	})
	first := ms[0]
	w.Shutdown(0)
	pass(t, w, time.Second)
	if w.hosts[0].up() {
		t.Fatal("it still runs")
	}
	w.Restart(0)
	pass(t, w, time.Second)
	if !w.hosts[0].up() || ms[0] == first {
		t.Fatal("it does not run again")
	}
}

func TestMailWaitsForAPausedProcess(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 2}, nil)
	w.Pause(1, 3*time.Second)
	sendFrames(w, 0, 1, 2, 0)
	for range 2 * mailbox {
		tell(w, 0, node.SendDatagram{To: addrOf(w, 1), Data: []byte("x")})
	}
	pass(t, w, 2900*time.Millisecond)
	if n := len(of[node.Frame](ms[1])) + len(of[node.Datagram](ms[1])); n != 0 {
		t.Fatalf("a paused process read %d messages", n)
	}
	pass(t, w, 200*time.Millisecond)
	if f, d := len(of[node.Frame](ms[1])), len(of[node.Datagram](ms[1])); f != 2 || d != mailbox {
		t.Fatalf("%d frames and %d datagrams", f, d)
	}
}

func TestWhatWasMeantForAnEarlierLifeIsDropped(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 1}, nil)
	w.hosts[0].later(time.Second, node.Seeds{})
	w.Kill(0)
	w.Restart(0)
	pass(t, w, 2*time.Second)
	if got := of[node.Seeds](ms[0]); len(got) != 0 {
		t.Fatalf("%v", got)
	}
}

func TestClocksOfHostsDiffer(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 2}, nil)
	if w.hosts[0].clock() == w.hosts[1].clock() {
		t.Fatal("two hosts booted at the same instant")
	}
	before := w.hosts[0].unix()
	w.JumpClock(0, time.Hour)
	pass(t, w, time.Second)
	if got := w.hosts[0].unix() - before; got != int64(time.Hour+time.Second) {
		t.Fatalf("the wall clock went on by %d", got)
	}
	told := of[node.Clock](ms[0])
	if len(told) != 2 || told[1].Offset-told[0].Offset != time.Hour {
		t.Fatalf("%v", told)
	}
}

func TestACallIsLostWithItsNode(t *testing.T) {
	w, _ := toys(t, Options{Nodes: 1}, nil)
	c := w.Ask(0, node.GetStatus{})
	pass(t, w, time.Second)
	if c.Done {
		t.Fatal("answered by nobody")
	}
	w.Kill(0)
	if !c.Done || !c.Lost {
		t.Fatalf("%+v", c)
	}
	if c := w.Ask(0, node.GetStatus{}); !c.Lost {
		t.Fatal("a node that is down has a socket")
	}
}

func TestACallGetsItsAnswers(t *testing.T) {
	w, _ := toys(t, Options{Nodes: 1}, func(m *toy, ev node.Event) []node.Effect {
		if e, ok := ev.(node.Asked); ok {
			return []node.Effect{
				node.Reply{ID: e.ID, Body: node.Record{Kind: "one"}},
				node.Reply{ID: e.ID, Body: node.Record{Kind: "two"}, Last: true},
			}
		}
		return nil
	})
	c := w.Ask(0, node.FollowEvents{})
	pass(t, w, time.Second)
	if !c.Done || c.Lost || len(c.Replies) != 2 || c.Answer() != any(node.Record{Kind: "two"}) {
		t.Fatalf("%+v", c)
	}
}
