package enroll

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"time"

	"hb/core"
	"hb/core/pki"
	"hb/core/wire"
	"hb/netutil"
)

// This file is a joiner's look before it leaps: who answers, how its clock goes,
// and whether a token would do, without joining.

// Trial is what a machine asks that only wants to know.
type Trial struct {
	// Token is tried, if there is one: whether it would let in a machine of this
	// name, with these keys (nil: it has none yet).
	Token   *pki.Token
	Name    string
	Keys    *pki.Keys
	Program string
	// CA is the fingerprint of the authority that is expected without a token; zero:
	// any will do.
	CA  pki.Fingerprint
	Now func() time.Time
}

// Seen is what a member told.
type Seen struct {
	// Server is who answered, as its certificate says: proven when it is of the
	// expected authority, claimed where none is expected.
	Server pki.Identity
	// Foreign says that it is of another cluster than the token, or than CA. It was
	// asked nothing more.
	Foreign bool
	// Ahead is how far its clock is before this machine's, and Doubt how wrong that
	// may be; Timed says that it told.
	Ahead, Doubt time.Duration
	Timed        bool
	// Program is the version of its hb; empty: it did not tell.
	Program string
	// Tried says that it judged the token, Refused why it would not do.
	Tried   bool
	Refused *core.Fault
}

// Examine asks the member at the other end of a connection, and closes it. A token's
// secret is shown only to a member of the cluster that it is for. An older hb does not
// know the question: it tells the time, and judges no token. The error is a *core.Fault.
func Examine(ctx context.Context, raw net.Conn, t Trial) (*Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	conn := tls.Client(raw, &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{pki.ProtoJoin},
		// As in Ask: what matters of the certificates is looked at in recognise.
		InsecureSkipVerify: true,
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, noAnswer(err)
	}
	seen, err := t.recognise(conn.ConnectionState().PeerCertificates)
	if err != nil || seen.Foreign {
		return seen, err
	}
	before := t.Now()
	answer, err := t.ask(conn)
	if err != nil {
		return nil, noAnswer(err)
	}
	t.read(seen, answer, before)
	return seen, nil
}

// recognise says who shows these certificates. Its clock, or this one, may be off:
// they are judged as if it were the moment when they were made.
func (t Trial) recognise(shown []*x509.Certificate) (*Seen, error) {
	if len(shown) < 2 {
		return nil, core.Faultf(core.CodeNoNode, "whoever answers there is no member of a cluster")
	}
	expected := t.CA
	if t.Token != nil {
		expected = t.Token.CA
	}
	ca := pki.FingerprintOf(shown[len(shown)-1].Raw)
	if expected != (pki.Fingerprint{}) && ca != expected {
		id, err := pki.IdentityOf(shown[0])
		return &Seen{Server: id, Foreign: true}, err
	}
	_, id, err := pki.VerifyInvitation(pki.Token{CA: ca}, shown, shown[0].NotBefore)
	return &Seen{Server: id}, err
}

// ask says one frame, and hears one.
func (t Trial) ask(conn *tls.Conn) (*wire.Enrolled, error) {
	said := &wire.Enroll{Version: version, Program: t.Program, Name: t.Name, Trial: true, WallNanos: t.Now().UnixNano()}
	if t.Token != nil {
		said.Token, said.Secret = t.Token.RawID(), t.Token.Secret.Reveal()
	}
	if t.Keys != nil {
		public := t.Keys.Public()
		said.Node, said.SignKey, said.WrapKey = uint64(public.NodeID()), public.Sign, public.Wrap
	}
	if _, err := conn.Write(netutil.AppendFrame(nil, wire.Marshal(said))); err != nil {
		return nil, err
	}
	frame, err := netutil.NewFrameReader(io.LimitReader(conn, mostSaid)).Next()
	if err != nil {
		return nil, err
	}
	answer := &wire.Enrolled{}
	return answer, wire.Unmarshal(frame, answer)
}

// read takes in an answer to what was asked at a time of this machine's clock: the
// other's was read half a round trip later, give or take as much.
func (t Trial) read(seen *Seen, e *wire.Enrolled, asked time.Time) {
	half := t.Now().Sub(asked) / 2
	seen.Timed = e.WallNanos != 0
	seen.Ahead, seen.Doubt = time.Unix(0, e.WallNanos).Sub(asked.Round(0).Add(half)), half
	seen.Program = e.Program
	knows := e.Program != "" // a trial from a machine
	seen.Tried = t.Token != nil && knows
	if seen.Tried {
		seen.Refused = e.Refused.Fault()
	}
}
