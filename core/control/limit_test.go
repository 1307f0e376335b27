package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// serveAtMost is serve with a limit.
func serveAtMost(t *testing.T, most int, h http.Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	limited := Limit(s, l, most, nil)
	go s.Serve(limited)
	t.Cleanup(func() { s.Close() })
	return path
}

// request opens a connection, says something, and gives the status line.
func request(t *testing.T, path, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, text)
	return conn, bufio.NewReader(conn)
}

func TestOneClientTooManyIsToldToTryAgain(t *testing.T) {
	const most = 3
	b := backend(func(r node.Request) []node.Reply {
		if _, is := r.(node.FollowEvents); is {
			return []node.Reply{{}} // begins a stream, and breaks it off at its end
		}
		return last(node.MembersView{})
	})
	hold := make(chan struct{})
	path := serveAtMost(t, most, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			fmt.Fprintln(w, "begun")
			http.NewResponseController(w).Flush()
			<-hold
			return
		}
		adminServer(b).ServeHTTP(w, r)
	}))
	var first net.Conn
	for range most {
		conn, in := request(t, path, "GET /hold HTTP/1.1\r\nHost: hb\r\n\r\n")
		if status, err := in.ReadString('\n'); err != nil || !strings.Contains(status, "200") {
			t.Fatalf("%q, %v", status, err)
		}
		if first == nil {
			first = conn
		}
	}
	c := NewClient(path)
	_, err := c.Members(context.Background())
	var fault *core.Fault
	if !errors.As(err, &fault) || fault.Code != core.CodeBusy {
		t.Fatalf("the fourth client got %v", err)
	}
	close(hold)
	first.Close()
	deadline := time.Now().Add(10 * time.Second)
	for err != nil && time.Now().Before(deadline) {
		_, err = c.Members(context.Background())
	}
	if err != nil {
		t.Fatalf("after the others had gone: %v", err)
	}
}

// named is a connection of somebody with a right.
type named struct {
	net.Conn
	caller Caller
}

func (named) Close() error { return nil }

// queueing are connections that wait to be accepted.
type queueing struct {
	net.Listener
	conns chan net.Conn
}

func (q queueing) Accept() (net.Conn, error) {
	if conn, more := <-q.conns; more {
		return conn, nil
	}
	return nil, net.ErrClosed
}

// One user with a thousand idle connections must not keep the others out, and least
// of all root.
func TestNobodyTakesThePlacesOfAll(t *testing.T) {
	const most = 64
	q := queueing{conns: make(chan net.Conn, 10*most)}
	l := Limit(&http.Server{Handler: http.NotFoundHandler()}, q, most, func(conn net.Conn) Caller { return conn.(named).caller })
	come := func(who string, right Right, n int) (got []net.Conn) {
		for range n {
			q.conns <- named{caller: Caller{Right: right, Who: who}}
		}
		q.conns <- named{caller: Caller{Right: Admin, Who: "last"}} // so that Accept returns
		for {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if c := conn.(*limitedConn); c.who == "last" {
				if c.place != served {
					t.Fatalf("after %s there is no place for root", who)
				}
				c.Close()
				return got
			} else if c.place == served {
				got = append(got, c)
			}
		}
	}
	hog := come("user 1", Submit, 5*most)
	if len(hog) != most*3/4 {
		t.Errorf("one user has %d of %d places", len(hog), most)
	}
	if other := come("user 2", Read, 2*most); len(other) != most/8 {
		t.Errorf("another has %d", len(other))
	}
	if stranger := come("user 3", Nothing, most); len(stranger) != 0 {
		t.Errorf("who may nothing has %d", len(stranger))
	}
	for _, conn := range hog {
		conn.Close()
		conn.Close()
	}
	if again := come("user 2", Submit, most); len(again) != most*3/4-most/8 {
		t.Errorf("when the first has gone the other gets %d more", len(again))
	}
}

// deadlines notes the read deadlines that a handler sets.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error { d.set = append(d.set, t); return nil }

func TestABodyIsHurriedAndWhatFollowsIsNot(t *testing.T) {
	r, err := http.NewRequest("POST", "http://hb/v1/log", strings.NewReader("note"))
	if err != nil {
		t.Fatal(err)
	}
	w := &deadlines{}
	hurry(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err != nil || string(b) != "note" {
			t.Errorf("%q, %v", b, err)
		}
	})).ServeHTTP(w, r)
	if len(w.set) != 2 || w.set[0].IsZero() || !w.set[1].IsZero() {
		t.Fatalf("deadlines %v", w.set)
	}
}
