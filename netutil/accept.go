package netutil

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// firstFrameLimit and frameLimit keep a stream that says nothing, or stops
	// inside a frame, from holding its place for ever.
	firstFrameLimit = 10 * time.Second
	frameLimit      = time.Minute
	// strangerLimit is how long one without a certificate may take for all that
	// it has to ask.
	strangerLimit = 10 * time.Second
	acceptBackoff = 50 * time.Millisecond
)

// Arrival is one frame that came.
type Arrival struct {
	// From is the address of the stream's other end, Peer whose it is, as its
	// certificate says; 0 without a Guard. Key is that of the certificate.
	From netip.AddrPort
	Peer PeerID
	Key  PeerKey
	// Frame is memory of its own.
	Frame []byte
	share *share
}

// Done says that the frame was taken in, which gives back its part of what the
// peer may have waiting. It must be called once, wherever.
func (a Arrival) Done() { a.share.done(len(a.Frame)) }

// Incoming says what to do with the frames of accepted streams.
type Incoming struct {
	// Guard seals the streams; nil: they have no TLS, and every Peer is 0.
	Guard *Guard
	// Deliver gets each frame, in order within a stream. While it blocks, the
	// peer's sending stalls. False ends the stream.
	Deliver func(Arrival) bool
	// Stranger serves a stream whose other side has no certificate, and may ask
	// only for one; the stream is closed when it returns, or has taken
	// strangerLimit. Nil: such are not let in.
	Stranger func(ctx context.Context, from netip.AddrPort, conn *tls.Conn)
	// Reject hears why a stream was ended by this side, or, with no address,
	// why none could be accepted. May be nil.
	Reject func(from netip.AddrPort, why error)
	// Most bounds the streams; zero is half of what files the process may open.
	// When it is reached, streams that have not yet said anything give way.
	Most int

	room   *budget
	shares *shares
}

// Serve accepts streams until ctx ends, then closes the listener and every
// stream, and returns when all is quiet. An error is the listener's.
func Serve(ctx context.Context, l net.Listener, in Incoming) error {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	if in.Most == 0 {
		in.Most = min(max(OpenFiles()/2, fewestStreams), mostStreams)
	}
	in.room, in.shares = &budget{most: mostBytes}, &shares{of: map[PeerID]*share{}}
	places := newSeats(in.Most)
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of file descriptors, perhaps: it may pass
			in.reject(netip.AddrPort{}, fmt.Errorf("accepting a stream: %w", err))
			pause(ctx, acceptBackoff)
			continue
		}
		place := places.take(conn)
		if place == nil {
			in.reject(remote(conn), fmt.Errorf("%d streams are open; no more are accepted", in.Most))
			conn.Close()
			continue
		}
		wg.Go(func() {
			err := in.serve(ctx, conn, place)
			if place.leave() {
				err = errEvicted
			}
			if err != nil && err != io.EOF && ctx.Err() == nil {
				in.reject(remote(conn), err)
			}
		})
	}
}

// serve finds out whose a stream is, hands over its frames, and says what ended
// it.
func (in Incoming) serve(ctx context.Context, conn net.Conn, place *seat) error {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	if in.Guard == nil {
		return in.frames(ctx, conn, conn, peer{}, place)
	}
	sealed, who, err := in.Guard.accept(ctx, conn, in.Stranger != nil)
	switch {
	case err != nil:
		return fmt.Errorf("no handshake: %w", err)
	case who == peer{}:
		conn.SetDeadline(time.Now().Add(strangerLimit))
		in.Stranger(ctx, remote(conn), sealed)
		return nil
	}
	if err := in.Guard.enter(who.id, conn); err != nil {
		return err
	}
	defer in.Guard.leave(who.id, conn)
	defer time.AfterFunc(who.until.Sub(in.Guard.now()), func() { abort(conn) }).Stop()
	place.spoke()
	if err = in.frames(ctx, conn, sealed, who, place); in.Guard.expired(who) {
		return errExpired
	}
	return err
}

// frames hands over the frames of one peer's stream: reads them from r, which is
// the connection or the TLS on it.
func (in Incoming) frames(ctx context.Context, conn net.Conn, r io.Reader, who peer, place *seat) error {
	a := Arrival{From: remote(conn), Peer: who.id, Key: who.key, share: in.shares.join(who.id)}
	defer in.shares.leave(who.id)
	f := NewFrameReader(r)
	f.room[0] = in.room
	if a.share != nil {
		f.room[1] = &a.share.unfinished
	}
	defer f.release()
	conn.SetReadDeadline(time.Now().Add(firstFrameLimit))
	for first := true; ; first = false {
		frame, err := nextWithin(conn, f, frameLimit)
		if err != nil {
			return err
		}
		if in.Guard.expired(who) { // whatever the timer says: the machine may have slept
			return errExpired
		}
		if first {
			conn.SetReadDeadline(time.Time{})
		}
		place.spoke()
		a.Frame = frame
		a.share.queue(len(frame))
		if !in.Deliver(a) {
			return nil
		}
		f.release()
		a.share.wait(ctx)
	}
}

// nextWithin waits for a frame to begin, then, if it did not come whole, for
// the limit for its end.
func nextWithin(conn net.Conn, r *FrameReader, limit time.Duration) ([]byte, error) {
	if err := r.wait(); err != nil {
		return nil, err
	}
	if r.whole() {
		return r.Next()
	}
	conn.SetReadDeadline(time.Now().Add(limit))
	defer conn.SetReadDeadline(time.Time{})
	return r.Next()
}

func (in Incoming) reject(from netip.AddrPort, why error) {
	if in.Reject != nil {
		in.Reject(from, why)
	}
}

func remote(conn net.Conn) netip.AddrPort {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return unmap(a.AddrPort())
	}
	return netip.AddrPort{}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
