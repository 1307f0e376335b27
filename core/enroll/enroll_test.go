package enroll

import (
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/pki"
	"hb/core/store"
	"hb/core/wire"
	"hb/netutil"
)

// door is a founded cluster whose one member lets machines in.
type door struct {
	*testing.T
	founded *Founded
	state   *ledger.State
	addr    string
	asked   int
	lose    int // so many answers are lost
}

func newDoor(t *testing.T) *door {
	d := &door{T: t}
	data := filepath.Join(t.TempDir(), "data")
	var err error
	if d.founded, err = Found(Founding{Data: data, Name: "a", Cluster: "lab", Random: crand.Reader, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	st, found, err := store.OpenDir(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if d.state, err = ledger.Decode(found.Snapshot.Data); err != nil {
		t.Fatal(err)
	}
	d.listen()
	return d
}

// listen serves one machine after the other.
func (d *door) listen() {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{pki.ProtoJoin}, Certificates: []tls.Certificate{d.founded.Credentials.TLS()},
	})
	if err != nil {
		d.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if conn.(*tls.Conn).HandshakeContext(context.Background()) == nil {
				Desk{Program: "test", Admit: d.admit, Try: d.try}.Serve(context.Background(), conn.(*tls.Conn), time.Now())
			}
			conn.Close()
		}
	}()
	d.Cleanup(func() { l.Close(); <-over })
	d.addr = l.Addr().String()
}

// admit is a cluster of one, as its ledger judges.
func (d *door) admit(_ context.Context, a *wire.Admit) (*wire.Enrolled, error) {
	d.asked++
	o := d.state.Apply(d.state.Applied()+1, &wire.Entry{WallNanos: time.Now().UnixNano(), Commands: []*wire.Command{{Body: &wire.Command_Admit{Admit: a}}}})
	if f := o[0].Fault(); f != nil {
		return nil, f
	}
	if d.asked <= d.lose {
		return nil, core.Faultf(core.CodeTimeout, "nobody knows")
	}
	own, _ := d.state.Credential(d.founded.Credentials.Identity.Node)
	authority, err := pki.OpenAuthority(d.state.Authority(), own.Authority, d.founded.Credentials.Keys)
	if err != nil {
		return nil, err
	}
	cluster := d.state.Cluster()
	cert, err := authority.Sign(pki.Identity{Cluster: cluster, Node: core.NodeID(a.Node), Role: pki.RoleMember, Name: a.Name},
		pki.PublicKeys{Sign: a.SignKey, Wrap: a.WrapKey}, time.Now())
	return &wire.Enrolled{Certificate: cert, Cluster: cluster[:], ClusterName: "lab", Detector: "swim"}, err
}

// try is what the same cluster says to who only asks.
func (d *door) try(_ context.Context, a *wire.Admit) error {
	if f := d.state.WouldAdmit(a, time.Now().UnixNano()).Fault(); f != nil {
		return f
	}
	return nil
}

// joining is how a machine of its own joins by this door.
func (d *door) joining(name string) Joining {
	return Joining{
		Data: filepath.Join(d.TempDir(), name), Name: name, Token: d.founded.Token, Program: "test", Random: crand.Reader, Now: time.Now,
		Find: func(context.Context) ([]string, error) { return []string{d.addr}, nil },
	}
}

func refused(t *testing.T, err error, code core.Code, words string) {
	t.Helper()
	var f *core.Fault
	if !errors.As(err, &f) || f.Code != code || !strings.Contains(f.Message, words) {
		t.Errorf("got %v, wanted code %d and %q", err, code, words)
	}
}

