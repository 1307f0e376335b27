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
	// maxStreams bounds the incoming streams: two for each of a few thousand
	// members, and below the usual limit on open files.
	maxStreams = 4096
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
	// Reject hears why a stream was ended by this side. May be nil.
	Reject func(from netip.AddrPort, why error)
}

// Serve accepts streams until ctx ends, then closes the listener and every
// stream, and returns when all is quiet. An error is the listener's.
func Serve(ctx context.Context, l net.Listener, in Incoming) error {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	free := make(chan struct{}, maxStreams)
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
		select {
		case free <- struct{}{}:
			wg.Go(func() {
				in.serve(ctx, conn)
				<-free
			})
		default:
			in.reject(remote(conn), fmt.Errorf("%d streams are open; no more are accepted", maxStreams))
			conn.Close()
		}
	}
}

func (in Incoming) serve(ctx context.Context, conn net.Conn) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	defer conn.Close()
	from, r := remote(conn), newFrameReader(conn)
	conn.SetReadDeadline(time.Now().Add(firstFrameLimit))
	for {
		frame, err := nextWithin(conn, r, frameLimit)
		if err != nil {
			if err != io.EOF && ctx.Err() == nil {
				in.reject(from, err)
			}
			return
		}
		if !in.Deliver(from, frame) {
			return
		}
		conn.SetReadDeadline(time.Time{})
	}
}

// nextWithin waits for a frame to begin, then for the limit for its end.
func nextWithin(conn net.Conn, r *frameReader, limit time.Duration) ([]byte, error) {
	if err := r.wait(); err != nil {
		return nil, err
	}
	conn.SetReadDeadline(time.Now().Add(limit))
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
