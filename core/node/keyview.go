package node

import (
	"hb/core"
	"hb/core/seal"
)

// KeysView is what a node knows of the keys that datagrams are sealed with.
type KeysView struct {
	Keys []KeyView // newest first
	// Missing are members that cannot have the newest from the log yet.
	Missing []Name
}

// Name is a member and what people call it.
type Name struct {
	ID   core.NodeID
	Name string
}

// KeyView is one generation.
type KeyView struct {
	Generation uint32
	// State is "current": the newest; "accepted": an older one that this node
	// still opens datagrams with; "unread": the newest, which this node cannot
	// read yet; or "retired".
	State      string
	Index      uint64 // of the entry that brought it
	SinceNanos int64  // Unix time
	Members    int    // that have the newest from the log
	Why        string
}

// askKeys answers what this node knows.
func (n *Node) askKeys(id uint64) {
	if f := n.withoutKeys(); f != nil {
		n.reply(id, f, true)
		return
	}
	n.reply(id, n.keysView(), true)
}

// withoutKeys is why there are none; nil if there are.
func (n *Node) withoutKeys() *core.Fault {
	switch {
	case !n.self.joined:
		return core.Faultf(core.CodeNo, "this node is not in a cluster yet")
	case n.opts.Vault == nil:
		return core.Faultf(core.CodeNo, "this cluster has no credentials, and its datagrams are not sealed").
			WithHint("hb init founds one that has")
	}
	return nil
}

func (n *Node) keysView() (v KeysView) {
	list := n.ledger.DatagramKeys()
	for i := len(list) - 1; i >= 0; i-- {
		k := list[i]
		view := KeyView{Generation: k.Generation, State: "retired", Index: k.Index, SinceNanos: k.SinceNanos, Why: k.Why}
		switch accepted, newest := n.keys.ring.Accepts(seal.Generation(k.Generation)), i == len(list)-1; {
		case newest && accepted:
			view.State = "current"
		case newest:
			view.State = "unread"
		case accepted:
			view.State = "accepted"
		}
		v.Keys = append(v.Keys, view)
	}
	for _, c := range n.ledger.Credentials() {
		if id := core.NodeID(c.Node); n.ledger.WrappedFor(id) == nil {
			v.Missing = append(v.Missing, Name{id, c.Name})
		} else if len(v.Keys) > 0 {
			v.Keys[0].Members++
		}
	}
	return v
}

// askRotation makes the next generation for a client.
func (n *Node) askRotation(id uint64) {
	f := n.withoutKeys()
	if f == nil && n.leader().id == 0 {
		f = n.noQuorum()
	}
	if f != nil {
		n.reply(id, f, true)
		return
	}
	n.rotateKey("asked for by hb keys rotate", func(f *core.Fault) {
		n.keyProposed(f)
		if f != nil {
			n.reply(id, f, true)
			return
		}
		n.readIndex(true, func(readResult) { n.reply(id, n.keysView(), true) })
	})
}
