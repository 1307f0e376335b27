package node

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"hb/core"
	"hb/core/ledger"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/wire"
)

// leaderHint is who leads, as far as this node knows, and since when it has
// not heard so again.
type leaderHint struct {
	id    core.NodeID
	term  uint64
	heard core.Instant
}

// leader is whoever this node takes for the leader; zero when nobody. A voter
// asks its engine, everybody else goes by what heartbeats say.
func (n *Node) leader() leaderHint {
	if raft, term := n.replog.Leader(); raft != 0 {
		if id, ok := n.nodeOf(raft); ok {
			return leaderHint{id: id, term: term, heard: n.now}
		}
	}
	if n.votes() {
		return leaderHint{}
	}
	if row, ok := n.membership.Table().Get(n.hint.id); !ok || row.Status == core.Dead || row.Status == core.Left {
		return leaderHint{}
	}
	return n.hint
}

// votes says whether this node's own engine takes part in elections.
func (n *Node) votes() bool {
	switch n.replog.Role(n.self.raft) {
	case "leader", "voter":
		return true
	}
	return false
}

// leaderView is what `hb leader --stale` shows: the last known, with its age.
func (n *Node) leaderView() LeaderView {
	last := n.lastLeader
	v := LeaderView{ID: last.id, Term: last.term, Self: last.id == n.self.id}
	if last.id != 0 {
		v.Age = n.now.Sub(last.heard)
	}
	v.Name = n.nameOf(last.id)
	v.Addr, _ = n.addrOf(last.id)
	return v
}

// confirmedLeader is the view of a leader that a quorum confirmed.
func (n *Node) confirmedLeader(res readResult) LeaderView {
	v := LeaderView{ID: res.leader, Term: res.term, Confirmed: true, Self: res.leader == n.self.id}
	v.Name = n.nameOf(res.leader)
	v.Addr, _ = n.addrOf(res.leader)
	return v
}

// clusterView names the cluster.
func (n *Node) clusterView() ClusterView {
	return ClusterView{ID: n.self.cluster, Name: n.self.clusterName, Epoch: n.self.epoch}
}

// statusView is this node in one page.
func (n *Node) statusView() StatusView {
	leader := n.leader()
	v := StatusView{
		ID: n.self.id, Name: n.opts.Name, Version: n.opts.Version, Cluster: n.clusterView(),
		Detector: n.opts.Detector, Term: max(n.replog.Term(), leader.term),
		Commit: n.replog.Commit(), Applied: n.ledger.Applied(), Role: n.roleOf(n.self.id),
		Health: n.health(), Stress: n.load.Stress, Uptime: n.now.Sub(n.started),
	}
	if leader.id != 0 {
		v.Leader = LeaderView{ID: leader.id, Name: n.nameOf(leader.id), Term: leader.term, Self: leader.id == n.self.id}
		v.Leader.Addr, _ = n.addrOf(leader.id)
	}
	for _, raft := range n.replog.Voters() {
		if id, ok := n.nodeOf(raft); ok {
			v.Voters = append(v.Voters, id)
		}
	}
	slices.SortFunc(v.Voters, func(a, b core.NodeID) int {
		return cmp.Or(cmp.Compare(n.nameOf(a), n.nameOf(b)), cmp.Compare(a, b))
	})
	v.Features = n.featuresView()
	v.Work = WorkView{Queued: n.ledger.Waiting(), Granted: n.ledger.Granted(), Ended: maps.Clone(n.counted.ended)}
	v.Unable, v.Unconfined = n.opts.Offer.GetUnable(), n.opts.Unconfined
	v.Plight, v.ToDo = n.plight()
	v.CertifiedUntil = n.admission.until
	v.Members, v.MembersAlive = n.counts()
	return v
}

// roleOf says what a member is to the log.
func (n *Node) roleOf(id core.NodeID) string {
	if n.leader().id == id {
		return "leader"
	}
	raft, ok := n.raftOf(id)
	if !ok {
		return "member"
	}
	if role := n.replog.Role(raft); role != "leader" {
		return role
	}
	return "voter"
}

