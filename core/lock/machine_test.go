package lock

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// lab is some nodes, one of which leads, one log, and clients that do what they
// are told.
type lab struct {
	fatal  func(format string, args ...any)
	now    core.Instant
	state  *ledger.State
	nodes  []*Machine
	leader int
	// cut nodes reach neither the leader nor the log.
	cut     map[int]bool
	clients map[uint64]*outside
	next    uint64
	fences  map[string]told // the highest that anybody was told, by lock
}

type told struct {
	fence core.Fence
	node  int
}

// outside is a client as it sees itself.
type outside struct {
	node    int
	name    string
	session Session
	fence   core.Fence
	until   core.Instant
	waiting bool
	fault   *core.Fault
}

func newLab(nodes int, fatal func(format string, args ...any)) *lab {
	l := &lab{fatal: fatal, now: core.Instant(time.Hour), state: ledger.New(core.ClusterID{1}, "test"), cut: map[int]bool{}, clients: map[uint64]*outside{}, fences: map[string]told{}}
	for i := range nodes {
		l.nodes = append(l.nodes, New(Options{Self: core.NodeID(i + 1), Ledger: func() *ledger.State { return l.state }}))
	}
	l.do(0, Led{})
	return l
}

// do lets a node take a step and carries out what it wants.
func (l *lab) do(i int, ev Event) {
	for _, f := range slices.Clone(l.nodes[i].Step(l.now, ev)) {
		switch f := f.(type) {
		case Held:
			c := l.clients[f.Client]
			if last := l.fences[c.name]; f.Fence < last.fence && (c.name != LeaderName || c.node != last.node) {
				l.fatal("fence %d of %s, behind node %d, comes after %d, behind %d", f.Fence, c.name, c.node, last.fence, last.node)
			}
			l.fences[c.name] = told{max(f.Fence, l.fences[c.name].fence), c.node}
			c.fence, c.until = f.Fence, f.Until
		case Waiting:
			l.clients[f.Client].waiting = true
		case Lost:
			l.clients[f.Client].fault = f.Fault
			if c := l.clients[f.Client]; c.until > l.now && c.name != LeaderName {
				l.fatal("client %d lost %s, which it had until later: %v", f.Client, c.name, f.Fault)
			}
		case AskLease:
			if l.cut[i] {
				continue
			}
			var given [][]byte
			for _, id := range f.Sessions {
				if l.nodes[l.leader].Renew(l.now, core.NodeID(i+1), id) {
					given = append(given, id)
				}
			}
			l.do(i, Leased{ID: f.ID, Sessions: given})
		case Acquire:
			l.propose(i, f)
		case End:
			if !l.cut[i] {
				l.apply(f.Command)
			}
		}
	}
}

func (l *lab) propose(i int, f Acquire) {
	if l.cut[i] {
		return
	}
	o := l.apply(f.Command)
	l.do(i, Answered{Session: f.Session, Fence: o.Fence, Fault: o.Fault()})
}

func (l *lab) apply(c *wire.Command) ledger.Outcome {
	out := l.state.Apply(l.state.Applied()+1, &wire.Entry{WallNanos: int64(l.now), Commands: []*wire.Command{c}})
	for i := range l.nodes {
		if !l.cut[i] {
			l.do(i, Changed{})
		}
	}
	return out[0]
}

// pass lets time pass, tick by tick, and looks at whether any two clients
// believe to have what only one may.
func (l *lab) pass(d time.Duration) {
	for end := l.now.Add(d); l.now < end; {
		next := end
		for i := range l.nodes {
			next = core.Earlier(next, l.nodes[i].Next())
		}
		l.now = max(next, l.now+1)
		for i := range l.nodes {
			if l.now >= l.nodes[i].Next() {
				l.do(i, Tick{})
			}
		}
		l.check()
	}
}

func (l *lab) check() {
	held := map[string]*outside{}
	for _, c := range l.clients {
		if c.fault != nil || c.until <= l.now {
			continue
		}
		if other := held[c.name]; other != nil && (c.name != LeaderName || other.node != c.node) {
			l.fatal("at %v both node %d's client (fence %d) and node %d's (%d) have %s", l.now, other.node, other.fence, c.node, c.fence, c.name)
		}
		held[c.name] = c
	}
}

func (l *lab) open(node int, name string, wait bool) *outside {
	l.next++
	c := &outside{node: node, name: name, session: Session{15: byte(l.next), 14: byte(l.next >> 8)}}
	if name == "" {
		c.name = LeaderName
	}
	l.clients[l.next] = c
	l.do(node, Open{Client: l.next, Session: c.session, Name: name, Wait: wait, Leader: name == ""})
	l.check()
	return c
}

func (l *lab) close(id uint64) {
	c := l.clients[id]
	delete(l.clients, id)
	l.do(c.node, Close{Client: id})
}

// lead has another node lead; the old one does not know it if it is cut off.
func (l *lab) lead(i int) {
	old := l.leader
	l.leader = i
	if old != i && !l.cut[old] {
		l.do(old, Deposed{})
	}
	l.do(i, Led{})
}

func has(c *outside, l *lab) bool { return c.fault == nil && c.until > l.now }

func TestWhoeverLetsGoMakesWayAtOnce(t *testing.T) {
	l := newLab(3, t.Fatalf)
	first := l.open(0, "db", true)
	second := l.open(1, "db", true)
	if !has(first, l) || !second.waiting || has(second, l) {
		t.Fatalf("the first is %+v, the second %+v", first, second)
	}
	l.close(1)
	if !has(second, l) || second.fence <= first.fence {
		t.Fatalf("the second is %+v after the first let go", second)
	}
}

