package node

import (
	"fmt"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// This file keeps the epochs of a cluster apart (core.Epoch). After a recovery
// the members of the older epoch may still be there, or come back: what they
// send is for another log. They are told so, and stop once it is plain that
// their own epoch has no majority any more. The words for both are here.

// abandonAfter is how long a node of an older epoch must have been without a
// leader before it believes that its epoch is over: if a recovery was a mistake,
// the majority that lives must not stop because of it.
const abandonAfter = 10 * time.Second

// tag is how this node's datagrams name its cluster.
func (n *Node) tag() wire.Tag {
	if !n.self.joined {
		return wire.Tag{}
	}
	return wire.TagOf(n.self.cluster, n.self.epoch)
}

// sameLog says whether a frame is of this node's cluster and epoch. Of another
// epoch it is told now and then.
func (n *Node) sameLog(e *wire.Envelope, from netip.AddrPort) bool {
	if string(e.Cluster) != string(n.self.cluster[:]) {
		n.complainOnce(from.Addr(), errForeign)
		return false
	}
	if core.Epoch(e.Epoch) == n.self.epoch {
		return true
	}
	if to, ok := n.addrOf(core.NodeID(e.From)); ok {
		n.tellEpoch(core.NodeID(e.From), to)
	}
	n.complainOnce(from.Addr(), fmt.Errorf("frame of epoch %v of this cluster; here is epoch %v", core.Epoch(e.Epoch), n.self.epoch))
	return false
}

// fromAnotherEpoch says whether a datagram is from a member of this cluster that
// lives in another epoch of it, and tells it now and then.
func (n *Node) fromAnotherEpoch(tag wire.Tag, id core.NodeID, to netip.AddrPort) bool {
	if !n.self.joined || tag.IsZero() || tag == n.tag() {
		return false
	}
	if _, known := n.ledger.Member(id); !known {
		return false
	}
	n.complainOnce(to.Addr(), fmt.Errorf("datagrams of another epoch of this cluster than %v", n.self.epoch))
	n.tellEpoch(id, to)
	return true
}

// tellEpoch tells a member of another epoch which one this node is of.
func (n *Node) tellEpoch(id core.NodeID, to netip.AddrPort) {
	if n.toldLately(id) {
		return
	}
	n.refuse(id, to, n.epochRefusal())
}

// toldLately notes that a member is told something out of turn, unless that has
// just been done.
func (n *Node) toldLately(id core.NodeID) bool {
	if told, ok := n.told[id]; ok && n.now < told.Add(tellAgain) {
		return true
	}
	n.told[id] = n.now
	return false
}

// epochRefusal is what a joiner of another epoch is told.
func (n *Node) epochRefusal() *wire.Refusal {
	return &wire.Refusal{
		Final:  true,
		Reason: fmt.Sprintf("%s is of epoch %v of cluster %s, and takes in nobody of another", n.opts.Name, n.self.epoch, n.self.clusterName),
		Hint:   "hb recover --rejoin puts the log of an older epoch aside and lets its node join anew",
	}
}

// superseded hears that this node's cluster has another epoch.
func (n *Node) superseded(from netip.AddrPort, theirs core.Epoch) {
	ours := n.self.epoch
	switch {
	case theirs.Number() > ours.Number() && n.leaderless() >= abandonAfter:
		n.stop(core.Faultf(core.CodeBadInput, "cluster %s goes on as epoch %v without this node, whose log is of epoch %v (so says %v)",
			n.self.clusterName, theirs, ours, from).
			WithHint("hb recover --rejoin puts that log aside, deleting nothing, and lets the node join anew"))
	case theirs.Number() > ours.Number():
		n.complainOnce(from.Addr(), fmt.Errorf("cluster %s goes on there as epoch %v, here as epoch %v: one of both must be stopped", n.self.clusterName, theirs, ours))
	case theirs.Number() == ours.Number():
		n.complainOnce(from.Addr(), fmt.Errorf("cluster %s was recovered twice, as epoch %v and %v: one of both must be stopped", n.self.clusterName, theirs, ours))
	}
}

// leaderless is for how long this node has known no leader.
func (n *Node) leaderless() time.Duration {
	if n.leader().id != 0 {
		return 0
	}
	return n.now.Sub(max(n.started, n.lastLeader.heard))
}

// ownLog checks that what the disk holds belongs together: a recovery writes the
// identity first.
func (n *Node) ownLog(state *ledger.State) *core.Fault {
	switch {
	case state.Cluster() != n.self.cluster:
		return core.Faultf(core.CodeBadInput, "the data directory is of cluster %s, its snapshot of %s", n.self.cluster, state.Cluster())
	case state.Epoch() != n.self.epoch:
		return core.Faultf(core.CodeBadInput, "the data directory is of epoch %v, its log of epoch %v: a recovery was not finished", n.self.epoch, state.Epoch()).
			WithHint("the same hb recover again finishes it")
	}
	return nil
}
