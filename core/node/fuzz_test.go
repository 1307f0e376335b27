package node

import (
	"net/netip"
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
	"hb/core/wire/wiretest"
)

// FuzzFrame: whatever members put on their streams, the node goes on, whether it
// leads or not. Only voters may do as they like with the engine's messages: it
// presumes that they do not lie.
func FuzzFrame(f *testing.F) {
	for _, e := range wiretest.EachBody(&wire.Envelope{}) {
		for who := range uint8(8) {
			f.Add(who, wire.Marshal(e), []byte{})
		}
	}
	for _, c := range wiretest.EachBody(&wire.Command{}) {
		e := &wire.Envelope{Body: &wire.Envelope_Propose{Propose: &wire.Propose{Command: c.(*wire.Command)}}}
		f.Add(uint8(0), wire.Marshal(e), wire.Marshal(e))
		f.Add(uint8(5), wire.Marshal(e), wire.Marshal(e))
	}
	senders := []core.NodeID{aVoter, aMember, aLearner, unheardOf}
	f.Fuzz(func(t *testing.T, who uint8, first, second []byte) {
		s, from := crowded, senders[who%4]
		if who&4 != 0 {
			s = found
		}
		victim := s(t)
		heard := false
		for _, b := range [][]byte{first, second} {
			e := &wire.Envelope{}
			if wire.Unmarshal(b, e) != nil || from == aVoter && e.GetRaft() != nil {
				continue
			}
			if p := e.GetPropose(); p.GetCommand() != nil {
				p.Command.Id, p.Command.Proposer = p.Id, uint64(from)
			}
			heard = true
			e.From, e.Instance, e.Cluster, e.To = uint64(from), 1, victim.n.self.cluster[:], 0
			victim.frame(e)
		}
		if heard {
			victim.pass(300 * time.Millisecond)
		}
	})
}

// FuzzDatagram is the same for datagrams that a member has sealed.
func FuzzDatagram(f *testing.F) {
	s := crowded(&testing.T{})
	for kind := wire.KindPing; kind <= wire.KindEngineAnswer; kind++ {
		f.Add(uint8(kind), wire.AppendPacket(nil, &wire.Packet{Kind: kind, From: aMember, Instance: 1}))
	}
	f.Add(uint8(1), beat(s, aMember, 7))
	f.Fuzz(func(t *testing.T, who uint8, b []byte) {
		var p wire.Packet
		if wire.DecodePacket(&p, b) != nil {
			return
		}
		s := crowded(t)
		p.From, p.Cluster = []core.NodeID{aMember, aLearner, unheardOf, p.From}[who%4], s.n.tag()
		s.tell(Datagram{From: netip.MustParseAddrPort("10.0.0.2:7117"), Data: wire.AppendPacket(nil, &p)})
		s.pass(300 * time.Millisecond)
	})
}
