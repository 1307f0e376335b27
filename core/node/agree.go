package node

import (
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/member"
	"hb/core/replog"
	"hb/core/wire"
)

// agreement is the leader's care for the agreed directory: it turns what its
// own table says into commands, one at a time.
type agreement struct {
	flying int          // commands on their way
	look   core.Instant // when to compare again at the latest
}

// Why a member is not up.
const (
	reasonLeft     = "left"
	reasonCrash    = "crash"
	reasonShutdown = "shutdown"
)

// agreeEvery is how often the leader compares table and directory even when
// nothing seems to have changed.
const agreeEvery = time.Second

// agree proposes what the directory lacks. All changes found at once share one
// command, so that members that join or fail together become one entry.
func (n *Node) agree() {
	if !n.leading || n.agreement.flying > 0 || n.now < n.agreement.look {
		return
	}
	n.agreement.look = n.now.Add(agreeEvery)
	up := &wire.MemberUp{}
	down := map[string]*wire.MemberDown{}
	for _, row := range n.membership.Table().Rows() {
		if _, was := n.ledger.Forgotten(row.ID); was {
			continue
		}
		m, known := n.ledger.Member(row.ID)
		switch reason := n.downReason(row, m); {
		case reason != "":
			d := down[reason]
			if d == nil {
				d = &wire.MemberDown{Reason: reason}
				down[reason] = d
			}
			d.Ids, d.Instances = append(d.Ids, uint64(row.ID)), append(d.Instances, uint32(row.Instance))
		case row.Status == core.Alive && (!known || stale(m, row)):
			up.Rows = append(up.Rows, member.ToWire(n.now, row))
		}
	}
	if len(up.Rows) > 0 {
		n.proposeAgreed(&wire.Command{Body: &wire.Command_MemberUp{MemberUp: up}})
	}
	for _, reason := range []string{reasonLeft, reasonCrash} {
		if d := down[reason]; d != nil {
			n.proposeAgreed(&wire.Command{Body: &wire.Command_MemberDown{MemberDown: d}})
		}
	}
}

// downReason says why a member that the directory has up should not be.
func (n *Node) downReason(row member.Row, m *wire.Agreed) string {
	if m == nil || m.State == ledger.Left || core.Instance(m.Row.Instance) > row.Instance {
		return ""
	}
	switch {
	case row.Status == core.Left:
		return reasonLeft
	case row.Status == core.Dead && m.State == ledger.Up:
		return reasonCrash
	}
	return ""
}

// stale says whether the directory's row of a living member needs renewal.
func stale(m *wire.Agreed, row member.Row) bool {
	switch {
	case core.Instance(m.Row.Instance) > row.Instance:
		return false
	case core.Instance(m.Row.Instance) < row.Instance:
		return true
	case m.State == ledger.Down:
		return m.Reason != reasonShutdown // that run has said itself that it ends
	case m.State == ledger.Left:
		return false // comes back with a newer instance only
	}
	return m.Row.Addr != row.Addr.String() || m.Row.Name != row.Name || m.Row.Raft != uint64(row.Raft) || m.Row.Version != row.Version
}

func (n *Node) proposeAgreed(c *wire.Command) {
	n.agreement.flying++
	n.propose(c, func(a answer) {
		n.agreement.flying--
		n.agreement.look = n.now
		if answerFault(a) != nil {
			n.agreement.look = n.now.Add(agreeEvery)
		}
	})
}

// agreedChanged follows a change of the directory.
func (n *Node) agreedChanged(m *wire.Agreed) {
	id := core.NodeID(m.Row.Id)
	if m.Row.Raft != 0 {
		n.byRaft[core.RaftID(m.Row.Raft)] = id
	}
	if t, was := n.ledger.Forgotten(id); was {
		n.buried(m, t)
	}
	n.hearsay(m)
	n.peersChanged = true
	n.agreement.look = n.now
}

// tellPeers gives the log the members among whom it chooses voters.
func (n *Node) tellPeers() {
	if !n.peersChanged {
		return
	}
	n.peersChanged = false
	var list []replog.Peer
	for _, m := range n.ledger.Members() {
		id := core.NodeID(m.Row.Id)
		row, ok := n.membership.Table().Get(id)
		list = append(list, replog.Peer{
			Raft: core.RaftID(m.Row.Raft), Node: id,
			Up:   m.State == ledger.Up && ok && row.Status == core.Alive,
			Left: m.State == ledger.Left,
			Zone: m.Row.Tags["zone"], Wish: replog.Wish(m.Vote),
		})
	}
	n.replogStep(replog.Peers{List: list, Voters: n.ledger.Voters()})
}
