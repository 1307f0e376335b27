package netutil

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

const (
	testProtocol  = "test/1"
	testStrangers = "test-strangers/1"
	testName      = "cluster.test"
)

// authority is a cluster's, for tests.
type authority struct {
	cert *x509.Certificate
	key  ed25519.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	_, key, _ := ed25519.GenerateKey(nil)
	a := &authority{key: key}
	a.cert = a.sign(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, key)
	return a
}

func (a *authority) sign(t testing.TB, c *x509.Certificate, key ed25519.PrivateKey) *x509.Certificate {
	t.Helper()
	c.SerialNumber = big.NewInt(1)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	c.NotBefore = c.NotAfter.Add(-2 * time.Hour)
	parent := a.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(nil, c, parent, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// member makes the credentials of a member with a number.
func (a *authority) member(t testing.TB, id PeerID, change func(*x509.Certificate)) Credentials {
	t.Helper()
	_, key, _ := ed25519.GenerateKey(nil)
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: strconv.Itoa(int(id))}, DNSNames: []string{testName},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(c)
	}
	leaf := a.sign(t, c, key)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return Credentials{
		Certificate: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf},
		Authority:   pool, ServerName: testName,
		Recognise: func(c *x509.Certificate) (PeerID, error) {
			id, err := strconv.Atoi(c.Subject.CommonName)
			return PeerID(id), err
		},
	}
}

func (a *authority) guard(t testing.TB, id PeerID) *Guard {
	return guardOf(a.member(t, id, nil))
}

func guardOf(c Credentials) *Guard {
	return NewGuard(testProtocol, testStrangers, func() (Credentials, error) { return c, nil })
}

// guarded is a server behind a guard.
type guarded struct {
	at       netip.AddrPort
	got      chan Arrival
	rejected chan error
}

func serveGuarded(t testing.TB, in Incoming) *guarded {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{l.Addr().(*net.TCPAddr).AddrPort(), make(chan Arrival, 10_000), make(chan error, 10_000)}
	if in.Deliver == nil {
		in.Deliver = func(a Arrival) bool { g.got <- a; return true }
	}
	in.Reject = func(_ netip.AddrPort, why error) { g.rejected <- why }
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, in) }()
	t.Cleanup(func() { stop(); <-ended })
	return g
}

func guardedPool(t testing.TB, g *Guard) (*Pool, <-chan lost) {
	reports := make(chan lost, 10_000)
	p := NewPool(g, func(to netip.AddrPort, refused bool) { reports <- lost{to, refused} })
	t.Cleanup(func() { p.Close(0) })
	return p, reports
}

// Whoever has the authority's key, or is a member, and sits at the address of another
// gets nothing that is for that one.
func TestAFrameForOnePeerIsNobodyElsesWhoAnswersThere(t *testing.T) {
	a := newAuthority(t)
	meant := a.member(t, 1, nil)
	at := serveGuarded(t, Incoming{Guard: guardOf(meant)})
	thief := serveGuarded(t, Incoming{Guard: a.guard(t, 1)}) // the same ID, and another key
	p, reports := guardedPool(t, a.guard(t, 2))
	key := keyOf(meant.Certificate.Leaf)
	p.Queue(thief.at, key, []byte("secret"))
	p.Flush()
	if l := await(t, reports, "a report"); l.to != thief.at || l.refused {
		t.Errorf("%+v", l)
	}
	p.Queue(thief.at, PeerKey{}, []byte("for whoever is there"))
	p.Queue(at.at, key, []byte("secret"))
	p.Flush()
	if got := await(t, at.got, "the frame"); string(got.Frame) != "secret" {
		t.Errorf("%q arrives", got.Frame)
	}
	if got := await(t, thief.got, "the other frame"); string(got.Frame) != "for whoever is there" {
		t.Errorf("%q arrives at the thief's", got.Frame)
	}
}