// membersView is the whole table with what is known of each.
func (n *Node) membersView() MembersView {
	v := MembersView{Cluster: n.clusterView(), Isolated: n.membership.Isolated()}
	for _, row := range n.membership.Table().Rows() {
		if _, was := n.ledger.Forgotten(row.ID); !was {
			v.Members = append(v.Members, n.memberView(row))
		}
	}
	for _, m := range n.ledger.Members() {
		if _, was := n.ledger.Forgotten(core.NodeID(m.Row.Id)); was {
			continue
		}
		if _, ok := n.membership.Table().Get(core.NodeID(m.Row.Id)); !ok {
			v.Members = append(v.Members, n.agreedOnly(m))
		}
	}
	slices.SortFunc(v.Members, func(a, b MemberView) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return v
}

func (n *Node) memberView(row member.Row) MemberView {
	v := MemberView{
		ID: row.ID, Name: row.Name, Addr: row.Addr, Status: n.believed(row.ID), Role: n.roleOf(row.ID),
		Self: row.ID == n.self.id, RTT: -1, Version: row.Version, Tags: row.Tags, Instance: row.Instance,
		Since: n.wallAt(row.Since), Blame: n.membership.Blame(row.ID),
	}
	v.Blame = cmp.Or(v.Blame, n.reservation(row.ID))
	if m, ok := n.ledger.Member(row.ID); ok {
		v.Agreed, v.Drained, v.Offer = m.State, m.Drained, m.Offer
	}
	if rtt, ok := n.membership.RTT(row.ID); ok {
		v.RTT = rtt
	}
	if seen, ok := n.peers[row.ID]; ok {
		v.Load, v.Loaded, v.Applied = seen.load, seen.loaded, seen.applied
	}
	if v.Self {
		v.Load, v.Loaded, v.Applied, v.RTT = n.load, true, n.ledger.Applied(), 0
	}
	// What the log has granted is exact, and the same wherever one asks.
	v.Load.Running = uint16(len(n.ledger.OpenOn(row.ID)))
	return v
}

// reservation says what is to be said of a member that nobody suspects now, if
// anything.
func (n *Node) reservation(id core.NodeID) string {
	if n.unmet[id] != nil {
		return "others name it, but it has not been heard yet"
	}
	if n.membership.Steadiness(n.now, id) != membership.Unsteady {
		return ""
	}
	var names []string
	for _, by := range n.membership.Unrest(n.now, id) {
		names = append(names, n.nameOf(by))
	}
	return "suspected again and again, lately by " + strings.Join(names, ", ") + ", and refuted it each time"
}

// agreedOnly is a member that only the log knows.
func (n *Node) agreedOnly(m *wire.Agreed) MemberView {
	v := MemberView{
		ID: core.NodeID(m.Row.Id), Name: m.Row.Name, Status: core.Dead, Agreed: m.State, Role: n.roleOf(core.NodeID(m.Row.Id)),
		RTT: -1, Version: m.Row.Version, Tags: m.Row.Tags, Instance: core.Instance(m.Row.Instance), Since: m.SinceNanos,
		Drained: m.Drained, Offer: m.Offer,
	}
	if m.State == ledger.Left {
		v.Status = core.Left
	}
	v.Addr, _ = n.addrOf(v.ID)
	return v
}

// wallAt is the Unix time in nanoseconds of an Instant of this node.
func (n *Node) wallAt(t core.Instant) int64 { return int64(t) + int64(n.clock) }

// wall is the Unix time in nanoseconds now.
func (n *Node) wall() int64 { return n.wallAt(n.now) }

// believed is what people are shown of a member's status; 0: unknown.
func (n *Node) believed(id core.NodeID) core.Status {
	row, known := n.membership.Table().Get(id)
	switch {
	case !known:
		return 0
	case row.Living() && n.membership.Unreachable(id):
		return core.Unreachable
	case row.Status == core.Alive && n.unmet[id] != nil:
		return core.Suspect
	}
	return row.Status
}
