package node

import (
	"fmt"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// This file deals with nodes that speak for a start of a member that is over, as
// the log knows: a data directory was put back from a backup, which has forgotten
// the later starts and what they promised, or another process runs with a copy of
// it. Such a node would wait for ever: nobody listens to it. So whoever hears it
// tells it, and it stops.

// outdated says whether a later start of a member is agreed on than this one.
func (n *Node) outdated(id core.NodeID, start core.Instance) bool {
	m, known := n.ledger.Member(id)
	return known && start < core.Instance(m.Row.Instance)
}

// startOver says whether a start of a member is over: it is outdated, or has said
// itself that it ends. The text is for that node.
func (n *Node) startOver(id core.NodeID, start core.Instance) (why string, over bool) {
	m, known := n.ledger.Member(id)
	switch {
	case !known:
	case n.outdated(id, start):
		return fmt.Sprintf("%s runs with start %d of its data directory, and the cluster knows start %d, at %s", m.Row.Name, start, m.Row.Instance, m.Row.Addr), true
	case start == core.Instance(m.Row.Instance) && m.State == ledger.Down && saidItself(m.Reason):
		return fmt.Sprintf("%s runs with start %d of its data directory, which has ended in order before", m.Row.Name, start), true
	}
	return "", false
}

// fromEarlierStart says whether what a member sent comes from an outdated start,
// and tells the sender now and then. One that has said that it ends is still
// heard, since it may be about to; if it is, it takes no notice.
func (n *Node) fromEarlierStart(id core.NodeID, start core.Instance, to netip.AddrPort) bool {
	why, over := n.startOver(id, start)
	if over && id != n.self.id && !n.toldLately(id) {
		for _, at := range n.whereTold(id, to) {
			n.refuse(id, at, startRefusal(why, start))
		}
	}
	return over && n.outdated(id, start)
}

// sourceAgain is how often this node knocks where a datagram claims to come from,
// and no member is known to be: once in that time, whatever comes.
const sourceAgain = time.Minute

// whereTold is where a member is told what a datagram calls for: at the address
// that it is known to have. Anybody can play a datagram again, from a made-up
// source, to have streams opened there; but the member may have moved, so at times
// it is told there, too.
func (n *Node) whereTold(id core.NodeID, source netip.AddrPort) (list []netip.AddrPort) {
	known, is := n.addrOf(id)
	if is {
		list = append(list, known)
	}
	if source.IsValid() && source != known && (n.sourceTold == 0 || n.now >= n.sourceTold.Add(sourceAgain)) {
		n.sourceTold = n.now
		list = append(list, source)
	}
	return list
}

func startRefusal(why string, start core.Instance) *wire.Refusal {
	return &wire.Refusal{
		Final: true, Start: uint32(start),
		Reason: why + ": it was put back from a backup, or another process runs with a copy of it",
		Hint:   "if another runs, that one is the member; if not, hb recover --rejoin puts the old log aside, deleting nothing, and lets the node join anew",
	}
}

// outrun ends this node, unless it is about to end anyway.
func (n *Node) outrun(r *wire.Refusal) {
	if !n.life.stopping {
		n.stop(core.Faultf(core.CodeBadInput, "%s", r.Reason).WithHint("%s", r.Hint))
	}
}
