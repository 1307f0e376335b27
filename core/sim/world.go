package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/agenda"
	"hb/core/node"
)

// moment is a point of virtual time: how long the world has existed. No host
// knows it; each has its own core.Instant.
type moment = time.Duration

// World is a cluster in virtual time. Scripts move it with Until and For and
// upset it with the methods of faults.go; it is used by one goroutine, and by
// one World at a time in a process until Close (see entropy.go).
type World struct {
	options Options
	now     moment
	queue   agenda.Agenda[moment]
	hosts   []*host
	network *network
	referee *referee
	trace   *trace
	crowd   *crowd
	lockers *lockers
	chaos   *chaos // nil: nothing goes wrong by itself
	calls   uint64
	broken  *Violation
	steps   uint64
	restore func()
	// build makes the machine of a host; tests put toys here.
	build func(*host) (machine, error)
}

// machine is what a host runs: a *node.Node, or a toy.
type machine interface {
	Step(now core.Instant, ev node.Event) []node.Effect
	Next() core.Instant
}

// New makes a world of Options.Nodes hosts that are all down.
func New(o Options) *World {
	o = o.withDefaults()
	w := &World{options: o, restore: seedEntropy(o.Seed), build: buildNode}
	w.trace = newTrace(o.Trace)
	w.network = newNetwork(w, o.Net)
	w.referee = newReferee(w)
	for i := range o.Nodes {
		w.hosts = append(w.hosts, newHost(w, i))
	}
	return w
}

// Close gives the process its own crypto/rand.Reader back.
func (w *World) Close() { w.restore() }

// Now is the virtual time since New.
func (w *World) Now() time.Duration { return w.now }

// Hash sums up every event and effect so far, in order.
func (w *World) Hash() uint64 { return w.trace.sum() }

// Err is the first broken invariant, or nil. Once there is one, time stands.
func (w *World) Err() error {
	if w.broken == nil {
		return nil
	}
	return w.broken
}

// Start starts the first n hosts; host 0 founds the cluster, the others find it
// by its address.
func (w *World) Start(n int) {
	for i := range n {
		w.Restart(i)
	}
}

// For lets virtual time pass and returns Err.
func (w *World) For(d time.Duration) error {
	err := w.Until(func() bool { return false }, d)
	if w.broken == nil {
		return nil
	}
	return err
}

// Until lets virtual time pass until cond holds, which is asked after every
// event. It is an error when an invariant breaks, or the limit passes first.
func (w *World) Until(cond func() bool, limit time.Duration) error {
	end := w.now + limit
	for w.broken == nil && !cond() {
		if w.queue.Len() == 0 || w.queue.Next() > end {
			w.now = end
			return fmt.Errorf("not within %s of virtual time (seed %d)\n%s", limit, w.options.Seed, w.trace.tail(60))
		}
		at, do := w.queue.Take()
		w.now = at
		do()
	}
	return w.Err()
}

// after lets something happen later.
func (w *World) after(d time.Duration, do func()) { w.queue.Add(w.now+max(d, 0), do) }

// fail keeps the first broken invariant.
func (w *World) fail(invariant, format string, args ...any) {
	if w.broken == nil {
		w.broken = newViolation(w, invariant, fmt.Sprintf(format, args...))
	}
}

// Violation is a broken invariant, with what one needs to see it again.
type Violation struct {
	Seed      uint64
	Invariant string
	Detail    string
	At        time.Duration
	// Lines are the last of the trace.
	Lines string
	// Replay is the command that shows it again.
	Replay string
}

func newViolation(w *World, invariant, detail string) *Violation {
	o := w.options
	v := &Violation{
		Seed: o.Seed, Invariant: invariant, Detail: detail, At: w.now, Lines: w.trace.tail(40),
		Replay: fmt.Sprintf("scripts/seeds --seed %d --nodes %d --time %s --trace", o.Seed, o.Nodes, o.Time),
	}
	if o.Faults == (Faults{Every: o.Faults.Every}) {
		v.Replay += " --calm"
	}
	if o.Detector != "" {
		v.Replay += " --detector " + o.Detector
	}
	if o.Spread != "" {
		v.Replay += " --spread " + o.Spread
	}
	return v
}

// Error gives all of it, over several lines.
func (v *Violation) Error() string {
	return fmt.Sprintf("seed %d at %s: %s: %s\nlast lines of the trace:\n%sreplay: %s",
		v.Seed, v.At, v.Invariant, v.Detail, v.Lines, v.Replay)
}

// chance is the generator of one purpose in this world.
func (w *World) chance(purpose string) *rand.Rand { return chance(w.options.Seed, purpose) }

// hostAt finds the host of an address.
func (w *World) hostAt(a netip.AddrPort) *host {
	if !a.Addr().Is4() {
		return nil
	}
	b := a.Addr().As4()
	i := int(b[2])<<8 | int(b[3])
	if i < 1 || i > len(w.hosts) || w.hosts[i-1].addr.Addr() != a.Addr() {
		return nil
	}
	return w.hosts[i-1]
}
