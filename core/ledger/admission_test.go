package ledger

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// trusted is a book of a cluster with an authority and the member 1, "a".
func trusted(t *testing.T) *book {
	b := newBook(t)
	b.Trust([]byte("ca"), &wire.Credential{Node: 1, Name: "a", SignKey: key(1), WrapKey: key(101), Certificate: []byte("cert"), UntilNanos: b.now + int64(90*24*time.Hour)},
		&wire.JoinToken{Id: tokenID(0), Hash: key(200), ExpiresNanos: b.now + int64(time.Hour)})
	b.yes(coming(1, "a"))
	return b
}

func key(n byte) []byte     { return bytes.Repeat([]byte{n}, keyBytes) }
func tokenID(n byte) []byte { return bytes.Repeat([]byte{n}, tokenIDBytes) }

func coming(id uint64, name string) *wire.Command {
	return up(&wire.Row{Id: id, Name: name, Instance: 1, Raft: id + 1000, Features: uint32(core.FeaturesNow)})
}

func makeToken(n byte, ttl time.Duration, uses uint32) *wire.Command {
	return &wire.Command{Body: &wire.Command_CreateToken{CreateToken: &wire.CreateToken{Id: tokenID(n), Hash: key(n), TtlNanos: int64(ttl), Uses: uses}}}
}

func revoke(n byte) *wire.Command {
	return &wire.Command{Body: &wire.Command_RevokeToken{RevokeToken: &wire.RevokeToken{Id: tokenID(n)}}}
}

// admitting is the machine id, with the keys id and 100+id, that shows a token.
func admitting(token byte, id uint64, name string, change ...func(*wire.Admit)) *wire.Command {
	a := &wire.Admit{Token: tokenID(token), Hash: key(token), Node: id, Name: name, SignKey: key(byte(id)), WrapKey: key(100 + byte(id))}
	for _, f := range change {
		f(a)
	}
	return &wire.Command{Body: &wire.Command_Admit{Admit: a}}
}

func replacing(a *wire.Admit) { a.Replace = true }

func certify(id uint64, cert string, until int64) *wire.Command {
	return &wire.Command{Body: &wire.Command_Certify{Certify: &wire.Certify{Node: id, SignKey: key(byte(id)), Certificate: []byte(cert), UntilNanos: until}}}
}

func (b *book) used(token byte) uint32 { return b.token(tokenID(token)).Used }

// says checks the words of a refusal.
func says(t *testing.T, o Outcome, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(o.Verdict.Message+"\n"+o.Verdict.Hint, w) {
			t.Errorf("%q / %q does not say %q", o.Verdict.Message, o.Verdict.Hint, w)
		}
	}
}

func TestAMachineIsLetInByATokenAndCertified(t *testing.T) {
	b := trusted(t)
	b.yes(makeToken(7, time.Hour, 1))
	b.no(core.CodeDenied, coming(2, "b"))
	b.yes(admitting(7, 2, "b"))
	c, ok := b.Credential(2)
	if !ok || len(c.Certificate) > 0 || c.Name != "b" || b.used(7) != 1 {
		t.Fatalf("let in: %v, token used %d times", c, b.used(7))
	}
	b.yes(certify(2, "cert of b", 99))
	b.yes(certify(2, "another, later", 100))
	if c, _ := b.Credential(2); string(c.Certificate) != "cert of b" || c.UntilNanos != 99 {
		t.Errorf("certified: %v", c)
	}
	b.yes(coming(2, "b"))
}

func TestATokenForOneMachineLetsInOneHoweverOftenItAsks(t *testing.T) {
	b := trusted(t)
	b.yes(makeToken(7, time.Hour, 1))
	for range 3 {
		b.yes(admitting(7, 2, "b"))
	}
	o := b.no(core.CodeDenied, admitting(7, 3, "c"))
	says(t, o, "used up: 1 of 1 machines", "hb token create")
	b.yes(certify(2, "cert", b.now+int64(90*24*time.Hour)))
	b.yes(admitting(7, 2, "b")) // the answer was lost
	if c, _ := b.Credential(2); string(c.Certificate) != "cert" || b.used(7) != 1 {
		t.Errorf("%v, used %d times", c, b.used(7))
	}
}

func TestATokenThatIsNotGoodSaysWhy(t *testing.T) {
	b := trusted(t)
	b.yes(makeToken(7, time.Minute, 0))
	b.yes(makeToken(8, time.Hour, 0))
	b.yes(revoke(8))
	says(t, b.no(core.CodeDenied, admitting(8, 2, "b")), "was revoked")
	says(t, b.no(core.CodeDenied, admitting(9, 2, "b")), "none of this cluster's")
	says(t, b.no(core.CodeDenied, admitting(7, 2, "b", func(a *wire.Admit) { a.Hash = key(1) })), "none of this cluster's")
	b.now += int64(2 * time.Minute)
	says(t, b.no(core.CodeDenied, admitting(7, 2, "b")), "expired at 2026-03-02T00:01:", "leader says 2026-03-02T00:02:")
	b.no(core.CodeUnheard, revoke(9))
	for _, bad := range []*wire.Command{makeToken(9, 0, 0), makeToken(9, MaxTokenLife+1, 0), admitting(7, 0, "b"), admitting(7, 2, ""),
		admitting(7, 2, strings.Repeat("x", 64)), admitting(7, 2, "b", func(a *wire.Admit) { a.WrapKey = nil })} {
		b.no(core.CodeBadInput, bad)
	}
}

