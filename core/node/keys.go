package node

import (
	"bytes"
	"fmt"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/seal"
	"hb/core/wire"
)

// Vault holds a node's private keys, and all that is done with them. It may be
// slow (tens of microseconds), and it draws from a source of chance of its own
// that nobody can guess.
type Vault interface {
	// Seal encrypts something to a member's wrapping key; nobody else can open
	// it, and only for the same context.
	Seal(wrap []byte, context string, plain []byte) ([]byte, error)
	// Open is the way back, of what was sealed to this node's own.
	Open(context string, sealed []byte) ([]byte, error)
	// Shared is the secret that only this node and whoever has a wrapping key
	// know.
	Shared(wrap []byte) ([]byte, error)
	// Secret makes so many bytes that nobody can guess.
	Secret(n int) []byte
}

// keys is a node's part in the keys of datagrams. The log has each generation
// wrapped to every member. The leader sees to it that there is one, that nobody
// who was forgotten knows the newest, and that everybody who was let in does. A
// member that hears of a generation it does not know, because it was asleep or
// has just come, asks over a stream (keyask.go).
type keys struct {
	ring    *seal.Ring      // nil: not a member, or without credentials
	sure    seal.Generation // the newest in the ring that came out of the log; 0: none
	lent    lentKey         // a later one there that a member gave; zero: none
	shared  map[core.NodeID]sharedSecret
	changed bool                         // in the log, since it was looked at last
	flying  bool                         // a command about keys is on its way
	look    core.Instant                 // when the leader looks what the log lacks
	asked   core.Instant                 // when this node last asked for a key
	askee   core.NodeID                  // whom
	askees  int                          // how many were asked in turn
	strange int                          // how often that was because of a datagram
	given   map[core.NodeID]core.Instant // when a member was last given one
	lacks   core.Instant                 // since when this leader has lacked the newest key; 0: it has it
}

// sharedSecret is what this node has in common with a member's wrapping key.
type sharedSecret struct {
	wrap   string
	secret func() []byte // a function, so that nothing that prints a node prints it
}

const (
	keyBytes = 32
	// keyAgain is how often a missing key is asked for, and given to one member.
	keyAgain = time.Second
	// keyless is how long a leader looks for somebody who knows the newest key
	// before it makes another: all who knew it may be gone.
	keyless = 10 * time.Second
)

// keyContext is what a generation's key is wrapped for.
func (n *Node) keyContext(g uint32) string {
	return fmt.Sprintf("datagrams of %s, generation %d", n.self.cluster, g)
}

// openRing begins to seal, for a member of a cluster with credentials. Datagrams
// carry the tag of the first epoch: members of a later one must see who is left
// behind in an earlier.
func (n *Node) openRing() {
	if n.opts.Vault == nil || !n.self.joined {
		return
	}
	n.keys.shared, n.keys.given = map[core.NodeID]sharedSecret{}, map[core.NodeID]core.Instant{}
	n.keys.ring = seal.New(seal.Options{
		Cluster: wire.TagOf(n.self.cluster, 0), Self: n.self.id, Instance: n.self.instance,
		Start: n.opts.Rand.Uint32(), Shared: n.sharedWith,
	})
	n.keys.changed, n.keys.asked = true, -core.Instant(keyAgain)
	n.keys.sure, n.keys.lent = 0, lentKey{}
}

// sharedWith is the secret in common with a member; not ok for who is none.
func (n *Node) sharedWith(id core.NodeID) ([]byte, bool) {
	c, known := n.ledger.Credential(id)
	if !known {
		return nil, false
	}
	if s, has := n.keys.shared[id]; has && s.wrap == string(c.WrapKey) {
		return s.secret(), true
	}
	secret, err := n.opts.Vault.Shared(c.WrapKey)
	if err != nil {
		return nil, false
	}
	n.keys.shared[id] = sharedSecret{string(c.WrapKey), func() []byte { return secret }}
	return secret, true
}

// touchesKeys says whether an outcome may have changed who knows which key.
func touchesKeys(o *ledger.Outcome) bool {
	switch o.Command.GetBody().(type) {
	case *wire.Command_RotateKey, *wire.Command_WrapKey, *wire.Command_Admit, *wire.Command_Forget:
		return true
	}
	return false
}

// keepKeys follows the log, and on the leader sees to it that the log has what
// everybody needs.
func (n *Node) keepKeys() {
	k := &n.keys
	if k.ring == nil {
		return
	}
	k.ring.Turn(n.now)
	n.judgeLent()
	if k.changed {
		k.changed, k.look = false, n.now
		n.forgetShared()
		n.learnKey()
	}
	if n.membership.Isolated() || k.ring.Newest() < n.newestKey() {
		n.askSomebody()
	}
	if n.leading && !k.flying && n.now >= k.look {
		k.look = core.Never
		n.leadKeys()
	}
}

// nextKeys is when keepKeys has something to do.
func (n *Node) nextKeys() core.Instant {
	next := core.Never
	if n.keys.ring == nil {
		return next
	}
	if l := n.keys.lent; l.generation != 0 && l.until > n.now {
		next = l.until
	}
	if n.leading && !n.keys.flying {
		next = core.Earlier(next, n.keys.look)
	}
	return next
}

// newestKey is the newest generation in the log.
func (n *Node) newestKey() seal.Generation {
	return seal.Generation(n.ledger.DatagramKey().GetGeneration())
}

