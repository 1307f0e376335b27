package control

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"hb/core"
)

const (
	// spare are the connections kept for refusing: one more client is told that
	// the node is busy. Whoever comes when these are taken, too, is hung up on.
	spare = 16
	// bodyLimit is how long a client may take for a request's body.
	bodyLimit = 30 * time.Second
)

// Limit makes a server serve at most so many connections of a listener at a
// time, and tell whoever comes then to try again. Hundreds of clients that hang
// or never read would otherwise take every file that the node may open, its
// disk's and its tasks' included.
//
// Who judges connections as for Guard: an eighth of the places is for those who may
// do everything, nobody else has more than three quarters of them alone, and who
// may do nothing has none. Nil: all are alike.
func Limit(s *http.Server, l net.Listener, most int, who func(net.Conn) Caller) net.Listener {
	limited := &limitedListener{Listener: l, most: most, who: who, of: map[string]int{}}
	outer := s.ConnContext
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if outer != nil {
			ctx = outer(ctx, conn)
		}
		return context.WithValue(ctx, crowdedKey{}, isCrowded(conn))
	}
	inner := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if crowded, _ := r.Context().Value(crowdedKey{}).(bool); crowded {
			w.Header()["Connection"] = []string{"close"}
			refuse(w, core.Faultf(core.CodeBusy, "the node serves %d clients already, as many as it can, or you have most of them", most).
				WithHint("try again; or end some: ss -xp shows who they are"))
			return
		}
		inner.ServeHTTP(w, r)
	})
	return limited
}

type crowdedKey struct{}

// isCrowded says whether a connection has no place, but is to be told so.
func isCrowded(conn net.Conn) bool {
	if begun, is := conn.(*begun); is {
		conn = begun.Conn
	}
	limited, is := conn.(*limitedConn)
	return is && limited.place == waits
}

// limitedListener accepts no more connections than there are places.
type limitedListener struct {
	net.Listener
	most int
	who  func(net.Conn) Caller

	mu     sync.Mutex
	open   int            // places that are taken
	of     map[string]int // of these by whom
	spared int            // those without
}

// place is what a connection has.
type place int

const (
	served place = iota
	waits        // one of the spare ones: it is told that there is no room
	none         // one of the spare ones: it is told that it may nothing
)

// Accept waits for a connection for which there is room.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		caller := Caller{Right: Admin}
		if l.who != nil {
			caller = l.who(conn)
		}
		if c := (&limitedConn{Conn: conn, of: l, who: caller.Who}); l.admit(c, caller.Right) {
			return c, nil
		}
		conn.Close()
	}
}

// admit gives a connection its place; false: there is none at all.
func (l *limitedListener) admit(c *limitedConn, right Right) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case right == Nothing:
		c.place = none
	case l.open >= l.most, right < Admin && (l.open >= l.most-l.most/8 || l.of[c.who] >= max(1, l.most*3/4)):
		c.place = waits
	default:
		l.open++
		l.of[c.who]++
		return true
	}
	if l.spared >= spare {
		return false
	}
	l.spared++
	return true
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	of    *limitedListener
	who   string
	place place
	once  sync.Once
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		l := c.of
		l.mu.Lock()
		defer l.mu.Unlock()
		if c.place != served {
			l.spared--
			return
		}
		l.open--
		if l.of[c.who]--; l.of[c.who] == 0 {
			delete(l.of, c.who)
		}
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
