package node

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"hb/core"
	"hb/core/ledger"
	"hb/core/lock"
	"hb/core/replog"
	"hb/core/wire"
)

// The members of the cluster in which the table is walked. This node and the
// voter vote; a learner is on its way, the plain member is neither, and the
// forgotten one has its certificate still.
const (
	aVoter core.NodeID = 100 + iota
	aLearner
	aMember
	aForgotten
	unheardOf
)

var everybody = map[core.NodeID]string{
	0: "nobody in particular", aVoter: "a voter", aLearner: "a learner", aMember: "a member", aForgotten: "a forgotten member", unheardOf: "one whom the log does not know yet",
}

// crowded is a node of such a cluster. It does not lead: it is one of two voters.
func crowded(t *testing.T) *solo {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	id, _ := Found("test", 0, r)
	state := ledger.Found(core.ClusterID(id.Cluster), "test", 0)
	var commands []*wire.Command
	for _, m := range []core.NodeID{core.NodeID(id.Node), aVoter, aLearner, aMember, aForgotten} {
		row := &wire.Row{Id: uint64(m), Raft: raftOf(m), Name: "m" + m.String(), Addr: "10.0.0.2:7117", Instance: 1, Status: uint32(core.Alive), Features: uint32(core.FeaturesNow)}
		if m == core.NodeID(id.Node) {
			row.Raft, row.Name, row.Addr = id.Raft, "n1", "10.0.0.1:7117"
		}
		commands = append(commands, &wire.Command{Body: &wire.Command_MemberUp{MemberUp: &wire.MemberUp{Rows: []*wire.Row{row}}}})
	}
	commands = append(commands, &wire.Command{Body: &wire.Command_Forget{Forget: &wire.Forget{Node: uint64(aForgotten), Instance: 1, Force: true}}})
	for _, o := range state.Apply(2, &wire.Entry{WallNanos: 1, Commands: commands}) {
		if o.Verdict.GetCode() != 0 {
			t.Fatalf("the cluster cannot be set up: %v", o.Verdict)
		}
	}
	key := make([]byte, 32)
	state.Trust([]byte("a certificate"),
		&wire.Credential{Node: uint64(aVoter), Name: "voter", SignKey: key, WrapKey: key, Certificate: key, Authority: key},
		&wire.JoinToken{Id: []byte("token"), Hash: key})
	index, term := uint64(2), uint64(1)
	body := &wire.Ledger{}
	if err := wire.Unmarshal(state.Encode(), body); err != nil {
		t.Fatal(err)
	}
	for _, m := range []core.NodeID{core.NodeID(id.Node), aLearner, aMember} {
		body.Credentials = append(body.Credentials, &wire.Credential{Node: uint64(m), Name: "m" + m.String(), SignKey: key, WrapKey: key, Certificate: key})
	}
	data, err := proto.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	snap := replog.Genesis(core.RaftID(id.Raft), data)
	snap.Metadata = &raftpb.SnapshotMetadata{Index: &index, Term: &term, ConfState: &raftpb.ConfState{
		Voters: []uint64{id.Raft, raftOf(aVoter)}, Learners: []uint64{raftOf(aLearner)},
	}}
	s := &solo{t: t, now: core.Instant(time.Hour), replies: map[uint64][]Reply{}}
	s.n = New(Options{
		Name: "n1", Version: "v", Addr: netip.MustParseAddrPort("10.0.0.1:7117"), Slots: 2, Rand: r,
	}, Restored{Identity: id, Snapshot: snap, Instance: 1})
	s.tell(Clock{Offset: 1_000_000 * time.Hour})
	s.tell(Tick{})
	if s.stopped != nil {
		t.Fatal(s.stopped.Fault)
	}
	return s
}

func raftOf(id core.NodeID) uint64 { return uint64(id) + 1000 }

// bodies are an empty message of every kind that a oneof knows.
func bodies[M proto.Message](t *testing.T, of M) map[protoreflect.Name]M {
	t.Helper()
	all := map[protoreflect.Name]M{}
	fields := of.ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range fields.Len() {
		m := of.ProtoReflect().New()
		m.Set(fields.Get(i), m.NewField(fields.Get(i)))
		all[fields.Get(i).Name()] = m.Interface().(M)
	}
	if len(all) < 10 {
		t.Fatalf("only %d kinds were found", len(all))
	}
	return all
}

// may says who has a right: in words, so that the table is compared with what
// was meant, and not with itself.
var may = map[string][]core.NodeID{
	"nobody":  nil,
	"anybody": {aVoter, aLearner, aMember, aForgotten, unheardOf},
	"members": {aVoter, aLearner, aMember},
	"leaders": {aVoter, aLearner},
	"signers": {aVoter},
}

