package node

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// clerk is a notary whose certificates say what they are of.
type clerk struct {
	open bool
	made int
}

func (c *clerk) Open(authority, sealed []byte) error {
	if !bytes.HasPrefix(sealed, []byte("key for ")) {
		return errors.New("not for me")
	}
	c.open = true
	return nil
}

func (c *clerk) Close() { c.open = false }

func (c *clerk) Certify(of *wire.Credential, wall int64) ([]byte, int64, error) {
	if !c.open {
		return nil, 0, errors.New("no key")
	}
	c.made++
	return fmt.Appendf(nil, "certificate %d of %s", c.made, of.Name), wall + int64(90*24*time.Hour), nil
}

func (c *clerk) SealFor(wrap []byte) ([]byte, error) {
	return fmt.Appendf(nil, "key for %x", wrap), nil
}

func bytesOf(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

// chartered is a node that founded a cluster with an authority, whose own
// certificate ends after that time.
func chartered(t *testing.T, until time.Duration) (*solo, *clerk) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	wall := int64(1_000_001 * time.Hour)
	id, snap := FoundBy(Mint(7, r), "test", 0, r, func(s *ledger.State) {
		s.Trust([]byte("ca"), &wire.Credential{
			Node: 7, Name: "n1", SignKey: bytesOf(1), WrapKey: bytesOf(2), Certificate: []byte("first"), UntilNanos: wall + int64(until), Authority: []byte("key for me"),
		}, &wire.JoinToken{Id: []byte("token"), Hash: bytesOf(9), ExpiresNanos: wall + int64(time.Hour)})
	})
	c := &clerk{}
	s := &solo{t: t, now: core.Instant(time.Hour), replies: map[uint64][]Reply{}}
	s.n = New(Options{
		Name: "n1", Version: "v", Addr: netip.MustParseAddrPort("10.0.0.1:7117"), Slots: 2, Rand: r,
		Notary: c, CertifiedUntil: wall + int64(until), RenewBefore: 30 * 24 * time.Hour,
	}, Restored{Identity: id, Snapshot: snap, Instance: 1})
	s.tell(Clock{Offset: 1_000_000 * time.Hour})
	s.until("leads and is agreed up", func() bool { return s.n.leading && s.n.memberHere() })
	return s, c
}

func admitOf(node uint64, name string) Enroll {
	return Enroll{Admit: &wire.Admit{Token: []byte("token"), Hash: bytesOf(9), Node: node, Name: name, SignKey: bytesOf(byte(node)), WrapKey: bytesOf(byte(node) + 100)}}
}

func TestAMachineIsLetInWithACertificateOfItsOwn(t *testing.T) {
	s, c := chartered(t, 90*24*time.Hour)
	if !c.open {
		t.Fatal("the founder does not hold the authority's key")
	}
	v, ok := s.one(admitOf(42, "n2")).(EnrolledView)
	if !ok || string(v.Certificate) != "certificate 1 of n2" || v.Detector != "swim" || v.Cluster.Name != "test" {
		t.Fatalf("got %+v", v)
	}
	again := s.one(admitOf(42, "n2")).(EnrolledView)
	if string(again.Certificate) != string(v.Certificate) || c.made != 1 {
		t.Errorf("again: %q, of %d", again.Certificate, c.made)
	}
	f := s.fault(admitOf(43, "n1"), core.CodeBadInput)
	if !strings.Contains(f.Message, "is taken by a living member") {
		t.Errorf("%v", f)
	}
}

func TestWhetherAMachineWouldBeLetInIsToldWithoutLettingItIn(t *testing.T) {
	s, _ := chartered(t, 90*24*time.Hour)
	before := s.n.ledger.Applied()
	if v := s.one(TryEnroll{Admit: admitOf(42, "n2").Admit}); v != nil {
		t.Errorf("got %v", v)
	}
	taken := admitOf(0, "n1").Admit
	if f := s.fault(TryEnroll{Admit: taken}, core.CodeBadInput); !strings.Contains(f.Message, "is taken by a living member") {
		t.Errorf("%v", f)
	}
	s.now = s.now.Add(2 * time.Hour) // no entry has told the ledger
	if f := s.fault(TryEnroll{Admit: admitOf(42, "n2").Admit}, core.CodeDenied); !strings.Contains(f.Message, "expired at") {
		t.Errorf("%v", f)
	}
	if now := s.n.ledger.Applied(); now != before || len(s.n.ledger.Credentials()) != 1 {
		t.Errorf("the log went from %d to %d", before, now)
	}
}

func TestWithoutTheKeyNobodyIsCertifiedAndWhoWaitsIsTold(t *testing.T) {
	s, c := chartered(t, 90*24*time.Hour)
	c.Close()
	s.asked++
	id := s.asked
	s.tell(Asked{ID: id, Body: admitOf(42, "n2")})
	s.until("tells whoever waits", func() bool { return len(s.replies[id]) == 1 })
	if f, is := s.replies[id][0].Body.(*core.Fault); !is || f.Code != core.CodeNoQuorum || !strings.Contains(f.Hint, "same token") {
		t.Errorf("%v", s.replies[id][0].Body)
	}
	c.open = true
	s.until("certifies in the end", func() bool { c, _ := s.n.ledger.Credential(42); return len(c.Certificate) > 0 })
}