func TestAMachineJoinsWithATokenAndIsCountedOnce(t *testing.T) {
	d := newDoor(t)
	d.lose = 2
	j := d.joining("b")
	got, err := Join(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if got.Detector != "swim" || got.ClusterName != "lab" || got.By != d.addr || d.asked != 3 || d.state.Tokens()[0].Used != 1 {
		t.Errorf("got %+v after %d questions, counted %d times", got, d.asked, d.state.Tokens()[0].Used)
	}
	kept, err := pki.Load(j.Data)
	if err != nil || kept.Identity != got.Credentials.Identity || kept.Identity.Node != kept.Keys.Public().NodeID() {
		t.Errorf("kept %v, %v", kept, err)
	}
	if _, err := Join(t.Context(), j); err != nil || d.asked != 3 {
		t.Errorf("again: %v, after %d questions", err, d.asked)
	}
}

func TestFoundingAgainGivesTheSame(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	f := Founding{Data: data, Name: "a", Cluster: "lab", Random: crand.Reader, Now: time.Now()}
	one, err := Found(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Now = f.Now.Add(time.Hour)
	two, err := Found(f)
	if err != nil || two.Token.Reveal() != one.Token.Reveal() || two.Credentials.Identity != one.Credentials.Identity || !two.Before || one.Before {
		t.Errorf("%v, then %v, %v", one, two, err)
	}
	st, _, err := store.OpenDir(data) // as a node that runs there does
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if again, err := Found(f); err != nil || again.Token.Reveal() != one.Token.Reveal() {
		t.Errorf("beside its node: %v", err)
	}
}

func TestWhoIsInOneClusterNeitherFoundsNorJoinsAnother(t *testing.T) {
	d, other := newDoor(t), newDoor(t)
	j := d.joining("b")
	if _, err := Join(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	_, err := Found(Founding{Data: j.Data, Name: "b", Cluster: "lab", Random: crand.Reader, Now: time.Now()})
	refused(t, err, core.CodeBadInput, "was founded on another machine")
	j.Token = other.founded.Token
	_, err = Join(t.Context(), j)
	refused(t, err, core.CodeBadInput, "the token is for another")
}

func TestAFailedJoinSaysWhy(t *testing.T) {
	d, other := newDoor(t), newDoor(t)
	for _, x := range []struct {
		name   string
		change func(*Joining)
		code   core.Code
		words  string
	}{
		{"another cluster", func(j *Joining) { j.Token = other.founded.Token }, core.CodeBadInput, "another cluster"},
		{"a name that is taken", func(j *Joining) { j.Name = "a" }, core.CodeBadInput, "is taken"},
		{"no name", func(j *Joining) { j.Name = "no name" }, core.CodeBadInput, "is no name"},
		{"a secret of its own", func(j *Joining) { j.Token.Secret = pki.NewSecret(make([]byte, 16)) }, core.CodeDenied, "none of this cluster's"},
		{"a clock in the past", func(j *Joining) { j.Now = func() time.Time { return time.Now().AddDate(-1, 0, 0) } }, core.CodeConfig, "this machine's clock says"},
		{"nobody near", func(j *Joining) { j.Find = func(context.Context) ([]string, error) { return nil, nil } }, core.CodeNoNode, "nobody answers"},
		{"nobody there", func(j *Joining) { j.Find = at("127.0.0.1:1") }, core.CodeNoNode, "127.0.0.1:1: "},
	} {
		t.Run(x.name, func(t *testing.T) {
			j := d.joining("z")
			x.change(&j)
			_, err := Join(t.Context(), j)
			refused(t, err, x.code, x.words)
		})
	}
}

func at(addr string) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return []string{addr}, nil }
}

func TestWhoDoesNotSpeakTLSIsNoMember(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "220 ready when you are\r\n")
			conn.Close()
		}
	}()
	d := newDoor(t)
	j := d.joining("z")
	j.Find = at(l.Addr().String())
	_, err = Join(t.Context(), j)
	refused(t, err, core.CodeNoNode, l.Addr().String()+": ")
}

func TestAProofHoldsForItsOwnConnectionOnly(t *testing.T) {
	keys, _ := pki.NewKeys(crand.Reader)
	said := &wire.Enroll{Version: version, Name: "b", SignKey: keys.Public().Sign, WrapKey: keys.Public().Wrap, Proof: keys.Prove(proving, []byte("one"))}
	if err := check(said, []byte("one")); err != nil {
		t.Error(err)
	}
	refused(t, check(said, []byte("two")), core.CodeBadInput, "does not prove")
	said.Version++
	refused(t, check(said, []byte("one")), core.CodeConfig, "version 1 here, and 2")
}

func TestNoOneSaysMoreThanOneSmallFrame(t *testing.T) {
	d := newDoor(t)
	conn, err := tls.Dial("tcp", d.addr, &tls.Config{NextProtos: []string{pki.ProtoJoin}, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(netutil.AppendFrame(nil, make([]byte, mostSaid)))
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes were answered", n)
	}
	if d.asked != 0 {
		t.Error("the cluster was asked")
	}
}
