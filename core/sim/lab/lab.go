package lab

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/spread"
	"hb/core/wire"
)

// Options is what a laboratory is made from.
type Options struct {
	Seed    uint64
	Members int
	// Detector is what every member runs.
	Detector detect.Factory
	// Period is T; default 1 s. Gap is the time between two bulletins; default
	// that of hb.
	Period, Gap time.Duration
	// Ticking lets bulletins wait for a clock of their own.
	Ticking bool
	// Without are the mechanisms that members do without.
	Without detect.Extras
	// Spread is how news leaves. Multicast reaches every member that the network
	// does not lose it to.
	Spread  spread.Mode
	Network Network
	// Machine, if it has processors, is the one that all members share.
	Machine Machine
	// Compact lets all tables share their beginning.
	Compact bool
	// Strangers know nobody at first. Otherwise everybody knows everybody.
	Strangers bool
}

// Network is how datagrams fare.
type Network struct {
	// Loss is the probability that a datagram is lost.
	Loss float64
	// Delay is the mean time that a datagram takes; each takes between half and
	// one and a half times as long. Default 1 ms.
	Delay time.Duration
	// Refuse lets the hosts of killed processes answer that nobody listens, and
	// end their streams.
	Refuse bool
	// Exit is how long the system takes to end a killed process: until then its
	// streams stand, and nothing is refused.
	Exit time.Duration
	// Streams is how many others have a stream to each; default those that watch it
	// (member.Wards). Voters, and whoever fetches the log, have more.
	Streams int
}

// Lab is a network of members in virtual time. One goroutine owns it.
type Lab struct {
	options Options
	now     core.Instant
	queue   queue
	rand    *rand.Rand
	hosts   []host
	packet  wire.Packet // decoded into, again and again
	processors

	// Loss, if set, gives the loss from one member to another instead of the
	// network's; 1 is a cut.
	Loss func(from, to int) float64
	// OnChange, if set, sees each visible change of a member's table.
	OnChange func(at int, c *membership.Changed)
	// OnClaim, if set, sees each accusation by a member's detector before it is
	// merged, and says whether it may be.
	OnClaim func(at int, e *member.Evidence) bool
	weigh   *weigher
}

// host is one machine and the process on it.
type host struct {
	machine *membership.Machine
	up      bool
	gone    core.Instant // when the system has ended a killed process
	// muted says that nothing that it sends or gets passes, while it goes on.
	muted   bool
	tick    core.Instant // of the tick that is queued
	stall   stall
	turn    turn
	traffic Traffic
	wired   map[core.NodeID]wiredRow // told to those who join through it
}

// Traffic is what a member sent and got.
type Traffic struct {
	Sent, Got           uint64 // datagrams
	SentBytes, GotBytes uint64 // their payload
	Streams             uint64 // tables, or parts or sums of them, sent
	StreamBytes         uint64 // their length, about
}

// cluster is the tag of every laboratory's cluster.
const cluster = "lab cluster tag"

func tagOf() wire.Tag { return wire.Tag([]byte(cluster)[:8]) }

// begin is when laboratories begin: late enough for any Sub.
const begin = core.Instant(1000 * time.Hour)

// New makes a laboratory whose members have just started.
func New(o Options) *Lab {
	if o.Period == 0 {
		o.Period = time.Second
	}
	if o.Network.Delay == 0 {
		o.Network.Delay = time.Millisecond
	}
	if o.Network.Streams == 0 {
		o.Network.Streams = member.Wards
	}
	l := &Lab{options: o, now: begin, rand: rand.New(rand.NewPCG(o.Seed, 0x1ab)), hosts: make([]host, o.Members), processors: newProcessors(o.Machine, o.Network.Delay)}
	var base *member.Base
	if !o.Strangers {
		rows := make([]member.Row, o.Members)
		for i := range rows {
			rows[i] = row(i, 1)
			rows[i].Since = begin
		}
		base = member.NewBase(rows)
	}
	for i := range l.hosts {
		l.start(i, 1, tagOf(), base)
	}
	return l
}

