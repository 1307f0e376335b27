package sim

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// thief is somebody with the disk of a voter that was forgotten. It has the
// authority's key, and so a certificate of its own making, under an ID and with a key
// that the log has let in nowhere; it does not know the key of datagrams.
type thief struct {
	t       *testing.T
	w       *World
	cluster core.ClusterID
	addr    netip.AddrPort
}

const (
	thiefID   core.NodeID = 0x7ef
	thiefRaft             = 0x7ef7
)

func newThief(t *testing.T, w *World) *thief {
	return &thief{t: t, w: w, addr: netip.MustParseAddrPort("10.0.250.1:7117"), cluster: answer[node.StatusView](t, w, w.Ask(0, node.GetStatus{})).Cluster.ID}
}

// say has a host hear a frame on the thief's stream.
func (f *thief) say(to int, e *wire.Envelope) {
	e.From, e.Instance, e.Cluster = uint64(thiefID), 1, f.cluster[:]
	f.w.hosts[to].later(time.Millisecond, node.Frame{From: f.addr, Peer: thiefID, Key: [32]byte{1}, Data: wire.EncodeEnvelope(e)})
}

// engine is a message of the engine for a host, in a term far ahead.
func (f *thief) engine(to int, kind raftpb.MessageType) *wire.Envelope {
	at := f.w.Node(to).Part()
	from, term, commit := uint64(thiefRaft), uint64(1000), at.Applied
	m := &raftpb.Message{Type: &kind, From: &from, To: (*uint64)(&at.Raft), Term: &term, Commit: &commit}
	if kind == raftpb.MsgApp {
		m.Index, m.LogTerm = &at.Last, &term
	}
	b, err := proto.Marshal(m)
	if err != nil {
		f.t.Fatal(err)
	}
	return &wire.Envelope{Body: &wire.Envelope_Raft{Raft: b}}
}

// attack is all that the thief can think of, said to one host: who it is, that it
// leads, that there is more of the log, what to run, and that the host was forgotten.
func (f *thief) attack(to int) {
	row := &wire.Row{Id: uint64(thiefID), Raft: thiefRaft, Name: "thief", Addr: f.addr.String(), Instance: 1, Status: uint32(core.Alive), Features: uint32(core.FeaturesNow)}
	f.say(to, &wire.Envelope{Body: &wire.Envelope_Rows{Rows: &wire.Rows{Rows: []*wire.Row{row}}}})
	f.say(to, &wire.Envelope{Body: &wire.Envelope_Welcome{Welcome: &wire.Welcome{Cluster: f.cluster[:], Rows: []*wire.Row{row}, Leader: uint64(thiefID), Term: 1000, Commit: 1 << 40}}})
	for _, kind := range []raftpb.MessageType{raftpb.MsgPreVote, raftpb.MsgVote, raftpb.MsgHeartbeat, raftpb.MsgApp} {
		f.say(to, f.engine(to, kind))
	}
	task := f.w.mintTask()
	f.say(to, &wire.Envelope{Body: &wire.Envelope_Grant{Grant: &wire.Grant{
		Task: task[:], Attempt: 1, Fence: uint64(core.NewFence(1<<30, 1)), Instance: 1, Spec: &wire.Spec{Name: "x", Argv: []string{Work, "1s"}},
	}}})
	f.say(to, &wire.Envelope{ReplyTo: f.addr.String(), Body: &wire.Envelope_Refusal{Refusal: &wire.Refusal{Final: true, Forgotten: true, Reason: "so says the thief"}}})
}

// persist attacks for a while, and looks each time what became of it.
func (f *thief) persist(to int, during time.Duration) {
	f.t.Helper()
	h := f.w.hosts[to]
	runs := len(h.children.byFence)
	for end := f.w.Now() + during; f.w.Now() < end; {
		f.attack(to)
		pass(f.t, f.w, 200*time.Millisecond)
		switch {
		case !h.up():
			f.t.Fatalf("%s has stopped: %v", h.name, h.fault)
		case len(h.children.byFence) > runs:
			f.t.Fatalf("%s runs what the thief said", h.name)
		}
		if l := answer[node.LeaderView](f.t, f.w, f.w.Ask(to, node.GetLeader{Stale: true})); l.ID == thiefID || l.Term >= 1000 {
			f.t.Fatalf("%s follows %v in term %d", h.name, l.ID, l.Term)
		}
		if n := f.w.network.strayed[f.addr]; n > 0 {
			f.t.Fatalf("the thief was answered %d times", n)
		}
	}
}

// well wants the cluster to be as it was.
func (f *thief) well() {
	f.t.Helper()
	n := uint64(len(f.w.hosts))
	reach(f.t, f.w, time.Minute, node.Condition{Kind: "members", N: n}, node.Condition{Kind: "leader"})
	id, c := f.w.Submit(0, Work, "200ms")
	answer[node.Submitted](f.t, f.w, c)
	ends(f.t, f.w, 20*time.Second, ledger.Succeeded, id)
}

// Two members that do not vote are cut off with each other, and take all voters for
// dead. They wait for them; whoever else comes with a certificate is still nobody.
func TestAThiefOfTheAuthoritysKeyIsNobodyToThoseWhoHaveLostTheVoters(t *testing.T) {
	w := sealed(t, 21, 6)
	pass(t, w, 15*time.Second)
	f := newThief(t, w)
	var away, rest []int
	for i := range w.hosts {
		if w.votes(i) || len(away) == 2 {
			rest = append(rest, i)
		} else {
			away = append(away, i)
		}
	}
	w.Partition(away, rest)
	until(t, w, 2*time.Minute, func() bool {
		return !slices.ContainsFunc(rest, func(i int) bool { return w.holds(t, away[0], w.hosts[i].name, core.Alive) })
	})
	pass(t, w, 10*time.Second)
	f.persist(away[0], 10*time.Second)
	w.Heal()
	f.well()
}

// A voter, and a member that does not vote, whose disks are too slow to keep up with
// what others have committed: that does not make them believe strangers.
func TestAThiefOfTheAuthoritysKeyIsNobodyToThoseWhoLag(t *testing.T) {
	for name, voter := range map[string]bool{"a voter": true, "a member": false} {
		t.Run(name, func(t *testing.T) {
			w := sealed(t, 22, 5)
			pass(t, w, 15*time.Second)
			f := newThief(t, w)
			lead := w.Leader()
			slow := -1
			for i := range w.hosts {
				if i != lead && w.votes(i) == voter {
					slow = i
				}
			}
			w.SlowDisk(slow, 20_000) // six seconds for a write
			for range 10 {
				answer[node.Appended](t, w, w.Ask(lead, node.AppendNote{Text: []byte("x")}))
				f.persist(slow, time.Second)
			}
			w.SlowDisk(slow, 1)
			f.well()
		})
	}
}