func TestSealedFramesArriveInOrderAndSayWhoseTheyAre(t *testing.T) {
	a := newAuthority(t)
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
	p, _ := guardedPool(t, a.guard(t, 2))
	const frames = 3000
	want := func(i int) []byte {
		return bytes.Repeat(fmt.Appendf(nil, "frame %d ", i), 1+i%977)
	}
	go func() {
		for i := range frames {
			p.Queue(s.at, PeerKey{}, want(i))
			if i%3 == 0 {
				p.Flush() // past the goroutine
			}
		}
		p.Flush()
	}()
	for i := range frames {
		got := await(t, s.got, "a frame")
		if !bytes.Equal(got.Frame, want(i)) || got.Peer != 2 {
			t.Fatalf("frame %d of %d is %.40q", i, got.Peer, got.Frame)
		}
		got.Done()
	}
}

func TestALargeSealedFrameCrosses(t *testing.T) {
	a := newAuthority(t)
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
	p, _ := guardedPool(t, a.guard(t, 2))
	want := bytes.Repeat([]byte("0123456789abcdef"), 500_000)
	p.Send(s.at, want)
	if got := await(t, s.got, "the frame"); !bytes.Equal(got.Frame, want) {
		t.Fatalf("%d bytes came of %d", len(got.Frame), len(want))
	}
}

// Everybody whom the authority would not have let in stays out, on either side.
func TestOnlyThoseWhomTheAuthorityKnowsGetIn(t *testing.T) {
	a, foreign := newAuthority(t), newAuthority(t)
	for name, c := range map[string]Credentials{
		"a foreign authority's": foreign.member(t, 3, nil),
		"a foreign authority's, who trusts ours": func() Credentials {
			c := foreign.member(t, 3, nil)
			c.Authority = a.member(t, 3, nil).Authority
			return c
		}(),
		"an expired one":        a.member(t, 3, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"one of tomorrow":       a.member(t, 3, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(12 * time.Hour) }),
		"one that names nobody": a.member(t, 0, nil),
		"one for something else": a.member(t, 3, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
		}),
		"none": func() Credentials {
			c := a.member(t, 3, nil)
			c.Certificate = tls.Certificate{}
			return c
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
			p, reports := guardedPool(t, guardOf(c))
			p.Send(s.at, []byte("let me in"))
			await(t, reports, "the report that the frame is lost")
			if why := await(t, s.rejected, "the refusal"); why == nil {
				t.Error("no reason")
			}

			s = serveGuarded(t, Incoming{Guard: guardOf(c)})
			p, reports = guardedPool(t, a.guard(t, 1))
			p.Send(s.at, []byte("for a member's eyes"))
			if r := await(t, reports, "the report that the frame is lost"); name != "none" && r.refused {
				t.Error("a bad certificate looks like a process that has died")
			}
			if len(s.got) > 0 {
				t.Errorf("it was given %q", (<-s.got).Frame)
			}
		})
	}
}

func TestNothingButTheLatestTLSAndTheRightProtocolIsSpoken(t *testing.T) {
	a := newAuthority(t)
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
	member := a.member(t, 2, nil)
	config := func(change func(*tls.Config)) *tls.Config {
		c := a.guard(t, 2).base(member)
		c.NextProtos = []string{testProtocol}
		change(c)
		return c
	}
	for name, c := range map[string]*tls.Config{
		"TLS 1.2":            config(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }),
		"no protocol":        config(func(c *tls.Config) { c.NextProtos = nil }),
		"another protocol":   config(func(c *tls.Config) { c.NextProtos = []string{"h2"} }),
		"strangers' unasked": config(func(c *tls.Config) { c.NextProtos = []string{testStrangers} }),
	} {
		if conn, err := tls.Dial("tcp", s.at.String(), c); err == nil {
			conn.Close()
			t.Errorf("%s: a handshake was made", name)
		}
		await(t, s.rejected, "the refusal of "+name)
	}
	conn, err := net.Dial("tcp", s.at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(AppendFrame(nil, []byte("in the clear")))
	await(t, s.rejected, "the refusal of plain text")
	conn.SetReadDeadline(time.Now().Add(patience))
	if b, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) || len(b) > 32 {
		t.Errorf("plain text was answered by %d bytes, %v", len(b), err)
	}
	if len(s.got) > 0 {
		t.Errorf("a frame was delivered: %q", (<-s.got).Frame)
	}
}

