package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

func frame(text string) node.Frame { return node.Frame{Data: []byte(text)} }

func TestEffectsAreCarriedOutInTheirOrder(t *testing.T) {
	to := netip.MustParseAddrPort("10.0.0.1:1")
	m := newFake(func(ev node.Event) []node.Effect {
		name := string(ev.(node.Frame).Data)
		return []node.Effect{
			node.SendFrame{To: to, Data: []byte(name + "1")}, node.LogLine{Text: name + "2"}, node.SendDatagram{To: to, Data: []byte(name + "3")},
		}
	})
	r := startLoop(t, m)
	r.queue.tell(frame("a"))
	r.queue.tell(frame("b"))
	for _, name := range []string{"a", "b"} {
		if f := await(t, r.carried, "the first").(node.SendFrame); string(f.Data) != name+"1" {
			t.Fatalf("got %s", f.Data)
		}
		if f := await(t, r.carried, "the second").(node.LogLine); f.Text != name+"2" {
			t.Fatalf("got %s", f.Text)
		}
		if f := await(t, r.carried, "the third").(node.SendDatagram); string(f.Data) != name+"3" {
			t.Fatalf("got %s", f.Data)
		}
	}
}

func TestATickComesAtNextAndNotBefore(t *testing.T) {
	m := newFake(nil)
	due := now().Add(30 * time.Millisecond)
	m.next = due
	var at core.Instant
	m.step = func(ev node.Event) []node.Effect {
		if _, is := ev.(node.Tick); is {
			at, m.next = now(), core.Never
			return []node.Effect{node.Stop{}}
		}
		return nil
	}
	r := startLoop(t, m)
	if fault := await(t, r.ended, "the end"); fault != nil || at < due {
		t.Fatalf("%v; a tick at %v, due at %v", fault, at, due)
	}
}

func TestMailThatCameBeforeATickIsReadBeforeIt(t *testing.T) {
	m := newFake(nil)
	m.next = 0 // long overdue
	l := &loop{machine: m, now: now, queue: newQueue(), clients: clients{}, carry: func(node.Effect) {}, flush: func() {}, seen: func(node.Event) {}, stepped: func(core.Instant) {}, turned: func(core.Instant) {}, late: func(time.Duration) {}, longest: longestSleep}
	l.queue.tell(frame("one"))
	l.queue.tell(frame("two"))
	l.tick()
	for _, want := range []string{"one", "two"} {
		if ev, is := (<-m.told).(node.Frame); !is || string(ev.Data) != want {
			t.Fatalf("got %+v, want %s", ev, want)
		}
	}
	if _, is := (<-m.told).(node.Tick); !is {
		t.Fatal("no tick at last")
	}
}

func TestTheEndOfTheContextIsAShutdownAndStopEndsTheLoop(t *testing.T) {
	r := startLoop(t, newFake(nil))
	r.stop()
	if fault := await(t, r.ended, "the end"); fault != nil {
		t.Fatal(fault)
	}
	if r.queue.tell(frame("late")) && r.queue.tell(frame("late")) && len(r.queue.in) == queueLength {
		t.Fatal("the queue takes on after its end")
	}
	for range 2 * queueLength { // a sender is never stuck behind an ended loop
		r.queue.tell(frame("late"))
	}
}

func TestAFaultOfTheNodeEndsTheLoopWithIt(t *testing.T) {
	want := core.Faultf(core.CodeInternal, "broken")
	r := startLoop(t, newFake(func(node.Event) []node.Effect { return []node.Effect{node.Stop{Fault: want}} }))
	r.queue.tell(frame("x"))
	if fault := await(t, r.ended, "the end"); fault != want {
		t.Fatalf("got %v", fault)
	}
}

func TestADiskThatFailedEndsTheLoopWhateverTheMachineSays(t *testing.T) {
	r := startLoop(t, newFake(nil))
	r.queue.tell(node.DiskFailed{Err: errors.New("input/output error")})
	if fault := await(t, r.ended, "the end"); fault == nil || fault.Code != core.CodeIO {
		t.Fatalf("got %v", fault)
	}
}

// echo answers each question with n replies.
func echo(n int) func(node.Event) []node.Effect {
	return func(ev node.Event) (out []node.Effect) {
		if q, is := ev.(node.Asked); is {
			for i := range n {
				out = append(out, node.Reply{ID: q.ID, Body: node.Appended{Index: uint64(i)}, Last: i == n-1})
			}
		}
		return out
	}
}

func TestAClientGetsItsRepliesInOrderAndThenTheEnd(t *testing.T) {
	const n = 5000
	r := startLoop(t, newFake(echo(n)))
	replies := r.Ask(context.Background(), node.FollowLog{})
	for i := range n {
		got := await(t, replies, "a reply")
		if got.Body.(node.Appended).Index != uint64(i) || got.Last != (i == n-1) {
			t.Fatalf("reply %d is %+v", i, got)
		}
	}
	if extra, open := <-replies; open {
		t.Fatalf("after the last came %+v", extra)
	}
}

