package membership_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/agenda"
	"hb/core/detect"
	"hb/core/detect/swim"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/spread"
	"hb/core/wire"
)

// lab is a network of machines in virtual time. One goroutine, one seed.
type lab struct {
	t     testing.TB
	rand  *rand.Rand
	now   core.Instant
	queue agenda.Agenda[core.Instant]
	nodes []*station

	// detector, spread and wire are what the machines use; wire says that they
	// can multicast.
	detector detect.Factory
	spread   spread.Mode
	wire     bool

	loss  float64
	delay time.Duration
	// cut says that nothing passes from a to b.
	cut func(a, b *station) bool
	// mangle may change a datagram on its way.
	mangle func([]byte) []byte
	// silent hosts do not refuse packets to dead processes.
	silent bool

	packets, bytes, casts int
	log                   []string
}

// station is one host and the process on it.
type station struct {
	id      core.NodeID
	addr    netip.AddrPort
	m       *membership.Machine
	up      bool
	paused  bool
	pending []membership.Event // arrived while paused
	tick    core.Instant       // the tick that is scheduled
	sent    int
	last    core.Instant // when anybody last got a packet of it
	notes   []string
	changes []change
	left    bool
	loads   map[core.NodeID]uint64
	reached []membership.Reached
	heard   map[core.NodeID]membership.Heard
}

type change struct {
	at core.Instant
	membership.Changed
}

var tag = wire.Tag{1, 2, 3}

func newLab(t testing.TB, seed uint64) *lab {
	return &lab{
		t: t, rand: rand.New(rand.NewPCG(seed, 7)), now: core.Instant(time.Hour), delay: time.Millisecond, detector: swim.New,
		cut: func(a, b *station) bool { return false },
	}
}

func (l *lab) at(t core.Instant, do func()) {
	l.queue.Add(t, do)
}

func (l *lab) after(d time.Duration, do func()) { l.at(l.now.Add(d), do) }

// run lets the time pass.
func (l *lab) run(d time.Duration) {
	end := l.now.Add(d)
	for l.queue.Len() > 0 && l.queue.Next() <= end {
		at, do := l.queue.Take()
		l.now = at
		do()
	}
	l.now = end
}

// until lets the time pass until something holds, and says how long it took.
func (l *lab) until(limit time.Duration, what string, holds func() bool) time.Duration {
	l.t.Helper()
	begin := l.now
	for !holds() {
		if l.now.Sub(begin) >= limit {
			l.t.Fatalf("after %s still not: %s\n%s", limit, what, l.views())
		}
		l.run(10 * time.Millisecond)
	}
	return l.now.Sub(begin)
}

// add starts one more host in the cluster, or in none.
func (l *lab) add(cluster wire.Tag) *station {
	n := len(l.nodes) + 1
	s := &station{id: core.NodeID(n), addr: address(n)}
	l.nodes = append(l.nodes, s)
	l.start(s, 1, cluster)
	return s
}

func address(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 7117)
}

func (l *lab) start(s *station, instance core.Instance, cluster wire.Tag) {
	s.m = membership.New(membership.Options{
		Self:    member.Row{ID: s.id, Name: fmt.Sprintf("n%d", s.id), Addr: s.addr, Instance: instance, Version: "t"},
		Cluster: cluster, NewDetector: l.detector, Period: time.Second, Spread: l.spread, CanCast: l.wire,
		Rand: rand.New(rand.NewPCG(l.rand.Uint64(), uint64(s.id))),
	})
	s.up, s.paused, s.left, s.tick, s.pending = true, false, false, core.Never, nil
	s.loads, s.heard = map[core.NodeID]uint64{}, map[core.NodeID]membership.Heard{}
	l.schedule(s)
}

// join does what a node does with a Join and a Welcome.
func (l *lab) join(s, seed *station) {
	l.stream(s, seed, func() {
		l.step(seed, membership.Rows{From: s.id, Addr: s.addr, Rows: []*wire.Row{member.ToWire(l.now, s.m.Table().Self())}})
		table := seed.m.Table().ToWire(l.now)
		l.stream(seed, s, func() {
			s.m.SetCluster(tag)
			l.step(s, membership.Rows{From: seed.id, Addr: seed.addr, Rows: table})
		})
	})
}

// stream carries something in order and without loss, if both ends are there.
func (l *lab) stream(from, to *station, do func()) {
	process := to.m
	l.after(2*l.delay, func() {
		if to.up && to.m == process && !l.cut(from, to) && !l.cut(to, from) {
			do()
		}
	})
}

func (l *lab) step(s *station, ev membership.Event) {
	if !s.up {
		return
	}
	if s.paused {
		s.pending = append(s.pending, ev)
		return
	}
	for _, e := range s.m.Step(l.now, ev) {
		l.perform(s, e)
	}
	l.schedule(s)
}

func (l *lab) schedule(s *station) {
	next := max(s.m.Next(), l.now)
	if next == core.Never || next >= s.tick && s.tick >= l.now {
		return
	}
	s.tick = next
	process := s.m
	l.at(next, func() {
		if s.m == process && s.tick == next {
			s.tick = core.Never
			l.step(s, membership.Tick{})
			if s.up && !s.paused {
				l.schedule(s)
			}
		}
	})
}

