package node

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/seal"
	"hb/core/wire"
)

// openVault seals with nothing but the context and whose key it is.
type openVault struct{ wrap []byte }

func (v openVault) Seal(wrap []byte, context string, plain []byte) ([]byte, error) {
	return append([]byte(context+string(wrap)), plain...), nil
}

func (v openVault) Open(context string, sealed []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(sealed, []byte(context+string(v.wrap)))
	if !ok {
		return nil, errors.New("not for this node")
	}
	return plain, nil
}

func (v openVault) Shared(wrap []byte) ([]byte, error) { return bytesOf(1), nil }

func (v openVault) Secret(n int) []byte { return bytes.Repeat([]byte{0x5e}, n) }

// newcomer is a node that was just let in by member 7, and has nothing of the log.
func newcomer(t *testing.T) *solo {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	id, _ := FoundBy(Mint(42, r), "test", 0, r, func(*ledger.State) {})
	s := &solo{t: t, now: core.Instant(time.Hour), replies: map[uint64][]Reply{}}
	s.n = New(Options{
		Name: "n2", Version: "v", Addr: netip.MustParseAddrPort("10.0.0.2:7117"), Slots: 2, Rand: r, Vault: openVault{bytesOf(2)},
	}, Restored{Identity: id, Instance: 1})
	s.tell(Clock{Offset: 1_000_000 * time.Hour})
	return s
}

// lend has a member welcome the node with a key, of so far in the log.
func (s *solo) lend(by core.NodeID, g uint32, secret []byte, commit uint64) {
	s.t.Helper()
	sealed, _ := openVault{}.Seal(bytesOf(2), s.n.keyContext(g), secret)
	cluster := s.n.self.cluster
	s.frame(&wire.Envelope{From: uint64(by), Instance: 1, Cluster: cluster[:], Body: &wire.Envelope_Welcome{Welcome: &wire.Welcome{
		Cluster: cluster[:], ClusterName: "test", Commit: commit, Key: &wire.KeyGiven{Generation: g, Sealed: sealed, Commit: commit},
	}}})
}

// logged brings the log, up to an index, whose newest key is of a generation.
func (s *solo) logged(index uint64, g uint32, wrapped ...*wire.WrappedKey) {
	s.t.Helper()
	_, snap := FoundBy(Mint(7, rand.New(rand.NewPCG(3, 4))), "test", 0, rand.New(rand.NewPCG(5, 6)), func(st *ledger.State) {
		st.Trust([]byte("ca"), &wire.Credential{Node: 7, Name: "n1", SignKey: bytesOf(1), WrapKey: bytesOf(9), Certificate: []byte("c"), UntilNanos: 1}, &wire.JoinToken{Id: []byte("token"), Hash: bytesOf(9), ExpiresNanos: 1})
	})
	body := &wire.Ledger{}
	if err := wire.UnmarshalLong(snap.Data, body); err != nil {
		s.t.Fatal(err)
	}
	cluster := s.n.self.cluster
	body.Cluster, body.Applied = cluster[:], index
	body.Credentials = append(body.Credentials, &wire.Credential{Node: 42, Name: "n2", SignKey: bytesOf(3), WrapKey: bytesOf(2)})
	wraps := append([]*wire.WrappedKey{{Node: 7, WrapKey: bytesOf(9), Sealed: []byte("x")}}, wrapped...)
	body.DatagramKeys = []*wire.DatagramKey{{Generation: g, Wraps: wraps, Index: 1}}
	state, err := ledger.Decode(wire.Marshal(body))
	if err != nil {
		s.t.Fatal(err)
	}
	s.n.ledger, s.n.keys.changed = state, true
	s.tell(Tick{})
}

func (s *solo) wrapHere(g uint32, secret []byte) *wire.WrappedKey {
	sealed, _ := openVault{}.Seal(bytesOf(2), s.n.keyContext(g), secret)
	return &wire.WrappedKey{Node: 42, WrapKey: bytesOf(2), Sealed: sealed}
}

