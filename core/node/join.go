package node

import (
	"fmt"
	"net/netip"

	"hb/core"
	"hb/core/discover"
	"hb/core/ledger"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/replog"
	"hb/core/wire"
)

// self is who this node is.
type self struct {
	id          core.NodeID
	raft        core.RaftID
	instance    core.Instance
	cluster     core.ClusterID
	clusterName string
	epoch       core.Epoch // of the cluster
	joined      bool       // in a cluster, and its disk says so
	// journalSince is the first run whose grants the journal surely has.
	journalSince core.Instance
	saving       *wire.Welcome
	saves, saved uint64      // identities put on their way, and on disk
	savingFrom   core.NodeID // who has sent it
}

// discover tells discovery something and carries out what it wants.
func (n *Node) discover(ev discover.Event) { n.discovers.do(n.now, ev) }

// carryDiscover carries out one effect of discovery.
func (n *Node) carryDiscover(f discover.Effect) {
	switch f := f.(type) {
	case discover.AskJoin:
		n.askJoin(f.To)
	case discover.Beacon:
		n.put(SendBeacon{Data: f.Data})
	case discover.Answer:
		n.put(SendDatagram{To: f.To, Data: f.Data})
	case discover.ResolveSeeds:
		n.put(ResolveSeeds{})
	case discover.Note:
		n.log(f.Warn, f.Text)
	default:
		panic(fmt.Sprintf("node: no way to carry out %T", f))
	}
}

// askJoin asks a node to be let in, or to be known again. Whom a member hears
// anyway cannot tell it of others.
func (n *Node) askJoin(to netip.AddrPort) {
	if row, known := n.rowAt(to); n.self.joined && known && row.Living() && !n.membership.Isolated() {
		n.discover(discover.Refused{Addr: to})
		return
	}
	j := &wire.Join{
		Name: n.opts.Name, Version: n.opts.Version, Detector: n.opts.Detector, Raft: uint64(n.self.raft), Features: uint32(n.opts.Features),
		Rows: []*wire.Row{member.ToWire(n.now, n.membership.Table().Self())},
	}
	if n.self.joined {
		j.Cluster = n.self.cluster[:]
	}
	n.sendFrame(to, &wire.Envelope{ReplyTo: n.opts.Addr.String(), Body: &wire.Envelope_Join{Join: j}})
}

// joinAsked lets somebody in, or says why not.
func (n *Node) joinAsked(e *wire.Envelope, j *wire.Join) {
	to, err := netip.ParseAddrPort(e.ReplyTo)
	if err != nil || core.NodeID(e.From) == n.self.id {
		return
	}
	if refusal := n.whyNot(e, j); refusal != nil {
		n.refuse(core.NodeID(e.From), to, refusal)
		return
	}
	n.memberships.do(n.now, membership.Rows{From: core.NodeID(e.From), Addr: to, Rows: j.Rows})
	leader := n.leader()
	n.answerFrame(to, &wire.Envelope{Body: &wire.Envelope_Welcome{Welcome: &wire.Welcome{
		Cluster: n.self.cluster[:], ClusterName: n.self.clusterName, Rows: n.membership.Table().ToWire(n.now),
		Leader: uint64(leader.id), Term: leader.term, Commit: n.replog.Commit(), Key: n.keyFor(core.NodeID(e.From)),
	}}})
}

// whyNot is the reason to refuse a joiner; nil for none.
func (n *Node) whyNot(e *wire.Envelope, j *wire.Join) *wire.Refusal {
	from := core.NodeID(e.From)
	t, was := n.ledger.Forgotten(from)
	switch {
	case was && string(j.Cluster) == string(n.self.cluster[:]):
		return n.forgottenRefusal(t)
	case !n.self.joined || n.life.leaving != 0 || n.life.stopping:
		return &wire.Refusal{Reason: fmt.Sprintf("%s is in no cluster itself yet", n.opts.Name)}
	case len(j.Cluster) != 0 && string(j.Cluster) != string(n.self.cluster[:]):
		return &wire.Refusal{Final: true,
			Reason: fmt.Sprintf("%s belongs to cluster %s, the joiner's data directory to another", n.opts.Name, n.self.cluster),
			Hint:   "join with an empty data directory, or ask a node of the other cluster"}
	case len(j.Cluster) != 0 && core.Epoch(e.Epoch) != n.self.epoch:
		return n.epochRefusal()
	case !n.mayBelong(from):
		return &wire.Refusal{
			Reason: fmt.Sprintf("%s does not find in the log that this node was let in, or finds that it has left", n.opts.Name),
			Hint:   "hb join TOKEN lets a machine in"}
	case j.Features < uint32(n.ledger.Features()):
		return &wire.Refusal{Final: true,
			Reason: fmt.Sprintf("the cluster's log is at feature level %d, hb %s knows %d", n.ledger.Features(), j.Version, j.Features),
			Hint:   "install the version of hb that the cluster runs: " + n.opts.Version}
	case j.Detector != n.opts.Detector:
		return &wire.Refusal{Final: true,
			Reason: fmt.Sprintf("the cluster's failure detector is %s, the joiner's %s", n.opts.Detector, j.Detector),
			Hint:   fmt.Sprintf("set [detector] kind = %q", n.opts.Detector)}
	}
	if why, over := n.startOver(from, core.Instance(e.Instance)); over {
		return startRefusal(why, core.Instance(e.Instance))
	}
	for _, row := range n.membership.Table().Rows() {
		if row.Name == j.Name && row.ID != from && row.Living() {
			return &wire.Refusal{
				Reason: fmt.Sprintf("the name %s is taken by a living member (%s at %s)", j.Name, row.ID, row.Addr),
				Hint:   "choose another with --name"}
		}
	}
	return nil
}