func TestTheMachineHearsThatAClientIsGoneAndOnlyThen(t *testing.T) {
	m := newFake(func(ev node.Event) []node.Effect {
		if q, is := ev.(node.Asked); is {
			_, ends := q.Body.(node.GetStatus)
			return []node.Effect{node.Reply{ID: q.ID, Body: node.StatusView{}, Last: ends}}
		}
		return nil
	})
	r := startLoop(t, m)
	ctx, leave := context.WithCancel(context.Background())
	done := r.Ask(ctx, node.GetStatus{})
	waits := r.Ask(ctx, node.WaitTask{})
	await(t, done, "the answer")
	await(t, waits, "the first reply")
	first, second := (<-m.told).(node.Asked), (<-m.told).(node.Asked)
	leave()
	gone := awaitEvent[node.Gone](t, m.told)
	if _, waiting := second.Body.(node.WaitTask); waiting && gone.ID != second.ID || !waiting && gone.ID != first.ID {
		t.Fatalf("request %d is gone", gone.ID)
	}
	r.stop()
	await(t, r.ended, "the end")
	close(m.told)
	for ev := range m.told {
		if extra, is := ev.(node.Gone); is {
			t.Fatalf("request %d, which had its last answer, is gone too", extra.ID)
		}
	}
}

func TestASlowClientIsDroppedAndHoldsNobodyUp(t *testing.T) {
	m := newFake(func(ev node.Event) []node.Effect {
		q, is := ev.(node.Asked)
		if !is {
			return nil
		}
		if _, log := q.Body.(node.FollowLog); !log {
			return []node.Effect{node.Reply{ID: q.ID, Body: node.StatusView{}, Last: true}}
		}
		var flood []node.Effect
		for range maxReplies + 2*replyAhead + 10 {
			flood = append(flood, node.Reply{ID: q.ID, Body: node.LogRecord{}})
		}
		return flood
	})
	r := startLoop(t, m)
	slow := r.Ask(context.Background(), node.FollowLog{Follow: true})
	await(t, r.Ask(context.Background(), node.GetStatus{}), "another client's answer")
	awaitEvent[node.Gone](t, m.told)
	n := 0
	for got := range slow {
		if n++; got.Last {
			t.Fatal("a dropped client was told that it has all")
		}
	}
	if n == 0 || n > maxReplies+2*replyAhead+10 {
		t.Fatalf("the dropped client got %d replies", n)
	}
}

func TestBytesCountToo(t *testing.T) {
	cs := clients{1: newClient(node.FollowOutput{}, new(atomic.Int64), func(*client) {})}
	piece := node.Reply{ID: 1, Body: node.Output{Data: make([]byte, 1<<20)}}
	n := 0
	for cs.reply(piece) {
		n++
	}
	if n < 60 || n > 72 {
		t.Fatalf("%d MiB were kept for a client who reads nothing", n)
	}
	if len(cs) != 0 {
		t.Fatal("it is still there")
	}
}

func TestAllClientsTogetherHoldABoundedAmount(t *testing.T) {
	const many, size = 64, 1 << 20
	held := new(atomic.Int64)
	cs, all := clients{}, []*client{}
	for id := range uint64(many) {
		cs[id] = newClient(node.FollowOutput{}, held, func(*client) {})
		all = append(all, cs[id])
	}
	for range 2 * maxHeldBytes / size / many {
		for id := range uint64(many) {
			cs.reply(node.Reply{ID: id, Body: node.Output{Data: make([]byte, size)}})
		}
		if most := int64(maxHeldBytes + 2*many*size); held.Load() > most {
			t.Fatalf("%d bytes wait, at most %d should", held.Load(), most)
		}
		for _, c := range all {
			if cs.has(c) {
				continue
			}
			c.forsake() // as its reader does when it is cut
		}
	}
	if len(cs) == 0 || len(cs) == many {
		t.Fatalf("%d of %d clients are still served", len(cs), many)
	}
	for id := range uint64(many) {
		cs.drop(id)
	}
	for _, c := range all {
		c.forsake()
	}
	if held.Load() != 0 {
		t.Fatalf("%d bytes are counted that nobody holds", held.Load())
	}
}

func (cs clients) has(c *client) bool {
	for _, other := range cs {
		if other == c {
			return true
		}
	}
	return false
}

func TestTheServersComplaintsAreToldOnce(t *testing.T) {
	var lines []string
	c := &complaints{told: strangers{}, log: func(_ bool, text string) { lines = append(lines, text) }}
	for _, wait := range []string{"5ms", "10ms"} {
		fmt.Fprintf(c, "http: Accept error: too many open files; retrying in %s\n", wait)
	}
	if len(lines) != 1 || lines[0] != "the local socket: http: Accept error: too many open files" {
		t.Fatalf("%q", lines)
	}
}

func TestAfterTheEndAQuestionIsAnsweredByNothing(t *testing.T) {
	r := startLoop(t, newFake(nil))
	r.stop()
	await(t, r.ended, "the end")
	for range queueLength + 1 {
		ctx, cancel := context.WithCancel(context.Background())
		c := r.Ask(ctx, node.GetStatus{})
		cancel()
		if got, open := <-c; open {
			t.Fatalf("got %+v", got)
		}
	}
}
