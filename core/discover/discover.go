package discover

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"hb/core"
	"hb/core/wire"
)

const (
	firstPause  = 150 * time.Millisecond
	longPause   = 10 * time.Second
	beaconPause = 10 * time.Second
	// joinPatience is how long a join may take before the next one is asked.
	joinPatience = 2 * time.Second
	// finalFor is how long a final refusal keeps an address from being asked.
	finalFor = time.Minute
	// answerers is how many members answer a call, on average.
	answerers = 4
	// maxCandidates and maxSources bound what strangers can make a node keep.
	maxCandidates = 64
	maxSources    = 256
)

// Machine finds clusters.
type Machine struct {
	o       Options
	rand    *rand.Rand
	cluster wire.Tag // zero while in none
	found   wire.Tag // the first cluster that beacons told of, while in none
	alone   bool
	leading Leading
	call    timer // beacons
	ask     timer // seeds, pass by pass
	// candidates are addresses still to be asked, each once.
	candidates []netip.AddrPort
	asking     netip.AddrPort // whose answer is awaited
	askedUntil core.Instant
	refused    map[netip.AddrPort]core.Instant // final refusals, until when they count
	said       map[string]bool
	out        []Effect
}

// timer fires with growing pauses.
type timer struct {
	due   core.Instant
	pause time.Duration
}

// New makes the machine.
func New(o Options) *Machine {
	return &Machine{
		o: o, rand: o.Rand, cluster: o.Cluster,
		refused: map[netip.AddrPort]core.Instant{}, said: map[string]bool{},
	}
}

// Step tells the machine of an event. The effects are valid until the next
// Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect {
	m.out = m.out[:0]
	switch e := ev.(type) {
	case Seeds:
		for _, addr := range e.Addrs {
			m.candidate(now, addr)
		}
	case Heard:
		m.heard(now, e.From, e.P)
	case OtherVersion:
		m.once("version "+e.From.Addr().String(), "a node at %s calls in another version of the protocol: %v", e.From, e.What)
	case Joined:
		if e.Cluster == m.cluster {
			m.rest(now, false) // a member that is known again, and may not hear more for it
		} else {
			m.settle(e.Cluster)
		}
	case Left:
		m.settle(wire.Tag{})
	case Refused:
		m.refusal(now, e)
	case Alone:
		if m.alone != e.Yes {
			m.rest(now, e.Yes)
		}
	case Leading:
		if e.Yes && !m.leading.Yes {
			m.call = timer{}
		}
		m.leading = e
	}
	m.tick(now)
	return m.out
}

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant {
	next := core.Never
	if m.calls() || m.announces() {
		next = m.call.due
	}
	if !m.seeking() {
		return next
	}
	if m.o.Seeds {
		next = core.Earlier(next, m.ask.due)
	}
	if m.asking.IsValid() {
		return core.Earlier(next, m.askedUntil)
	}
	if len(m.candidates) > 0 {
		return 0
	}
	return next
}

// seeking says that the node wants to be let in somewhere.
func (m *Machine) seeking() bool { return m.cluster.IsZero() || m.alone }

func (m *Machine) calls() bool { return m.o.Beacons && m.seeking() }

func (m *Machine) announces() bool { return m.o.Beacons && !m.seeking() && m.leading.Yes }

func (m *Machine) tick(now core.Instant) {
	switch {
	case m.calls() && now >= m.call.due:
		m.beacon()
		m.call.grow(now, m.rand)
	case m.announces() && now >= m.call.due:
		m.beacon()
		m.call.due = now.Add(jitter(beaconPause, m.rand))
	}
	if !m.seeking() {
		return
	}
	if m.o.Seeds && now >= m.ask.due {
		m.out = append(m.out, ResolveSeeds{})
		m.ask.grow(now, m.rand)
	}
	if m.asking.IsValid() && now >= m.askedUntil {
		m.asking = netip.AddrPort{}
	}
	m.askNext(now)
}

// askNext asks the next candidate, one at a time.
func (m *Machine) askNext(now core.Instant) {
	if m.asking.IsValid() || len(m.candidates) == 0 {
		return
	}
	m.asking, m.askedUntil = m.candidates[0], now.Add(joinPatience)
	m.candidates = slices.Delete(m.candidates, 0, 1)
	m.out = append(m.out, AskJoin{To: m.asking})
}

// candidate puts an address on the list, unless it is there or has refused for
// good.
func (m *Machine) candidate(now core.Instant, addr netip.AddrPort) {
	if until, ok := m.refused[addr]; ok && now < until {
		return
	}
	delete(m.refused, addr)
	usable := addr.IsValid() && addr.Port() != 0 && !addr.Addr().IsUnspecified() && addr != m.o.Addr
	if usable && m.seeking() && addr != m.asking && !slices.Contains(m.candidates, addr) && len(m.candidates) < maxCandidates {
		m.candidates = append(m.candidates, addr)
	}
}