func TestABarredPeerIsCutOffAndStaysOut(t *testing.T) {
	a := newAuthority(t)
	here, there := a.guard(t, 1), a.guard(t, 2)
	sHere, sThere := serveGuarded(t, Incoming{Guard: here}), serveGuarded(t, Incoming{Guard: there})
	pHere, lostHere := guardedPool(t, here)
	pThere, lostThere := guardedPool(t, there)
	pHere.Send(sThere.at, []byte("x"))
	pThere.Send(sHere.at, []byte("x"))
	await(t, sHere.got, "a frame")
	await(t, sThere.got, "a frame")

	here.Bar(2)
	await(t, lostHere, "the end of the stream to the barred one")
	await(t, lostThere, "the end of the stream from the barred one")
	for _, again := range []func(){
		func() { pHere.Send(sThere.at, []byte("secret")); await(t, lostHere, "the refusal to dial it") },
		func() { pThere.Send(sHere.at, []byte("command")); await(t, lostThere, "the refusal of its dial") },
	} {
		again()
	}
	var barred *Barred
	for barred == nil {
		errors.As(await(t, sHere.rejected, "the refusal"), &barred)
	}
	if barred.Peer != 2 {
		t.Errorf("the refusal names %v", barred.Peer)
	}
	if len(sHere.got)+len(sThere.got) > 0 {
		t.Error("a frame crossed")
	}
	// It is told all the same: by those who answer strangers.
	answers := NewAnswers(here, 1, func(netip.AddrPort, bool) {})
	defer answers.Close(0)
	answers.Send(sThere.at, []byte("you were forgotten"))
	if got := await(t, sThere.got, "the news"); string(got.Frame) != "you were forgotten" {
		t.Errorf("got %q", got.Frame)
	}
}

// Whoever is barred between the handshake and the first frame is caught as well.
func TestABarredPeerIsCaughtBetweenTheChecks(t *testing.T) {
	a := newAuthority(t)
	g := a.guard(t, 1)
	here, there := net.Pipe()
	defer there.Close()
	g.Bar(2)
	var barred *Barred
	if err := g.enter(2, here); !errors.As(err, &barred) {
		t.Errorf("it was let in: %v", err)
	}
	if err := g.depart(2, here); !errors.As(err, &barred) {
		t.Errorf("it was dialled: %v", err)
	}
	if len(g.in)+len(g.out) > 0 {
		t.Error("its stream is remembered")
	}
}

// GHSA-6vch-6vgr-m6v6 was a gateway whose one listener waited for whoever did not
// finish a handshake; CVE-2020-7219 was a server that opened as many connections
// as it was asked for.
func TestHalfOpenHandshakesKeepNoMemberOut(t *testing.T) {
	a := newAuthority(t)
	const most = 16
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1), Most: most})
	first, reports := guardedPool(t, a.guard(t, 2))
	first.Send(s.at, []byte("first"))
	await(t, s.got, "a frame")
	for range 10 * most {
		conn, err := net.Dial("tcp", s.at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte{22, 3, 1}) // the beginning of a greeting
	}
	for range 10*most - most/strangersPart {
		await(t, s.rejected, "an eviction")
	}
	first.Send(s.at, []byte("second"))
	await(t, s.got, "a frame on the stream that was open")
	newcomer, _ := guardedPool(t, a.guard(t, 3))
	newcomer.Send(s.at, []byte("third"))
	if got := await(t, s.got, "a newcomer's frame"); got.Peer != 3 {
		t.Errorf("got %+v", got)
	}
	if len(reports) > 0 {
		t.Error("a member's stream was ended")
	}
}