// forgetShared drops what was in common with members that are gone, or have
// other keys.
func (n *Node) forgetShared() {
	// Each by itself, so that the order does not matter.
	for id, s := range n.keys.shared {
		if c, known := n.ledger.Credential(id); !known || s.wrap != string(c.WrapKey) {
			delete(n.keys.shared, id)
			n.keys.ring.Rekeyed(id)
		}
	}
}

// learnKey takes the newest key out of the log, if it is there for this node. One
// that others have known for a while is used at once. Whatever another member gave
// as the same generation yields to it.
func (n *Node) learnKey() {
	k := &n.keys
	g, wrapped := n.newestKey(), n.ledger.WrappedFor(n.self.id)
	if g <= k.sure || wrapped == nil || g < k.ring.Newest() { // the last: until judgeLent has judged
		return
	}
	secret, err := n.opts.Vault.Open(n.keyContext(uint32(g)), wrapped)
	if err != nil || len(secret) != keyBytes {
		n.log(true, fmt.Sprintf("the log's key for datagrams, generation %d, cannot be read: %v", g, err))
		return
	}
	if k.lent.generation == g && !bytes.Equal(secret, k.ring.Secret()) {
		n.dropLent("is another in the log")
	}
	k.ring.Learn(n.now, g, secret)
	k.sure, k.lent = g, lentKey{}
	if age := time.Duration(n.wallAt(n.now) - n.ledger.DatagramKey().SinceNanos); age > seal.Settle {
		k.ring.Hurry(n.now)
	}
}

// leadKeys proposes what the log lacks.
func (n *Node) leadKeys() {
	k := &n.keys
	switch key := n.ledger.DatagramKey(); {
	case key == nil:
		n.rotateKey("the cluster begins", n.keyProposed)
	case n.ledger.KeyIsStale():
		n.rotateKey("a member was forgotten", n.keyProposed)
	case k.sure < n.newestKey():
		if k.lacks == 0 {
			k.lacks = n.now
		}
		if n.now >= k.lacks.Add(keyless) {
			n.rotateKey("nobody knew the last", n.keyProposed)
		}
		k.look = n.now.Add(keyAgain)
		return
	default:
		n.wrapMissing(key)
	}
	k.lacks = 0
}

// keyProposed ends the proposal of a command about keys.
func (n *Node) keyProposed(f *core.Fault) {
	n.keys.flying = false
	if f != nil {
		n.keys.look = n.now.Add(keyAgain)
	}
}

// rotateKey proposes a new generation, wrapped to everybody who was let in and
// has not left. Any member can.
func (n *Node) rotateKey(why string, done func(*core.Fault)) {
	secret, g := n.opts.Vault.Secret(keyBytes), uint32(n.newestKey())+1
	wraps, err := n.wrapFor(n.ledger.Credentials(), g, secret)
	if err != nil {
		done(core.Faultf(core.CodeInternal, "the new key cannot be wrapped: %v", err))
		return
	}
	n.keys.flying = true
	c := &wire.RotateKey{Generation: g, Wraps: wraps, Why: why}
	n.propose(&wire.Command{Body: &wire.Command_RotateKey{RotateKey: c}}, func(a answer) { done(answerFault(a)) })
}

// wrapMissing gives the newest key to those in the log who have not got it.
func (n *Node) wrapMissing(key *wire.DatagramKey) {
	var missing []*wire.Credential
	for _, c := range n.ledger.Credentials() {
		if n.ledger.WrappedFor(core.NodeID(c.Node)) == nil {
			missing = append(missing, c)
		}
	}
	if len(missing) == 0 || n.keys.sure != seal.Generation(key.Generation) {
		return
	}
	wraps, err := n.wrapFor(missing, key.Generation, n.keys.ring.Secret())
	if err != nil {
		n.keyProposed(core.Faultf(core.CodeInternal, "%v", err))
		return
	}
	n.keys.flying = true
	c := &wire.WrapKey{Generation: key.Generation, Wraps: wraps}
	n.propose(&wire.Command{Body: &wire.Command_WrapKey{WrapKey: c}}, func(a answer) { n.keyProposed(answerFault(a)) })
}

// wrapFor wraps a key to members. Who has a key that is none gets nothing.
func (n *Node) wrapFor(members []*wire.Credential, g uint32, secret []byte) (wraps []*wire.WrappedKey, err error) {
	for _, c := range members {
		sealed, failed := n.opts.Vault.Seal(c.WrapKey, n.keyContext(g), secret)
		if failed != nil {
			err = failed
			continue
		}
		wraps = append(wraps, &wire.WrappedKey{Node: c.Node, WrapKey: c.WrapKey, Sealed: sealed})
	}
	if len(wraps) > 0 {
		err = nil
	}
	return wraps, err
}

// keyText is a command about keys for people; empty for any other.
func keyText(c *wire.Command) string {
	switch b := c.Body.(type) {
	case *wire.Command_RotateKey:
		return fmt.Sprintf("key %d for datagrams, for %d members: %s", b.RotateKey.Generation, len(b.RotateKey.Wraps), b.RotateKey.Why)
	case *wire.Command_WrapKey:
		return fmt.Sprintf("key %d for datagrams, for %d more members", b.WrapKey.Generation, len(b.WrapKey.Wraps))
	}
	return ""
}
