package node

import (
	"time"

	"hb/core"
	"hb/core/ledger"
)

// This file is the one word for this node's place in its cluster, and the event when
// it has become another.

// healthLasts is how long a word must hold before it is told: an election, and a
// suspicion that is refuted, are over before.
const healthLasts = 2 * time.Second

// condition is the word, and what was told of it.
type condition struct {
	word, told string
	since      core.Instant // when word began to hold
	troubled   bool         // a member was down, suspected, dead or unreachable
	look       bool         // whether that may have changed
}

// health is one word about this node's place in the cluster.
func (n *Node) health() string {
	switch {
	case n.membership.Isolated():
		return "isolated"
	case n.leader().id == 0:
		return "no-quorum"
	case n.disk.stalled(n.now) || n.troubled():
		return "degraded"
	}
	return "healthy"
}

// troubled says whether a member is down, suspected, dead or unreachable. It looks
// at all of them only when one has changed.
func (n *Node) troubled() bool {
	if n.condition.look {
		n.condition.look, n.condition.troubled = false, n.someInTrouble()
	}
	return n.condition.troubled
}

func (n *Node) someInTrouble() bool {
	for _, m := range n.ledger.Members() {
		if m.State == ledger.Down {
			return true
		}
	}
	for _, row := range n.membership.Table().Rows() {
		if row.Status == core.Suspect || row.Status == core.Dead || n.membership.Unreachable(row.ID) {
			return true
		}
	}
	return false
}

// tellHealth has an event tell the word once it has held for long enough.
func (n *Node) tellHealth() {
	if !n.self.joined {
		return
	}
	c := &n.condition
	if word := n.health(); word != c.word {
		c.word, c.since = word, n.now
	}
	if c.word != c.told && n.now >= c.since.Add(healthLasts) {
		c.told = c.word
		n.emit("health", n.opts.Name, c.word)
	}
}

// nextHealth is when tellHealth has something to tell.
func (n *Node) nextHealth() core.Instant {
	if c := &n.condition; n.self.joined && c.word != c.told {
		return c.since.Add(healthLasts)
	}
	return core.Never
}
