package heartbeat

import (
	"maps"
	"net/netip"
	"slices"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// beginPeriod sends the next heartbeat.
func (d *detector) beginPeriod(now core.Instant) {
	if d.next = d.next.Add(d.period); d.next <= now {
		d.next = now.Add(d.period)
	}
	d.seq++
	d.sent = now
	d.cleanUp(now)
	targets := d.targets
	if d.scheme.Fanout > 0 {
		targets = d.anybody(d.scheme.Fanout)
	}
	tables := d.beats(now)
	for _, id := range targets {
		for _, beats := range tables {
			d.send(id, wire.Packet{Kind: wire.KindHeartbeat, Nonce: uint64(d.seq), Beats: beats})
		}
	}
}

// tell sends the heartbeat of this period to a member that has just become a
// target, so that it need not wait for the next.
func (d *detector) tell(id core.NodeID) {
	if d.seq > 0 {
		d.send(id, wire.Packet{Kind: wire.KindHeartbeat, Nonce: uint64(d.seq)})
	}
}

// anybody picks living members at random.
func (d *detector) anybody(k int) []core.NodeID {
	var ids []core.NodeID
	for _, r := range d.table.Pick(d.rand, k, func(r member.Row) bool { return r.Living() && r.ID != d.self }) {
		ids = append(ids, r.ID)
	}
	return ids
}

// beats is the table that heartbeats carry, in pieces of one datagram each;
// one empty piece where there is none. Who has failed, by the time that has
// passed here, is left out.
func (d *detector) beats(now core.Instant) [][]wire.Beat {
	if !d.scheme.Table {
		return [][]wire.Beat{nil}
	}
	var rows []wire.Beat
	for _, id := range slices.Sorted(maps.Keys(d.peers)) {
		if p := d.peers[id]; p.beat.Seq > 0 && now.Sub(p.heard) < d.silence {
			rows = append(rows, p.beat)
		}
	}
	if len(rows) == 0 {
		return [][]wire.Beat{nil}
	}
	return slices.Collect(slices.Chunk(rows, wire.MaxBeats))
}

// heartbeat takes one, and those of others that it carries.
func (d *detector) heartbeat(now core.Instant, from netip.AddrPort, p *wire.Packet) {
	d.take(now, wire.Beat{ID: p.From, Instance: p.Instance, Seq: uint32(p.Nonce)})
	for _, b := range p.Beats {
		d.take(now, b)
	}
	if d.scheme.Answered {
		d.out = append(d.out, detect.Send{To: p.From, Addr: from, Packet: wire.Packet{Kind: wire.KindAck, Nonce: p.Nonce}})
	}
	if d.row(p.From).Status == core.Suspect {
		d.remind(now, p.From)
	}
}

// take dates a heartbeat by this node's clock if it is later than all known.
func (d *detector) take(now core.Instant, b wire.Beat) {
	row, known := d.table.Get(b.ID)
	if !known || b.ID == d.self || row.Status == core.Left || b.Instance < row.Instance {
		return
	}
	if p := d.peers[b.ID]; p == nil || b.After(p.beat) {
		d.hear(now, b.ID)
		d.peer(b.ID).beat = b
		if row.Status == core.Dead {
			d.remind(now, b.ID) // or somebody else still believes in it
		}
	}
}

// remind pings a member that shows life but is called suspect or dead here: it
// does not know, and the ping tells it.
func (d *detector) remind(now core.Instant, id core.NodeID) {
	if !d.without.Has(detect.Buddy) && now.Sub(d.peer(id).asked) >= d.period {
		d.ping(now, id)
	}
}

// cleanUp forgets the heartbeats of members that have been silent for so long
// that nobody sends theirs any more. Forgotten sooner, they would come back as
// news from somebody who still believes in them (van Renesse 1998, §2). Of the
// other schemes only the dead and the left are forgotten.
func (d *detector) cleanUp(now core.Instant) {
	old := float64(d.silence) * d.scheme.Cleanup
	maps.DeleteFunc(d.peers, func(id core.NodeID, p *peer) bool {
		row, known := d.table.Get(id)
		return !d.gates.frozen() && float64(now.Sub(p.heard)) >= old && (d.scheme.Table || !known || !row.Living())
	})
}
