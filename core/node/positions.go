package node

import (
	"cmp"
	"slices"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// askPositions asks every living member how far its log is.
func (n *Node) askPositions(id uint64) {
	whom := []core.NodeID{n.self.id}
	for _, row := range n.membership.Table().Rows() {
		if row.Living() && row.ID != n.self.id {
			whom = append(whom, row.ID)
		}
	}
	n.survey(whom, func(answers map[core.NodeID]*wire.Position) { n.reply(id, n.positionsView(answers), true) })
}

// positionsView lists the members of the weak view and of the directory.
func (n *Node) positionsView(answers map[core.NodeID]*wire.Position) PositionsView {
	var v PositionsView
	match := map[core.RaftID]uint64{}
	for _, p := range answers { // the highest of each: no matter in which order
		v.Commit = max(v.Commit, p.Commit)
		for _, s := range p.Standings {
			match[core.RaftID(s.Raft)] = max(match[core.RaftID(s.Raft)], s.Match)
		}
	}
	for _, m := range n.membersView().Members {
		if m.Agreed == ledger.Left || m.Status == core.Left {
			continue
		}
		raft, _ := n.raftOf(m.ID)
		p := PositionView{ID: m.ID, Name: m.Name, Role: m.Role, Status: m.Status, Self: m.Self, Applied: m.Applied, Match: match[raft]}
		if a := answers[m.ID]; a != nil {
			p.OK, p.Term, p.Commit, p.Applied = true, a.Term, a.Commit, a.Applied
			p.First, p.Last, p.Snapshot = a.First, a.Last, a.Snapshot
		}
		v.Members = append(v.Members, p)
	}
	slices.SortFunc(v.Members, func(a, b PositionView) int {
		return cmp.Or(cmp.Compare(rank(a.Role), rank(b.Role)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return v
}
