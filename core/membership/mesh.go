package membership

import (
	"slices"
	"time"

	"hb/core"
	"hb/core/wire"
)

// mesh is this node's part in a mesh of probes, under way: it pings each of the
// others a few times, and listens whom of them it hears. All of them do so at
// the same time, so that a cut of one direction shows: who is behind it is heard
// and hears nothing, or the reverse.
type mesh struct {
	ticket uint64
	nonce  uint64
	sent   int // rounds so far
	next   core.Instant
	rounds [meshRounds]core.Instant // when each began
	views  []MeshView
}

const (
	// meshRounds are how often those are pinged who have not answered yet, every
	// meshPause: at 30 % loss each way one in four hundred never hears or answers.
	meshRounds = 5
	meshPause  = 200 * time.Millisecond
	// maxMeshes is how many meshes a node takes part in at a time.
	maxMeshes = 8
)

// beginMesh pings those asked for. What this node does not know it cannot ping.
func (m *Machine) beginMesh(now core.Instant, e MeshProbe) {
	if m.detector == nil || len(m.meshes) >= maxMeshes {
		m.out = append(m.out, MeshProbed{Ticket: e.Ticket})
		return
	}
	p := &mesh{ticket: e.Ticket, nonce: m.nonce(), next: now}
	for _, id := range e.Whom {
		if id != m.self {
			p.views = append(p.views, MeshView{ID: id, RTT: -1})
		}
	}
	m.meshes = append(m.meshes, p)
	m.serveMeshes(now)
}

// serveMeshes pings again those who have not answered, and ends what is over.
func (m *Machine) serveMeshes(now core.Instant) {
	for _, p := range slices.Clone(m.meshes) {
		if now < p.next && !p.complete() {
			continue
		}
		if p.complete() || p.sent == meshRounds {
			m.meshes = slices.DeleteFunc(m.meshes, func(o *mesh) bool { return o == p })
			m.out = append(m.out, MeshProbed{Ticket: p.ticket, Views: p.views})
			continue
		}
		for _, v := range p.views {
			if row, known := m.table.Get(v.ID); known && v.RTT < 0 {
				m.send(v.ID, row.Addr, wire.Packet{Kind: wire.KindPing, Nonce: p.nonce + uint64(p.sent), Target: v.ID})
			}
		}
		p.rounds[p.sent] = now
		p.sent, p.next = p.sent+1, now.Add(meshPause)
	}
}

// complete says that everybody has answered.
func (p *mesh) complete() bool {
	return !slices.ContainsFunc(p.views, func(v MeshView) bool { return v.RTT < 0 })
}

// meshHeard notes a packet that came straight from a member.
func (m *Machine) meshHeard(now core.Instant, packet *wire.Packet) {
	if len(m.meshes) == 0 {
		return
	}
	for _, p := range m.meshes {
		i := slices.IndexFunc(p.views, func(v MeshView) bool { return v.ID == packet.From })
		if i < 0 {
			continue
		}
		v := &p.views[i]
		v.Heard = true
		round := packet.Nonce - p.nonce
		if packet.Kind == wire.KindAck && packet.Target == 0 && v.RTT < 0 && round < uint64(p.sent) {
			v.RTT = now.Sub(p.rounds[round])
		}
	}
	m.serveMeshes(now)
}

// nextMesh is when serveMeshes has something to do.
func (m *Machine) nextMesh() core.Instant {
	next := core.Never
	for _, p := range m.meshes {
		next = core.Earlier(next, p.next)
	}
	return next
}
