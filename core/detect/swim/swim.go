package swim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/relay"
	"hb/core/member"
	"hb/core/wire"
)

// swim is one member's detector.
type swim struct {
	table  *member.Table
	period time.Duration
	rand   *rand.Rand
	self   core.NodeID

	tuning  Tuning
	without detect.Extras

	round  round
	lane   lane
	next   core.Instant // when the next period begins
	probes []*probe     // not yet decided, oldest first
	relay  *relay.Relay
	// suspicions are those of the rows that are suspect in the table.
	suspicions []*suspicion
	peers      map[core.NodeID]*peer
	typical    rtt // of all peers
	health     health
	gates      gates
	out        []detect.Effect
}

// peer is what is known of one member beside its row.
type peer struct {
	rtt   rtt
	heard core.Instant // the last packet of it, or about it by a helper; 0 never
}

// New makes a SWIM detector as hb runs it; it is a detect.Factory.
func New(o detect.Options) detect.Detector { return Standard().New(o) }

// New makes a SWIM detector tuned so; it is a detect.Factory.
func (t Tuning) New(o detect.Options) detect.Detector {
	s := &swim{
		table: o.Table, period: o.Period, rand: o.Rand, self: o.Table.Self().ID,
		tuning: t, without: o.Without, relay: relay.New(o.Table, o.Rand, o.Without),
		peers: map[core.NodeID]*peer{}, next: core.Never,
		gates: gates{heard: o.Now, due: core.Never},
	}
	s.meet(o.Now)
	s.gates.due = s.Next()
	return s
}

// meet takes in the members that the table has from the start.
func (s *swim) meet(now core.Instant) {
	if ids, ok := s.table.Common(); ok && !s.tuning.RandomTargets && len(ids) > 1 {
		s.round.begin(ids)
		s.round.remove(s.self)
		prev, next := s.table.Beside()
		s.lane.between(now, prev, next)
		s.next = s.begin(now)
		return
	}
	s.table.Each(func(r member.Row) bool {
		s.changed(now, member.Change{After: r})
		return true
	})
}

// Step implements detect.Detector.
func (s *swim) Step(now core.Instant, ev detect.Event) []detect.Effect {
	s.out = s.out[:0]
	s.afterPause(now)
	switch e := ev.(type) {
	case detect.Tick:
		s.tick(now)
	case detect.Received:
		s.received(now, e.From, e.Packet)
	case detect.Changed:
		s.changed(now, e.Change)
	case detect.Accused:
		s.accused(now, e.Evidence)
	case detect.Refused:
		s.refused(now, e.ID)
	case detect.Doubted:
		s.doubted(now, e.ID)
	}
	s.gates.due = s.Next()
	return s.out
}

// Next implements detect.Detector.
func (s *swim) Next() core.Instant {
	next := core.Earlier(s.next, s.nextDoubt())
	for _, p := range s.probes {
		next = core.Earlier(next, core.Earlier(p.ask, p.end))
	}
	next = core.Earlier(next, s.relay.Next())
	for _, c := range s.suspicions {
		next = core.Earlier(next, core.Earlier(s.verdict(c), c.turn))
	}
	return next
}

// tick runs out clocks: first those of others' probes and of this node's own,
// then the verdicts, then a new period.
func (s *swim) tick(now core.Instant) {
	s.watchIsolation(now)
	s.out = append(s.out, s.relay.Tick(now)...)
	s.endProbes(now)
	s.watchLane(now)
	s.judge(now)
	if now >= s.next {
		s.beginPeriod(now)
	}
}

// beginPeriod probes the next member in the round.
func (s *swim) beginPeriod(now core.Instant) {
	length := s.health.scale(s.period)
	if s.tuning.Memoryless {
		length = time.Duration(s.rand.ExpFloat64() * float64(length))
	}
	s.next = s.next.Add(length)
	if s.next <= now {
		s.next = now.Add(length)
	}
	target, ok := s.target()
	if !ok {
		s.next = core.Never
		return
	}
	if row, ok := s.table.Get(target); ok && s.probeOf(target) == nil {
		s.probe(now, row)
	}
}

// target is the member to probe next.
func (s *swim) target() (core.NodeID, bool) {
	if next, turn := s.onLane(); turn {
		return next, true
	}
	if !s.tuning.RandomTargets {
		return s.round.pick(s.rand)
	}
	chosen := s.table.Pick(s.rand, 1, func(r member.Row) bool { return r.ID != s.self && r.Living() })
	if len(chosen) == 0 {
		return 0, false
	}
	return chosen[0].ID, true
}

