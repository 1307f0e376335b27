package netutil

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// PeerID names who is at the other end of a stream, as its certificate says.
// Zero is nobody in particular: a stream without TLS.
type PeerID uint64

// PeerKey is the public key that a peer has shown to have the private one of; zero
// without TLS, or of another algorithm than Ed25519. Whoever has the authority's own
// key can make a certificate for any PeerID, but not for the key of another.
type PeerKey [ed25519.PublicKeySize]byte

func keyOf(leaf *x509.Certificate) (k PeerKey) {
	if public, is := leaf.PublicKey.(ed25519.PublicKey); is {
		copy(k[:], public)
	}
	return k
}

// mostFromPeer is how many streams one peer may have open to this process: one
// for its frames, one for its answers, and those that a broken way has left
// behind. The oldest gives way.
const mostFromPeer = 8

// Credentials are what a handshake needs.
type Credentials struct {
	// Certificate is this process's own, with its key.
	Certificate tls.Certificate
	// Authority has signed the certificates of all members; no other is trusted.
	Authority *x509.CertPool
	// ServerName is in the certificates of all members.
	ServerName string
	// Recognise says whose a certificate is that the authority has signed and
	// that holds today. An error keeps whoever it is out.
	Recognise func(*x509.Certificate) (PeerID, error)
}

// Guard seals streams with TLS, lets in those whom the authority knows, and keeps
// out whom it is told to bar. All streams of a process share one. The nil Guard
// leaves streams as they are, without TLS: for loopback.
type Guard struct {
	protocol, strangers string
	credentials         func() (Credentials, error)
	now                 func() time.Time // the clock that certificates are about

	mu     sync.Mutex
	barred map[PeerID]bool
	in     map[PeerID][]net.Conn // the streams that were accepted, oldest first
	out    map[net.Conn]PeerID   // those that were dialled
}

// NewGuard makes a guard. Protocol is what streams of members are called (ALPN),
// strangers what is asked for by those without a certificate. Credentials are
// asked for at each handshake, since certificates are renewed, by several
// goroutines at once.
func NewGuard(protocol, strangers string, credentials func() (Credentials, error)) *Guard {
	return &Guard{
		protocol: protocol, strangers: strangers, credentials: credentials, now: time.Now,
		barred: map[PeerID]bool{}, in: map[PeerID][]net.Conn{}, out: map[net.Conn]PeerID{},
	}
}

// Barred is why a stream was not opened: its peer is known, and kept out.
type Barred struct{ Peer PeerID }

// Error says whose certificate it is.
func (b *Barred) Error() string {
	return fmt.Sprintf("the certificate of %016x was revoked", uint64(b.Peer))
}

// Bar keeps a peer out from now on: what streams it has end at once, and none
// begins any more.
func (g *Guard) Bar(id PeerID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.barred[id] = true
	for _, conn := range g.in[id] {
		abort(conn)
	}
	for conn, peer := range g.out {
		if peer == id {
			abort(conn)
		}
	}
}

// abort ends a stream without waiting for its other side.
func abort(conn net.Conn) {
	if t, is := conn.(*net.TCPConn); is {
		t.SetLinger(0)
	}
	conn.Close()
}

// check is the last word on a peer that was recognised.
func (g *Guard) check(id PeerID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.checkLocked(id)
}

func (g *Guard) checkLocked(id PeerID) error {
	if g.barred[id] {
		return &Barred{id}
	}
	return nil
}

// enter takes note of a stream that was accepted, so that Bar finds it. It looks
// once more whether the peer is barred: that may have happened since the handshake.
func (g *Guard) enter(id PeerID, conn net.Conn) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.checkLocked(id); err != nil {
		return err
	}
	g.in[id] = append(g.in[id], conn)
	if len(g.in[id]) > mostFromPeer {
		g.in[id][0].Close()
	}
	return nil
}

// leave forgets a stream that was accepted.
func (g *Guard) leave(id PeerID, conn net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in[id] = slices.DeleteFunc(g.in[id], func(c net.Conn) bool { return c == conn })
	if len(g.in[id]) == 0 {
		delete(g.in, id)
	}
}

// depart takes note of a stream that was dialled, unless its peer is barred.
func (g *Guard) depart(id PeerID, conn net.Conn) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.checkLocked(id); err != nil {
		return err
	}
	g.out[conn] = id
	return nil
}

// forget does the same for one that has ended.
func (g *Guard) forget(conn net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.out, conn)
}
