package wire

import (
	"encoding/binary"

	"hb/core"
)

// EngineBeat is a heartbeat of the consensus engine, or the answer to one: the
// only messages of the engine that may be lost, since the next tick brings the
// same again. All others travel on streams. In a datagram:
//
//	8  raft ID of the sender
//	8  raft ID of the receiver
//	8  the sender's term
//	8  commit index; zero in answers
//	8  context: the round of reads that it confirms; zero for none
type EngineBeat struct {
	From, To core.RaftID
	Term     uint64
	Commit   uint64
	Context  uint64
}

const engineBeatSize = 40

func appendEngineBeat(dst []byte, e *EngineBeat) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.From))
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.To))
	dst = binary.BigEndian.AppendUint64(dst, e.Term)
	dst = binary.BigEndian.AppendUint64(dst, e.Commit)
	return binary.BigEndian.AppendUint64(dst, e.Context)
}

func (r *reader) engineBeat() EngineBeat {
	return EngineBeat{
		From: core.RaftID(r.u64()), To: core.RaftID(r.u64()), Term: r.u64(), Commit: r.u64(), Context: r.u64(),
	}
}
