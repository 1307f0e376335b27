package node

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/replog"
	"hb/core/wire"
)

// This file is how the engines of the voters talk. Heartbeats and their answers
// are most of it by far, and the only part that may be lost or overtaken: they
// are single datagrams, half the packets of a stream and its acknowledgements.
// Everything else goes over streams.

// streamEvery is how often a heartbeat takes the stream all the same: the
// stream must not close for want of use, because its end is how voters learn at
// once that the leader's process has died.
const streamEvery = 30 * time.Second

// sendRaft sends an engine's message to the node that owns the raft ID.
func (n *Node) sendRaft(f replog.Send) {
	id, known := n.nodeOf(f.To)
	if !known {
		return
	}
	kind, beat, ok := beatOf(f.Msg)
	if ok && n.streams(id) && n.sendBeat(id, wire.Packet{Kind: kind, Engine: beat}) {
		return
	} else if ok {
		n.streamed[id] = n.now
	}
	b, err := proto.Marshal(f.Msg)
	if err != nil {
		panic(fmt.Sprintf("node: a message of the engine does not encode: %v", err))
	}
	n.sendTo(id, &wire.Envelope{Body: &wire.Envelope_Raft{Raft: b}})
}

// streams says that there is a stream to a member, used a short while ago and
// not known to be broken.
func (n *Node) streams(id core.NodeID) bool {
	at, ever := n.streamed[id]
	return ever && n.now.Sub(at) < streamEvery
}

// sendBeat sends a datagram of the engine, sealed so that nobody else can have
// sent it: what it says moves the log, and confirms who leads. False if it has to
// take the stream.
func (n *Node) sendBeat(id core.NodeID, p wire.Packet) bool {
	to, ok := n.addrOf(id)
	if !ok {
		return false
	}
	p.Cluster, p.From, p.Instance = n.tag(), n.self.id, n.self.instance
	return n.sendDatagram(to, id, true, wire.AppendPacket(make([]byte, 0, p.Size()), &p))
}

// raftCame hands on an engine's message if it comes from the node that owns
// the raft ID it speaks for.
func (n *Node) raftCame(from core.NodeID, b []byte) {
	m := &raftpb.Message{}
	if err := wire.Unmarshal(b, m); err != nil {
		return
	}
	n.engineSaid(from, m)
}

// beatCame does the same with one that came as a datagram.
func (n *Node) beatCame(from netip.AddrPort, p *wire.Packet) {
	switch {
	case !n.self.joined:
	case p.Cluster != n.tag():
		n.complainOnce(from.Addr(), errForeign)
	default:
		n.engineSaid(p.From, messageOf(p))
	}
}

func (n *Node) engineSaid(from core.NodeID, m *raftpb.Message) {
	if owner, ok := n.nodeOf(core.RaftID(m.GetFrom())); !ok || owner != from || !n.has(from, engineRight(m.GetType())) {
		return
	}
	n.replogStep(replog.Received{Msg: m})
}

// beatOf puts a heartbeat, or the answer to one, into a datagram's form; false
// for every other message.
func beatOf(m *raftpb.Message) (kind wire.Kind, beat wire.EngineBeat, ok bool) {
	switch m.GetType() {
	case raftpb.MsgHeartbeat:
		kind = wire.KindEngineBeat
	case raftpb.MsgHeartbeatResp:
		kind = wire.KindEngineAnswer
	default:
		return 0, beat, false
	}
	beat = wire.EngineBeat{From: core.RaftID(m.GetFrom()), To: core.RaftID(m.GetTo()), Term: m.GetTerm(), Commit: m.GetCommit()}
	if context := m.GetContext(); len(context) > 0 {
		beat.Context = binary.BigEndian.Uint64(context)
	}
	return kind, beat, true
}

// messageOf undoes beatOf.
func messageOf(p *wire.Packet) *raftpb.Message {
	kind := raftpb.MsgHeartbeat
	if p.Kind == wire.KindEngineAnswer {
		kind = raftpb.MsgHeartbeatResp
	}
	beat := p.Engine // the packet is decoded into again
	from, to := uint64(beat.From), uint64(beat.To)
	m := &raftpb.Message{Type: kind.Enum(), From: &from, To: &to, Term: &beat.Term, Commit: &beat.Commit}
	if beat.Context != 0 {
		m.Context = binary.BigEndian.AppendUint64(nil, beat.Context)
	}
	return m
}