// ID is the identity of a member, by its place.
func ID(i int) core.NodeID { return core.NodeID(i + 1) }

// Place is the member with an identity.
func Place(id core.NodeID) int { return int(id) - 1 }

func addrOf(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 7117)
}

func placeAt(addr netip.AddrPort) int {
	b := addr.Addr().As4()
	return int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}

func row(i int, instance core.Instance) member.Row {
	return member.Row{
		ID: ID(i), Name: fmt.Sprintf("n%06d", i), Addr: addrOf(i), Version: "1.0.0",
		Instance: instance, Status: core.Alive,
	}
}

// start starts the process on a host.
func (l *Lab) start(i int, instance core.Instance, tag wire.Tag, known *member.Base) {
	h := &l.hosts[i]
	h.up, h.tick, h.stall = true, core.Never, stall{}
	h.machine = membership.New(membership.Options{
		Self: row(i, instance), Cluster: tag, Period: l.options.Period, Gap: l.options.Gap, Ticking: l.options.Ticking,
		Rand:   rand.New(rand.NewPCG(l.rand.Uint64(), uint64(i))),
		Spread: l.options.Spread, CanCast: true,
		Without: l.options.Without, Known: known, Share: l.options.Compact,
		NewDetector: func(o detect.Options) detect.Detector {
			return &witness{Detector: l.options.Detector(o), lab: l, at: i}
		},
	})
	// What the rest of a node has its datagrams carry, at its length.
	h.machine.SetLog(wire.LogHint{Commit: 1, Term: 1})
	h.machine.SetLoad(core.Load{Slots: 1}, 1)
	l.schedule(i)
}

// Now is how long the laboratory has run.
func (l *Lab) Now() time.Duration { return l.now.Sub(begin) }

// Run lets the time pass.
func (l *Lab) Run(d time.Duration) {
	end := l.now.Add(d)
	for len(l.queue.events) > 0 && l.queue.events[0].at <= end {
		e := l.queue.take()
		l.now = e.at
		l.happen(&e)
	}
	l.now = end
}

// Until lets the time pass until something holds, which is asked now and then
// in between, or the limit is over; it says which.
func (l *Lab) Until(limit, step time.Duration, holds func() bool) bool {
	for end := l.now.Add(limit); !holds(); {
		if l.now >= end {
			return false
		}
		l.Run(min(step, end.Sub(l.now)))
	}
	return true
}

// After does something when so much time has passed.
func (l *Lab) After(d time.Duration, do func()) {
	l.queue.add(event{at: l.now.Add(d), kind: call, what: do})
}

// Members is how many there are, up or not.
func (l *Lab) Members() int { return len(l.hosts) }

// Up says whether a member's process runs.
func (l *Lab) Up(i int) bool { return l.hosts[i].up }

// Table is a member's table; read only.
func (l *Lab) Table(i int) *member.Table { return l.hosts[i].machine.Table() }

// Status is what one member holds of another; zero is nothing.
func (l *Lab) Status(at, of int) core.Status {
	r, _ := l.Table(at).Get(ID(of))
	return r.Status
}

// Steadiness is how often one member has seen another accused.
func (l *Lab) Steadiness(at, of int) membership.Steadiness {
	return l.hosts[at].machine.Steadiness(l.now, ID(of))
}

// AllKnowAll says whether every member that is up holds all that are up, and
// nobody else, for living.
func (l *Lab) AllKnowAll() bool {
	up := 0
	for i := range l.hosts {
		if l.hosts[i].up {
			up++
		}
	}
	for i := range l.hosts {
		if l.hosts[i].up && l.Table(i).Living() != up {
			return false
		}
	}
	return true
}

// Traffic is what a member has sent and got so far.
func (l *Lab) Traffic(i int) Traffic { return l.hosts[i].traffic }

