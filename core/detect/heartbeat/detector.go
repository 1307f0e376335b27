package heartbeat

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/relay"
	"hb/core/member"
	"hb/core/wire"
)

// detector is one member's detector.
type detector struct {
	scheme  Scheme
	table   *member.Table
	period  time.Duration
	rand    *rand.Rand
	self    core.NodeID
	without detect.Extras

	members          Members
	targets, watched []core.NodeID
	shape            int           // counts how often they were computed
	silence          time.Duration // m periods

	seq  uint32       // of the last heartbeat
	sent core.Instant // when that was
	next core.Instant // when the next one is due
	look core.Instant // when to look for silences and verdicts

	peers      map[core.NodeID]*peer
	suspicions []*suspicion
	doubts     []doubt
	gates      gates
	relay      *relay.Relay
	out        []detect.Effect
}

// peer is what is known of one member beside its row: a row of the table of
// heartbeats.
type peer struct {
	beat  wire.Beat    // the last one known
	heard core.Instant // when it was, on this node's clock; or a grant
	// watched and told are the last shapes in which it was so.
	watched, told int
	asked         core.Instant // when it was last pinged
	ever          bool         // heard is more than a grant
	rtt           time.Duration
	// unreachable says that it does not ack, and that this was said.
	unreachable bool
}

// New makes the detector of a scheme.
func New(o detect.Options, s Scheme) detect.Detector {
	if s.Cleanup == 0 {
		s.Cleanup = 2
	}
	d := &detector{
		scheme: s, table: o.Table, period: o.Period, rand: o.Rand, self: o.Table.Self().ID, without: o.Without,
		next: core.Never, look: core.Never, shape: 1, peers: map[core.NodeID]*peer{},
		gates: gates{heard: o.Now, due: core.Never}, relay: relay.New(o.Table, o.Rand, o.Without),
	}
	d.members.Self = d.self
	o.Table.Each(func(r member.Row) bool {
		d.members.count(r.ID, r.Living())
		return true
	})
	d.reshape(o.Now)
	o.Table.Each(func(r member.Row) bool {
		if r.Status == core.Suspect {
			d.suspect(o.Now, r)
		}
		return true
	})
	d.out = d.out[:0] // the first heartbeats come at their time
	d.gates.due = d.Next()
	return d
}

// Step implements detect.Detector.
func (d *detector) Step(now core.Instant, ev detect.Event) []detect.Effect {
	d.out = d.out[:0]
	d.afterPause(now)
	switch e := ev.(type) {
	case detect.Tick:
		d.tick(now)
	case detect.Received:
		d.received(now, e.From, e.Packet)
	case detect.Changed:
		d.changed(now, e.Change)
	case detect.Accused:
		d.accused(e.Evidence)
	case detect.Refused:
		d.out = append(d.out, d.relay.Refused(e.ID)...)
	case detect.Doubted:
		d.doubted(now, e.ID)
	case detect.Leads:
		d.members.Leader = e.ID
		d.reshape(now)
	}
	d.gates.due = d.Next()
	return d.out
}

// Next implements detect.Detector.
func (d *detector) Next() core.Instant {
	next := core.Earlier(core.Earlier(d.next, d.look), d.relay.Next())
	return core.Earlier(core.Earlier(next, d.nextDoubt()), d.nextDoubted())
}

// tick runs out clocks.
func (d *detector) tick(now core.Instant) {
	d.doubtSelf(now)
	d.out = append(d.out, d.relay.Tick(now)...)
	if now >= d.nextDoubted() {
		d.lookIntoDoubts(now)
	}
	if now >= d.look {
		d.lookRound(now)
	}
	if now >= d.next {
		d.beginPeriod(now)
	}
}

// received handles a packet.
func (d *detector) received(now core.Instant, from netip.AddrPort, p *wire.Packet) {
	d.thaw(now)
	d.gates.heard, d.gates.ever = now, true
	if p.Kind == wire.KindHeartbeat {
		d.heartbeat(now, from, p)
	} else {
		d.hear(now, p.From)
	}
	if pr := d.peers[p.From]; pr != nil && p.Kind == wire.KindAck && p.Nonce == uint64(d.seq) {
		pr.sample(now.Sub(d.sent))
	}
	d.out = append(d.out, d.relay.Received(now, from, p)...)
}

