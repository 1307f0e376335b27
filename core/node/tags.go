package node

import (
	"maps"
	"slices"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/membership"
	"hb/core/wire"
)

// A node's tags are those that it was started with, and over them what was changed
// since (hb tag), which its identity file keeps. A change is on disk before anybody
// hears of it. Then the node tells it like anything else about itself, under its next
// incarnation; the leader puts it into the log, by which tasks are placed.
type tags struct {
	set     map[string]string // over those it was started with
	dropped []string          // of those; sorted
	waiting []*retagging
}

// retagging is one client that waits for its change.
type retagging struct {
	id    uint64
	save  uint64 // the identity that has it
	limit core.Instant
}

// tagsLimit is how long a client waits for the log to have its tags.
const tagsLimit = 5 * time.Second

// restoreTags takes up what the identity has kept.
func (n *Node) restoreTags(id *wire.Identity) {
	n.tags.set, n.tags.dropped = maps.Clone(id.GetTags()), slices.Clone(id.GetDroppedTags())
}

// ownTags are the labels of this node now.
func (n *Node) ownTags() map[string]string {
	all := maps.Clone(n.opts.Tags)
	if all == nil {
		all = map[string]string{}
	}
	for _, k := range n.tags.dropped {
		delete(all, k)
	}
	maps.Copy(all, n.tags.set)
	return all
}

// setTags changes them.
func (n *Node) setTags(id uint64, q SetTags) {
	if !n.self.joined {
		n.reply(id, core.Faultf(core.CodeBusy, "%s is in no cluster yet", n.opts.Name).WithHint("try again when it is: hb wait ready"), true)
		return
	}
	before := n.tags
	n.changeTags(q)
	if err := wire.CheckLabels(n.opts.Name, n.opts.Version, n.ownTags()); err != nil {
		n.tags = before
		n.reply(id, core.Faultf(core.CodeBadInput, "these tags cannot be told to the others: %v", err), true)
		return
	}
	n.saveIdentity(n.self.cluster, n.self.clusterName)
	n.tags.waiting = append(n.tags.waiting, &retagging{id: id, save: n.self.saves, limit: n.now.Add(tagsLimit)})
}

// changeTags works out what is to be kept: nothing of what the node is started with
// anyway.
func (n *Node) changeTags(q SetTags) {
	set, dropped := map[string]string{}, slices.Clone(n.tags.dropped)
	maps.Copy(set, n.tags.set)
	for _, k := range q.Drop {
		delete(set, k)
		dropped = append(dropped, k)
	}
	for k, v := range q.Set { // in any order: each is a key of its own
		set[k] = v
		dropped = slices.DeleteFunc(dropped, func(d string) bool { return d == k })
		if given, is := n.opts.Tags[k]; is && given == v {
			delete(set, k)
		}
	}
	dropped = slices.DeleteFunc(dropped, func(k string) bool { _, given := n.opts.Tags[k]; return !given })
	slices.Sort(dropped)
	n.tags.set, n.tags.dropped = set, slices.Compact(dropped)
}

// tagsSaved tells everybody of the tags once all that was asked for is on disk.
func (n *Node) tagsSaved() {
	if n.self.saved == n.self.saves && !maps.Equal(n.membership.Table().Self().Tags, n.ownTags()) {
		n.memberships.do(n.now, membership.Retag{Tags: n.ownTags()})
		n.agreement.look = n.now
	}
}

// serveTags answers those whose change the log has.
func (n *Node) serveTags() {
	if len(n.tags.waiting) == 0 {
		return
	}
	m, known := n.ledger.Member(n.self.id)
	agreed := known && m.State == ledger.Up && maps.Equal(m.Row.Tags, n.ownTags())
	n.tags.waiting = without(n.tags.waiting, func(w *retagging) bool {
		switch {
		case agreed && w.save <= n.self.saved:
			n.reply(w.id, TagsView{Tags: n.ownTags()}, true)
		case n.now >= w.limit:
			n.reply(w.id, core.Faultf(core.CodeNoQuorum, "the tags are kept here and told to the others, but the log does not have them yet, by which tasks are placed").
				WithHint("it will, once there is a leader: hb leader"), true)
		default:
			return false
		}
		return true
	})
}

// nextTags is when somebody has waited long enough.
func (n *Node) nextTags() core.Instant {
	next := core.Never
	for _, w := range n.tags.waiting {
		next = core.Earlier(next, w.limit)
	}
	return next
}

// saveIdentity keeps who this node is. IdentitySaved follows for each, in order.
func (n *Node) saveIdentity(cluster core.ClusterID, name string) {
	n.self.saves++
	n.put(SaveIdentity{Identity: n.identity(cluster, name)})
}
