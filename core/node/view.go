package node

import (
	"errors"
	"fmt"
	"net/netip"

	"hb/core"
	"hb/core/discover"
	"hb/core/dispatch"
	"hb/core/ledger"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/replog"
	"hb/core/wire"
)

// datagram takes one packet apart and hands it to discovery or membership.
func (n *Node) datagram(ev Datagram) {
	p := &n.packet
	header, ok := n.unseal(&ev)
	if !ok {
		return
	}
	if err := wire.DecodePacket(p, ev.Data); err != nil {
		if ev.Beacon && errors.Is(err, wire.ErrVersion) {
			n.discover(discover.OtherVersion{From: ev.From, What: err})
			return
		}
		n.complainOnce(ev.From.Addr(), err)
		return
	}
	if n.opts.Vault != nil && !n.believable(&ev, header, p) {
		return
	}
	switch p.Kind {
	case wire.KindBeacon, wire.KindBeaconAnswer, wire.KindCensus:
		n.discover(discover.Heard{From: ev.From, P: p})
	default:
		if n.self.joined && p.Cluster == n.tag() && n.fromTheGrave(p.From, ev.From) || n.fromAnotherEpoch(p.Cluster, p.From, ev.From) {
			return
		}
		if n.self.joined && p.Cluster == n.tag() && n.fromEarlierStart(p.From, p.Instance, ev.From) {
			return
		}
		if p.Kind == wire.KindEngineBeat || p.Kind == wire.KindEngineAnswer {
			n.beatCame(ev.From, p)
			return
		}
		n.memberships.do(n.now, membership.Packet{From: ev.From, P: p, Cast: ev.Beacon})
		n.firstHand(p)
	}
}

// carryView carries out one effect of the weak view.
func (n *Node) carryView(f membership.Effect) {
	switch f := f.(type) {
	case membership.Send:
		n.sendDatagram(f.To, f.ID, false, f.Data)
	case membership.Cast:
		n.cast(f.Data)
	case membership.SendRows:
		n.sendFrame(f.To, &wire.Envelope{Body: &wire.Envelope_Rows{Rows: f.Wire()}})
	case membership.Changed:
		n.rowChanged(f)
	case membership.Unreachable:
		n.unreachable(f)
	case membership.Heard:
		n.heard(f)
	case membership.Loaded:
		n.loaded(f)
	case membership.Reached:
		n.reached(f)
	case membership.MeshProbed:
		n.meshProbed(f)
	case membership.Rolled:
		n.rolled()
	case membership.Note:
		n.log(f.Warn, f.Text)
	case membership.Left:
		n.left = true
	default:
		panic(fmt.Sprintf("node: no way to carry out %T", f))
	}
}

// rowsCame is another member's table, or a part of it.
func (n *Node) rowsCame(from core.NodeID, m *wire.Rows) {
	addr, _ := n.addrOf(from) // an unknown sender's is among the rows
	n.memberships.do(n.now, membership.RowsFrom(from, addr, m))
	if row, known := n.membership.Table().Get(from); known {
		n.met(from, row.Instance)
	}
}

// hearsay tells the weak view what the log knows of a member, so that a node
// that restarts, or never heard of it, has somebody to ask. The log may also
// know of a later start than anybody who is left has heard of: unless that is
// told, nobody finds out that it, too, has ended.
func (n *Node) hearsay(m *wire.Agreed) {
	if core.NodeID(m.Row.Id) == n.self.id {
		return
	}
	known, is := n.membership.Table().Get(core.NodeID(m.Row.Id))
	if m.State == ledger.Left || is && (known.Instance >= core.Instance(m.Row.Instance) || m.State != ledger.Up) {
		return
	}
	row := wire.Row{}
	copyRow(&row, m.Row)
	row.Status = uint32(core.Alive)
	n.memberships.do(n.now, membership.Rows{Rows: []*wire.Row{&row}})
}

// copyRow copies what a row says of a member, not what is believed of it.
func copyRow(to, from *wire.Row) {
	to.Id, to.Name, to.Addr, to.Instance, to.Incarnation = from.Id, from.Name, from.Addr, from.Instance, from.Incarnation
	to.Version, to.Tags, to.Raft, to.Features = from.Version, from.Tags, from.Raft, from.Features
}

// rowChanged follows a change of the weak view.
func (n *Node) rowChanged(f membership.Changed) {
	row := f.After
	if row.Raft != 0 && !n.raftTaken(row.Raft, row.ID) {
		n.byRaft[row.Raft] = row.ID
	}
	n.peersChanged, n.condition.look = true, true
	n.agreement.look = n.now
	n.wardsChanged()
	if row.ID == n.self.id {
		return
	}
	if f.Before.Instance != row.Instance {
		delete(n.peers, row.ID) // what an earlier run said of itself
	}
	if f.Before.ID == 0 && n.meetLater(row, f.Why) {
		return
	}
	if !row.Living() {
		delete(n.unmet, row.ID)
		delete(n.refusals.asked, row.ID)
	}
	if n.unmet[row.ID] == nil && (f.Before.Status != row.Status || f.Before.Instance != row.Instance) {
		n.emit("member-"+row.Status.String(), row.Name, f.Why)
	}
	if !row.Living() || row.Status == core.Suspect {
		n.dispatches.do(n.now, dispatch.Lost{Node: row.ID})
	}
}