// hear notes that a member has shown life.
func (d *detector) hear(now core.Instant, id core.NodeID) {
	if _, known := d.table.Get(id); !known {
		return
	}
	p := d.peer(id)
	p.heard, p.ever = now, true
	if p.unreachable {
		p.unreachable = false
		d.out = append(d.out, detect.Unreachable{ID: id, Again: true})
	}
}

// changed follows the table.
func (d *detector) changed(now core.Instant, c member.Change) {
	id := c.After.ID
	if id == d.self {
		return
	}
	if d.dropSuspicion(id); c.After.Living() {
		if moved := c.Before.Addr != c.After.Addr || c.Before.Instance != c.After.Instance; moved {
			d.peer(id).rtt = 0
		}
		if c.After.Status == core.Alive {
			d.grant(now, id) // news of its life, from itself
		}
		if c.After.Status == core.Suspect {
			d.suspect(now, c.After)
		}
	} else if !d.scheme.Table {
		delete(d.peers, id)
	}
	if c.Before.ID == 0 || c.Before.Living() != c.After.Living() {
		d.gates.heard = max(d.gates.heard, now) // grant newcomers time to be heard
		d.members.count(id, c.After.Living())
		d.reshape(now)
	}
}

// peer finds or makes what is known of a member.
func (d *detector) peer(id core.NodeID) *peer {
	p := d.peers[id]
	if p == nil {
		p = &peer{}
		d.peers[id] = p
	}
	return p
}

// sample takes a round trip into the mean (the gain of RFC 6298).
func (p *peer) sample(d time.Duration) {
	if p.rtt == 0 {
		p.rtt = max(d, time.Nanosecond)
		return
	}
	p.rtt += (d - p.rtt) / 8
}

func (d *detector) send(to core.NodeID, p wire.Packet) {
	if row, ok := d.table.Get(to); ok {
		d.out = append(d.out, detect.Send{To: to, Addr: row.Addr, Packet: p})
	}
}

// ping asks a member whether it is there. The ping carries the accusation
// against it, if there is one.
func (d *detector) ping(now core.Instant, id core.NodeID) {
	d.peer(id).asked = now
	d.send(id, wire.Packet{Kind: wire.KindPing, Nonce: relay.Nonce(d.rand), Target: id})
}

// RTT implements detect.Detector.
func (d *detector) RTT(id core.NodeID) (time.Duration, bool) {
	p := d.peers[id]
	if p == nil || p.rtt == 0 {
		return 0, false
	}
	return p.rtt, true
}

// Heard implements detect.Detector. A living member that others watch was heard
// when anybody was: had they missed it, they would have said so.
func (d *detector) Heard(id core.NodeID) (core.Instant, bool) {
	heard, ever := core.Instant(0), false
	if p := d.peers[id]; p != nil && p.ever {
		heard, ever = p.heard, true
	}
	if p := d.peers[id]; d.gates.ever && (p == nil || p.watched != d.shape) && d.row(id).Living() {
		heard, ever = max(heard, d.gates.heard), true
	}
	return heard, ever
}

// Isolated implements detect.Detector.
func (d *detector) Isolated() bool { return d.gates.frozen() }

// Uses implements detect.Detector. A refusal is nothing to it (doc.go).
func (d *detector) Uses() detect.Extras {
	return (detect.Question | detect.Grace | detect.IsolationGate | detect.PauseGate) &^ d.without
}

// Unreachable implements detect.Detector.
func (d *detector) Unreachable(id core.NodeID) bool {
	p := d.peers[id]
	return p != nil && p.unreachable
}

// Accusers implements detect.Detector.
func (d *detector) Accusers(id core.NodeID) []core.NodeID {
	if c := d.suspicionOf(id); c != nil {
		return slices.Clone(c.accusers)
	}
	return nil
}
