package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// A command asks one thing and ends. net/http's client has two goroutines for each
// connection, and the threads they run on, so that many may share it and an answer may
// come before the question is out; that took a command longer than all the rest of
// asking. Here the caller itself writes and then reads. One connection is kept for the
// next request; who asks at the same time gets another.

// link is a connection to the node.
type link struct {
	net.Conn
	in *bufio.Reader
}

// exchange sends a request for a path, in which everything that needs it is escaped, and
// gives the response, whose body is read from the connection. When the context ends, so
// does the connection.
func (c *Client) exchange(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: hb\r\n", method, path)
	if method != http.MethodGet {
		out = fmt.Appendf(out, "Content-Length: %d\r\n", len(body))
	}
	out = append(append(out, "\r\n"...), body...) // it leaves in one piece, which the node answers quicker
	select {
	case kept := <-c.kept:
		resp, err := c.over(ctx, kept, method, out)
		if !errors.As(err, new(unasked)) {
			return resp, err
		}
	default:
	}
	conn, err := c.dial()
	if err != nil {
		return nil, err
	}
	return c.over(ctx, &link{conn, bufio.NewReader(conn)}, method, out)
}

// unasked is the error of a request that the node has not got.
type unasked struct{ error }

// over exchanges over a connection, which it closes or keeps in the end.
func (c *Client) over(ctx context.Context, l *link, method string, out []byte) (*http.Response, error) {
	stop := context.AfterFunc(ctx, func() { l.SetDeadline(time.Unix(1, 0)) })
	n, unwritten := l.Write(out)
	// A node that refuses what it has not read to the end has answered all the same.
	resp, err := http.ReadResponse(l.in, &http.Request{Method: method})
	if err == nil {
		resp.Body = &answerBody{ReadCloser: resp.Body, client: c, link: l, stop: stop, alone: resp.Close}
		return resp, nil
	}
	stop()
	l.Close()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case n == 0 && errors.Is(unwritten, syscall.EPIPE): // the node had closed it before
		return nil, unasked{unwritten}
	}
	return nil, err
}

// answerBody is the body of a response.
type answerBody struct {
	io.ReadCloser
	client *Client
	link   *link
	stop   func() bool // the context's hold on the connection; false: it has used it
	whole  bool        // nothing of the body is left in the connection
	alone  bool        // the node keeps the connection for nothing else
}

// Read reads on.
func (a *answerBody) Read(b []byte) (int, error) {
	n, err := a.ReadCloser.Read(b)
	a.whole = a.whole || err == io.EOF
	return n, err
}

// Close keeps the connection when it can be used again and is the only one, and
// closes it otherwise.
func (a *answerBody) Close() error {
	l := a.link
	if a.link = nil; l == nil {
		return nil // it was closed before
	}
	if a.stop() && a.whole && !a.alone {
		select {
		case a.client.kept <- l:
			return nil
		default:
		}
	}
	return l.Close()
}
