package control

import (
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"hb/core"
)

const (
	// spare are the connections kept for refusing: one more client is told that
	// the node is busy, instead of waiting in the kernel's queue for nothing.
	spare = 16
	// bodyLimit is how long a client may take for a request's body.
	bodyLimit = 30 * time.Second
)

// Limit makes a server serve at most so many connections of a listener at a
// time, and tell whoever comes then to try again. Hundreds of clients that hang
// or never read would otherwise take every file that the node may open, its
// disk's and its tasks' included.
func Limit(s *http.Server, l net.Listener, most int) net.Listener {
	limited := &limitedListener{Listener: l, most: int64(most), places: make(chan struct{}, most+spare), closed: make(chan struct{})}
	inner := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if limited.crowded() {
			w.Header()["Connection"] = []string{"close"}
			refuse(w, core.Faultf(core.CodeBusy, "the node serves %d clients already, as many as it can", most).
				WithHint("try again; or end some: ss -xp shows who they are"))
			return
		}
		inner.ServeHTTP(w, r)
	})
	return limited
}

// limitedListener accepts no more connections than there are places.
type limitedListener struct {
	net.Listener
	most   int64
	places chan struct{}
	open   atomic.Int64
	once   sync.Once
	closed chan struct{}
}

// crowded says that there are more connections than are served.
func (l *limitedListener) crowded() bool { return l.open.Load() > l.most }

// Accept waits for a place and a connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	l.open.Add(1)
	return &limitedConn{Conn: conn, of: l}, nil
}

// Close ends the listener, and an Accept that waits.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	of   *limitedListener
	once sync.Once
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.of.open.Add(-1)
		<-c.of.places
	})
	return err
}

// hurried ends the wait for a body that does not come. The limit is lifted at
// the body's end: what follows may be a stream that is followed for days.
type hurried struct {
	io.ReadCloser
	control *http.ResponseController
	begun   bool
}

// Read reads a piece of the body.
func (h *hurried) Read(b []byte) (int, error) {
	if !h.begun {
		h.begun = true
		_ = h.control.SetReadDeadline(time.Now().Add(bodyLimit)) // without one it is only not hurried
	}
	n, err := h.ReadCloser.Read(b)
	if err == io.EOF {
		_ = h.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// hurry puts the limit on the bodies of a handler's requests.
func hurry(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			r.Body = &hurried{ReadCloser: r.Body, control: http.NewResponseController(w)}
		}
		inner.ServeHTTP(w, r)
	})
}
