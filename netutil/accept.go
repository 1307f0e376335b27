package netutil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// mostBytes bounds what all streams together have received of large frames
	// that are not whole yet.
	mostBytes = 4 * MaxFrame
	// firstFrameLimit and frameLimit keep a stream that says nothing, or stops
	// inside a frame, from holding its place for ever.
	firstFrameLimit = 10 * time.Second
	frameLimit      = time.Minute
	acceptBackoff   = 50 * time.Millisecond
)

// Incoming says what to do with the frames of accepted streams.
type Incoming struct {
	// Deliver gets each frame, in memory of its own, in order within a stream.
	// While it blocks, the peer's sending stalls. False ends the stream.
	Deliver func(from netip.AddrPort, frame []byte) bool
	// Reject hears why a stream was ended by this side, or, with no address,
	// why none could be accepted. May be nil.
	Reject func(from netip.AddrPort, why error)
	// Most bounds the streams; zero is half of what files the process may open.
	// When it is reached, streams that have not yet said anything give way.
	Most int
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
	places, room := newSeats(in.Most), &budget{most: mostBytes}
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
			err := in.serve(ctx, conn, place, room)
			if place.leave() {
				err = errEvicted
			}
			if err != nil && err != io.EOF && ctx.Err() == nil {
				in.reject(remote(conn), err)
			}
		})
	}
}

// serve hands over the frames of one stream, and says what ended it.
func (in Incoming) serve(ctx context.Context, conn net.Conn, place *seat, room *budget) error {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	from, r := remote(conn), NewFrameReader(conn)
	r.room = room
	defer r.release()
	conn.SetReadDeadline(time.Now().Add(firstFrameLimit))
	first := true
	for {
		frame, err := nextWithin(conn, r, frameLimit)
		if err != nil {
			return err
		}
		if first {
			conn.SetReadDeadline(time.Time{})
			first = false
		}
		place.spoke()
		if !in.Deliver(from, frame) {
			return nil
		}
		r.release()
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