// Kill ends a process.
func (l *Lab) Kill(i int) {
	l.hosts[i].up = false
	if l.options.Network.Refuse {
		l.hangUp(i)
	}
}

// Revive lets a killed process go on as if nothing had been, for experiments
// whose tables never learn of its death.
func (l *Lab) Revive(i int) {
	l.hosts[i].up = true
	l.hosts[i].tick = core.Never
	l.schedule(i)
}

func (l *Lab) happen(e *event) {
	h := &l.hosts[e.host]
	if h.up && l.busy(e) {
		return
	}
	switch e.kind {
	case tick:
		if h.tick == e.at {
			h.tick = core.Never
			l.ticked(int(e.host))
		}
	case packet:
		l.arrive(e)
	case refusal:
		l.step(int(e.host), membership.Refused{Addr: addrOf(int(e.from))})
	case stream:
		if h.up && !h.stall.queue(e) {
			l.step(int(e.host), e.what.(membership.Rows))
		}
	case call:
		e.what.(func())()
	}
}

// ticked tells a machine that time has passed, if it still wants to know.
func (l *Lab) ticked(i int) {
	h := &l.hosts[i]
	if !h.up || h.stall.sending {
		return
	}
	if l.now >= h.machine.Next() {
		l.step(i, membership.Tick{})
		return
	}
	l.schedule(i)
}

// step hands an event to a machine and carries out what it wants.
func (l *Lab) step(i int, ev membership.Event) {
	h := &l.hosts[i]
	if !h.up {
		return
	}
	for _, e := range h.machine.Step(l.now, ev) {
		l.perform(i, e)
	}
	l.schedule(i)
}

// schedule queues the tick that a machine wants, unless an earlier one is
// queued already.
func (l *Lab) schedule(i int) {
	h := &l.hosts[i]
	if next := max(h.machine.Next(), l.now); next < h.tick {
		h.tick = next
		l.queue.add(event{at: next, kind: tick, host: int32(i)})
	}
}

func (l *Lab) perform(i int, e membership.Effect) {
	switch e := e.(type) {
	case membership.Send:
		l.send(i, placeAt(e.To), e.Data)
	case membership.Cast:
		l.cast(i, e.Data)
	case membership.SendRows:
		l.sendRows(i, placeAt(e.To), e)
	case membership.Changed:
		if l.OnChange != nil {
			l.OnChange(i, &e)
		}
	}
}

// Join lets a stranger join through a member, as nodes do over streams: it tells
// its row, and gets the table.
func (l *Lab) Join(i, through int) {
	l.After(2*l.delay(), func() {
		own := l.Table(i).Self()
		l.step(through, membership.Rows{From: own.ID, Addr: own.Addr, Rows: []*wire.Row{member.ToWire(l.now, own)}})
		welcome := &wire.Rows{Rows: l.wired(through)}
		l.streamed(through, welcome)
		l.After(2*l.delay(), func() { l.step(i, membership.RowsFrom(ID(through), addrOf(through), welcome)) })
	})
}

// wired is a member's table for a stream. Crowds join through one member: what it
// tells each of them of the same row is kept once.
func (l *Lab) wired(i int) []*wire.Row {
	h := &l.hosts[i]
	if h.wired == nil {
		h.wired = map[core.NodeID]wiredRow{}
	}
	rows := make([]*wire.Row, 0, l.Table(i).Len())
	l.Table(i).Each(func(r member.Row) bool {
		life := wiredRow{r.Instance, r.Incarnation, r.Status, nil}
		if known := h.wired[r.ID]; known.row != nil && r.Living() {
			if life.row = known.row; life == known {
				rows = append(rows, known.row)
				return true
			}
		}
		life.row = member.ToWire(l.now, r)
		h.wired[r.ID], rows = life, append(rows, life.row)
		return true
	})
	return rows
}

// wiredRow is a row as it was told, and of which life of its member.
type wiredRow struct {
	instance    core.Instance
	incarnation core.Incarnation
	status      core.Status
	row         *wire.Row
}
