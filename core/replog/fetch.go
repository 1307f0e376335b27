package replog

import (
	"hb/core"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// A voter takes entries from its leader alone. When the leader has dropped those
// that it lacks, the engine sends a snapshot; here that message goes without its
// body, as an invitation. The invited voter pulls the body in pieces, as members
// without a vote do, from whoever has a snapshot at least as new: a body of any
// size delays no heartbeat, a break costs one piece, and it is not the leader's
// load alone. Every snapshot is of a committed state, so that a newer one than
// the leader's serves as well (the engine asks only that it be committed).

// bodiless is a snapshot as a message carries it.
func bodiless(s *raftpb.Snapshot) *raftpb.Snapshot {
	return &raftpb.Snapshot{Metadata: s.GetMetadata()}
}

// invited takes a leader's snapshot message; false leaves it to the engine,
// which looks at nothing of one that it does not need but its place.
func (l *Log) invited(m *raftpb.Message) bool {
	at := m.GetSnapshot().GetMetadata().GetIndex()
	if at <= l.Commit() {
		return false
	}
	if m.GetTerm() >= l.Term() {
		l.follow.invitation = m
	}
	return true
}

// inviting says whether a body is still to be pulled.
func (l *Log) inviting() bool {
	f := &l.follow
	if f.invitation == nil {
		return false
	}
	if l.engine == nil || f.invitation.GetSnapshot().GetMetadata().GetIndex() <= l.Commit() {
		f.invitation, f.piece, f.whole = nil, nil, nil // it came another way
		return false
	}
	return true
}

// least is the oldest snapshot that serves: 0 where entries do.
func (l *Log) least() uint64 {
	if l.engine == nil {
		return 0
	}
	return l.follow.invitation.GetSnapshot().GetMetadata().GetIndex()
}

// lender picks one of those who may have the body; its leader has one for
// certain.
func (l *Log) lender() core.NodeID {
	f := &l.follow
	if f.piece != nil {
		return l.unlessShy(f.pieceFrom)
	}
	var nodes []core.NodeID
	for _, p := range l.peers.list {
		sure := p.Raft == core.RaftID(f.invitation.GetFrom())
		if (sure || p.Up && !p.Left) && l.unlessShy(p.Node) != 0 {
			nodes = append(nodes, p.Node)
		}
	}
	return l.anyOf(nodes)
}

// accept gives the engine the message as it would have come with its body.
func (l *Log) accept(s *raftpb.Snapshot) {
	m := proto.Clone(l.follow.invitation).(*raftpb.Message)
	m.Snapshot = s
	l.follow.invitation = nil
	_ = l.engine.Step(m)
}
