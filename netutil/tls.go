package netutil

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

const (
	// handshakeLimit is how long a handshake may take; a healthy one takes two
	// round trips.
	handshakeLimit = 5 * time.Second
	// handshakeBytes is what the other side may send for it: a greeting and a
	// chain of two certificates are below a quarter of it.
	handshakeBytes = 16 << 10
)

var (
	errTooLong  = fmt.Errorf("more than %d bytes were sent for a handshake", handshakeBytes)
	errProtocol = errors.New("it does not ask for a protocol of this cluster")
	// errSomebodyElse is of a member, or of whoever has the authority's key, at the
	// address of another.
	errSomebodyElse = errors.New("somebody else answers there")
)

// base is what both sides of every stream have in common. Without tickets no
// stream begins without a look at the other's certificate; streams last, so that
// a whole handshake for each costs nothing that could be measured.
func (g *Guard) base(c Credentials) *tls.Config {
	return &tls.Config{
		Time:       g.now,
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
		Certificates: []tls.Certificate{c.Certificate},
		RootCAs:      c.Authority, ClientCAs: c.Authority, ServerName: c.ServerName,
	}
}

// serverConfig decides by the protocol that a caller asks for (ALPN). Strangers
// says whether those without a certificate are heard at all.
func (g *Guard) serverConfig(strangers bool, who *peer) *tls.Config {
	choose := func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		own, err := g.credentials()
		if err != nil {
			return nil, err
		}
		c := g.base(own)
		switch {
		case slices.Contains(hello.SupportedProtos, g.protocol):
			c.NextProtos, c.ClientAuth = []string{g.protocol}, tls.RequireAndVerifyClientCert
			c.VerifyConnection = func(s tls.ConnectionState) (err error) {
				if *who, err = g.recognised(own, s); err == nil {
					err = g.check(who.id)
				}
				return err
			}
		case strangers && slices.Contains(hello.SupportedProtos, g.strangers):
			c.NextProtos = []string{g.strangers}
		default:
			return nil, errProtocol
		}
		return c, nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, GetConfigForClient: choose}
}

// clientConfig is for a stream to a member.
func (g *Guard) clientConfig(who *peer) (*tls.Config, error) {
	own, err := g.credentials()
	if err != nil {
		return nil, err
	}
	c := g.base(own)
	c.NextProtos = []string{g.protocol}
	c.VerifyConnection = func(s tls.ConnectionState) (err error) {
		*who, err = g.recognised(own, s)
		return err
	}
	return c, nil
}

// recognised says who is at the other end, once the library has verified the
// certificate. It runs for every stream, on either side.
func (g *Guard) recognised(own Credentials, s tls.ConnectionState) (peer, error) {
	if s.NegotiatedProtocol != g.protocol {
		return peer{}, errProtocol
	}
	if len(s.VerifiedChains) == 0 {
		return peer{}, errors.New("no certificate was verified")
	}
	leaf := s.VerifiedChains[0][0]
	id, err := own.Recognise(leaf)
	if err == nil && id == 0 {
		err = errors.New("its certificate names nobody")
	}
	return peer{id, keyOf(leaf), earlier(leaf.NotAfter, own.Certificate.Leaf)}, err
}

// accept is the handshake of a stream that was accepted. Without an error the
// zero peer is a stranger, and comes only where strangers are heard.
func (g *Guard) accept(ctx context.Context, conn net.Conn, strangers bool) (*tls.Conn, peer, error) {
	var who peer
	leash := &leash{Conn: conn, left: handshakeBytes}
	t := tls.Server(leash, g.serverConfig(strangers, &who))
	if err := shake(ctx, conn, t); err != nil {
		return nil, peer{}, err
	}
	if t.ConnectionState().NegotiatedProtocol == g.strangers {
		return t, peer{}, nil
	}
	leash.left = unlimited
	// From here on this side says nothing, and is not made to: whoever asks for
	// new keys without end would keep it writing.
	conn.SetWriteDeadline(time.Unix(1, 0))
	return t, who, nil
}

// dial is the handshake of a stream that was dialled, over what holds its
// records back from then on.
func (g *Guard) dial(ctx context.Context, conn *net.TCPConn) (*sealed, peer, error) {
	var who peer
	c, err := g.clientConfig(&who)
	if err != nil {
		return nil, peer{}, err
	}
	r := &records{TCPConn: conn}
	t := tls.Client(r, c)
	if err := shake(ctx, conn, t); err != nil {
		return nil, peer{}, err
	}
	r.holdBack()
	return &sealed{t, r}, who, nil
}

func shake(ctx context.Context, conn net.Conn, t *tls.Conn) error {
	conn.SetDeadline(time.Now().Add(handshakeLimit))
	defer conn.SetDeadline(time.Time{})
	return t.HandshakeContext(ctx)
}

const unlimited = -1

// leash bounds what is read of a connection: TLS would take a quarter of a
// mebibyte of whoever has shown nothing yet.
type leash struct {
	net.Conn
	left int
}

func (l *leash) Read(b []byte) (int, error) {
	if l.left == unlimited {
		return l.Conn.Read(b)
	}
	if l.left == 0 {
		return 0, errTooLong
	}
	n, err := l.Conn.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}
