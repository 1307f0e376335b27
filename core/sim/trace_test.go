package sim

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

func TestTwoRunsOfOneSeedLeaveOneTrace(t *testing.T) {
	hash := func(seed uint64) (uint64, string) {
		var out bytes.Buffer
		w, _ := toys(t, Options{Nodes: 3, Seed: seed, Trace: &out, Net: Network{Loss: 0.1}}, nil)
		defer w.Close()
		for i := range 200 {
			tell(w, i%3, node.SendDatagram{To: addrOf(w, (i+1)%3), Data: []byte{byte(i)}})
			sendFrames(w, i%3, (i+2)%3, 1, i)
			pass(t, w, time.Millisecond)
		}
		return w.Hash(), out.String()
	}
	a, traceA := hash(5)
	b, traceB := hash(5)
	c, _ := hash(6)
	if a != b || traceA != traceB {
		t.Fatalf("%x and %x for one seed", a, b)
	}
	if a == c {
		t.Fatalf("%x for two seeds", a)
	}
	if !strings.Contains(traceA, "datagram from 10.0.0.1:7117, 1 bytes") {
		t.Fatalf("the trace reads %.2000s", traceA)
	}
}

// allEvents and allEffects differ from each other in one thing each.
func allEvents() []node.Event {
	a, b := netip.MustParseAddrPort("10.0.0.1:7117"), netip.MustParseAddrPort("10.0.0.2:7117")
	return []node.Event{
		node.Tick{}, node.Datagram{From: a, Data: []byte("x")}, node.Datagram{From: b, Data: []byte("x")},
		node.Datagram{From: a, Data: []byte("y")}, node.Frame{From: a, Data: []byte("x")}, node.Frame{From: a, Data: nil}, node.Frame{From: a, Peer: 1},
		node.StreamLost{To: a}, node.Knocked{Peer: 1}, node.Knocked{Peer: 2}, node.StreamLost{To: a, Refused: true}, node.Unreachable{To: a}, node.Synced{Seq: 1},
		node.Synced{Seq: 2}, node.Journaled{Seq: 1}, node.SnapshotSaved{Index: 3}, node.IdentitySaved{},
		node.DiskFailed{Err: errors.New("EIO")}, node.DiskFailed{Err: errors.New("ENOSPC")},
		node.Clock{Offset: 1}, node.Clock{Offset: 2}, node.Measured{Load: core.Load{Stress: 1}}, node.Measured{},
		node.Seeds{}, node.Seeds{Addrs: []netip.AddrPort{a}}, node.Asked{ID: 1, Body: node.GetLeader{}},
		node.Asked{ID: 1, Body: node.GetStatus{}}, node.Gone{ID: 1}, node.ExecStarted{Fence: 1}, node.ExecStarted{Fence: 1, Pid: 2},
		node.ExecEnded{Fence: 1, Result: &wire.Result{Exit: 1}}, node.ExecEnded{Fence: 1, Result: &wire.Result{Exit: 2}},
		node.ExecEnded{Fence: 1}, node.Reaped{Fence: 1}, node.Unbegun{Fence: 1}, node.Unbegun{Fence: 2}, node.Spooled{Ticket: 1}, node.Spooled{Ticket: 1, Err: errors.New("gone")},
		node.Shutdown{}, node.Shutdown{Restart: true}, node.Orphaned{},
	}
}

