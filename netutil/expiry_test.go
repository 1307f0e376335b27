package netutil

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// hands is a clock that a test sets.
type hands struct{ ahead atomic.Int64 }

func (h *hands) now() time.Time          { return time.Now().Add(time.Duration(h.ahead.Load())) }
func (h *hands) forward(d time.Duration) { h.ahead.Add(int64(d)) }

// until makes the credentials of a member end at a time.
func until(end time.Time) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotAfter = end }
}

// stubborn is a member's program that keeps a stream as long as it lasts.
func (a *authority) stubborn(t *testing.T, s *guarded, id PeerID, end time.Time) (*tls.Conn, error) {
	t.Helper()
	g := guardOf(a.member(t, id, until(end)))
	c, err := g.clientConfig(&peer{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", s.at.String(), c)
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

// Nobody is asked anything any more: the stream just lies there when its
// certificate ends.
func TestAnOpenStreamIsCutWhenItsCertificateEnds(t *testing.T) {
	a := newAuthority(t)
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
	for lasts := 2 * time.Second; ; lasts *= 2 { // a slow machine takes longer to begin one
		conn, err := a.stubborn(t, s, 2, time.Now().Add(lasts))
		if err == nil {
			conn.Write(AppendFrame(nil, []byte("while it lasts")))
			conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.ReadAll(conn); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("the stream was not cut: %v", err)
			}
		}
		if why := await(t, s.rejected, "the end of the stream"); errors.Is(why, errExpired) {
			break
		} else if lasts > patience {
			t.Fatalf("the stream ended because %v", why)
		}
	}
	if got := await(t, s.got, "what it said before"); string(got.Frame) != "while it lasts" {
		t.Errorf("got %q", got.Frame)
	}
}

// The timer of a machine that has slept is late.
func TestWhatASleeperHearsUnderACertificateThatHasEndedIsDropped(t *testing.T) {
	a, clock := newAuthority(t), &hands{}
	for name, ends := range map[string]struct{ ours, theirs time.Duration }{
		"theirs": {50 * time.Minute, 20 * time.Minute},
		"ours":   {20 * time.Minute, 50 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			clock.ahead.Store(0)
			g := guardOf(a.member(t, 1, until(time.Now().Add(ends.ours))))
			g.now = clock.now
			s := serveGuarded(t, Incoming{Guard: g})
			conn, err := a.stubborn(t, s, 2, time.Now().Add(ends.theirs))
			if err != nil {
				t.Fatal(err)
			}
			conn.Write(AppendFrame(nil, []byte("before")))
			await(t, s.got, "a frame")
			clock.forward(21 * time.Minute)
			conn.Write(AppendFrame(nil, []byte("after")))
			if why := await(t, s.rejected, "the end of the stream"); !errors.Is(why, errExpired) {
				t.Errorf("the stream ended because %v", why)
			}
			if len(s.got) > 0 {
				t.Errorf("it was heard to say %q", (<-s.got).Frame)
			}
		})
	}
}

// Whoever has a further certificate by then never notices.
func TestAStreamIsReplacedBeforeItsCertificateEnds(t *testing.T) {
	a, clock := newAuthority(t), &hands{}
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
	old, renewed := a.member(t, 2, until(time.Now().Add(30*time.Minute))), a.member(t, 2, until(time.Now().Add(100*time.Minute)))
	var now atomic.Pointer[Credentials]
	now.Store(&old)
	g := NewGuard(testProtocol, testStrangers, func() (Credentials, error) { return *now.Load(), nil })
	g.now = clock.now
	p, reports := guardedPool(t, g)
	say := func(text string, how func()) Arrival {
		p.Queue(s.at, PeerKey{}, []byte(text))
		how()
		got := await(t, s.got, text)
		if string(got.Frame) != text {
			t.Fatalf("heard %q, not %q", got.Frame, text)
		}
		return got
	}
	first := say("one", p.Flush)
	now.Store(&renewed)
	if again := say("two", p.Flush); again.From != first.From {
		t.Error("a stream was replaced that had half an hour to go")
	}
	clock.forward(30*time.Minute - staleBefore + time.Second)
	second := say("three", p.Flush)
	if second.From == first.From {
		t.Error("the stream goes on")
	}
	if again := say("four", p.Flush); again.From != second.From {
		t.Error("the fresh stream was replaced as well")
	}
	if len(reports) > 0 || len(s.rejected) > 0 {
		t.Errorf("%d streams were reported lost, %d were ended", len(reports), len(s.rejected))
	}
}

// What is about to end for good is not dialled once a frame.
func TestAStreamWithoutARenewalLastsForHalfOfWhatIsLeft(t *testing.T) {
	a, clock := newAuthority(t), &hands{}
	g := a.guard(t, 1)
	g.now = clock.now
	for left, want := range map[time.Duration]time.Duration{
		90 * 24 * time.Hour: 90*24*time.Hour - staleBefore,
		4 * time.Minute:     2 * time.Minute,
		time.Second:         time.Second / 2,
	} {
		end := clock.now().Add(left)
		if got := left - end.Sub(g.stale(peer{id: 1, until: end})); (got - want).Abs() > time.Second/4 {
			t.Errorf("with %v left it is replaced after %v, not %v", left, got, want)
		}
	}
}