func TestANewcomerBorrowsAKeyUntilTheLogHasCome(t *testing.T) {
	s := newcomer(t)
	s.lend(7, 5, bytesOf(5), 9)
	ring := s.n.keys.ring
	if ring.Newest() != 5 || s.n.keyFor(7) != nil {
		t.Fatalf("it has %d, and hands on %v", ring.Newest(), s.n.keyFor(7))
	}
	s.logged(4, 3, s.wrapHere(3, bytesOf(3))) // the log as far as it has come
	if ring.Newest() != 5 {
		t.Errorf("on its way through the log it has %d", ring.Newest())
	}
	s.logged(9, 5) // not wrapped for it yet
	if ring.Newest() != 5 || s.n.keyFor(7) != nil {
		t.Errorf("with the log it has %d", ring.Newest())
	}
	s.logged(10, 5, s.wrapHere(5, bytesOf(5)))
	if given := s.n.keyFor(7); ring.Newest() != 5 || s.n.keys.sure != 5 || given == nil || len(s.lines) > 0 && strings.Contains(s.lines[len(s.lines)-1], "dropped") {
		t.Errorf("in the end it has %d, %d of the log, and hands on %v; %q", ring.Newest(), s.n.keys.sure, given, s.lines)
	}
}

func TestALentKeyThatTheLogDoesNotKnowIsDropped(t *testing.T) {
	for _, c := range []struct {
		what   string
		commit uint64
		wait   time.Duration
	}{
		{"at once, where it should be in the log", 9, 0},
		{"in the end, wherever it is said to be", 1 << 40, lentMost},
	} {
		s := newcomer(t)
		s.lend(7, 0xfffffff0, make([]byte, 32), c.commit)
		s.logged(9, 5, s.wrapHere(5, bytesOf(5)))
		s.pass(c.wait)
		if k := &s.n.keys; k.ring.Newest() != 5 || !bytes.Equal(k.ring.Secret(), bytesOf(5)) || k.ring.Accepts(0xfffffff0) || k.sure != 5 {
			t.Errorf("%s: it has %d, %d of the log", c.what, k.ring.Newest(), k.sure)
		}
		s.lend(7, 0xfffffff0, make([]byte, 32), 1<<40)
		if now := s.n.keys.ring.Newest(); now != 5 {
			t.Errorf("%s: once more, and it has %d", c.what, now)
		}
	}
}

func TestALentKeyYieldsToTheLogsOfTheSameGeneration(t *testing.T) {
	s := newcomer(t)
	s.logged(9, 5)
	s.lend(7, 5, make([]byte, 32), 9)
	if now := s.n.keys.ring.Newest(); now != 5 {
		t.Fatalf("it has %d", now)
	}
	s.lend(7, 6, make([]byte, 32), 9)
	if now := s.n.keys.ring.Newest(); now != 5 {
		t.Errorf("it took a key that is ahead of its log: %d", now)
	}
	s.logged(10, 5, s.wrapHere(5, bytesOf(5)))
	if k := &s.n.keys; !bytes.Equal(k.ring.Secret(), bytesOf(5)) || k.sure != 5 || k.lent != (lentKey{}) {
		t.Errorf("it has kept what it was given: %d of the log", k.sure)
	}
}

func TestAKeyIsTakenOnlyOfTheMemberThatWasAsked(t *testing.T) {
	s := newcomer(t)
	s.logged(9, 5)
	sealed, _ := openVault{}.Seal(bytesOf(2), s.n.keyContext(5), make([]byte, 32))
	give := func(from core.NodeID) seal.Generation {
		s.n.keyGiven(from, &wire.KeyGiven{Generation: 5, Sealed: sealed, Commit: 9})
		return s.n.keys.ring.Newest()
	}
	s.n.keys.asked, s.n.keys.askee = s.n.now, 7
	if g := give(8); g != 0 {
		t.Errorf("of another it took %d", g)
	}
	if g := give(7); g != 5 {
		t.Errorf("of whom it asked it took %d", g)
	}
}