// welcomed takes in the table of a cluster; a node without one becomes its
// member once its disk says so.
func (n *Node) welcomed(e *wire.Envelope, w *wire.Welcome) {
	if len(w.Cluster) != len(n.self.cluster) {
		return
	}
	switch {
	case !n.self.joined && n.self.saving == nil:
		n.self.saving, n.self.savingFrom, n.self.epoch = w, core.NodeID(e.From), core.Epoch(e.Epoch)
		n.saveIdentity(core.ClusterID(w.Cluster), w.ClusterName)
	case n.self.joined && string(w.Cluster) == string(n.self.cluster[:]) && core.Epoch(e.Epoch) == n.self.epoch:
		n.knownAgain(core.NodeID(e.From), w)
	}
}

func (n *Node) identity(cluster core.ClusterID, name string) *wire.Identity {
	return &wire.Identity{
		Format: 1, Cluster: cluster[:], ClusterName: name, Node: uint64(n.self.id), Raft: uint64(n.self.raft), Detector: n.opts.Detector,
		Epoch: uint64(n.self.epoch), JournalSince: uint32(n.self.journalSince), Tags: n.tags.set, DroppedTags: n.tags.dropped,
	}
}

// identitySaved makes the node a member of the cluster that let it in.
func (n *Node) identitySaved() {
	n.self.saved++
	n.tagsSaved()
	w := n.self.saving
	if w == nil {
		return
	}
	n.self.saving = nil
	n.self.cluster, n.self.clusterName, n.self.joined = core.ClusterID(w.Cluster), w.ClusterName, true
	n.ledger = ledger.New(n.self.cluster, n.self.clusterName)
	n.membership.SetCluster(n.tag())
	n.openRing()
	n.log(false, fmt.Sprintf("joined cluster %s (%s)", n.self.clusterName, n.self.cluster))
	n.knownAgain(n.self.savingFrom, w)
}

// knownAgain takes in the table of the node's own cluster, and begins to fetch the
// log: a newcomer does not know yet who votes, and could not wait there for news.
func (n *Node) knownAgain(from core.NodeID, w *wire.Welcome) {
	n.takeKey(from, w.Key, w.Commit)
	n.memberships.do(n.now, membership.Rows{Rows: w.Rows})
	n.replogStep(replog.Heard{Node: from, Commit: w.Commit})
	n.discover(discover.Joined{Cluster: n.tag()})
	n.saidAlone, n.knownSince = false, n.now
	if w.Leader != 0 && n.hint.id == 0 {
		n.hint = leaderHint{id: core.NodeID(w.Leader), term: w.Term, heard: n.now}
		n.leaderChanged()
	}
}

// refuse tells a node why it has no business here. Another may have its address by
// now, and must not take that for itself.
func (n *Node) refuse(id core.NodeID, to netip.AddrPort, r *wire.Refusal) {
	n.answerFrame(to, &wire.Envelope{To: uint64(id), ReplyTo: n.opts.Addr.String(), Body: &wire.Envelope_Refusal{Refusal: r}})
}

// refused is the answer to a join that failed, or to whatever else this node has no
// business with. An older hb does not say to whom it speaks.
func (n *Node) refused(e *wire.Envelope, r *wire.Refusal) {
	from, err := netip.ParseAddrPort(e.ReplyTo)
	if err != nil || e.To != 0 && core.NodeID(e.To) != n.self.id {
		return
	}
	if r.Forgotten && n.self.joined && string(e.Cluster) == string(n.self.cluster[:]) {
		n.forgotten(r.Reason, r.Hint)
		return
	}
	if r.Start != 0 && core.Instance(r.Start) != n.self.instance {
		return // it is for a process that ran here before
	}
	if r.Start != 0 && n.self.joined && string(e.Cluster) == string(n.self.cluster[:]) {
		n.outrun(r)
		return
	}
	if n.self.joined && string(e.Cluster) == string(n.self.cluster[:]) && core.Epoch(e.Epoch) != n.self.epoch {
		n.superseded(from, core.Epoch(e.Epoch))
		if core.Epoch(e.Epoch).Number() < n.self.epoch.Number() {
			n.tellEpoch(core.NodeID(e.From), from) // it refuses, but has not heard
		}
	}
	text := "not let in: " + r.Reason
	if r.Hint != "" {
		text += " (" + r.Hint + ")"
	}
	// A member goes on without who refuses it, but a seed of another cluster is
	// somebody's mistake.
	if (!n.self.joined || r.Final) && n.refusal != text {
		n.refusal = text
		n.log(true, text)
	}
	n.discover(discover.Refused{Addr: from, Final: r.Final, Reason: r.Reason})
	if r.Final && !n.self.joined {
		n.stop(core.Faultf(core.CodeBadInput, "not let in: %s", r.Reason).WithHint("%s", r.Hint))
	}
}
