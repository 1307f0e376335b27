package sim

import (
	"google.golang.org/protobuf/encoding/protowire"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core/wire"
)

// frameHead is what the referee wants to know of a frame or a datagram.
type frameHead struct {
	from uint64 // NodeID; 0: not a frame
	// leads says that it is a message that only the leader of term sends; raft
	// is its engine's ID.
	leads      bool
	term, raft uint64
	// election says that it belongs to an election or a snapshot, task that it
	// is about a task: what is worth an ambush.
	election, task bool
}

// peekDatagram sees the engine's heartbeats; other datagrams concern nobody.
func peekDatagram(data []byte) (f frameHead) {
	var p wire.Packet
	if len(data) < 4 || wire.Kind(data[3]) != wire.KindEngineBeat || wire.DecodePacket(&p, data) != nil {
		return f
	}
	return frameHead{from: uint64(p.From), leads: true, term: p.Engine.Term, raft: uint64(p.Engine.From)}
}

// The numbers of the fields that peekFrame reads (hb.proto, raft.proto).
const (
	fieldEnvelopeFrom = 3
	fieldEnvelopeRaft = 13
	fieldGrant        = 20
	fieldDoneAck      = 23
	fieldMessageType  = 1
	fieldMessageFrom  = 3
	fieldMessageTerm  = 4
)

// peekFrame reads the few fields it needs and skips the rest; frames are too
// many to be decoded twice.
func peekFrame(data []byte) (f frameHead) {
	eachField(data, func(n protowire.Number, kind protowire.Type, v uint64, b []byte) {
		switch {
		case n == fieldEnvelopeFrom && kind == protowire.Fixed64Type:
			f.from = v
		case n == fieldEnvelopeRaft && kind == protowire.BytesType:
			f.peekRaft(b)
		case n >= fieldGrant && n <= fieldDoneAck:
			f.task = true
		}
	})
	return f
}

func (f *frameHead) peekRaft(data []byte) {
	var what uint64
	eachField(data, func(n protowire.Number, kind protowire.Type, v uint64, _ []byte) {
		if kind != protowire.VarintType {
			return
		}
		switch n {
		case fieldMessageType:
			what = v
		case fieldMessageFrom:
			f.raft = v
		case fieldMessageTerm:
			f.term = v
		}
	})
	switch raftpb.MessageType(what) {
	case raftpb.MsgApp, raftpb.MsgHeartbeat, raftpb.MsgSnap, raftpb.MsgTimeoutNow:
		f.leads = true
	}
	switch raftpb.MessageType(what) {
	case raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgTimeoutNow, raftpb.MsgSnap:
		f.election = true
	}
}

// eachField shows the fields of a message: the value of a number, the bytes of
// everything else. It stops at the first that is malformed.
func eachField(data []byte, see func(n protowire.Number, kind protowire.Type, v uint64, b []byte)) {
	for len(data) > 0 {
		n, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return
		}
		data = data[size:]
		var v uint64
		var b []byte
		switch kind {
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(data)
		case protowire.Fixed64Type:
			v, size = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			b, size = protowire.ConsumeBytes(data)
		default:
			size = protowire.ConsumeFieldValue(n, kind, data)
		}
		if size < 0 {
			return
		}
		see(n, kind, v, b)
		data = data[size:]
	}
}
