package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/seal"
	"hb/core/wire"
)

// sealed starts n nodes with credentials and waits until they are one cluster, in
// which everybody has the same key.
func sealed(t *testing.T, seed uint64, n int) *World {
	t.Helper()
	w := New(Options{Seed: seed, Nodes: n, Sealed: true})
	t.Cleanup(w.Close)
	w.Start(n)
	reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: uint64(n)}, node.Condition{Kind: "voters", N: 3})
	until(t, w, 20*time.Second, func() bool { return w.keyedAlike(1) })
	return w
}

// keyedAlike says whether all hosts that run know a generation or a later one.
func (w *World) keyedAlike(least uint32) bool {
	for i, h := range w.hosts {
		if !h.up() || w.network.silent[i] {
			continue
		}
		if w.Node(i).Part().Key < least {
			return false
		}
	}
	return true
}

// tables is what everybody believes of everybody, and who leads.
func (w *World) tables(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	for i, h := range w.hosts {
		if !h.up() || w.network.silent[i] {
			continue
		}
		for _, m := range answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{})).Members {
			fmt.Fprintf(&b, "%s holds %s to be %s, start %d\n", h.name, m.Name, m.Status, m.Instance)
		}
		l := answer[node.LeaderView](t, w, w.Ask(i, node.GetLeader{Stale: true}))
		fmt.Fprintf(&b, "%s follows %s, term %d\n", h.name, l.Name, l.Term)
	}
	return b.String()
}

func rotate(t *testing.T, w *World, at int) uint32 {
	t.Helper()
	return answer[node.KeysView](t, w, w.Ask(at, node.RotateKeys{})).Keys[0].Generation
}

func TestNodesWithCredentialsSealEveryDatagramAndRunATask(t *testing.T) {
	w := New(Options{Seed: 1, Nodes: 5, Sealed: true})
	t.Cleanup(w.Close)
	plain := 0
	w.network.tap = func(_, _ netip.AddrPort, data []byte) {
		if !seal.IsSealed(data) && wire.Kind(data[3]) != wire.KindBeaconAnswer {
			plain++
		}
	}
	w.Start(5)
	reach(t, w, 10*time.Second, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3})
	id, c := w.Submit(3, Work, "200ms", "out=hello")
	answer[node.Submitted](t, w, c)
	ends(t, w, 5*time.Second, ledger.Succeeded, id)
	if plain > 0 {
		t.Fatalf("%d datagrams were sent as they are", plain)
	}
}

// Where every fifth datagram is lost, a rotation gets nobody suspected for longer
// than without, and everybody has the newest key a few seconds later.
func TestARotationUnderLossReachesEverybodyAndGetsNobodyCalledDead(t *testing.T) {
	w := sealed(t, 2, 8)
	w.SetNetwork(Network{Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.2})
	for i := range 3 {
		g := rotate(t, w, i)
		until(t, w, 10*time.Second, func() bool { return w.keyedAlike(g) })
		pass(t, w, 12*time.Second)
	}
	for i := range w.hosts {
		for _, m := range answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{})).Members {
			if m.Status == core.Dead || m.Status == core.Left {
				t.Errorf("%s holds %s to be %s", w.hosts[i].name, m.Name, m.Status)
			}
		}
	}
}

// Whoever was asleep while the key changed, for longer than the old one is good
// for, gets the new one over a stream, and is a member like the others again:
// a voter, and one that is none.
func TestAMemberPausedOverARotationComesBack(t *testing.T) {
	w := sealed(t, 3, 6)
	pass(t, w, 15*time.Second)
	voter := (w.Leader() + 1) % 6
	for w.Node(voter).Part().Raft == 0 || voter == nonvoter(t, w, w.Leader()) {
		voter = (voter + 1) % 6
	}
	for _, asleep := range []int{nonvoter(t, w, w.Leader()), voter} {
		at := others(w, asleep)[0]
		w.Pause(asleep, 40*time.Second)
		g := rotate(t, w, at)
		g = max(g, rotate(t, w, at))
		until(t, w, 45*time.Second, func() bool { return !w.hosts[asleep].paused })
		woke := w.Now()
		until(t, w, 10*time.Second, func() bool { return w.keyedAlike(g) })
		if took := w.Now() - woke; took > 3*time.Second {
			t.Errorf("it had the key %v after it woke", took)
		} else {
			t.Logf("it had the key %v after it woke", took)
		}
		until(t, w, 20*time.Second, func() bool { return w.everywhere(t, w.hosts[asleep].name, core.Alive) })
		reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 6})
	}
}

// Whoever was cut off meanwhile has lost its streams, too, and nothing that it
// sends is understood: what it hears tells it to ask.
func TestAMemberCutOffDuringARotationAsksForTheKey(t *testing.T) {
	w := sealed(t, 7, 6)
	pass(t, w, 15*time.Second)
	away := nonvoter(t, w, w.Leader())
	w.Partition([]int{away}, others(w, away))
	g := rotate(t, w, others(w, away)[0])
	pass(t, w, 40*time.Second)
	if w.keyedAlike(g) {
		t.Fatal("it knows the key")
	}
	w.Heal()
	back := w.Now()
	until(t, w, 20*time.Second, func() bool { return w.keyedAlike(g) })
	t.Logf("it had the key %v after it was back", w.Now()-back)
	until(t, w, 20*time.Second, func() bool { return w.everywhere(t, w.hosts[away].name, core.Alive) })
}

// All may be off for long, and then start together.
func TestAClusterThatWasOffHasItsKeyAgain(t *testing.T) {
	w := sealed(t, 4, 5)
	g := rotate(t, w, 2)
	w.PowerCut(0, 1, 2, 3, 4)
	pass(t, w, time.Minute)
	w.Start(5)
	reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 5})
	until(t, w, 10*time.Second, func() bool { return w.keyedAlike(g) })
}