func TestAMembersCertificateIsRenewedInTime(t *testing.T) {
	s, _ := chartered(t, 40*24*time.Hour)
	pass := func(days int) {
		for range 4 * days {
			s.now = s.now.Add(6 * time.Hour)
			s.pass(100 * time.Millisecond)
		}
	}
	pass(9)
	if len(s.certificates) != 0 {
		t.Fatalf("too early: %q", s.certificates)
	}
	pass(2)
	if len(s.certificates) != 1 || s.certificates[0] != "certificate 1 of n1" {
		t.Fatalf("saved %q", s.certificates)
	}
	pass(50)
	if len(s.certificates) != 1 {
		t.Errorf("saved %q", s.certificates)
	}
}

func TestAMemberWhoseCertificateEndsSaysWhatToDoOnce(t *testing.T) {
	s, c := chartered(t, 40*24*time.Hour)
	c.Close() // nobody makes it another
	told := func() (lines []string) {
		for _, line := range s.lines {
			if strings.Contains(line, "certificate ended at") && strings.Contains(line, "hb join TOKEN") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	pass := func(d time.Duration) {
		s.now = s.now.Add(d)
		s.pass(100 * time.Millisecond)
	}
	pass(39*24*time.Hour + 22*time.Hour)
	if got := told(); len(got) > 0 {
		t.Fatalf("too early: %q", got)
	}
	pass(2 * time.Hour)
	pass(time.Hour)
	if got := told(); len(got) != 1 {
		t.Errorf("said %q", got)
	}
	c.open = true
	pass(time.Minute)
	pass(time.Minute)
	if why, _ := s.n.certificateEnd(); why != "" || len(s.certificates) != 1 {
		t.Errorf("with %q renewed: %s", s.certificates, why)
	}
}

func TestTokensAreShownAndRevoked(t *testing.T) {
	s, _ := chartered(t, 90*24*time.Hour)
	create := &wire.CreateToken{Id: []byte("tok-2"), Hash: bytesOf(3), TtlNanos: int64(time.Hour), Uses: 2}
	v := s.one(ChangeToken{Command: &wire.Command{Body: &wire.Command_CreateToken{CreateToken: create}}}).(TokensView)
	if len(v.Tokens) != 2 || string(v.Authority) != "ca" || v.Tokens[1].Uses != 2 {
		t.Errorf("%+v", v)
	}
	v = s.one(ChangeToken{Command: &wire.Command{Body: &wire.Command_RevokeToken{RevokeToken: &wire.RevokeToken{Id: []byte("tok-2")}}}}).(TokensView)
	if got := s.one(GetTokens{}).(TokensView); !v.Tokens[1].Revoked || !got.Tokens[1].Revoked {
		t.Errorf("%+v", got)
	}
	s.fault(ChangeToken{Command: &wire.Command{Body: &wire.Command_RevokeToken{RevokeToken: &wire.RevokeToken{Id: []byte("tok-9")}}}}, core.CodeUnheard)
}

func TestAClusterWithoutCredentialsLetsNobodyInByToken(t *testing.T) {
	s := found(t)
	s.fault(admitOf(42, "n2"), core.CodeNo)
	if v := s.one(GetTokens{}).(TokensView); len(v.Tokens) != 0 || len(v.Authority) != 0 {
		t.Errorf("%+v", v)
	}
}

// Whoever can reach a member can make up a token: what comes of it must not be in
// the log, whether the member that was asked leads, or a member proposes it.
func TestAMachineWithAMadeUpTokenLeavesNothingInTheLog(t *testing.T) {
	s, _ := chartered(t, 90*24*time.Hour)
	before := s.n.replog.LastIndex()
	for i := range 50 {
		made := admitOf(uint64(1000+i), "n2")
		made.Admit.Token, made.Admit.Hash = []byte{byte(i)}, bytesOf(byte(i))
		made.Unread = i%2 == 1
		code := core.CodeDenied
		if made.Unread {
			code = core.CodeBusy
		}
		if f := s.fault(made, code); !strings.Contains(f.Message, "none of this cluster's") {
			t.Errorf("%v", f)
		}
		s.n.proposeAdmit(0, made.Admit)
		s.pass(10 * time.Millisecond)
	}
	if now := s.n.replog.LastIndex(); now != before {
		t.Errorf("the log went from %d to %d", before, now)
	}
	if v, ok := s.one(Enroll{Admit: admitOf(42, "n2").Admit, Unread: true}).(EnrolledView); !ok {
		t.Errorf("whoever has a token is not let in where others were refused: %v", v)
	}
	text := s.n.admissionText(&wire.Command{Body: &wire.Command_Admit{Admit: admitOf(42, "n2").Admit}})
	if !strings.Contains(text, "asks to be let in") {
		t.Errorf("the log says %q", text)
	}
}

// The clock of the member that is asked may be wrong; the leader's is what counts.
func TestATokenEndsByTheLeadersClock(t *testing.T) {
	s, _ := chartered(t, 90*24*time.Hour)
	before := s.n.replog.LastIndex()
	s.now = s.now.Add(2 * time.Hour)
	if f := s.fault(admitOf(42, "n2"), core.CodeDenied); !strings.Contains(f.Message, "expired at") {
		t.Errorf("%v", f)
	}
	if now := s.n.replog.LastIndex(); now != before {
		t.Errorf("the log went from %d to %d", before, now)
	}
}