func TestATakenNameIsRefusedUnlessItsDeadHolderIsToBeForgotten(t *testing.T) {
	b := trusted(t)
	b.yes(makeToken(7, time.Hour, 0))
	says(t, b.no(core.CodeBadInput, admitting(7, 2, "a")), "taken by a living member", "--name")
	says(t, b.no(core.CodeBadInput, admitting(7, 2, "a", replacing)), "taken by a living member")
	b.yes(admitting(7, 2, "b"))
	says(t, b.no(core.CodeBadInput, admitting(7, 3, "b")), "--replace") // let in, never came
	b.yes(coming(2, "b"))
	b.yes(down(Crash, 2, 1))
	says(t, b.no(core.CodeBadInput, admitting(7, 3, "b")), "is down", "--replace")
	b.yes(admitting(7, 3, "b", replacing))
	if _, was := b.Forgotten(2); !was {
		t.Error("the dead holder was not forgotten")
	}
	b.yes(admitting(7, 4, "b", replacing)) // 3 never came
	if _, was := b.Forgotten(3); !was {
		t.Error("the holder that never came was not forgotten")
	}
	if _, there := b.Credential(3); there {
		t.Error("what was forgotten has a credential")
	}
}

func TestNobodyComesUnderTheIDOfAnother(t *testing.T) {
	b := trusted(t)
	b.yes(makeToken(7, time.Hour, 0))
	says(t, b.no(core.CodeBadInput, admitting(7, 1, "z", func(a *wire.Admit) { a.SignKey = key(9) })), "another machine's")
	b.yes(admitting(7, 2, "b"))
	b.yes(coming(2, "b"))
	b.yes(&wire.Command{Body: &wire.Command_Forget{Forget: &wire.Forget{Node: 2, Instance: 1, Force: true}}})
	says(t, b.no(core.CodeBadInput, admitting(7, 2, "b")), "was forgotten", "move its data directory away")
	b.yes(admitting(7, 3, "b"))
}

// Whoever has the disk of a machine may know by which token it came.
func TestWhoIsForgottenTakesTheTokenAlong(t *testing.T) {
	b := trusted(t)
	b.yes(makeToken(7, time.Hour, 0))
	b.yes(makeToken(8, time.Hour, 0))
	b.yes(admitting(7, 2, "b"))
	b.yes(admitting(8, 3, "c"))
	b.yes(coming(2, "b"))
	b.yes(coming(3, "c"))
	b.yes(raise(uint32(core.FeaturesForgetToken)))
	forget := func(id uint64) {
		b.yes(&wire.Command{Body: &wire.Command_Forget{Forget: &wire.Forget{Node: id, Instance: 1, Force: true}}})
	}
	forget(2)
	says(t, b.no(core.CodeDenied, admitting(7, 4, "d")), "was revoked")
	b.yes(admitting(8, 4, "d"))
	forget(1) // the founder knows the first
	says(t, b.no(core.CodeDenied, admitting(0, 5, "e", func(a *wire.Admit) { a.Hash = key(200) })), "was revoked")

	// But not the one by which somebody takes its place.
	b.yes(down(Crash, 3, 1))
	b.yes(admitting(8, 6, "c", replacing))
	b.yes(admitting(8, 7, "f"))
}

func TestAnExpiredMemberComesBackUnderItsIDWithANewToken(t *testing.T) {
	b := trusted(t)
	b.yes(makeToken(7, time.Hour, 0))
	b.yes(admitting(7, 2, "b"))
	b.yes(certify(2, "old", b.now+int64(time.Hour)))
	b.yes(coming(2, "b"))
	b.now += int64(2 * time.Hour)
	says(t, b.no(core.CodeDenied, admitting(7, 2, "b")), "expired")
	b.yes(makeToken(8, time.Hour, 1))
	b.yes(admitting(8, 2, "b"))
	if c, _ := b.Credential(2); len(c.Certificate) > 0 || b.used(8) != 1 {
		t.Errorf("%v, used %d times", c, b.used(8))
	}
}

