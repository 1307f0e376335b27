package sim

import (
	"net/netip"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// toy is a machine for tests of the world itself: it keeps what it is told,
// with the time, and does what a test says.
type toy struct {
	host *host
	got  []heard
	do   func(ev node.Event) []node.Effect
	next core.Instant
}

type heard struct {
	at moment
	ev node.Event
}

func (m *toy) Step(now core.Instant, ev node.Event) []node.Effect {
	m.got = append(m.got, heard{m.host.w.now, ev})
	if m.do == nil {
		return nil
	}
	return m.do(ev)
}

func (m *toy) Next() core.Instant { return m.next }

// toys starts a world of toys. Each life of a host has a toy of its own; the
// newest is in the slice.
func toys(t *testing.T, o Options, do func(m *toy, ev node.Event) []node.Effect) (*World, []*toy) {
	t.Helper()
	w := New(o)
	t.Cleanup(w.Close)
	ms := make([]*toy, w.options.Nodes)
	w.build = func(h *host) (machine, error) {
		m := &toy{host: h, next: core.Never}
		if do != nil {
			m.do = func(ev node.Event) []node.Effect { return do(m, ev) }
		}
		ms[h.i] = m
		return m, nil
	}
	w.Start(w.options.Nodes)
	return w, ms
}

// tell hands an effect to a host as if its machine had given it.
func tell(w *World, host int, effects ...node.Effect) {
	for _, eff := range effects {
		w.hosts[host].perform(eff)
	}
}

// of are the events of one type that a toy got.
func of[E node.Event](m *toy) []E {
	var found []E
	for _, h := range m.got {
		if e, ok := h.ev.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

func pass(t *testing.T, w *World, d time.Duration) {
	t.Helper()
	if err := w.For(d); err != nil {
		t.Fatal(err)
	}
}

// broken lets time pass and wants this invariant to break.
func broken(t *testing.T, w *World, invariant string) {
	t.Helper()
	w.For(time.Minute)
	if w.broken == nil || w.broken.Invariant != invariant {
		t.Fatalf("want %q broken, got %v", invariant, w.Err())
	}
}

func addrOf(w *World, host int) netip.AddrPort { return w.hosts[host].addr }
