package dispatch

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// grant is an open grant of the ledger and what its runner knows of it.
type grant struct {
	task      core.TaskID
	fence     core.Fence
	node      core.NodeID
	held      bool         // the runner says that it has it
	runs      bool         // and that its process runs
	runsSince int64        // and since when; 0: it does not know
	cancelled bool         // the ledger wants it ended
	sent      core.Instant // when the runner was last told
	due       core.Instant // when it is to be told again
	taken     core.Instant // until when a Requeue is on its way
	given     core.Instant // when this leader first saw it
	begun     bool         // it should run by now; else it waits there for a slot
	since     core.Instant // since when it should
	exclusive string       // the key that it holds
	once      bool         // it may not run again
	renewed   core.Instant // when its lease was last renewed
	spec      *wire.Spec
	before    int     // how many runs of its name had ended when it was granted
	expected  float64 // how many seconds it should take there; 0: nobody knows
}

// ends is when it should.
func (g *grant) ends() core.Instant {
	if g.expected <= 0 {
		return core.Never
	}
	return g.since.Add(time.Duration(min(g.expected, longest.Seconds()) * float64(time.Second)))
}

// expected is how many seconds a task should take on a host, as things are now; 0:
// nobody knows.
func (m *Machine) expected(h *host, spec *wire.Spec) float64 {
	if !m.history.knows(spec) {
		return 0
	}
	return h.unshared(m.history.demand(spec))
}

// without takes a run out of a list. It is one of the first, mostly: those that begin
// first end first.
func without(runs []*grant, g *grant) []*grant {
	if at := slices.Index(runs, g); at >= 0 {
		return slices.Delete(runs, at, at+1)
	}
	return runs
}

// refitEvery bounds how often all runs are looked at.
const refitEvery = 200 * time.Millisecond

// differs says whether an estimate has changed so much that it matters.
func differs(before, after float64) bool {
	return after < 0.9*before || after > 1.1*before
}

// refit expects of what runs what is known by now.
func (m *Machine) refit(now core.Instant) {
	if !m.unfit || now.Sub(m.fitted) < refitEvery {
		return
	}
	m.unfit, m.fitted = false, now
	for _, h := range m.hosts {
		h.endSum, h.endCount = 0, 0
		for _, g := range h.runs {
			if g.expected = m.expected(h, g.spec); g.begun {
				h.countEnd(g, 1)
			}
		}
	}
}

func (h *host) countEnd(g *grant, by int) {
	if g.expected > 0 {
		h.endSum += float64(by) * seconds(g.ends())
		h.endCount += by
	}
}

// refresh brings the soft state about a task up to date with its record.
func (m *Machine) refresh(now core.Instant, t *wire.Task) {
	id := core.TaskID(t.Id)
	open := ledger.OpenAttempt(t)
	if g := m.grants[id]; g != nil && (open == nil || core.Fence(open.Fence) != g.fence) {
		delete(m.grants, id)
		if h := m.byID[g.node]; h != nil {
			h.open--
			h.runs = without(h.runs, g)
			if g.begun {
				h.countEnd(g, -1)
			}
			h.begin(now)
			m.unwatch(g)
		}
	}
	if open != nil {
		m.follow(now, t, open)
		return
	}
	if t.Status != ledger.Queued {
		return
	}
	if _, planned := m.plans[id]; planned {
		return // it came back to the queue with a plan under way; that decides
	}
	if wait := backOff(t); wait > 0 && !m.queue.in[id] {
		m.later(t, now.Add(wait))
	} else {
		m.ready(now, t)
	}
}

// follow tells the runner of an open grant, and of the wish to end it.
func (m *Machine) follow(now core.Instant, t *wire.Task, open *wire.Attempt) {
	id := core.TaskID(t.Id)
	g := m.grants[id]
	if g == nil {
		g = &grant{task: id, fence: core.Fence(open.Fence), node: core.NodeID(open.Node), due: core.Never, given: now, since: now, exclusive: t.Spec.Exclusive, once: t.Spec.Once}
		m.grants[id] = g
		if h := m.byID[g.node]; h != nil {
			g.spec, g.expected = t.Spec, m.expected(h, t.Spec)
			h.open++
			h.runs = append(h.runs, g)
			h.begin(now)
			m.watchRun(g)
		}
	} else if g.cancelled || t.Status != ledger.Cancelling {
		return
	}
	g.cancelled = t.Status == ledger.Cancelling
	m.repeat(now, g)
}