func TestALeaseGoesOnWhileItIsRenewed(t *testing.T) {
	l := newLab(3, t.Fatalf)
	c := l.open(2, "db", true)
	l.pass(time.Minute)
	if !has(c, l) {
		t.Fatalf("after a minute it is %+v", c)
	}
}

func TestWhoIsCutOffLosesItBeforeAnotherGetsIt(t *testing.T) {
	l := newLab(3, t.Fatalf)
	first := l.open(2, "db", true)
	l.cut[2] = true
	second := l.open(1, "db", true)
	l.pass(core.Lease - time.Millisecond)
	if !has(first, l) || has(second, l) {
		t.Fatal("the lease ended before its time")
	}
	l.pass(core.LeaseGrace + core.LeaseEvery)
	if has(first, l) || !has(second, l) {
		t.Fatalf("the first is %+v, the second %+v", first, second)
	}
}

func TestANewLeaderWaitsForTheLeasesOfTheOld(t *testing.T) {
	l := newLab(3, t.Fatalf)
	first := l.open(2, "db", true)
	l.pass(8 * time.Second)
	l.cut[0], l.cut[2] = true, true
	l.lead(1)
	second := l.open(1, "db", true)
	l.pass(core.Lease + core.LeaseGrace + core.LeaseEvery)
	if has(first, l) || !has(second, l) {
		t.Fatalf("the first is %+v, the second %+v", first, second)
	}
}

func TestOnlyWhoLeadsRunsAsLeader(t *testing.T) {
	l := newLab(3, t.Fatalf)
	one, other := l.open(0, "", false), l.open(0, "", false)
	if !has(one, l) || !has(other, l) {
		t.Fatal("two cannot run beside each other on the node that leads")
	}
	if no := l.open(1, "", false); no.fault == nil || no.fault.Code != core.CodeNo {
		t.Fatalf("on another node it is %+v", no)
	}
	next := l.open(1, "", true)
	l.lead(1)
	if one.fault == nil || other.fault == nil || has(next, l) {
		t.Fatal("the old ones run on, or the new one has begun before they let go")
	}
	l.do(0, Close{Client: 1})
	l.pass(core.Lease + core.LeaseGrace)
	if !has(next, l) {
		t.Fatalf("it waits for nobody: %+v", next)
	}
}

func TestASessionThatNobodyComesBackToIsEnded(t *testing.T) {
	l := newLab(3, t.Fatalf)
	c := l.open(1, "db", true)
	l.nodes[1] = New(Options{Self: 2, Ledger: func() *ledger.State { return l.state }})
	l.do(1, Changed{})
	l.pass(strayAfter - time.Second)
	l.next++
	back := &outside{node: 1, name: "db", session: c.session}
	l.clients[l.next] = back
	delete(l.clients, 1)
	l.do(1, Open{Client: l.next, Session: c.session, Name: "db", Wait: true})
	if !has(back, l) || back.fence != c.fence {
		t.Fatalf("whoever came back to its session is %+v", back)
	}
	l.nodes[1] = New(Options{Self: 2, Ledger: func() *ledger.State { return l.state }})
	l.do(1, Changed{})
	l.pass(strayAfter + time.Second)
	if len(l.state.Locks()) > 0 {
		t.Fatal("nobody came back, and the session is there")
	}
}

func TestToComeBackIsNoLease(t *testing.T) {
	l := newLab(3, t.Fatalf)
	l.open(1, "db", true)
	l.cut[1] = true
	l.pass(core.Lease - time.Second)
	l.cut[1] = false
	l.nodes[1] = New(Options{Self: 2, Ledger: func() *ledger.State { return l.state }})
	l.leader = 2 // who does not lead, and renews nothing
	l.do(1, Open{Client: 1, Session: l.clients[1].session, Name: "db", Wait: true})
	l.pass(2 * time.Second)
	if has(l.clients[1], l) {
		t.Fatalf("nobody has renewed its lease, and it is %+v", l.clients[1])
	}
}

// TestNoTwoHaveOneLock draws comings and goings, cuts, new leaders and
// restarts; the laboratory looks at every tick whether two clients believe to
// have one lock, and whether fences rise.
func TestNoTwoHaveOneLock(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLab(3, rt.Fatalf)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			i := rapid.IntRange(0, 2).Draw(rt, "node")
			switch rapid.IntRange(0, 7).Draw(rt, "what") {
			case 0, 1:
				if !l.cut[i] || rapid.Bool().Draw(rt, "cut off") {
					l.open(i, rapid.SampledFrom([]string{"db", "web", ""}).Draw(rt, "lock"), rapid.Bool().Draw(rt, "wait"))
				}
			case 2:
				if id := uint64(rapid.IntRange(1, 40).Draw(rt, "client")); l.clients[id] != nil {
					l.close(id)
				}
			case 3:
				if l.cut[i] = !l.cut[i]; l.cut[i] && l.leader == i {
					l.lead((i + 1) % 3)
				} else if !l.cut[i] && l.leader != i {
					l.do(i, Deposed{})
				}
			case 4:
				l.restart(i)
			default:
				l.pass(time.Duration(rapid.IntRange(1, 8000).Draw(rt, "ms")) * time.Millisecond)
			}
		}
	})
}

// restart begins a node's machine anew; half of its clients come back.
func (l *lab) restart(i int) {
	l.nodes[i] = New(Options{Self: core.NodeID(i + 1), Ledger: func() *ledger.State { return l.state }})
	if l.leader == i {
		l.do(i, Led{})
	}
	for id := uint64(1); id <= l.next; id++ {
		if c := l.clients[id]; c == nil || c.node != i || c.fault != nil {
			continue
		}
		if id%2 == 0 {
			delete(l.clients, id)
			continue
		}
		c := l.clients[id]
		l.do(i, Open{Client: id, Session: c.session, Name: c.name, Wait: true, Leader: c.name == LeaderName})
	}
}