// ofFrames is who may send which kind of frame.
var ofFrames = map[string]string{
	"anybody": "join",
	"members": "welcome refusal raft pull page propose read_index done output_pull output_chunk echo rows transfer " +
		"refused running explain runs_ask lease_ask position_ask position mesh_ask mesh watch key_ask key_given",
	"leaders": "proposed read_indexed grant kill done_ack explained runs lease_given",
}

func meant(t *testing.T, table map[string]string, kind string) []core.NodeID {
	t.Helper()
	for who, kinds := range table {
		if slices.Contains(strings.Fields(kinds), kind) {
			return may[who]
		}
	}
	t.Errorf("%s: nobody has said who may send it", kind)
	return nil
}

func TestEveryKindOfFrameIsHeardFromThoseOnlyWhoHaveTheRight(t *testing.T) {
	s := crowded(t)
	for kind, e := range bodies(t, &wire.Envelope{}) {
		if frameRight(e) == nobodys {
			t.Errorf("%s has no row in the table", kind)
		}
		allowed := meant(t, ofFrames, string(kind))
		for id, who := range everybody {
			e.From = uint64(id)
			why := s.n.whyNotHear(Frame{Peer: id}, e)
			if heard := why == nil; heard != slices.Contains(allowed, id) {
				t.Errorf("%s from %s: heard is %t (%v)", kind, who, heard, why)
			}
			for other, name := range everybody { // whatever the right: under one's own name
				if why := s.n.whyNotHear(Frame{Peer: other}, e); other != id && why == nil {
					t.Errorf("%s from %s in the name of %s is heard", kind, name, who)
				}
			}
		}
	}
	if why := s.n.whyNotHear(Frame{Peer: aVoter}, &wire.Envelope{From: uint64(aVoter)}); !errors.Is(why, errNoRight) {
		t.Errorf("a kind that this program does not know is heard: %v", why)
	}
}

func TestEveryMessageOfTheEngineIsHeardFromThoseOnlyWhoHaveTheRight(t *testing.T) {
	table := map[string]string{
		"leaders": "MsgApp MsgHeartbeat MsgSnap MsgTimeoutNow MsgVote MsgPreVote",
		"members": "MsgAppResp MsgHeartbeatResp MsgVoteResp MsgPreVoteResp",
		// What an engine tells itself, or a follower its leader: proposals and
		// reads have frames of their own here.
		"nobody": "MsgHup MsgBeat MsgProp MsgUnreachable MsgSnapStatus MsgCheckQuorum MsgTransferLeader MsgReadIndex MsgReadIndexResp " +
			"MsgStorageAppend MsgStorageAppendResp MsgStorageApply MsgStorageApplyResp MsgForgetLeader",
	}
	s := crowded(t)
	for value, name := range raftpb.MessageType_name {
		allowed := meant(t, table, name)
		for id, who := range everybody {
			if heard := s.n.has(id, engineRight(raftpb.MessageType(value))); id != 0 && heard != slices.Contains(allowed, id) {
				t.Errorf("%s from %s: heard is %t", name, who, heard)
			}
		}
	}
}

