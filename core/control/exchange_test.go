package control

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"hb/core"
	"hb/core/node"
)

// dialsOf counts the connections that a client makes from now on.
func dialsOf(c *Client) *int {
	n := new(int)
	c.Dialed = func(net.Conn) { *n++ }
	return n
}

func TestRequestsThatFollowShareAConnection(t *testing.T) {
	path, _ := serveQuickly(t, backend(example), 9, io.Discard)
	c := NewClient(path)
	dialed := dialsOf(c)
	for range 3 {
		if _, err := c.Members(soon(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Append(soon(t), []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := c.Log(soon(t), 0, false, func(*Entry) error { return nil }); err != nil {
			t.Fatal(err)
		}
		_, err := c.Task(soon(t), "no task")
		if codeOf(t, err) == core.CodeNoNode {
			t.Fatal(err)
		}
	}
	if *dialed != 1 {
		t.Errorf("%d connections", *dialed)
	}
}

func TestRequestsAtTheSameTimeHaveConnectionsOfTheirOwn(t *testing.T) {
	both := make(chan struct{}, 2)
	meet := sync.OnceFunc(func() { both <- struct{}{}; both <- struct{}{} })
	arrived := make(chan struct{})
	path := serve(t, adminServer(backend(func(r node.Request) []node.Reply {
		select { // the second of them lets both go
		case arrived <- struct{}{}:
		case <-arrived:
			meet()
		}
		<-both
		return example(r)
	})))
	c := NewClient(path)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if l, err := c.Leader(soon(t), true); err != nil || l.Schema != "hb.leader/1" {
				t.Errorf("%v, %v", l, err)
			}
		})
	}
	all.Wait()
	if len(c.kept) != 1 {
		t.Errorf("%d connections are kept", len(c.kept))
	}
}

func TestAConnectionThatTheNodeClosedIsReplacedBeforeAnythingIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	asked := 0
	listen := func() (stop func()) {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: adminServer(backend(func(r node.Request) []node.Reply { asked++; return example(r) }))}
		go s.Serve(l)
		return func() { s.Close() }
	}
	c := NewClient(path)
	c.NoReconnect = true
	dialed := dialsOf(c)
	for range 3 {
		stop := listen()
		if _, err := c.Append(soon(t), []byte("x")); err != nil { // which is not asked twice for
			t.Error(err)
		}
		stop()
	}
	if asked != 3 || *dialed != 3 {
		t.Errorf("asked %d times over %d connections", asked, *dialed)
	}
}

func TestAnAnswerThatIsNotReadToItsEndTakesItsConnectionAlong(t *testing.T) {
	c := NewClient(serve(t, adminServer(backend(func(r node.Request) []node.Reply {
		if _, is := r.(node.FollowEvents); !is {
			return example(r)
		}
		many := make([]node.Reply, 10_000) // more than is read at once
		for i := range many {
			many[i] = node.Reply{Body: node.Record{Cursor: uint64(i), Kind: "leader"}, Last: i == len(many)-1}
		}
		return many
	}))))
	dialed := dialsOf(c)
	enough := errors.New("enough")
	if err := c.Events(soon(t), EventQuery{Since: "0"}, func(*Event, Place) error { return enough }); !errors.Is(err, enough) {
		t.Fatal(err)
	}
	if m, err := c.Members(soon(t)); err != nil || len(m.Members) != 2 || *dialed != 2 {
		t.Errorf("%v, %v, over %d connections", m, err, *dialed)
	}
}

func TestACancelledStreamEndsAtOnce(t *testing.T) {
	c := NewClient(serve(t, adminServer(backend(func(node.Request) []node.Reply {
		return []node.Reply{{Body: node.Record{Cursor: 1, Kind: "leader"}}, {Body: node.Record{Cursor: 2}}}
	}))))
	c.NoReconnect = true
	ctx, cancel := context.WithCancel(soon(t))
	err := c.Events(ctx, EventQuery{Since: "0", Follow: true}, func(*Event, Place) error { cancel(); return nil })
	if err != nil && !errors.Is(err, context.Canceled) && codeOf(t, err) != core.CodeNoNode {
		t.Error(err)
	}
	if len(c.kept) != 0 {
		t.Error("its connection is kept")
	}
}

func TestWhatPeopleNameIsNeverMoreThanAPartOfThePath(t *testing.T) {
	c := NewClient(serve(t, adminServer(backend(example))))
	ctx, odd := soon(t), "x HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/../é?%"
	for name, ask := range map[string]func() error{
		"task":   func() error { _, err := c.Task(ctx, odd); return err },
		"cancel": func() error { _, err := c.Cancel(ctx, odd); return err },
		"token":  func() error { _, err := c.RevokeToken(ctx, odd); return err },
		"wait":   func() error { return c.Wait(ctx, []string{odd}) },
		"tasks":  func() error { _, err := c.TaskPage(ctx, TaskQuery{Name: odd, Node: odd}); return err },
	} {
		if err := ask(); err != nil && (codeOf(t, err) == core.CodeInternal || codeOf(t, err) == core.CodeNoNode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.do(ctx, "GET", "/v1/members HTTP/1.1", nil); codeOf(t, err) != core.CodeInternal {
		t.Errorf("a path with a space was sent: %v", err)
	}
}
