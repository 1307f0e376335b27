package enroll

import (
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"hb/core"
	"hb/core/pki"
	"hb/core/wire"
	"hb/netutil"
)

// trial is of a machine that holds the cluster's token.
func (d *door) trial() Trial {
	token := d.founded.Token
	return Trial{Token: &token, Name: "b", Program: "test", Now: time.Now}
}

func examine(t *testing.T, addr string, q Trial) (*Seen, error) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return Examine(t.Context(), conn, q)
}

func TestATrialJudgesATokenAndCountsNothing(t *testing.T) {
	d := newDoor(t)
	seen, err := examine(t, d.addr, d.trial())
	if err != nil {
		t.Fatal(err)
	}
	if !seen.Tried || seen.Refused != nil || !seen.Timed || seen.Ahead.Abs() > seen.Doubt+time.Second || seen.Program != "test" || seen.Server.Name != "a" || seen.Foreign {
		t.Errorf("saw %+v", seen)
	}
	if d.asked != 0 || d.state.Tokens()[0].Used != 0 || len(d.state.Credentials()) != 1 {
		t.Errorf("%d were let in, and the token was used %d times", d.asked, d.state.Tokens()[0].Used)
	}
	j := d.joining("b") // and then it is so
	if _, err := Join(t.Context(), j); err != nil {
		t.Error(err)
	}
}

func TestATrialSaysWhyAMachineWouldStayOut(t *testing.T) {
	d := newDoor(t)
	for _, x := range []struct {
		name   string
		change func(*Trial)
		code   core.Code
		words  string
	}{
		{"a name that is taken", func(q *Trial) { q.Name = "a" }, core.CodeBadInput, "is taken"},
		{"no token of this cluster", func(q *Trial) { q.Token.Secret = pki.NewSecret(make([]byte, 16)) }, core.CodeDenied, "none of this cluster's"},
		{"a revoked one", func(*Trial) {
			d.state.Apply(d.state.Applied()+1, &wire.Entry{Commands: []*wire.Command{{Body: &wire.Command_RevokeToken{RevokeToken: &wire.RevokeToken{Id: d.founded.Token.RawID()}}}}})
		}, core.CodeDenied, "was revoked"},
	} {
		t.Run(x.name, func(t *testing.T) {
			q := d.trial()
			x.change(&q)
			seen, err := examine(t, d.addr, q)
			if err != nil || !seen.Tried || seen.Refused == nil {
				t.Fatalf("%+v, %v", seen, err)
			}
			refused(t, seen.Refused, x.code, x.words)
		})
	}
}

func TestATrialSeesClocksThatDiffer(t *testing.T) {
	d := newDoor(t)
	q := d.trial()
	q.Now = func() time.Time { return time.Now().AddDate(-1, 0, 0) } // before the cluster was founded
	seen, err := examine(t, d.addr, q)
	if err != nil || !seen.Timed || seen.Ahead < 364*24*time.Hour || !seen.Tried || seen.Refused != nil {
		t.Errorf("%+v, %v", seen, err)
	}
}

func TestATokenIsShownToItsOwnClusterOnly(t *testing.T) {
	d, other := newDoor(t), newDoor(t)
	q := d.trial()
	seen, err := examine(t, other.addr, q)
	if err != nil || !seen.Foreign || seen.Tried || seen.Timed || seen.Server.Cluster != other.state.Cluster() {
		t.Errorf("%+v, %v", seen, err)
	}
	q.Token, q.CA = nil, pki.FingerprintOf(d.founded.Credentials.CA)
	if seen, err = examine(t, other.addr, q); err != nil || !seen.Foreign {
		t.Errorf("%+v, %v", seen, err)
	}
	if seen, err = examine(t, d.addr, q); err != nil || seen.Foreign || seen.Tried || !seen.Timed {
		t.Errorf("%+v, %v", seen, err)
	}
}

// An older hb takes a trial for a machine that wants in without proof.
func TestAnOlderMemberTellsTheTimeAndLetsNobodyIn(t *testing.T) {
	d := newDoor(t)
	old := &wire.Enroll{Version: version, Name: "b", Token: d.founded.Token.RawID(), Secret: d.founded.Token.Secret.Reveal()}
	refused(t, check(old, []byte("one")), core.CodeBadInput, "does not prove")
	seen := &Seen{}
	q := d.trial()
	q.read(seen, &wire.Enrolled{Refused: verdict(check(old, nil)), WallNanos: time.Now().UnixNano()}, time.Now())
	if seen.Tried || seen.Refused != nil || !seen.Timed {
		t.Errorf("%+v", seen)
	}
}

func TestWhoIsNoMemberIsNotAsked(t *testing.T) {
	keys, err := pki.NewKeys(crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(t)
	shown := d.founded.Credentials.TLS()
	shown.Certificate = shown.Certificate[:1] // no authority behind it
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{pki.ProtoJoin}, Certificates: []tls.Certificate{shown}})
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.(*tls.Conn).HandshakeContext(context.Background())
		_, err = netutil.NewFrameReader(conn).Next()
		said <- err
	}()
	q := d.trial()
	q.Keys = keys
	_, err = examine(t, l.Addr().String(), q)
	refused(t, err, core.CodeNoNode, "no member")
	if err := <-said; err == nil {
		t.Error("it was told something")
	}
	l.Close()
}
