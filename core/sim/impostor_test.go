package sim

import (
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"hb/core/node"
	"hb/core/wire"
)

// utter has a host say a frame to another, whatever its own node thinks of it.
func (w *World) utter(from, to int, e *wire.Envelope) {
	view := w.Node(to).Part()
	if body, is := e.Body.(*wire.Envelope_Raft); is { // addressed, as engines want it
		m := &raftpb.Message{}
		if proto.Unmarshal(body.Raft, m) == nil {
			m.To = (*uint64)(&view.Raft)
			body.Raft, _ = proto.Marshal(m)
		}
	}
	w.network.frame(w.hosts[from], node.SendFrame{To: w.hosts[to].addr, Data: wire.EncodeEnvelope(e)})
}

// A member that does not vote says in a later term that it leads, in its own name
// and in the leader's, ends tasks, and answers for the leader: by a certificate it
// is what it is, and the cluster goes on as if nothing had been said.
func TestAMemberCannotTakeTheLeadByTalking(t *testing.T) {
	w := New(Options{Seed: 61, Nodes: 5})
	t.Cleanup(w.Close)
	w.Start(5)
	reach(t, w, 30*time.Second, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3}, node.Condition{Kind: "leader"})
	pass(t, w, 3*time.Second)
	leader := w.Leader()
	before := answer[node.LeaderView](t, w, w.Ask(leader, node.GetLeader{}))
	liar := -1
	for i := range w.hosts {
		voter := false
		for _, raft := range w.Node(i).Part().Voters {
			voter = voter || raft == w.Node(i).Part().Raft
		}
		if !voter {
			liar = i
		}
	}
	cluster := answer[node.MembersView](t, w, w.Ask(leader, node.GetMembers{})).Cluster.ID
	lead := func(raft uint64, kind raftpb.MessageType) *wire.Envelope_Raft {
		term := before.Term + 100
		b, err := proto.Marshal(&raftpb.Message{Type: &kind, From: &raft, Term: &term})
		if err != nil {
			t.Fatal(err)
		}
		return &wire.Envelope_Raft{Raft: b}
	}
	own, theirs := w.Node(liar), w.Node(leader)
	for i := range w.hosts {
		if i == liar {
			continue
		}
		for name, from := range map[*node.Node]uint64{own: uint64(own.Part().Raft), theirs: uint64(theirs.Part().Raft)} {
			for _, kind := range []raftpb.MessageType{raftpb.MsgHeartbeat, raftpb.MsgApp, raftpb.MsgVote, raftpb.MsgTimeoutNow, raftpb.MsgHup} {
				e := &wire.Envelope{From: uint64(name.ID()), Instance: 1, Cluster: cluster[:]}
				e.Body = lead(from, kind)
				w.utter(liar, i, e)
			}
		}
	}
	pass(t, w, 5*time.Second)
	after := answer[node.LeaderView](t, w, w.Ask(leader, node.GetLeader{}))
	if after.ID != before.ID || after.Term != before.Term || !after.Confirmed {
		t.Errorf("%s led in term %d, and now %s in term %d", before.Name, before.Term, after.Name, after.Term)
	}
}
