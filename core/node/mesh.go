package node

import (
	"cmp"
	"slices"
	"time"

	"hb/core"
	"hb/core/membership"
	"hb/core/wire"
)

const (
	// meshLimit is how long members may take to say whom they heard: the pings
	// take a second, and a stream may have to be opened.
	meshLimit = 3 * time.Second
	// meshRelays pass on the question to each member, and its answer, beside the
	// straight way: where packets of one direction are lost, no stream works.
	meshRelays = 2
	// MaxMesh is how many members one mesh may have: each pings every other.
	MaxMesh = 128
)

// meshing is one client's mesh of probes under way.
type meshing struct {
	id    uint64
	nonce uint64
	limit core.Instant
	whom  []core.NodeID
	views map[core.NodeID]map[core.NodeID]*wire.MeshView // by viewer, by viewed
}

// meshPart is this node's part in somebody's mesh.
type meshPart struct {
	ask     *wire.MeshAsk
	ticket  uint64
	replyTo []core.NodeID // who brought the question
}

// probeMesh asks members to ping each other, on the straight way and through
// others.
func (n *Node) probeMesh(id uint64, q ProbeMesh) {
	whom := n.meshMembers(q.Members)
	if len(whom) > MaxMesh {
		n.reply(id, core.Faultf(core.CodeUsage, "a mesh of %d members: at most %d ping each other at once", len(whom), MaxMesh).
			WithHint("name those that matter: hb probe --mesh NAME..."), true)
		return
	}
	n.clients.tickets++
	p := &meshing{id: id, nonce: n.clients.tickets, limit: n.now.Add(meshLimit), whom: whom, views: map[core.NodeID]map[core.NodeID]*wire.MeshView{}}
	n.clients.meshes = append(n.clients.meshes, p)
	ids := make([]uint64, len(whom))
	for i, m := range whom {
		ids[i] = uint64(m)
	}
	for i, m := range whom {
		ask := &wire.MeshAsk{Nonce: p.nonce, Asker: uint64(n.self.id), Member: uint64(m), Whom: ids}
		if m == n.self.id {
			n.meshAsked(n.self.id, ask)
			continue
		}
		n.sendTo(m, meshAskFrame(ask))
		for k := range min(meshRelays, len(whom)-1) {
			if via := whom[(i+1+k)%len(whom)]; via != n.self.id {
				n.sendTo(via, meshAskFrame(ask))
			}
		}
	}
}

// meshMembers are those named, or else everybody who should be there, by name.
func (n *Node) meshMembers(named []core.NodeID) (whom []core.NodeID) {
	for _, row := range n.membership.Table().Rows() {
		if len(named) > 0 && slices.Contains(named, row.ID) || len(named) == 0 && row.Living() {
			whom = append(whom, row.ID)
		}
	}
	slices.SortFunc(whom, func(a, b core.NodeID) int {
		return cmp.Or(cmp.Compare(n.nameOf(a), n.nameOf(b)), cmp.Compare(a, b))
	})
	return whom
}

func meshAskFrame(ask *wire.MeshAsk) *wire.Envelope {
	return &wire.Envelope{Body: &wire.Envelope_MeshAsk{MeshAsk: ask}}
}

// meshAsked takes part in somebody's mesh, once however often it is asked, or
// passes the question on.
func (n *Node) meshAsked(from core.NodeID, ask *wire.MeshAsk) {
	if member := core.NodeID(ask.Member); member != n.self.id {
		if from == core.NodeID(ask.Asker) {
			n.sendTo(member, meshAskFrame(ask))
		}
		return
	}
	if len(ask.Whom) > MaxMesh {
		return
	}
	for _, part := range n.clients.taking {
		if part.ask.Asker == ask.Asker && part.ask.Nonce == ask.Nonce {
			if !slices.Contains(part.replyTo, from) {
				part.replyTo = append(part.replyTo, from)
			}
			return
		}
	}
	n.clients.tickets++
	part := &meshPart{ask: ask, ticket: n.clients.tickets, replyTo: []core.NodeID{from}}
	n.clients.taking = append(n.clients.taking, part)
	probe := membership.MeshProbe{Ticket: part.ticket}
	for _, id := range ask.Whom {
		probe.Whom = append(probe.Whom, core.NodeID(id))
	}
	n.memberships.do(n.now, probe)
}