// heard takes a beacon or an answer to one.
func (m *Machine) heard(now core.Instant, from netip.AddrPort, p *wire.Packet) {
	if p.Kind == wire.KindCensus {
		m.counted(from, p)
		return
	}
	if p.From == m.o.ID || p.Kind != wire.KindBeacon && p.Kind != wire.KindBeaconAnswer {
		return
	}
	switch {
	case p.Cluster.IsZero():
		if p.Kind == wire.KindBeacon {
			m.answer(from, p)
		}
	case m.cluster.IsZero():
		m.invited(now, p)
	case p.Cluster != m.cluster:
		m.once("cluster at "+from.Addr().String(), "another cluster, %s, calls from %s; this one is %s", p.Cluster, from, m.cluster)
	case m.seeking():
		m.candidate(now, p.Addr)
	case p.Kind == wire.KindBeacon && p.Log.Leader != p.From:
		m.answer(from, p) // a member that hears nobody
	}
}

// invited takes the first cluster it hears of. Which of several is meant,
// nobody here can know.
func (m *Machine) invited(now core.Instant, p *wire.Packet) {
	if m.found.IsZero() {
		m.found = p.Cluster
	}
	if p.Cluster != m.found {
		m.once("choice "+p.Cluster.String(), "there is more than one cluster near: asking %s, not %s at %s; name one with a seed",
			m.found, p.Cluster, p.Addr)
		return
	}
	m.candidate(now, p.Addr)
}

// answer tells a caller where this member is, if it is one.
func (m *Machine) answer(to netip.AddrPort, call *wire.Packet) {
	if m.seeking() || !m.o.Beacons {
		return
	}
	if !m.leading.Yes && m.leading.Members > answerers && m.rand.IntN(m.leading.Members) >= answerers {
		return
	}
	p := m.packet(wire.KindBeaconAnswer)
	p.Nonce = call.Nonce
	m.out = append(m.out, Answer{To: to, Data: wire.AppendPacket(nil, &p)})
}

func (m *Machine) beacon() {
	p := m.packet(wire.KindBeacon)
	p.Nonce = m.rand.Uint64()
	m.out = append(m.out, Beacon{Data: wire.AppendPacket(nil, &p)})
}

func (m *Machine) packet(kind wire.Kind) wire.Packet {
	p := wire.Packet{Kind: kind, Cluster: m.cluster, From: m.o.ID, Instance: m.o.Instance, Addr: m.o.Addr}
	if m.leading.Yes && !m.seeking() {
		p.Log.Leader = m.o.ID
	}
	return p
}

// refusal ends the join that was asked, and says why. Refusals that answer no
// join of this machine's are not its business.
func (m *Machine) refusal(now core.Instant, e Refused) {
	if !m.seeking() || e.Addr != m.asking {
		return
	}
	m.asking = netip.AddrPort{}
	if e.Final {
		m.refused[e.Addr] = now.Add(finalFor)
		m.found = wire.Tag{}
		m.once("final "+e.Addr.String()+e.Reason, "%s refuses to let this node in: %s", e.Addr, e.Reason)
	} else if e.Reason != "" {
		m.once("refusal "+e.Addr.String()+e.Reason, "cannot join through %s yet: %s", e.Addr, e.Reason)
	}
}

// settle begins anew as a member of a cluster, or of none.
func (m *Machine) settle(cluster wire.Tag) {
	m.cluster, m.found, m.alone = cluster, wire.Tag{}, false
	m.candidates, m.asking = nil, netip.AddrPort{}
	m.call, m.ask = timer{}, timer{}
	m.refused = map[netip.AddrPort]core.Instant{}
	if !cluster.IsZero() {
		return
	}
	m.leading = Leading{}
}

// rest ends what a member was asking, or has it begin. The pauses go on where they
// were, unless that is long ago: whoever is welcomed over streams, and hears nobody
// all the same, as behind a firewall that takes datagrams only, would else ask
// again as fast as it is answered.
func (m *Machine) rest(now core.Instant, alone bool) {
	m.alone, m.found = alone, wire.Tag{}
	m.candidates, m.asking = nil, netip.AddrPort{}
	m.refused = map[netip.AddrPort]core.Instant{}
	for _, t := range []*timer{&m.call, &m.ask} {
		if now >= t.due.Add(longPause) {
			*t = timer{}
		}
	}
}

// grow sets the timer after a pause, and doubles that up to longPause.
func (t *timer) grow(now core.Instant, r *rand.Rand) {
	t.pause = min(max(2*t.pause, firstPause), longPause)
	t.due = now.Add(jitter(t.pause, r))
}

// jitter is d ± 25 %.
func jitter(d time.Duration, r *rand.Rand) time.Duration {
	return d*3/4 + time.Duration(r.Int64N(int64(d/2)))
}

// once says something once for each source.
func (m *Machine) once(source, format string, args ...any) {
	if m.said[source] || len(m.said) >= maxSources {
		return
	}
	m.said[source] = true
	m.out = append(m.out, Note{Warn: true, Text: fmt.Sprintf(format, args...)})
}
