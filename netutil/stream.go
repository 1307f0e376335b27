package netutil

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stream is a dialled connection, or the lack of one.
type stream struct {
	tcp     *net.TCPConn
	sealed  *sealed    // nil: no TLS
	stale   time.Time  // from when on a fresh stream takes its place; zero: never
	ended   chan error // closed connections are seen by reading them
	backoff time.Duration
}

// open dials, unless there is a stream.
func (p *Pool) open(s *stream, to destination) error {
	if s.tcp != nil {
		return nil
	}
	tcp, err := dial(p.ctx, to.addr)
	if err != nil {
		return err
	}
	var reader io.Reader = tcp
	if p.guard != nil {
		if s.sealed, s.stale, err = p.handshake(tcp, to.key); err != nil {
			tcp.Close()
			return err
		}
		reader = s.sealed
	}
	ended := make(chan error, 1)
	s.tcp, s.ended = tcp, ended
	go func() {
		// The other side never sends: whatever ends this read ends the stream.
		_, err := io.ReadFull(reader, make([]byte, 1))
		ended <- err
	}()
	return nil
}

// dial opens a connection. Whether its host is there later is for detectors to
// find out, by far fewer packets than the kernel's.
func dial(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stallLimit/time.Millisecond))
		})
	}}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// handshake puts TLS on a connection, lets Guard.Bar find it, and says when it
// gets stale.
func (p *Pool) handshake(tcp *net.TCPConn, key PeerKey) (*sealed, time.Time, error) {
	s, who, err := p.guard.dial(p.ctx, tcp)
	if err == nil && key != (PeerKey{}) && key != who.key {
		err = errSomebodyElse
	}
	if err == nil && p.most == 0 {
		err = p.guard.depart(who.id, tcp)
	}
	if err != nil {
		// It is not a refusal that says that nobody is there.
		return nil, time.Time{}, &handshakeError{err}
	}
	return s, p.guard.stale(who), nil
}

// handshakeError hides what ended a handshake from those who look for a process
// that has died: somebody was there.
type handshakeError struct{ why error }

func (h *handshakeError) Error() string { return "no handshake: " + h.why.Error() }

// brokeOff says whether and how the stream has ended.
func (s *stream) brokeOff() (how error, broke bool) {
	select {
	case how = <-s.ended:
		return how, true
	default:
		return nil, false
	}
}

// write writes what is left of bytes begun before, then a batch.
func (s *stream) write(rest []byte, batch [][]byte) error {
	if err := s.tcp.SetWriteDeadline(time.Now().Add(stallLimit)); err != nil {
		return err
	}
	if s.sealed != nil {
		return s.writeSealed(rest, batch)
	}
	heads := make([]byte, frameHeader*len(batch))
	bufs := make(net.Buffers, 0, 1+2*len(batch))
	if len(rest) > 0 {
		bufs = append(bufs, rest)
	}
	for i, frame := range batch {
		head := heads[frameHeader*i:][:frameHeader]
		binary.BigEndian.PutUint32(head, uint32(len(frame)))
		bufs = append(bufs, head, frame)
	}
	_, err := bufs.WriteTo(s.tcp)
	return err
}

// writeSealed does it with TLS; the rest is sealed already.
func (s *stream) writeSealed(rest []byte, batch [][]byte) error {
	if _, err := s.tcp.Write(rest); err != nil {
		return err
	}
	size := 0
	for _, frame := range batch {
		size += frameHeader + len(frame)
	}
	w := bufio.NewWriterSize(s.sealed, min(size, recordsStep))
	for _, frame := range batch {
		var head [frameHeader]byte
		binary.BigEndian.PutUint32(head[:], uint32(len(frame)))
		w.Write(head[:])
		w.Write(frame)
	}
	return w.Flush() // an error stays with it
}

func (s *stream) close(g *Guard) {
	switch {
	case s.sealed != nil:
		g.forget(s.tcp)
		s.sealed.Close()
	case s.tcp != nil:
		s.tcp.Close()
	}
	s.tcp, s.sealed, s.ended, s.stale = nil, nil, nil, time.Time{}
}

func isRefusal(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNREFUSED) ||
		errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}