// meshProbed tells whoever asked what this node found out.
func (n *Node) meshProbed(f membership.MeshProbed) {
	i := slices.IndexFunc(n.clients.taking, func(p *meshPart) bool { return p.ticket == f.Ticket })
	part := n.clients.taking[i]
	n.clients.taking = slices.Delete(n.clients.taking, i, i+1)
	m := &wire.Mesh{Nonce: part.ask.Nonce, Asker: part.ask.Asker, Member: uint64(n.self.id)}
	for _, v := range f.Views {
		micros := int64(-1)
		if v.RTT >= 0 {
			micros = v.RTT.Microseconds()
		}
		m.Views = append(m.Views, &wire.MeshView{Id: uint64(v.ID), Heard: v.Heard, RttMicros: micros, Status: uint32(n.believed(v.ID))})
	}
	for _, to := range part.replyTo {
		if to == n.self.id {
			n.meshCame(m)
			continue
		}
		n.sendTo(to, &wire.Envelope{Body: &wire.Envelope_Mesh{Mesh: m}})
	}
}

// meshCame is a member's part of a mesh, to be kept or passed on.
func (n *Node) meshCame(m *wire.Mesh) {
	if asker := core.NodeID(m.Asker); asker != n.self.id {
		n.sendTo(asker, &wire.Envelope{Body: &wire.Envelope_Mesh{Mesh: m}})
		return
	}
	for _, p := range n.clients.meshes {
		by := core.NodeID(m.Member)
		if p.nonce != m.Nonce || !slices.Contains(p.whom, by) || len(m.Views) == 0 {
			continue
		}
		p.views[by] = map[core.NodeID]*wire.MeshView{}
		for _, v := range m.Views {
			p.views[by][core.NodeID(v.Id)] = v
		}
	}
	n.serveMeshes()
}

// serveMeshes answers the clients whose mesh is whole, or had its time.
func (n *Node) serveMeshes() {
	over := func(p *meshing) bool {
		return len(p.views) == len(p.whom) || len(p.whom) < 2 || n.now >= p.limit
	}
	for _, p := range n.clients.meshes {
		if over(p) {
			n.reply(p.id, n.meshView(p), true)
		}
	}
	n.clients.meshes = without(n.clients.meshes, over)
}

// nextMesh is when serveMeshes has something to do.
func (n *Node) nextMesh() core.Instant {
	next := core.Never
	for _, p := range n.clients.meshes {
		next = core.Earlier(next, p.limit)
	}
	return next
}

// meshView puts the members' views together. What arrives is said by whoever
// hears it, or shown by an answered ping of either side.
func (n *Node) meshView(p *meshing) MeshView {
	var v MeshView
	for _, from := range p.whom {
		v.Members = append(v.Members, MeshMember{ID: from, Name: n.nameOf(from), Self: from == n.self.id, Answered: p.views[from] != nil})
		for _, to := range p.whom {
			if to == from {
				continue
			}
			pair := MeshPair{From: from, To: to, RTT: -1}
			if there := p.views[from][to]; there != nil {
				pair.Status = core.Status(there.Status)
				if there.RttMicros >= 0 {
					pair.RTT, pair.Known, pair.Arrives = time.Duration(there.RttMicros)*time.Microsecond, true, true
				}
			}
			if back := p.views[to][from]; back != nil {
				pair.Known, pair.Arrives = true, pair.Arrives || back.Heard || back.RttMicros >= 0
			}
			v.Pairs = append(v.Pairs, pair)
		}
	}
	return v
}