func TestAHandshakeThatNeverEndsIsEnded(t *testing.T) {
	a := newAuthority(t)
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
	conn, err := net.Dial("tcp", s.at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A greeting that claims to be as long as TLS allows, in records of its own.
	record := append([]byte{22, 3, 1, 0x10, 0}, make([]byte, 0x1000)...)
	copy(record[5:], []byte{1, 0, 0xff, 0xff})
	for range handshakeBytes/len(record) + 1 {
		conn.Write(record)
	}
	if why := await(t, s.rejected, "the refusal"); !errors.Is(why, errTooLong) {
		t.Errorf("ended because %v", why)
	}
}

func TestAPeerWhoseFramesAreNotTakenInIsNotReadFurther(t *testing.T) {
	a := newAuthority(t)
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
	flood, _ := guardedPool(t, a.guard(t, 2))
	other, _ := guardedPool(t, a.guard(t, 3))
	frame := make([]byte, 1<<20)
	const sent = 3 * mostQueued / (1 << 20)
	for range sent {
		flood.Send(s.at, frame)
	}
	var waiting []Arrival
	for range mostQueued/len(frame) + 1 {
		waiting = append(waiting, await(t, s.got, "a frame"))
	}
	other.Send(s.at, []byte("x"))
	got := await(t, s.got, "another peer's frame")
	if got.Peer != 3 {
		t.Fatalf("%d frames of one peer wait", len(waiting)+1)
	}
	got.Done()
	for range sent - len(waiting) {
		waiting[0].Done()
		waiting = append(waiting[1:], await(t, s.got, "the next frame"))
	}
}

func TestOnePeerHasNotMoreThanItsStreams(t *testing.T) {
	a := newAuthority(t)
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
	g := a.guard(t, 2)
	var pools []*Pool
	var ends []<-chan lost
	for range mostFromPeer + 1 {
		p, lost := guardedPool(t, g)
		p.Send(s.at, []byte("x"))
		await(t, s.got, "a frame")
		pools, ends = append(pools, p), append(ends, lost)
	}
	await(t, ends[0], "the end of the oldest stream")
	pools[mostFromPeer].Send(s.at, []byte("y"))
	await(t, s.got, "a frame on the newest")
}

func TestStrangersAreServedApart(t *testing.T) {
	a := newAuthority(t)
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1), Stranger: func(_ context.Context, _ netip.AddrPort, conn *tls.Conn) {
		b := make([]byte, 5)
		io.ReadFull(conn, b)
		conn.Write(bytes.ToUpper(b))
	}})
	c := a.guard(t, 0).base(a.member(t, 0, nil))
	c.Certificates, c.NextProtos = nil, []string{testStrangers}
	conn, err := tls.Dial("tcp", s.at.String(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("hello"))
	if b, err := io.ReadAll(conn); string(b) != "HELLO" {
		t.Errorf("answered %q, %v", b, err)
	}
	if len(s.got) > 0 {
		t.Error("its bytes were taken for a frame")
	}
}

func BenchmarkHandshake(b *testing.B) {
	a := newAuthority(b)
	server, client := a.guard(b, 1), a.guard(b, 2)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			server.accept(context.Background(), conn, false)
			conn.Close()
		}
	}()
	for b.Loop() {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := client.dial(context.Background(), conn.(*net.TCPConn)); err != nil {
			b.Fatal(err)
		}
		conn.Close()
	}
}

// BenchmarkFlush is a small frame from the loop to the kernel.
func BenchmarkFlush(b *testing.B) {
	a := newAuthority(b)
	for name, guards := range map[string][2]*Guard{"plain": {}, "tls": {a.guard(b, 1), a.guard(b, 2)}} {
		b.Run(name, func(b *testing.B) {
			s := serveGuarded(b, Incoming{Guard: guards[0], Deliver: func(a Arrival) bool { a.Done(); return true }})
			p, _ := guardedPool(b, guards[1])
			frame := make([]byte, 300)
			for b.Loop() {
				p.Queue(s.at, PeerKey{}, frame)
				p.Flush()
			}
		})
	}
}