func (l *lab) perform(s *station, e membership.Effect) {
	switch e := e.(type) {
	case membership.Send:
		l.transmit(s, e)
	case membership.Cast:
		l.casts++
		for _, to := range l.nodes { // the sender hears itself
			l.arrive(s, to, e.Data, true)
		}
	case membership.SendRows:
		to := l.whoIs(e.To)
		if to == nil {
			return
		}
		l.stream(s, to, func() {
			l.step(to, membership.RowsFrom(s.id, s.addr, e.Wire()))
		})
	case membership.Changed:
		s.changes = append(s.changes, change{l.now, e})
		l.log = append(l.log, fmt.Sprintf("%8.3f %s: %s %s→%s %s",
			time.Duration(l.now).Seconds()-3600, s.id, e.After.Name, e.Before.Status, e.After.Status, e.Why))
	case membership.Unreachable:
		l.log = append(l.log, fmt.Sprintf("%8.3f %s: %s again=%v %s",
			time.Duration(l.now).Seconds()-3600, s.id, e.Row.Name, e.Again, e.Why))
	case membership.Note:
		s.notes = append(s.notes, e.Text)
	case membership.Left:
		s.left = true
	case membership.Loaded:
		s.loads[e.Node] = e.Applied
	case membership.Heard:
		s.heard[e.Node] = e
	case membership.Reached:
		s.reached = append(s.reached, e)
	}
}

func (l *lab) whoIs(a netip.AddrPort) *station {
	for _, s := range l.nodes {
		if s.addr == a {
			return s
		}
	}
	return nil
}

func (l *lab) transmit(from *station, e membership.Send) {
	l.packets++
	l.bytes += len(e.Data)
	from.sent++
	if to := l.whoIs(e.To); to != nil {
		l.arrive(from, to, e.Data, false)
	}
}

// arrive carries a datagram, if it is not lost.
func (l *lab) arrive(from, to *station, data []byte, cast bool) {
	if l.cut(from, to) || l.rand.Float64() < l.loss {
		return
	}
	if l.mangle != nil {
		data = l.mangle(data)
	}
	delay := l.delay/2 + time.Duration(l.rand.Int64N(int64(l.delay)))
	l.after(delay, func() {
		if !to.up {
			if !l.silent && !cast {
				l.after(delay, func() { l.step(from, membership.Refused{Addr: to.addr}) })
			}
			return
		}
		from.last = l.now
		var p wire.Packet
		if wire.DecodePacket(&p, data) == nil {
			l.step(to, membership.Packet{From: from.addr, P: &p, Cast: cast})
		}
	})
}

func (l *lab) kill(s *station) { s.up = false }

func (l *lab) pause(s *station, d time.Duration) {
	s.paused = true
	process := s.m
	l.after(d, func() {
		if s.m != process {
			return
		}
		s.paused = false
		pending := s.pending
		s.pending = nil
		s.tick = core.Never
		l.step(s, membership.Tick{}) // before what has queued up: the worst case
		for _, ev := range pending {
			l.step(s, ev)
		}
	})
}

// cluster founds a cluster of n hosts that know each other.
func cluster(t testing.TB, seed uint64, n int) *lab { return newLab(t, seed).found(n) }

// found is cluster in a lab that has been furnished.
func (l *lab) found(n int) *lab {
	first := l.add(tag)
	for range n - 1 {
		l.join(l.add(wire.Tag{}), first)
	}
	l.until(5*time.Second, "everybody alive everywhere", func() bool { return l.agree(core.Alive, l.nodes...) })
	l.run(10 * time.Second)
	return l
}

// agree says that every process that is up holds all of these to be so.
func (l *lab) agree(status core.Status, about ...*station) bool {
	for _, s := range l.nodes {
		for _, o := range about {
			if s.up && s != o && s.status(o) != status {
				return false
			}
		}
	}
	return true
}

func (s *station) status(o *station) core.Status {
	row, _ := s.m.Table().Get(o.id)
	return row.Status
}

// everCalled lists who called a station so since an instant.
func (l *lab) everCalled(status core.Status, about *station, since core.Instant) []string {
	var by []string
	for _, s := range l.nodes {
		for _, c := range s.changes {
			if c.After.ID == about.id && c.After.Status == status && c.at >= since {
				by = append(by, fmt.Sprintf("%s at %s", s.id, time.Duration(c.at-since)))
			}
		}
	}
	return by
}

func (l *lab) views() string {
	var b strings.Builder
	for _, s := range l.nodes {
		fmt.Fprintf(&b, "%s up=%v:", s.id, s.up)
		for _, r := range s.m.Table().Rows() {
			fmt.Fprintf(&b, " %d=%s/%d.%d", r.ID, r.Status, r.Instance, r.Incarnation)
		}
		fmt.Fprintln(&b, s.notes)
	}
	tail := l.log[max(0, len(l.log)-60):]
	return b.String() + strings.Join(tail, "\n")
}
