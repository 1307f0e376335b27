package netutil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

type lost struct {
	to      netip.AddrPort
	refused bool
}

type delivered struct {
	from  netip.AddrPort
	frame string
}

// server accepts streams and hands over what they carry.
func server(t *testing.T, at string) (netip.AddrPort, <-chan delivered, context.CancelFunc) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan delivered, 10_000)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, l, Incoming{Deliver: func(a Arrival) bool {
			got <- delivered{a.From, string(a.Frame)}
			a.Done()
			return true
		}})
	}()
	end := func() {
		stop()
		if err, open := <-ended; open && err != nil {
			t.Errorf("Serve: %v", err)
		}
		close(ended)
	}
	stopped := false
	once := func() {
		if !stopped {
			stopped = true
			end()
		}
	}
	t.Cleanup(once)
	return l.Addr().(*net.TCPAddr).AddrPort(), got, once
}

func pool(t *testing.T) (*Pool, <-chan lost) {
	reports := make(chan lost, 10_000)
	p := NewPool(nil, func(to netip.AddrPort, refused bool) { reports <- lost{to, refused} })
	t.Cleanup(func() { p.Close(0) })
	return p, reports
}

func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func TestFramesArriveInOrderOverOneStream(t *testing.T) {
	to, got, _ := server(t, "127.0.0.1:0")
	p, _ := pool(t)
	const frames = 2000
	for i := range frames {
		p.Send(to, fmt.Appendf(nil, "frame %d", i))
	}
	var from netip.AddrPort
	for i := range frames {
		d := await(t, got, "a frame")
		if d.frame != fmt.Sprintf("frame %d", i) {
			t.Fatalf("frame %d is %q", i, d.frame)
		}
		if i > 0 && d.from != from {
			t.Fatalf("a second stream, from %v after %v", d.from, from)
		}
		from = d.from
	}
}

func TestALargeFrameCrosses(t *testing.T) {
	to, got, _ := server(t, "127.0.0.1:0")
	p, _ := pool(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 500_000)
	p.Send(to, want)
	if d := await(t, got, "the frame"); d.frame != string(want) {
		t.Fatalf("%d bytes came of %d", len(d.frame), len(want))
	}
}

func TestARefusedDialIsReported(t *testing.T) {
	to, _, stop := server(t, "127.0.0.1:0")
	stop()
	p, reports := pool(t)
	p.Send(to, []byte("x"))
	if r := await(t, reports, "a report"); r != (lost{to, true}) {
		t.Fatalf("got %+v", r)
	}
}

func TestTheEndOfThePeerIsReportedAtOnceAndItsReturnIsFound(t *testing.T) {
	to, got, stop := server(t, "127.0.0.1:0")
	p, reports := pool(t)
	p.Send(to, []byte("first"))
	await(t, got, "the first frame")
	stop()
	if r := await(t, reports, "a report"); r != (lost{to, true}) {
		t.Fatalf("got %+v", r)
	}
	_, got, _ = server(t, to.String())
	p.Send(to, []byte("second"))
	if d := await(t, got, "the second frame"); d.frame != "second" {
		t.Fatalf("got %q", d.frame)
	}
}

// A peer that takes nothing must cost a bounded amount of memory, and be
// reported.
func TestAStuckPeerIsBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it never accepts, and never reads
	to := l.Addr().(*net.TCPAddr).AddrPort()
	p, reports := pool(t)
	frame := make([]byte, 1<<20)
	for range 4 * queueLimit / len(frame) {
		p.Send(to, frame)
	}
	p.mu.Lock()
	queued := p.peers[destination{addr: to}].bytes
	p.mu.Unlock()
	if queued > queueLimit {
		t.Fatalf("%d bytes wait for one address", queued)
	}
	if r := await(t, reports, "a report"); r != (lost{to, false}) {
		t.Fatalf("got %+v", r)
	}
}

func TestCloseSendsWhatIsQueued(t *testing.T) {
	to, got, _ := server(t, "127.0.0.1:0")
	p, _ := pool(t)
	for range 100 {
		p.Send(to, []byte("farewell"))
	}
	p.Close(patience)
	for range 100 {
		await(t, got, "a farewell")
	}
	p.Send(to, []byte("too late"))
	if n := len(got); n > 0 {
		t.Fatalf("%d frames more", n)
	}
}

func TestAnOversizedFrameEndsTheStreamAndIsReported(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	rejected := make(chan error, 1)
	go Serve(ctx, l, Incoming{
		Deliver: func(Arrival) bool { return true },
		Reject:  func(_ netip.AddrPort, why error) { rejected <- why },
	})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n")); err != nil {
		t.Fatal(err)
	}
	if why := await(t, rejected, "the reason"); why == nil {
		t.Fatal("no reason")
	}
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the stream is still open")
	}
}

func TestServeEndsWithItsStreamsOpen(t *testing.T) {
	to, got, stop := server(t, "127.0.0.1:0")
	p, _ := pool(t)
	p.Send(to, []byte("x"))
	await(t, got, "a frame")
	done := make(chan struct{})
	go func() { stop(); close(done) }()
	await(t, done, "the end of Serve")
}

func TestAnswersToStrangersAreBoundedAndSoonForgotten(t *testing.T) {
	to, got, _ := server(t, "127.0.0.1:0")
	reports := make(chan lost, 10)
	p := NewAnswers(nil, 2, func(to netip.AddrPort, refused bool) { reports <- lost{to, refused} })
	t.Cleanup(func() { p.Close(0) })
	nobody, err := net.Listen("tcp", "127.0.0.2:0") // its queue takes the stream, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	p.Send(nobody.Addr().(*net.TCPAddr).AddrPort(), []byte("x"))
	refusing := netip.MustParseAddrPort("127.0.0.1:1")
	p.Send(refusing, []byte("x"))
	p.Send(to, []byte("dropped")) // the third address
	if r := await(t, reports, "a report"); r.to != refusing {
		t.Fatalf("lost %v", r)
	}
	for { // the one that failed has been forgotten, or will be in a moment
		p.Send(to, []byte("answer"))
		select {
		case d := <-got:
			if d.frame != "answer" {
				t.Fatalf("got %q", d.frame)
			}
			return
		case <-time.After(firstBackoff):
		}
	}
}
