package netutil

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

func TestStreamsThatSayNothingKeepNobodyOut(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const most = 4
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	got, rejected := make(chan string, 16), make(chan error, 16)
	go Serve(ctx, l, Incoming{
		Most:    most,
		Deliver: func(a Arrival) bool { got <- string(a.Frame); return true },
		Reject:  func(_ netip.AddrPort, why error) { rejected <- why },
	})
	dial := func(text string) net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if text != "" {
			conn.Write(AppendFrame(nil, []byte(text)))
		}
		return conn
	}
	dial("first")
	if s := await(t, got, "a frame"); s != "first" {
		t.Fatalf("got %q", s)
	}
	for range most {
		dial("") // holds a place, the last one that of the first of them
	}
	if why := await(t, rejected, "an eviction"); !errors.Is(why, errEvicted) {
		t.Fatalf("ended because %v", why)
	}
	for range most - 1 {
		dial("newcomer")
		if s := await(t, got, "a newcomer's frame"); s != "newcomer" {
			t.Fatalf("got %q", s)
		}
		await(t, rejected, "an eviction")
	}
	// Now every place belongs to a stream that is used.
	late := dial("")
	if why := await(t, rejected, "a refusal"); errors.Is(why, errEvicted) {
		t.Fatal("a stream that is used was ended")
	}
	late.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(late); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the refused stream is open")
	}
}

func TestAPlaceIsGivenBackOnce(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	s := newSeats(1)
	first := s.take(here)
	second := s.take(there)
	if second == nil || !first.leave() || s.free != 0 {
		t.Fatalf("the second has %v, %d places are free", second, s.free)
	}
	first.spoke() // too late: it has no place any more
	second.spoke()
	if s.take(here) != nil {
		t.Fatal("one that is used gave way")
	}
	if second.leave() || s.free != 1 || s.silent.Len()+s.spoken.Len() != 0 {
		t.Fatalf("%d places are free, %d and %d are listed", s.free, s.silent.Len(), s.spoken.Len())
	}
}

func TestOneQuietForLongGivesWay(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	s := newSeats(1)
	first := s.take(here)
	first.spoke()
	first.last = first.last.Add(-quietLimit)
	if s.take(there) == nil || !first.leave() {
		t.Fatal("it kept its place")
	}
}

func TestUnfinishedFramesShareTheirMemory(t *testing.T) {
	room := &budget{most: 1 << 20}
	reader := func(claim, sent int) (*FrameReader, error) {
		whole := AppendFrame(nil, make([]byte, claim))
		here, there := net.Pipe()
		go func() { there.Write(whole[:frameHeader+sent]); there.Close() }()
		r := NewFrameReader(here)
		r.room[0] = room
		_, err := r.Next()
		return r, err
	}
	first, err := reader(1<<20, 700<<10)
	if err != io.ErrUnexpectedEOF {
		t.Fatalf("the first one: %v", err)
	}
	if _, err := reader(1<<20, 700<<10); !errors.Is(err, errNoRoom) {
		t.Fatalf("the second one, while the first holds its memory: %v", err)
	}
	first.release()
	if last, err := reader(1<<20, 1<<20); err != nil || last.held != 1<<20 {
		t.Fatalf("after the first: %v", err)
	}
}
