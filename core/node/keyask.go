package node

import (
	"fmt"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/replog"
	"hb/core/seal"
	"hb/core/wire"
)

// This file is how a node gets to the newest key that slept through a rotation, or
// has just come. It asks a member over a stream, and is told how far the log goes:
// then it fetches the log, which needs no datagrams, and finds the key there.
//
// The key itself comes with the answer, too, but any one member can make that up,
// and what it knows of a key would last after it is forgotten. So it is taken in
// two cases only, where the log here cannot say yet, and held for lent: while this
// node has nothing of the log, so that a newcomer is heard while it fetches; and if
// it is of the log's newest generation, which the log has not got for this node
// yet. A lent key is never handed on, and the log's own takes its place.

// lentKey is a key that a member gave; what the log said then is not known here.
type lentKey struct {
	generation seal.Generation
	by         core.NodeID
	commit     uint64       // how far the log was, as that member said: it has the key
	until      core.Instant // when it ends, if the log, as far as it has come, does not know it
}

// lentMost is how long a key that is ahead of the log is believed: whoever lent it
// may have named any place in the log.
const lentMost = 30 * time.Second

// strangeGeneration hears a member speak under a later key than any that is known
// here. Anybody can make that up, and whose name it bears: so it only leads to one
// question a second, over a stream, to that member and to others by turns.
func (n *Node) strangeGeneration(h seal.Header) {
	if h.Generation <= n.keys.ring.Newest() || n.now < n.keys.asked.Add(keyAgain) {
		return
	}
	if n.keys.strange++; n.keys.strange%2 == 1 {
		n.askKey(h.From)
	} else {
		n.askSomebody()
	}
}

// askSomebody asks one member after the other.
func (n *Node) askSomebody() {
	members := n.ledger.Members()
	if n.now < n.keys.asked.Add(keyAgain) || len(members) == 0 {
		return
	}
	n.keys.askees++
	m := members[n.keys.askees%len(members)]
	if m.State != ledger.Left {
		n.askKey(core.NodeID(m.Row.Id))
	}
}

func (n *Node) askKey(id core.NodeID) {
	if id == n.self.id || n.now < n.keys.asked.Add(keyAgain) {
		return
	}
	if _, known := n.addrOf(id); !known {
		return
	}
	n.keys.asked, n.keys.askee = n.now, id
	n.sendTo(id, &wire.Envelope{Body: &wire.Envelope_KeyAsk{KeyAsk: &wire.KeyAsk{Generation: uint32(n.keys.sure)}}})
}

// keyAsked gives the newest key to a member that has an older one.
func (n *Node) keyAsked(from core.NodeID, m *wire.KeyAsk) {
	if seal.Generation(m.Generation) >= n.keys.sure || n.now < n.keys.given[from].Add(keyAgain/2) {
		return
	}
	if given := n.keyFor(from); given != nil {
		n.keys.given[from] = n.now
		n.sendTo(from, &wire.Envelope{Body: &wire.Envelope_KeyGiven{KeyGiven: given}})
	}
}

// keyFor wraps the newest key, if it came out of the log, to somebody who was let
// in; nil for anybody else.
func (n *Node) keyFor(id core.NodeID) *wire.KeyGiven {
	c, known := n.ledger.Credential(id)
	if n.keys.ring == nil || n.keys.sure == 0 || n.keys.sure != n.newestKey() || n.keys.sure != n.keys.ring.Newest() || !known {
		return nil
	}
	g := uint32(n.keys.sure)
	sealed, err := n.opts.Vault.Seal(c.WrapKey, n.keyContext(g), n.keys.ring.Secret())
	if err != nil {
		return nil
	}
	return &wire.KeyGiven{Generation: g, Sealed: sealed, Commit: n.replog.Commit()}
}

// keyGiven is the answer to whoever asked lately: how far the log is, and the key
// if this very member was asked for it.
func (n *Node) keyGiven(from core.NodeID, m *wire.KeyGiven) {
	if n.keys.ring == nil || n.now >= n.keys.asked.Add(keyless) {
		return
	}
	if from == n.keys.askee {
		n.takeKey(from, m, m.Commit)
	}
	n.replogStep(replog.Heard{Node: from, Commit: m.Commit})
}

// takeKey borrows a key that a member wrapped for this node, and uses it at once,
// as that one does. What the log says, or will when it has come, is not a member's
// to say.
func (n *Node) takeKey(from core.NodeID, m *wire.KeyGiven, commit uint64) {
	k := &n.keys
	if k.ring == nil || m == nil || seal.Generation(m.Generation) <= k.ring.Newest() {
		return
	}
	early := n.ledger.Applied() == 0
	unread := seal.Generation(m.Generation) == n.newestKey() && n.ledger.WrappedFor(n.self.id) == nil
	if k.lent.generation != 0 && k.lent.generation >= n.newestKey() || !early && !unread {
		return
	}
	secret, err := n.opts.Vault.Open(n.keyContext(m.Generation), m.Sealed)
	if err != nil || len(secret) != keyBytes {
		n.log(true, fmt.Sprintf("a key for datagrams, generation %d, cannot be read: %v", m.Generation, err))
		return
	}
	k.lent = lentKey{seal.Generation(m.Generation), from, commit, n.now.Add(lentMost)}
	k.ring.Learn(n.now, k.lent.generation, secret)
	k.ring.Hurry(n.now)
}

// judgeLent drops a lent key that is ahead of the log when the log has come as far
// as whoever lent it said, or long enough after.
func (n *Node) judgeLent() {
	l := n.keys.lent
	ahead := l.generation != 0 && l.generation > n.newestKey()
	if at := n.ledger.Applied(); ahead && at > 0 && (at >= l.commit || n.now >= l.until) {
		n.dropLent("is not in the log")
		n.keys.changed = true
	}
}

// dropLent forgets a lent key, the newest in the ring.
func (n *Node) dropLent(why string) {
	l := n.keys.lent
	n.log(true, fmt.Sprintf("the key for datagrams, generation %d, that %s gave %s: it was dropped", l.generation, n.nameOf(l.by), why))
	n.keys.ring.Drop()
	n.keys.lent = lentKey{}
}