// begin is when the first period begins: anywhere within one, so that members
// do not probe in step.
func (s *swim) begin(now core.Instant) core.Instant {
	if s.tuning.InStep {
		return now - now%core.Instant(s.period) + core.Instant(s.period)
	}
	return now.Add(time.Duration(s.rand.Int64N(int64(s.period))))
}

// received handles a packet.
func (s *swim) received(now core.Instant, from netip.AddrPort, p *wire.Packet) {
	s.hear(now, p.From)
	answers := s.relay.Received(now, from, p)
	s.out = append(s.out, answers...)
	switch p.Kind {
	case wire.KindAck:
		if len(answers) == 0 {
			s.acked(now, p)
		}
	case wire.KindNack:
		s.nacked(p)
	}
}

// changed follows the table.
func (s *swim) changed(now core.Instant, c member.Change) {
	after := c.After
	if after.ID == s.self {
		return
	}
	s.lane.follow(now, s.table, after)
	if !after.Living() {
		s.forget(after.ID)
		return
	}
	if c.Before.ID == 0 || !c.Before.Living() {
		if !s.tuning.RandomTargets {
			s.round.add(after.ID, s.rand)
		}
		s.gates.heard = max(s.gates.heard, now) // grant newcomers time to be heard
		if s.next == core.Never {
			s.next = s.begin(now)
		}
	}
	if c.Before.Addr != after.Addr || c.Before.Instance != after.Instance {
		delete(s.peers, after.ID)
	}
	doubted := s.suspicionOf(after.ID)
	s.dropSuspicion(after.ID)
	if after.Status == core.Suspect {
		s.suspect(now, after)
	} else {
		s.lookAgain(now, after, doubted)
	}
}

// forget drops everything about a member that is dead or left.
func (s *swim) forget(id core.NodeID) {
	s.round.remove(id)
	s.dropSuspicion(id)
	s.dropProbe(id)
	delete(s.peers, id)
}

// accused takes an accusation that changed nothing: against this node, or by
// one more accuser.
func (s *swim) accused(now core.Instant, e member.Evidence) {
	if e.ID == s.self {
		s.refute(e)
		return
	}
	s.confirm(now, e)
}

// accuse claims that a member has failed, and why.
func (s *swim) accuse(row member.Row, status core.Status, why wire.Reason) {
	s.out = append(s.out, detect.Claim{Evidence: member.Evidence{Bare: true, Row: member.Row{
		ID: row.ID, Instance: row.Instance, Incarnation: row.Incarnation,
		Status: status, Accuser: s.self, Why: why,
	}}})
}

func (s *swim) send(to core.NodeID, addr netip.AddrPort, p wire.Packet) {
	s.out = append(s.out, detect.Send{To: to, Addr: addr, Packet: p})
}

// periods is so many periods.
func (s *swim) periods(n float64) time.Duration { return time.Duration(n * float64(s.period)) }

// peer finds or makes what is known of a member.
func (s *swim) peer(id core.NodeID) *peer {
	p := s.peers[id]
	if p == nil {
		p = &peer{}
		s.peers[id] = p
	}
	return p
}

// hear notes that a member was heard.
func (s *swim) hear(now core.Instant, id core.NodeID) {
	s.thaw(now)
	s.gates.heard = now
	if _, known := s.table.Get(id); known {
		s.peer(id).heard = now
	}
}

// Heard implements detect.Detector.
func (s *swim) Heard(id core.NodeID) (core.Instant, bool) {
	p := s.peers[id]
	if p == nil || p.heard == 0 {
		return 0, false
	}
	return p.heard, true
}

// RTT implements detect.Detector.
func (s *swim) RTT(id core.NodeID) (time.Duration, bool) {
	p := s.peers[id]
	if p == nil || p.rtt.mean == 0 {
		return 0, false
	}
	return p.rtt.mean, true
}

// Isolated implements detect.Detector.
func (s *swim) Isolated() bool { return s.gates.frozen() }

// Uses implements detect.Detector.
func (s *swim) Uses() detect.Extras {
	return detect.AllExtras &^ (detect.Question | detect.Grace) &^ s.without
}

// Unreachable implements detect.Detector.
func (s *swim) Unreachable(id core.NodeID) bool {
	c := s.suspicionOf(id)
	return c != nil && c.unreachable
}