func allEffects() []node.Effect {
	a := netip.MustParseAddrPort("10.0.0.1:7117")
	entry := &wire.Record{Body: &wire.Record_Entry{Entry: []byte("e")}}
	hard := &wire.Record{Body: &wire.Record_HardState{HardState: []byte("h")}}
	done := &wire.Record{Body: &wire.Record_Forgotten{Forgotten: 1}}
	return []node.Effect{
		node.SendDatagram{To: a, Data: []byte("x")}, node.SendDatagram{To: a, Data: []byte("y")}, node.SendBeacon{Data: []byte("x")},
		node.SendFrame{To: a, Data: []byte("x")}, node.Append{Seq: 1}, node.Append{Seq: 1, Records: []*wire.Record{entry}},
		node.Append{Seq: 1, Records: []*wire.Record{hard}}, node.Append{Seq: 1, Records: []*wire.Record{entry, hard}},
		node.SaveSnapshot{Index: 1, Body: []byte("b")}, node.SaveSnapshot{Index: 1, Body: []byte("c")},
		node.SaveIdentity{Identity: &wire.Identity{Node: 1}}, node.SaveIdentity{Identity: &wire.Identity{Node: 2}}, node.SetAside{},
		node.Journal{Seq: 1, Records: []*wire.Record{done}}, node.Journal{Seq: 1}, node.Exec{Fence: 1}, node.Exec{Fence: 2}, node.Exec{Fence: 1, Abreast: 1}, node.Recall{Fence: 1}, node.Recall{Fence: 2},
		node.Terminate{Fence: 1, Grace: 1}, node.Terminate{Fence: 1, Grace: 2}, node.Adopt{Attempts: []*wire.Started{{Pid: 1}}},
		node.Adopt{Attempts: []*wire.Started{{Pid: 2}}}, node.Release{Fence: 1}, node.Disown{Fence: 1}, node.ReadSpool{Ticket: 1}, node.DropSpool{Fence: 1}, node.ResolveSeeds{}, node.Bar{Node: 1}, node.Bar{Node: 2},
		node.Reply{ID: 1}, node.Reply{ID: 1, Body: node.Submitted{Index: 1}}, node.Reply{ID: 1, Body: node.Submitted{Index: 2}},
		node.Reply{ID: 1, Body: core.Faultf(core.CodeBusy, "later")}, node.Reply{ID: 1, Body: core.Faultf(core.CodeNo, "later")},
		node.Reply{ID: 1, Body: &wire.Task{Status: "queued"}}, node.Reply{ID: 1, Body: &wire.Task{Status: "failed"}},
		node.Reply{ID: 1, Body: node.LogRecord{Index: 1}}, node.Reply{ID: 1, Body: node.TasksView{Tasks: []*wire.Task{{}}}},
		node.Reply{ID: 1, Body: node.Output{Data: []byte("o")}},
		node.LogLine{Text: "a"}, node.LogLine{Text: "b"}, node.Stop{}, node.Stop{Fault: core.Faultf(core.CodeIO, "no")},
	}
}

func TestEveryEventAndEffectChangesTheHashInItsOwnWay(t *testing.T) {
	w := New(Options{Nodes: 1})
	defer w.Close()
	seen := map[uint64]any{}
	note := func(what any, add func(*trace)) {
		tr := newTrace(nil)
		add(tr)
		if other, ok := seen[tr.sum()]; ok {
			t.Errorf("%T%+v and %T%+v have one hash", other, other, what, what)
		}
		seen[tr.sum()] = what
		if line := tr.tail(1); strings.TrimSpace(line) == "" || strings.Contains(line, "0x") {
			t.Errorf("%T reads %q", what, line)
		}
	}
	for _, ev := range allEvents() {
		note(ev, func(tr *trace) { tr.event(w.hosts[0], ev) })
	}
	for _, eff := range allEffects() {
		note(eff, func(tr *trace) { tr.effect(w.hosts[0], eff) })
	}
}

func TestTheTraceRemembersItsEnd(t *testing.T) {
	w := New(Options{Nodes: 1})
	defer w.Close()
	for i := range 3 * remembered {
		w.trace.note(w.hosts[0], "line %d.", i)
	}
	got := strings.Split(strings.TrimSpace(w.trace.tail(2)), "\n")
	if len(got) != 2 || !strings.HasSuffix(got[0], "line 766.") || !strings.HasSuffix(got[1], "line 767.") {
		t.Fatalf("%q", got)
	}
}

func TestPeekingTellsTheLeadersMessages(t *testing.T) {
	term, from := uint64(9), uint64(0xfeed)
	for kind, leads := range map[raftpb.MessageType]bool{
		raftpb.MsgApp: true, raftpb.MsgHeartbeat: true, raftpb.MsgSnap: true, raftpb.MsgTimeoutNow: true,
		raftpb.MsgAppResp: false, raftpb.MsgVote: false, raftpb.MsgPreVote: false, raftpb.MsgVoteResp: false,
	} {
		election := map[raftpb.MessageType]bool{
			raftpb.MsgVote: true, raftpb.MsgVoteResp: true, raftpb.MsgTimeoutNow: true, raftpb.MsgSnap: true,
		}[kind]
		m, err := proto.Marshal(&raftpb.Message{Type: &kind, Term: &term, From: &from})
		if err != nil {
			t.Fatal(err)
		}
		data := wire.EncodeEnvelope(&wire.Envelope{From: 77, Cluster: make([]byte, 16), Body: &wire.Envelope_Raft{Raft: m}})
		if f := peekFrame(data); f != (frameHead{from: 77, leads: leads, term: 9, raft: 0xfeed, election: election}) {
			t.Errorf("%s: %+v", kind, f)
		}
	}
}

func FuzzPeekFrame(f *testing.F) {
	f.Add(wire.EncodeEnvelope(&wire.Envelope{From: 1, Body: &wire.Envelope_Raft{Raft: []byte{8, 3}}}))
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		got := peekFrame(data)
		if e, err := wire.DecodeEnvelope(data); err == nil && got.from != e.From {
			t.Fatalf("from %x, and decoded %x", got.from, e.From)
		}
	})
}
