package membership_test

import (
	"testing"

	"hb/core"
	"hb/core/membership"
	"hb/core/wire"
)

func TestWhatAStrangerSaysOfTheLogOrItsLoadIsNotBelieved(t *testing.T) {
	l := cluster(t, 1, 2)
	s, p := l.nodes[0], wire.Packet{
		Cluster: tag, From: 200, Instance: 1, Applied: 9,
		Log: wire.LogHint{Commit: 1 << 60, Leader: 200, Term: 1 << 60},
	}
	for kind := wire.KindPing; kind <= wire.KindLoadReport; kind++ {
		p.Kind = kind
		l.step(s, membership.Packet{From: address(200), P: &p})
	}
	if said, is := s.heard[200]; is || s.loads[200] != 0 {
		t.Fatalf("the node took over %+v and %d", said, s.loads[200])
	}
	p.News = []wire.News{{ID: 200, Status: core.Alive, Instance: 1, Name: []byte("new"), Addr: address(200), Version: []byte("t")}}
	l.step(s, membership.Packet{From: address(200), P: &p})
	if s.heard[200].Term != 1<<60 {
		t.Error("a member that has just introduced itself is not heard")
	}
}

func TestStrangersCannotMakeANodeSayOrKeepWithoutEnd(t *testing.T) {
	l := cluster(t, 1, 2)
	s := l.nodes[0]
	for i := range 2000 {
		l.step(s, membership.Packet{From: address(1000 + i), P: &wire.Packet{
			Kind: wire.KindPing, Cluster: wire.Tag{7, byte(i), byte(i >> 8)}, From: core.NodeID(5000 + i),
		}})
	}
	if len(s.notes) > 256 {
		t.Errorf("%d notes", len(s.notes))
	}
}