func TestEveryCommandIsTakenFromThoseOnlyWhoHaveTheRight(t *testing.T) {
	table := map[string]string{
		"members": "submit cancel note drain set_voters set_vote forget set_schedule drop_schedule pause_schedule create_token revoke_token admit rotate_key wrap_key",
		"signers": "certify entrust",
		"nobody":  "member_up member_down assign finish requeue expire raise_features fire recertify offer acquire_lock release_lock",
	}
	s := crowded(t)
	for kind, c := range bodies(t, &wire.Command{}) {
		allowed := meant(t, table, string(kind))
		for id, who := range everybody {
			if taken := s.n.has(id, commandRight(id, c)); id != 0 && taken != slices.Contains(allowed, id) {
				t.Errorf("%s from %s: taken is %t", kind, who, taken)
			}
		}
	}
	down := func(ids ...uint64) *wire.Command {
		return &wire.Command{Body: &wire.Command_MemberDown{MemberDown: &wire.MemberDown{Ids: ids}}}
	}
	own := down(uint64(aMember))
	for _, c := range []struct {
		what string
		c    *wire.Command
		want bool
	}{
		{"its own end", own, true},
		{"another's end", down(uint64(aVoter)), false},
		{"its own and another's end", down(uint64(aMember), uint64(aVoter)), false},
		{"that its certificate ends", &wire.Command{Body: &wire.Command_Recertify{Recertify: &wire.Recertify{Node: uint64(aMember)}}}, true},
		{"that another's does", &wire.Command{Body: &wire.Command_Recertify{Recertify: &wire.Recertify{Node: uint64(aVoter)}}}, false},
		{"what it runs", &wire.Command{Body: &wire.Command_Offer{Offer: &wire.Offer{Node: uint64(aMember)}}}, true},
		{"what another runs", &wire.Command{Body: &wire.Command_Offer{Offer: &wire.Offer{Node: uint64(aVoter)}}}, false},
		{"a lock for its client", &wire.Command{Body: &wire.Command_AcquireLock{AcquireLock: &wire.AcquireLock{Node: uint64(aMember)}}}, true},
		{"a lock for another's", &wire.Command{Body: &wire.Command_AcquireLock{AcquireLock: &wire.AcquireLock{Node: uint64(aVoter)}}}, false},
		{"its client's lock let go", lock.Release(lock.Session{}, aMember), true},
		{"another's client's lock let go", lock.Release(lock.Session{}, aVoter), false},
		{"a lease that is over", &wire.Command{Body: &wire.Command_ReleaseLock{ReleaseLock: &wire.ReleaseLock{Node: uint64(aMember), Lost: true}}}, false},
		{"a schedule's task, for a user", &wire.Command{Body: &wire.Command_Fire{Fire: &wire.Fire{Task: []byte("x")}}}, true},
	} {
		if got := s.n.has(aMember, commandRight(aMember, c.c)); got != c.want {
			t.Errorf("%s from a member: taken is %t", c.what, got)
		}
	}
}

// CVE-2021-37219: in Consul any agent whose certificate was of the cluster's
// authority could speak the servers' consensus protocol. Here a member that does
// not vote says that it leads, in a later term: nothing comes of it, by whatever
// way it is said. A voter who says the same is obeyed.
func TestAMemberThatDoesNotVoteCannotSpeakAsTheLeader(t *testing.T) {
	for from, obeyed := range map[core.NodeID]bool{aMember: false, aVoter: true} {
		s := crowded(t)
		s.hearRaft(from, raftOf(from), raftpb.MsgHeartbeat, 50)
		s.hearRaft(from, raftOf(aVoter), raftpb.MsgApp, 51) // in a voter's name
		if from == aMember {
			s.tell(Datagram{From: netip.MustParseAddrPort("10.0.0.2:7117"), Data: beat(s, from, 52)})
		}
		if led := s.n.leader().id == from; led != obeyed {
			t.Errorf("%s says that it leads: believed is %t", everybody[from], led)
		}
	}
}

func (s *solo) hearRaft(from core.NodeID, raft uint64, kind raftpb.MessageType, term uint64) {
	s.t.Helper()
	to := uint64(s.n.self.raft)
	b, err := proto.Marshal(&raftpb.Message{Type: &kind, From: &raft, To: &to, Term: &term})
	if err != nil {
		s.t.Fatal(err)
	}
	s.frame(&wire.Envelope{From: uint64(from), Instance: 1, Cluster: s.n.self.cluster[:], Body: &wire.Envelope_Raft{Raft: b}})
}

// beat is the engine's heartbeat as a datagram.
func beat(s *solo, from core.NodeID, term uint64) []byte {
	p := wire.Packet{Kind: wire.KindEngineBeat, Cluster: s.n.tag(), From: from, Instance: 1,
		Engine: wire.EngineBeat{From: core.RaftID(raftOf(from)), To: s.n.self.raft, Term: term}}
	return wire.AppendPacket(nil, &p)
}

// CVE-2026-33413: in etcd some methods of the API did not ask who calls, so that
// whoever reached them could end leases, stop maintenance, and move the leader.
// Here a node whose certificate was revoked, or that has none, tries all of them,
// and the only thing that follows is that it is told why.
func TestWhoHasNoRightChangesNothing(t *testing.T) {
	s := crowded(t)
	before, complaints := s.n.ledger.Encode(), 0
	for _, id := range []core.NodeID{0, aForgotten} {
		for kind, e := range bodies(t, &wire.Envelope{}) {
			e.From, e.Instance, e.Cluster, e.ReplyTo = uint64(id), 1, s.n.self.cluster[:], "10.0.0.66:7117"
			s.frames = nil
			s.frame(e)
			for _, f := range s.frames {
				answer, err := wire.DecodeEnvelope(f.Data)
				if err != nil || answer.GetRefusal() == nil {
					t.Errorf("%s from %s is answered by %v", kind, everybody[id], answer)
				}
			}
			if id == 0 {
				complaints++
			}
		}
	}
	if after := s.n.ledger.Encode(); string(before) != string(after) || s.stopped != nil || len(s.execs) > 0 {
		t.Error("something has changed")
	}
	counted := 0
	for what, n := range s.n.complaints {
		if what.what == errNobody.Error() {
			counted += n
		}
	}
	if counted != complaints {
		t.Errorf("%d frames of nobody in particular are counted of %d", counted, complaints)
	}
}