// repeat tells the runner what the ledger wants of it, or, when the log agrees
// that its member is gone, takes the grant back.
func (m *Machine) repeat(now core.Instant, g *grant) {
	h := m.byID[g.node]
	if h == nil || h.state != ledger.Up {
		why := "its member is unknown"
		if h != nil {
			why = h.name + " is " + h.state
		}
		m.takeBack(now, g, why, false)
		return
	}
	kill := g.cancelled || h.evict
	if g.held && !kill {
		m.wakeAt(g, core.Never)
		return
	}
	g.sent = now
	m.wakeAt(g, now.Add(Resend))
	if kill {
		why := "cancelled"
		if !g.cancelled {
			why = h.name + " is drained"
		}
		kill := &wire.Kill{Task: g.task[:], Fence: uint64(g.fence), Reason: why}
		if t, ok := m.opt.Ledger().OpenGrant(g.fence); ok {
			kill.Instance = ledger.OpenAttempt(t).Instance
		}
		m.put(Kill{g.node, kill})
		return
	}
	t, ok := m.opt.Ledger().OpenGrant(g.fence)
	if !ok {
		return // its end has just been applied, and the news is on its way here
	}
	open := ledger.OpenAttempt(t)
	m.put(Grant{g.node, &wire.Grant{
		Task: g.task[:], Attempt: open.N, Fence: uint64(g.fence), Spec: specOf(t), Instance: open.Instance,
	}})
}

// specOf is what the runner of an attempt is told to do: an element's process is
// told which it is.
func specOf(t *wire.Task) *wire.Spec {
	if t.N == 0 {
		return t.Spec
	}
	spec := proto.Clone(t.Spec).(*wire.Spec)
	spec.Env = append(spec.Env, fmt.Sprintf("%s=%d", ledger.EnvArrayIndex, t.N), ledger.EnvArrayID+"="+core.TaskID(t.Parent).String())
	return spec
}

func (m *Machine) wakeAt(g *grant, at core.Instant) {
	g.due = at
	m.due = core.Earlier(m.due, at)
}

// takeBack proposes that the grant be closed, once in ReplanAfter.
func (m *Machine) takeBack(now core.Instant, g *grant, why string, unstarted bool) {
	if now < g.taken {
		return
	}
	if until := max(m.leaseEnd(g), m.returnEnd(g)); now < until && !unstarted {
		m.wakeAt(g, until)
		return
	}
	g.taken = now.Add(ReplanAfter)
	m.wakeAt(g, g.taken)
	m.put(Propose{&wire.Command{Body: &wire.Command_Requeue{Requeue: &wire.Requeue{
		Task: g.task[:], Fence: uint64(g.fence), Reason: why, Unstarted: unstarted,
	}}}})
}

// dueGrants are those to be repeated, sorted; the others set when to look next.
func (m *Machine) dueGrants(now core.Instant) []core.TaskID {
	var ids []core.TaskID
	for id, g := range m.grants {
		if now >= g.due {
			ids = append(ids, id)
			continue
		}
		m.due = core.Earlier(m.due, g.due)
	}
	sortIDs(ids)
	return ids
}

func sortIDs(ids []core.TaskID) {
	slices.SortFunc(ids, func(a, b core.TaskID) int { return bytes.Compare(a[:], b[:]) })
}

// held compares what a runner says it holds with what the ledger granted it.
func (m *Machine) held(now core.Instant, ev Held) {
	h := m.byID[ev.Node]
	if h == nil || ev.Instance < h.instance {
		return
	}
	l := m.opt.Ledger()
	for _, t := range l.OpenOn(ev.Node) {
		g := m.grants[core.TaskID(t.Id)]
		if g == nil {
			continue
		}
		if g.held = slices.Contains(ev.Fences, g.fence); !g.held && g.taken == 0 {
			// Sent only just now, it may not have been there yet.
			m.wakeAt(g, max(now, g.sent.Add(Resend)))
		}
		g.runsSince, g.runs = ev.Begun[g.fence]
	}
	m.askBack(now, h, ev.Waiting)
	for _, f := range ev.Fences {
		// A fence from beyond what this ledger has applied may be open.
		if t, open := l.OpenGrant(f); !open && f.Index() <= l.Applied() {
			m.put(Kill{ev.Node, &wire.Kill{Fence: uint64(f), Reason: "superseded"}})
		} else if open && core.NodeID(ledger.OpenAttempt(t).Node) != ev.Node {
			m.put(Kill{ev.Node, &wire.Kill{Task: t.Id, Fence: uint64(f), Reason: "granted to another member"}})
		}
	}
}

// Runs says whether a task's open attempt runs, as its runner last said, under which
// token, and since when, as Unix time in nanoseconds; 0: not known.
func (m *Machine) Runs(task core.TaskID) (f core.Fence, since int64, ok bool) {
	if g := m.grants[task]; g != nil && g.runs {
		return g.fence, g.runsSince, true
	}
	return 0, 0, false
}

// refused takes back a grant that its runner never started and never will.
func (m *Machine) refused(now core.Instant, ev Refused) {
	g := m.grants[ev.Task]
	if g == nil || g.fence != ev.Fence || g.node != ev.Node {
		return
	}
	why := ev.Reason
	if h := m.byID[ev.Node]; h != nil {
		why = h.name + ": " + why
	}
	m.takeBack(now, g, why, true)
}
