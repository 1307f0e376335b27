package enroll

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"hb/core"
	"hb/core/pki"
	"hb/core/wire"
	"hb/netutil"
)

const (
	// version is that of the exchange.
	version = 1
	// exporter labels the secret of a connection that is proven, proving the
	// signature over it.
	exporter = "EXPORTER-hb-join"
	proving  = "join"
	// askLimit is how long one member may take to answer.
	askLimit = 15 * time.Second
	// clockDoubt is by how much two clocks may differ before it is worth a word.
	clockDoubt = time.Minute
)

// Application is what a machine says that wants in.
type Application struct {
	Token pki.Token
	Keys  *pki.Keys
	// Node is the ID it shall have, Name its label.
	Node core.NodeID
	Name string
	// Replace has a dead holder of the name forgotten.
	Replace bool
	// Program is the version of hb.
	Program string
	// Now is the machine's clock.
	Now func() time.Time
}

// Admitted is what a machine was given.
type Admitted struct {
	Credentials *pki.Credentials
	// ClusterName is the cluster's label, Detector its kind of failure detector.
	ClusterName, Detector string
	// By is the address of the member that was asked.
	By string
}

// Ask asks the member at HOST:PORT. The error is a *core.Fault; final says that
// it is the cluster's own word, and that asking another member would not help.
func Ask(ctx context.Context, addr string, a Application) (got *Admitted, final bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var ca []byte
	var mistrust error
	dialer := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{pki.ProtoJoin},
		// The joiner knows no authority yet, only a fingerprint: what the library
		// would verify is verified below, against that.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			ca, _, mistrust = pki.VerifyInvitation(a.Token, s.PeerCertificates, a.Now())
			return mistrust
		},
	}}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	switch {
	case mistrust != nil:
		return nil, false, mistrust
	case err != nil:
		return nil, false, noAnswer(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	answer, err := exchange(conn.(*tls.Conn), a)
	if err != nil {
		return nil, false, noAnswer(err)
	}
	return a.judge(answer, ca)
}

// exchange says the one frame, and hears the other.
func exchange(conn *tls.Conn, a Application) (*wire.Enrolled, error) {
	state := conn.ConnectionState()
	bound, err := state.ExportKeyingMaterial(exporter, nil, 32)
	if err != nil {
		return nil, err
	}
	public := a.Keys.Public()
	said := wire.Marshal(&wire.Enroll{
		Version: version, Program: a.Program, Token: a.Token.RawID(), Secret: a.Token.Secret.Reveal(),
		Node: uint64(a.Node), Name: a.Name, SignKey: public.Sign, WrapKey: public.Wrap,
		Proof: a.Keys.Prove(proving, bound), Replace: a.Replace, WallNanos: a.Now().UnixNano(), Features: uint32(core.FeaturesNow),
	})
	if _, err := conn.Write(netutil.AppendFrame(nil, said)); err != nil {
		return nil, err
	}
	frame, err := netutil.NewFrameReader(io.LimitReader(conn, mostSaid)).Next()
	if err != nil {
		return nil, err
	}
	answer := &wire.Enrolled{}
	return answer, wire.Unmarshal(frame, answer)
}

// judge makes credentials of an answer.
func (a Application) judge(e *wire.Enrolled, ca []byte) (*Admitted, bool, error) {
	if f := e.Refused.Fault(); f != nil {
		if off := a.Now().Sub(time.Unix(0, e.WallNanos)); off.Abs() > clockDoubt {
			f.Message += "; this machine's clock says " + core.Stamp(a.Now().UnixNano()) + ", the member's " + core.Stamp(e.WallNanos)
		}
		return nil, !passing(f.Code), f
	}
	c, err := pki.NewCredentials(a.Keys, e.Certificate, ca)
	switch {
	case err != nil:
		return nil, true, err
	case c.Identity.Node != a.Node || string(e.Cluster) != string(c.Identity.Cluster[:]):
		return nil, true, core.Faultf(core.CodeInternal, "the certificate is for %v of %v, not for %v", c.Identity.Node, c.Identity.Cluster, a.Node)
	}
	if f := c.Valid(a.Now()); f != nil {
		return nil, true, f
	}
	return &Admitted{Credentials: c, ClusterName: e.ClusterName, Detector: e.Detector}, true, nil
}

// noAnswer is the fault of an address where nobody lets anybody in.
func noAnswer(err error) *core.Fault {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		return core.Faultf(core.CodeNoNode, "whoever answers there does not speak TLS: it is a --dev node, or no hb").
			WithHint("name a member that was set up by hb init or hb join")
	case errors.As(err, &alert):
		return core.Faultf(core.CodeNoNode, "it does not let machines in: %v", err)
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return core.Faultf(core.CodeNoNode, "no answer: the machine is off, or a firewall drops what is for its port")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return core.Faultf(core.CodeNoNode, "the connection ended without an answer")
	}
	return core.Faultf(core.CodeNoNode, "%v", netutil.Reason(err))
}

func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}