// A node that slept while the voters changed must not shut out the new ones.
func TestANodeThatLagsHearsVotersWhomItDoesNotKnow(t *testing.T) {
	s := crowded(t)
	ask := func() bool { return s.n.has(aMember, voters) }
	if ask() {
		t.Fatal("a plain member is a voter")
	}
	s.n.replogStep(replog.Heard{Node: aVoter, Commit: 1000})
	if ask() || ask() {
		t.Error("it is believed at once")
	}
	s.now = s.now.Add(lagLimit / 2)
	s.n.now = s.now
	if ask() {
		t.Error("it is believed soon")
	}
	s.n.now = s.now.Add(lagLimit)
	if !ask() {
		t.Error("it is not believed though this node has not caught up with what a voter said")
	}
}

func TestARaftIDOfTheLogIsNobodyElses(t *testing.T) {
	s := crowded(t)
	s.frame(&wire.Envelope{From: uint64(aMember), Instance: 1, Cluster: s.n.self.cluster[:], Body: &wire.Envelope_Rows{Rows: &wire.Rows{Rows: []*wire.Row{
		{Id: uint64(aMember), Raft: raftOf(aVoter), Name: "m", Addr: "10.0.0.2:7117", Instance: 2, Status: uint32(core.Alive)},
	}}}})
	if owner, _ := s.n.nodeOf(core.RaftID(raftOf(aVoter))); owner != aVoter {
		t.Errorf("the voter's raft ID is now of %s", everybody[owner])
	}
}

func TestTheForgottenAreBarredFromTheStart(t *testing.T) {
	s := crowded(t)
	if !slices.Equal(slices.Compact(s.barred), []core.NodeID{aForgotten}) {
		t.Errorf("barred are %v", s.barred)
	}
	s.frames = nil
	s.tell(Knocked{Peer: aForgotten})
	s.tell(Knocked{Peer: aForgotten})
	if told := sent[*wire.Envelope_Refusal](s); len(told) > 1 {
		t.Errorf("it was told %d times", len(told))
	}
}

// Whoever answers at a member's address may be another.
func TestAFrameForAMemberIsForTheKeyThatTheLogHasOfIt(t *testing.T) {
	s := crowded(t)
	c, _ := s.n.ledger.Credential(aMember)
	c.SignKey = bytes.Repeat([]byte{7}, 32)
	s.n.sendTo(aMember, &wire.Envelope{Body: &wire.Envelope_Watch{Watch: &wire.Watch{}}})
	f, is := s.n.out[len(s.n.out)-1].(SendFrame)
	if !is || !bytes.Equal(f.Key[:], c.SignKey) {
		t.Errorf("%+v", s.n.out)
	}
}

// Whoever has the authority's key can make certificates, but not with the keys of
// those whom the log has let in; and a certificate of nobody's is good for nothing.
func TestACertificateThatTheLogDoesNotKnowIsNobodys(t *testing.T) {
	s := crowded(t)
	hear := func(from core.NodeID, key byte, body *wire.Envelope) error {
		body.From = uint64(from)
		return s.n.whyNotHear(Frame{Peer: from, Key: [32]byte{key}}, body)
	}
	ask := func() *wire.Envelope { return &wire.Envelope{Body: &wire.Envelope_Propose{Propose: &wire.Propose{}}} }
	join := func() *wire.Envelope { return &wire.Envelope{Body: &wire.Envelope_Join{Join: &wire.Join{}}} }
	if err := hear(aMember, 0, ask()); err != nil {
		t.Errorf("a member: %v", err)
	}
	for name, err := range map[string]error{
		"another key for a member":        hear(aMember, 1, ask()),
		"another key for a voter":         hear(aVoter, 1, join()),
		"an ID that was never let in":     hear(unheardOf, 1, ask()),
		"one that was, and was forgotten": hear(aForgotten, 0, ask()),
	} {
		if err == nil {
			t.Errorf("%s is heard", name)
		}
	}
	if err := hear(unheardOf, 1, join()); err != nil { // to be told so
		t.Errorf("a stranger asks: %v", err)
	}
	if s.n.whyNot(&wire.Envelope{From: uint64(unheardOf)}, &wire.Join{Features: uint32(core.FeaturesNow)}) == nil {
		t.Error("and is welcome")
	}
}
