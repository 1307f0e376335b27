package control

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// quickBuffer is the longest request that is served quickly, head and body.
const quickBuffer = 4 << 10

// Quicken puts a short cut in front of a server that serves NewServer's handler
// of the same node. What comes by the thousand (an entry for the log, a task, who
// leads, who is there) asks of net/http two to three times the processor time that the
// node itself has for it: a goroutine that watches over the connection meanwhile, a
// context, maps of headers. So a connection begins with a loop that knows those
// few requests in their plainest form, whole in one read (plain.go). At the first
// thing that is anything else, the connection goes over to the server, with what
// was read, and stays there: streams, long waits, clients that are slow or wrong.
//
// Nobody watches a connection while one of these requests is answered. The node
// answers each within seconds, whether its client still waits or not.
//
// The server, which must have an ErrorLog, serves the listener that Quicken
// gives. Goroutines are begun with spawn; they end soon after the listener is
// closed.
func Quicken(s *http.Server, b Backend, l net.Listener, spawn func(func())) net.Listener {
	ctx, stop := context.WithCancel(context.Background())
	q := &quick{
		Listener: l, server: s, routes: quickRoutes(server{b}),
		passed: make(chan passed), ctx: ctx, stop: stop, spawn: spawn,
	}
	spawn(q.accept)
	return q
}

// quick is the listener of what is left to the server.
type quick struct {
	net.Listener // where all come from
	server       *http.Server
	routes       map[string]quickRoute
	passed       chan passed
	ctx          context.Context // ends when the listener is closed
	stop         func()
	spawn        func(func())
}

// passed is what Accept gives.
type passed struct {
	conn net.Conn
	err  error
}

// quickRoute is a handler, what its caller must be allowed, and the URL that its
// request names.
type quickRoute struct {
	right  Right
	handle handler
	url    *url.URL
}

// quickRoutes has the first line of each request that is served quickly. None of
// them may wait for more than the log does.
func quickRoutes(s server) map[string]quickRoute {
	routes := map[string]quickRoute{}
	all := s.routes()
	for _, line := range []string{
		"POST /v1/log", "POST /v1/tasks", "GET /v1/leader", "GET /v1/leader?stale=true", "GET /v1/members", "GET /v1/status",
	} {
		of, query, _ := strings.Cut(line, "?")
		_, path, _ := strings.Cut(of, " ")
		routes[line+" HTTP/1.1"] = quickRoute{all[of].right, all[of].handle.(handler), &url.URL{Path: path, RawQuery: query}}
	}
	return routes
}

// Accept waits for a connection that is not, or no longer, served quickly.
func (q *quick) Accept() (net.Conn, error) {
	select {
	case p := <-q.passed:
		return p.conn, p.err
	case <-q.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close ends the listener, and every connection once it has the answer that it
// waits for.
func (q *quick) Close() error {
	q.stop()
	return q.Listener.Close()
}

// accept takes connections; an error is for the server to judge, which asks
// again when it takes it for a passing one.
func (q *quick) accept() {
	for q.ctx.Err() == nil {
		conn, err := q.Listener.Accept()
		if err != nil {
			q.pass(nil, err)
			continue
		}
		q.spawn(func() { q.serve(conn) })
	}
}

// pass leaves a connection, or an error, to the server.
func (q *quick) pass(conn net.Conn, err error) {
	select {
	case q.passed <- passed{conn, err}:
	case <-q.ctx.Done():
		if conn != nil {
			conn.Close()
		}
	}
}

// serve answers one connection's requests until something else comes.
func (q *quick) serve(conn net.Conn) {
	if isCrowded(conn) {
		q.pass(conn, nil) // to be told so
		return
	}
	rest, served := q.serveQuickly(conn)
	if !served {
		conn.Close()
		return
	}
	conn.SetDeadline(time.Time{})
	q.pass(&begun{conn, rest}, nil)
}

// lastWords is how long an answer may take to leave once the listener is closed.
const lastWords = time.Second

// serveQuickly answers plain requests. It gives what was read of another kind
// of request; false when the connection is over.
func (q *quick) serveQuickly(conn net.Conn) (rest []byte, alive bool) {
	defer context.AfterFunc(q.ctx, func() {
		conn.SetReadDeadline(time.Unix(1, 0))
		conn.SetWriteDeadline(time.Now().Add(lastWords))
	})()
	defer func() {
		if broken := recover(); broken != nil { // as the server would have it
			q.server.ErrorLog.Printf("panic serving a plain request: %v\n%s", broken, debug.Stack())
			rest, alive = nil, false
		}
	}()
	room, out, body := make([]byte, quickBuffer), []byte(nil), &reused{}
	may := callerOf(q.context(conn)).Right
	var patience deadline
	for patience.extend(conn, time.Now(), q.server.ReadHeaderTimeout); q.ctx.Err() == nil; {
		n, err := conn.Read(room)
		if err != nil {
			return nil, false
		}
		for unread := room[:n]; len(unread) > 0; {
			request, ok := plainRequest(unread)
			route, known := q.routes[string(request.line)]
			if !ok || !known || may < route.right {
				return unread, true
			}
			body.Reset(request.body)
			status, answer := route.handle.answer(&http.Request{URL: route.url, Body: body, ContentLength: int64(len(request.body))})
			now := time.Now()
			out = appendAnswer(out[:0], status, answer, now)
			patience.extend(conn, now, q.server.IdleTimeout) // before it: it is to be read in time, too
			if _, err := conn.Write(out); err != nil {
				return nil, false
			}
			unread = unread[request.size:]
		}
	}
	return nil, false
}

// context is what the server would give the requests of a connection.
func (q *quick) context(conn net.Conn) context.Context {
	if q.server.ConnContext == nil {
		return q.ctx
	}
	return q.server.ConnContext(q.ctx, conn)
}

// reused is the body of one request after another.
type reused struct{ bytes.Reader }

// Close does nothing.
func (*reused) Close() error { return nil }

// deadline ends the wait for a client that says nothing, or does not read what it is
// told. It is set anew when half of the limit is over, and so is between one and one
// and a half of it.
type deadline struct {
	limit time.Duration
	next  time.Time // when to set it anew
}

func (d *deadline) extend(conn net.Conn, now time.Time, limit time.Duration) {
	if limit > 0 && (limit != d.limit || now.After(d.next)) {
		d.limit, d.next = limit, now.Add(limit/2)
		conn.SetDeadline(now.Add(limit + limit/2))
	}
}

// appendAnswer writes a response as net/http would.
func appendAnswer(b []byte, status int, body []byte, now time.Time) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(b, ' '), http.StatusText(status)...)
	b = append(b, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\nDate: "...)
	b = now.UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// begun is a connection of which something was read already.
type begun struct {
	net.Conn
	read []byte
}

// Read gives that first.
func (c *begun) Read(b []byte) (int, error) {
	if len(c.read) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.read)
	c.read = c.read[n:]
	return n, nil
}
