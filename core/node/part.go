package node

import "hb/core"

// Part is what a node is to the log: for those who watch it from outside.
type Part struct {
	Raft core.RaftID
	// Voters are those of the log as applied here, by raft ID.
	Voters []core.RaftID
	// Joint says that they are in the middle of a change.
	Joint bool
	// Doubt says that its log's end was torn, so that it may have promised more.
	Doubt bool
	// Applied is how far that is, Last the last entry on this disk.
	Applied, Last uint64
	// Key is the newest generation of keys that it can open datagrams with; 0:
	// none.
	Key uint32
}

// Part tells the node's part in the log.
func (n *Node) Part() Part {
	key := uint32(0)
	if n.keys.ring != nil {
		key = uint32(n.keys.ring.Newest())
	}
	return Part{
		Key:  key,
		Raft: n.self.raft, Voters: n.replog.Voters(), Joint: n.replog.Joint(), Doubt: n.replog.Doubts(),
		Applied: n.ledger.Applied(), Last: n.replog.LastIndex(),
	}
}