// A member that was forgotten still has its files, and the old key: its streams
// are cut at once, and what it sends is noise ten seconds later.
func TestAForgottenMemberThatGoesOnSendingChangesNothing(t *testing.T) {
	w := sealed(t, 5, 5)
	pass(t, w, 12*time.Second)
	gone := nonvoter(t, w, w.Leader())
	at := others(w, gone)[0]
	id := w.Node(gone).ID()
	w.Distrust(gone)
	answerNothing(t, w, w.Ask(at, node.Forget{Node: id, Force: true}))
	until(t, w, 5*time.Second, func() bool { return w.keyedAlike(2) })
	pass(t, w, seal.Grace+time.Second)
	before := w.tables(t)
	got, sent := 0, 0
	w.network.tap = func(from, to netip.AddrPort, data []byte) {
		if to == w.hosts[gone].addr {
			got++
		}
		if from == w.hosts[gone].addr {
			sent++
		}
	}
	pass(t, w, time.Minute)
	if !w.hosts[gone].up() || sent < 20 {
		t.Fatalf("the forgotten node sent %d datagrams", sent)
	}
	if got > 0 || w.tables(t) != before {
		t.Errorf("it was sent %d datagrams; the tables were\n%s and are\n%s", got, before, w.tables(t))
	}
}

// stranger is somebody on the wire without credentials, who sees all and sends
// what he likes.
type stranger struct {
	w       *World
	addr    netip.AddrPort
	cluster wire.Tag
	record  []recorded
}

type recorded struct {
	from, to netip.AddrPort
	data     []byte
}

func (s *stranger) hear(from, to netip.AddrPort, data []byte) {
	if r := (recorded{from, to, bytes.Clone(data)}); len(s.record) < 2000 {
		s.record = append(s.record, r)
	} else {
		s.record[s.w.hosts[0].luck.IntN(len(s.record))] = r
	}
}

// annoy sends one host something: a datagram that was there before, to whom it
// was for or to somebody else, whole, cut short, lengthened or changed; a forged
// one; or one that claims to need no seal.
func (s *stranger) annoy() {
	luck := s.w.hosts[0].luck
	r := s.record[luck.IntN(len(s.record))]
	data, to := bytes.Clone(r.data), luck.IntN(len(s.w.hosts))
	if h := s.w.hostAt(r.to); h != nil && luck.IntN(2) == 0 {
		to = h.i
	}
	from := s.addr
	if luck.IntN(3) == 0 {
		from = r.from
	}
	switch luck.IntN(6) {
	case 0:
		data = data[:luck.IntN(len(data))]
	case 1:
		data = append(data, byte(luck.Uint32()))
	case 2:
		data[luck.IntN(len(data))] ^= 1 << luck.IntN(8)
	case 3: // a later generation, a made-up sender
		binary.BigEndian.PutUint32(data[4:], luck.Uint32())
		binary.BigEndian.PutUint64(data[8:], luck.Uint64())
	case 4:
		data = s.forge()
	}
	s.w.Inject(to, from, data)
}

// forge says that a member is dead, or has left, or what a leader would say, in
// the name of another.
func (s *stranger) forge() []byte {
	luck := s.w.hosts[0].luck
	nodes := s.w.hosts
	by, of := s.w.Node(luck.IntN(len(nodes))), s.w.Node(luck.IntN(len(nodes)))
	kinds := []wire.Kind{wire.KindPing, wire.KindBulletin, wire.KindLoadReport, wire.KindEcho, wire.KindHeartbeat, wire.KindEngineBeat}
	p := wire.Packet{
		Kind: kinds[luck.IntN(len(kinds))], Cluster: s.cluster, From: by.ID(), Instance: 1, Nonce: luck.Uint64(),
		Log: wire.LogHint{Commit: 1 << 40, Leader: of.ID(), Term: 1 << 30}, Load: core.Load{Stress: 1000, Slots: 1},
		News:   []wire.News{{ID: of.ID(), Status: core.Left, Instance: 1}},
		Engine: wire.EngineBeat{From: by.Part().Raft, To: of.Part().Raft, Term: 1 << 30, Commit: 1 << 40},
	}
	if luck.IntN(2) == 0 {
		p.News[0] = wire.News{ID: of.ID(), Status: core.Dead, Instance: 1, Accuser: by.ID(), Why: wire.ReasonRefused}
	}
	return wire.AppendPacket(nil, &p)
}

func TestAHostileNeighbourGetsNothingAndChangesNothing(t *testing.T) {
	w := sealed(t, 6, 5)
	pass(t, w, 15*time.Second)
	s := &stranger{w: w, addr: netip.MustParseAddrPort("10.0.250.1:7117")}
	s.cluster = wire.TagOf(answer[node.StatusView](t, w, w.Ask(0, node.GetStatus{})).Cluster.ID, 0)
	w.network.tap = s.hear
	pass(t, w, 5*time.Second)
	before := w.tables(t)
	for range 4000 {
		s.annoy()
		pass(t, w, time.Millisecond)
	}
	if n := w.network.strayed[s.addr]; n > 0 {
		t.Errorf("the neighbour was answered %d times", n)
	}
	if after := w.tables(t); after != before {
		t.Errorf("the tables were\n%s and are\n%s", before, after)
	}
	id, c := w.Submit(3, Work, "200ms")
	answer[node.Submitted](t, w, c)
	ends(t, w, 5*time.Second, ledger.Succeeded, id)
}
