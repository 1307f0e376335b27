package netutil

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"
)

// awaitLent waits until Flush may write to the stream of an address.
func awaitLent(t *testing.T, p *Pool, o func() *outgoing) {
	t.Helper()
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		p.mu.Lock()
		lent := o() != nil && o().direct.lent != nil
		p.mu.Unlock()
		if lent {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the stream is never free for Flush")
		}
	}
}

func TestWhatIsQueuedLeavesWithTheNextFlushInItsOrder(t *testing.T) {
	to, got, _ := server(t, "127.0.0.1:0")
	p, _ := pool(t)
	const frames = 3000
	for i := range frames {
		frame := fmt.Appendf(nil, "frame %d", i)
		switch {
		case i%100 == 99: // both ways share the stream
			p.Send(to, frame)
		default:
			p.Queue(to, PeerKey{}, frame)
		}
		if i%7 == 0 {
			p.Flush()
		}
		if i == 1000 {
			p.Flush()
			awaitLent(t, p, func() *outgoing { return p.peers[destination{addr: to}] })
		}
	}
	p.Flush()
	for i := range frames {
		if d := await(t, got, "a frame"); d.frame != fmt.Sprintf("frame %d", i) {
			t.Fatalf("frame %d is %q", i, d.frame)
		}
	}
}

func TestAnOpenStreamIsWrittenToWithoutItsGoroutine(t *testing.T) {
	to, got, _ := server(t, "127.0.0.1:0")
	p, _ := pool(t)
	p.Send(to, []byte("first"))
	await(t, got, "the first frame")
	awaitLent(t, p, func() *outgoing { return p.peers[destination{addr: to}] })
	p.Queue(to, PeerKey{}, []byte("second"))
	p.Flush()
	p.mu.Lock()
	o := p.peers[destination{addr: to}]
	if !o.direct.used || len(o.queue) > 0 || o.bytes > 0 {
		t.Errorf("Flush left %d frames, %+v", len(o.queue), o.direct)
	}
	p.mu.Unlock()
	if d := await(t, got, "the second frame"); d.frame != "second" {
		t.Fatalf("got %q", d.frame)
	}
}

// A peer that reads slowly takes part of a write; what it did not take must
// follow before anything else, and nobody waits for it.
func TestAHalfWrittenFrameIsFinishedByTheGoroutine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := l.Addr().(*net.TCPAddr).AddrPort()
	p, reports := pool(t)
	p.Send(to, []byte("hello"))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const frames, size = 400, 60_000
	for i := range frames { // more than both sockets' buffers hold
		frame := make([]byte, size)
		binary.BigEndian.PutUint64(frame, uint64(i))
		p.Queue(to, PeerKey{}, frame)
		p.Flush()
	}
	r := NewFrameReader(conn)
	if hello, err := r.Next(); err != nil || string(hello) != "hello" {
		t.Fatalf("%q, %v", hello, err)
	}
	for i := range frames {
		frame, err := r.Next()
		if err != nil || len(frame) != size || binary.BigEndian.Uint64(frame) != uint64(i) || !bytes.Equal(frame[8:], make([]byte, size-8)) {
			t.Fatalf("frame %d: %d bytes, %v", i, len(frame), err)
		}
	}
	select {
	case r := <-reports:
		t.Fatalf("%+v was reported", r)
	default:
	}
}

func TestFlushToAnEndedStreamIsReportedAndTheNextOneIsWhole(t *testing.T) {
	to, got, stop := server(t, "127.0.0.1:0")
	p, reports := pool(t)
	p.Send(to, []byte("first"))
	await(t, got, "the first frame")
	awaitLent(t, p, func() *outgoing { return p.peers[destination{addr: to}] })
	stop()
	if r := await(t, reports, "a report"); r != (lost{to, true}) {
		t.Fatalf("got %+v", r)
	}
	_, got, _ = server(t, to.String())
	p.Queue(to, PeerKey{}, []byte("second"))
	p.Flush()
	if d := await(t, got, "the second frame"); d.frame != "second" {
		t.Fatalf("got %q", d.frame)
	}
}
