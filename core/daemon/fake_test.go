package daemon

import (
	"context"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// fake is a machine that notes what it is told and answers by a function.
type fake struct {
	told chan node.Event
	step func(ev node.Event) []node.Effect
	next core.Instant
}

func newFake(step func(ev node.Event) []node.Effect) *fake {
	return &fake{told: make(chan node.Event, 100_000), step: step, next: core.Never}
}

func (f *fake) Step(_ core.Instant, ev node.Event) []node.Effect {
	f.told <- ev
	if _, is := ev.(node.Shutdown); is {
		return []node.Effect{node.Stop{}}
	}
	if f.step == nil {
		return nil
	}
	return f.step(ev)
}

func (f *fake) Next() core.Instant { return f.next }

// await waits for something on a channel.
func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v, ok := <-c:
		if !ok {
			t.Fatalf("the channel was closed instead of %s", what)
		}
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// awaitEvent waits for an event of a type, passing over others.
func awaitEvent[T node.Event](t *testing.T, c <-chan node.Event) T {
	t.Helper()
	for {
		if ev, is := await(t, c, "an event").(T); is {
			return ev
		}
	}
}

// looping runs a loop around a fake machine.
type looping struct {
	*daemon
	loop    *loop
	carried chan node.Effect
	stop    context.CancelFunc
	ended   chan *core.Fault
}

func startLoop(t *testing.T, m *fake) *looping {
	t.Helper()
	return startLoopWith(t, m, func(*loop) {})
}

// startLoopWith lets the loop be changed before it starts.
func startLoopWith(t *testing.T, m *fake, change func(*loop)) *looping {
	t.Helper()
	d := &daemon{queue: newQueue()}
	r := &looping{daemon: d, carried: make(chan node.Effect, 10_000), ended: make(chan *core.Fault, 1)}
	r.loop = &loop{machine: m, now: now, queue: d.queue, clients: clients{},
		carry: func(f node.Effect) { r.carried <- f }, flush: func() {}, seen: func(node.Event) {}, stepped: func(core.Instant) {}, late: func(time.Duration) {}, turned: func(core.Instant) {}, longest: longestSleep}
	change(r.loop)
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() { r.ended <- r.loop.run(ctx) }()
	t.Cleanup(func() { r.stop(); d.group.Wait() })
	return r
}