// unreachable tells of a member that does not answer and that nobody may judge.
func (n *Node) unreachable(f membership.Unreachable) {
	n.condition.look = true
	kind := "member-unreachable"
	if f.Again {
		kind = "member-" + f.Row.Status.String()
	}
	n.emit(kind, f.Row.Name, f.Why)
	n.log(!f.Again, f.Row.Name+": "+f.Why)
}

// heard follows what a heartbeat says of the log.
func (n *Node) heard(f membership.Heard) {
	if f.Leader != 0 && f.Term >= n.hint.term {
		fresh := f.Leader != n.hint.id || f.Term != n.hint.term
		n.hint = leaderHint{id: f.Leader, term: f.Term, heard: n.now}
		if fresh {
			n.leaderChanged()
		}
	}
	n.replogStep(replog.Heard{Node: f.Node, Commit: f.Commit})
}

func (n *Node) loaded(f membership.Loaded) {
	p := n.peers[f.Node]
	p.applied = f.Applied
	n.peers[f.Node] = p
	n.heardLoad(f.Node, f.Load)
}

// streamLost tells everybody whom it concerns that frames may be lost.
func (n *Node) streamLost(ev StreamLost) {
	if ev.Refused {
		n.memberships.do(n.now, membership.Refused{Addr: ev.To})
	}
	n.discover(discover.Refused{Addr: ev.To, Reason: "no answer from there"})
	if row, ok := n.rowAt(ev.To); ok && row.Raft != 0 {
		delete(n.streamed, row.ID)
		if ev.Refused {
			n.refusals.seen[row.ID] = n.now
			n.wardLost(row.ID)
		}
		n.replogStep(replog.Lost{Raft: row.Raft, Refused: ev.Refused})
	}
	n.probeLost(ev)
}

// rowAt finds the member at an address.
func (n *Node) rowAt(addr netip.AddrPort) (member.Row, bool) {
	var found member.Row
	n.membership.Table().Each(func(r member.Row) bool {
		if r.Addr == addr {
			found = r
		}
		return found.ID == 0
	})
	return found, found.ID != 0
}

// addrOf is where a member is reached: as the weak view knows, else the log.
func (n *Node) addrOf(id core.NodeID) (netip.AddrPort, bool) {
	if row, ok := n.membership.Table().Get(id); ok {
		return row.Addr, true
	}
	if m, ok := n.ledger.Member(id); ok {
		addr, err := netip.ParseAddrPort(m.Row.Addr)
		return addr, err == nil
	}
	return netip.AddrPort{}, false
}

// nameOf is what people call a member; its ID when nobody knows.
func (n *Node) nameOf(id core.NodeID) string {
	if id == 0 {
		return ""
	}
	if id == n.self.id {
		return n.opts.Name
	}
	if row, ok := n.membership.Table().Get(id); ok && row.Name != "" {
		return row.Name
	}
	if m, ok := n.ledger.Member(id); ok {
		return m.Row.Name
	}
	return id.String()
}

// nodeOf finds the node that owns a raft ID.
func (n *Node) nodeOf(raft core.RaftID) (core.NodeID, bool) {
	if raft == n.self.raft {
		return n.self.id, true
	}
	id, ok := n.byRaft[raft]
	return id, ok
}

// raftTaken says whether a raft ID is another member's, as the log knows: what a
// row says of itself does not change that.
func (n *Node) raftTaken(raft core.RaftID, by core.NodeID) bool {
	owner, known := n.byRaft[raft]
	if !known || owner == by {
		return false
	}
	m, agreed := n.ledger.Member(owner)
	return agreed && core.RaftID(m.Row.Raft) == raft
}

// raftOf finds a node's present raft ID.
func (n *Node) raftOf(id core.NodeID) (core.RaftID, bool) {
	if id == n.self.id {
		return n.self.raft, true
	}
	if m, ok := n.ledger.Member(id); ok && m.Row.Raft != 0 {
		return core.RaftID(m.Row.Raft), true
	}
	row, ok := n.membership.Table().Get(id)
	return row.Raft, ok && row.Raft != 0
}

// aliveCount is how many members this node believes alive, itself included.
func (n *Node) aliveCount() int {
	_, alive := n.counts()
	return alive
}

// counts are how many members there are, those that have left not among them, and
// how many of them live.
func (n *Node) counts() (all, alive int) {
	n.membership.Table().Each(func(r member.Row) bool {
		switch n.believed(r.ID) {
		case core.Left:
			return true
		case core.Alive:
			alive++
		}
		all++
		return true
	})
	return all, alive
}

// leaderChanged follows a new leader: whatever waits for one goes on.
func (n *Node) leaderChanged() {
	leader := n.leader()
	if leader.id != 0 && (leader.id != n.lastLeader.id || leader.term != n.lastLeader.term) {
		n.emit("leader", n.nameOf(leader.id), fmt.Sprintf("term %d", leader.term))
		n.counted.leaders++
		n.condition.look = true // other members may be watched now
		n.runnersNewLeader()
		n.reportLoad(true)
		for _, pr := range n.proposals.order {
			if n.proposals.open[pr.command.Id] != nil && (pr.sent == 0 || pr.again) {
				n.dispatchProposal(pr)
			}
		}
		if n.reads.ticket != 0 {
			n.askRound()
		}
	}
	if leader.id != 0 {
		n.lastLeader = leader
	}
}