func TestAMemberAloneAsksForItsNextCertificate(t *testing.T) {
	b := trusted(t)
	c, _ := b.Credential(1)
	ask := func(by uint64, until int64) *wire.Command {
		return &wire.Command{Proposer: by, Body: &wire.Command_Recertify{Recertify: &wire.Recertify{Node: 1, UntilNanos: until}}}
	}
	b.no(core.CodeDenied, ask(2, c.UntilNanos))
	b.yes(ask(1, c.UntilNanos-1)) // of the one before: it has its next already
	if c, _ := b.Credential(1); len(c.Certificate) == 0 {
		t.Error("a late repetition took the certificate away")
	}
	b.yes(ask(1, c.UntilNanos))
	b.yes(certify(1, "next", c.UntilNanos+1))
	b.yes(ask(1, c.UntilNanos)) // the same once more
	if c, _ := b.Credential(1); string(c.Certificate) != "next" {
		t.Errorf("%v", c)
	}
}

func TestTheAuthorityIsEntrustedToAKeyAndTakenAwayWithIt(t *testing.T) {
	b := trusted(t)
	trust := func(id uint64, to byte, sealed string) *wire.Command {
		return &wire.Command{Body: &wire.Command_Entrust{Entrust: &wire.Entrust{Node: id, WrapKey: key(to), Sealed: []byte(sealed)}}}
	}
	b.no(core.CodeUnheard, trust(1, 9, "x"))
	b.no(core.CodeUnheard, trust(2, 102, "x"))
	b.yes(trust(1, 101, "x"))
	b.yes(makeToken(7, time.Hour, 0))
	b.yes(admitting(7, 1, "a")) // a member that joins again keeps what it is trusted with
	if c, _ := b.Credential(1); string(c.Authority) != "x" {
		t.Errorf("%v", c)
	}
	b.yes(trust(1, 101, ""))
	if c, _ := b.Credential(1); len(c.Authority) != 0 {
		t.Errorf("%v", c)
	}
}

func TestWhoLeavesLosesItsCredential(t *testing.T) {
	b := trusted(t)
	b.yes(makeToken(7, time.Hour, 0))
	b.yes(admitting(7, 2, "b"))
	b.yes(coming(2, "b"))
	b.yes(down(Left, 2, 1))
	if _, there := b.Credential(2); there {
		t.Error("it has one still")
	}
}

func TestAClusterWithoutAnAuthorityKnowsNoTokens(t *testing.T) {
	b := newBook(t)
	says(t, b.no(core.CodeNo, makeToken(7, time.Hour, 0)), "founded with --dev")
	b.no(core.CodeNo, admitting(7, 2, "b"))
	b.yes(coming(2, "b"))
}

func TestOldTokensMakeRoomAndGoodOnesDoNot(t *testing.T) {
	b := trusted(t)
	id := func(i int) []byte { return []byte(fmt.Sprintf("%05d", i)) }
	create := func(i int) *wire.Command {
		return &wire.Command{Body: &wire.Command_CreateToken{CreateToken: &wire.CreateToken{Id: id(i), Hash: key(1), TtlNanos: int64(time.Hour)}}}
	}
	for i := range KeepTokens - 1 {
		b.yes(create(i))
	}
	b.no(core.CodeBusy, create(KeepTokens))
	b.yes(&wire.Command{Body: &wire.Command_RevokeToken{RevokeToken: &wire.RevokeToken{Id: id(5)}}})
	b.yes(create(KeepTokens))
	if len(b.Tokens()) != KeepTokens || b.token(id(5)) != nil {
		t.Errorf("%d tokens", len(b.Tokens()))
	}
}

func TestWhoIsLetInSurvivesASnapshotAndVersionsDoNotChange(t *testing.T) {
	b := trusted(t)
	b.yes(makeToken(7, time.Hour, 3))
	b.yes(admitting(7, 2, "b"))
	v := b.Version()
	before := b.Encode()
	b.yes(certify(2, "cert", 5))
	b.yes(admitting(7, 3, "c"))
	b.yes(revoke(7))
	if !bytes.Equal(before, v.Bytes()) {
		t.Error("a version has changed with what came later")
	}
	got, err := Decode(b.Encode())
	if err != nil || !bytes.Equal(got.Encode(), b.Encode()) {
		t.Fatalf("%v", err)
	}
	if c, ok := got.Credential(2); !ok || string(c.Certificate) != "cert" || string(got.Authority()) != "ca" || len(got.Tokens()) != 2 {
		t.Errorf("got %v, %v", c, got.Tokens())
	}
	bad := &wire.Ledger{}
	if err := wire.Unmarshal(b.Encode(), bad); err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []func(*wire.Ledger){
		func(l *wire.Ledger) { l.Authority = nil },
		func(l *wire.Ledger) { l.Credentials = append(l.Credentials, l.Credentials[0]) },
		func(l *wire.Ledger) { l.Credentials[0].WrapKey = nil },
		func(l *wire.Ledger) { l.Tokens = append(l.Tokens, l.Tokens[0]) },
		func(l *wire.Ledger) { l.Tokens[1].Used = 4 },
	} {
		l := proto.CloneOf(bad)
		spoil(l)
		if _, err := Decode(wire.Marshal(l)); err == nil {
			t.Errorf("taken in: %v", l)
		}
	}
}
