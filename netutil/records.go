package netutil

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
)

const (
	// recordsMost bounds the sealed bytes that wait for one stream; whoever
	// makes this side produce more without being asked has its stream ended.
	recordsMost = 2 << 20
	// recordsStep is how much is sealed before it is written: few system calls,
	// and no more memory than that.
	recordsStep = 128 << 10
	// recordsKept is the memory that an idle stream keeps.
	recordsKept = 160 << 10
)

var errRecords = errors.New("too many sealed bytes wait")

// records is the connection under TLS on the dialling side. Once the handshake
// is done it keeps what TLS writes until somebody takes it: so that sealing
// never waits for the peer, whoever causes it, and the loop may do it.
type records struct {
	*net.TCPConn

	mu    sync.Mutex
	hold  bool
	buf   []byte
	spare []byte // what was taken last time, and is written by now
}

func (r *records) holdBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = true
}

// Write is TLS's.
func (r *records) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.hold {
		return r.TCPConn.Write(b)
	}
	if len(r.buf)+len(b) > recordsMost {
		return 0, errRecords
	}
	r.buf = append(r.buf, b...)
	return len(b), nil
}

// take gives what was sealed. It is valid until the next take.
func (r *records) take() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.buf
	r.buf, r.spare = r.spare[:0], out
	if cap(out) > recordsKept {
		r.spare = nil
	}
	return out
}

// sealed is a dialled stream with TLS on it.
type sealed struct {
	*tls.Conn
	records *records
}

// seal gives the bytes that carry b, to be written in the order of the calls.
func (s *sealed) seal(b []byte) ([]byte, error) {
	if _, err := s.Conn.Write(b); err != nil {
		return nil, err
	}
	return s.records.take(), nil
}

// Write seals b and writes it, which may wait for the peer.
func (s *sealed) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		step := b[n:min(len(b), n+recordsStep)]
		var out []byte
		if out, err = s.seal(step); err == nil {
			_, err = s.records.TCPConn.Write(out)
			n += len(step)
		}
	}
	return n, err
}

// Close ends the connection without TLS's farewell: a frame says itself where it
// ends, so that nobody is deceived by a stream that ends early.
func (s *sealed) Close() error { return s.records.TCPConn.Close() }
