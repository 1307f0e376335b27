package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hb/core/node"
)

// serveQuickly is serve behind a quick listener, at most so many; it gives what
// closes all and waits.
func serveQuickly(t *testing.T, b Backend, most int, complaints io.Writer) (path string, shut func()) {
	t.Helper()
	return serveQuicklyTo(t, Admin, b, most, complaints)
}

// serveQuicklyTo does so for callers with a right.
func serveQuicklyTo(t *testing.T, right Right, b Backend, most int, complaints io.Writer) (path string, shut func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: NewServer(b), ErrorLog: log.New(complaints, "", 0)}
	Guard(s, func(conn net.Conn) Caller {
		if _, bare := conn.(*net.UnixConn); !bare {
			t.Errorf("the caller of a %T cannot be told", conn)
		}
		return Caller{Right: right, Who: "user 1000"}
	})
	var all sync.WaitGroup
	quick := Quicken(s, b, Limit(s, l, most, nil), all.Go)
	all.Go(func() {
		if err := s.Serve(quick); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serving ended: %v", err)
		}
	})
	shut = sync.OnceFunc(func() {
		if err := s.Shutdown(soon(t)); err != nil {
			t.Errorf("shutting down: %v", err)
		}
		all.Wait()
	})
	t.Cleanup(shut)
	return path, shut
}

// say sends what a client says, in pieces, and reads one answer.
func say(t *testing.T, conn net.Conn, in *bufio.Reader, pieces ...string) (*http.Response, string) {
	t.Helper()
	for _, piece := range pieces {
		if _, err := io.WriteString(conn, piece); err != nil {
			t.Fatal(err)
		}
	}
	return heard(t, in)
}

func heard(t *testing.T, in *bufio.Reader) (*http.Response, string) {
	t.Helper()
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestTheShortCutAnswersAsTheServerDoes(t *testing.T) {
	path, _ := serveQuickly(t, backend(example), 99, io.Discard)
	for _, text := range []string{
		putNote,
		"GET /v1/leader HTTP/1.1\r\nHost: hb\r\n\r\n",
		"GET /v1/leader?stale=true HTTP/1.1\r\nHost: hb\r\n\r\n",
		"GET /v1/members HTTP/1.1\r\nHost: hb\r\n\r\n",
		"GET /v1/status HTTP/1.1\r\nHost: hb\r\n\r\n",
		"POST /v1/tasks HTTP/1.1\r\nHost: hb\r\nContent-Length: 16\r\n\r\n{\"argv\":[\"true\"}",
		"POST /v1/tasks HTTP/1.1\r\nHost: hb\r\nContent-Length: 0\r\n\r\n",
	} {
		conn, in := request(t, path, "")
		quick, quickBody := say(t, conn, in, text)
		conn, in = request(t, path, "")
		slow, slowBody := say(t, conn, in, strings.Replace(text, "Host", "Cookie: a=b\r\nHost", 1))
		if quick.StatusCode != slow.StatusCode || quickBody != slowBody {
			t.Errorf("%q: %s %s, by the server %s %s", text, quick.Status, quickBody, slow.Status, slowBody)
		}
		for _, headers := range []http.Header{quick.Header, slow.Header} {
			if _, err := http.ParseTime(headers.Get("Date")); err != nil {
				t.Errorf("%q: %v", text, err)
			}
			headers.Del("Date")
		}
		if got, want := len(quick.Header), len(slow.Header); got != want || quick.Header.Get("Content-Type") != slow.Header.Get("Content-Type") {
			t.Errorf("%q: headers %v, by the server %v", text, quick.Header, slow.Header)
		}
	}
}

func TestAConnectionGoesOverToTheServerWhereItMust(t *testing.T) {
	path, _ := serveQuickly(t, backend(example), 9, io.Discard)
	for name, pieces := range map[string][]string{
		"another request":      {"GET /v1/voters HTTP/1.1\r\nHost: hb\r\n\r\n"},
		"a head in two pieces": {putNote[:20], putNote[20:]},
		"a body in two pieces": {putNote[:len(putNote)-2], putNote[len(putNote)-2:]},
		"a long body":          {"POST /v1/log HTTP/1.1\r\nHost: hb\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("n", 9000)},
	} {
		conn, in := request(t, path, "")
		for range 2 {
			if answer, body := say(t, conn, in, putNote); answer.StatusCode != 200 || !strings.Contains(body, `"41"`) {
				t.Fatalf("%s: before, %s %s", name, answer.Status, body)
			}
		}
		if answer, body := say(t, conn, in, pieces...); answer.StatusCode != 200 {
			t.Errorf("%s: %s %s", name, answer.Status, body)
		}
		if answer, body := say(t, conn, in, putNote); answer.StatusCode != 200 || !strings.Contains(body, `"41"`) {
			t.Errorf("%s: after, %s %s", name, answer.Status, body)
		}
	}
}

func TestTheShortCutLetsNobodyDoMoreThanTheServerWould(t *testing.T) {
	path, _ := serveQuicklyTo(t, Read, backend(example), 9, io.Discard)
	conn, in := request(t, path, "")
	if answer, body := say(t, conn, in, "GET /v1/leader HTTP/1.1\r\nHost: hb\r\n\r\n"); answer.StatusCode != 200 {
		t.Errorf("a reader may not read: %s %s", answer.Status, body)
	}
	if answer, body := say(t, conn, in, putNote); answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "user 1000 may not") {
		t.Errorf("a reader may write: %s %s", answer.Status, body)
	}
}

func TestRequestsThatCameTogetherAreAnsweredInOrder(t *testing.T) {
	path, _ := serveQuickly(t, backend(example), 9, io.Discard)
	conn, in := request(t, path, "")
	first, one := say(t, conn, in, putNote+"GET /v1/leader HTTP/1.1\r\nHost: hb\r\n\r\nGET /v1/voters HTTP/1.1\r\nHost: hb\r\n\r\n"+putNote)
	_, two := heard(t, in)
	_, three := heard(t, in)
	_, four := heard(t, in)
	if first.StatusCode != 200 || !strings.Contains(two, "hb.leader/1") || !strings.Contains(three, "hb.voters/1") || four != one {
		t.Errorf("%s\n%s\n%s\n%s", one, two, three, four)
	}
}

func TestAStreamBeginsBehindPlainRequests(t *testing.T) {
	path, _ := serveQuickly(t, backend(example), 9, io.Discard)
	conn, in := request(t, path, "")
	say(t, conn, in, putNote)
	if _, lines := say(t, conn, in, "GET /v1/events HTTP/1.1\r\nHost: hb\r\n\r\n"); strings.Count(lines, "\n") != 2 {
		t.Errorf("%q", lines)
	}
}

func TestOnePlainClientTooManyIsToldToTryAgain(t *testing.T) {
	path, _ := serveQuickly(t, backend(example), 1, io.Discard)
	conn, in := request(t, path, "")
	say(t, conn, in, putNote)
	other, otherIn := request(t, path, "")
	if answer, body := say(t, other, otherIn, putNote); answer.StatusCode != 429 {
		t.Errorf("the second was told %s %s", answer.Status, body)
	}
}

// held answers when it is let.
type held struct{ asked, answer chan struct{} }

func (h held) Ask(context.Context, node.Request) <-chan node.Reply {
	out := make(chan node.Reply, 1)
	h.asked <- struct{}{}
	go func() {
		<-h.answer
		out <- node.Reply{Body: node.Appended{Index: 41}, Last: true}
	}()
	return out
}

func TestClosingLetsWhoAskedHearTheAnswer(t *testing.T) {
	h := held{make(chan struct{}, 1), make(chan struct{})}
	path, shut := serveQuickly(t, h, 9, io.Discard)
	idle, _ := request(t, path, "")
	conn, in := request(t, path, "")
	io.WriteString(conn, putNote)
	<-h.asked
	over := make(chan struct{})
	go func() {
		shut()
		close(over)
	}()
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF { // it has begun to close
		t.Errorf("the idle one: %v", err)
	}
	close(h.answer)
	if answer, body := heard(t, in); answer.StatusCode != 200 {
		t.Errorf("%s %s", answer.Status, body)
	}
	<-over
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("after the answer: %v", err)
	}
}

// noted is where complaints go.
type noted struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *noted) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func TestAPanicEndsOneConnectionOnly(t *testing.T) {
	var told noted
	broken := true
	b := backend(func(r node.Request) []node.Reply {
		if broken {
			broken = false
			panic("a fault of ours")
		}
		return example(r)
	})
	path, _ := serveQuickly(t, b, 9, &told)
	conn, _ := request(t, path, "")
	io.WriteString(conn, putNote)
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection: %v", err)
	}
	conn, in := request(t, path, "")
	if answer, _ := say(t, conn, in, putNote); answer.StatusCode != 200 {
		t.Errorf("the next: %s", answer.Status)
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	if !strings.Contains(told.text.String(), "a fault of ours") {
		t.Errorf("the log says %q", told.text.String())
	}
}

func TestAnIdleConnectionIsGivenTheLongerLimit(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	var d deadline
	now := time.Unix(100, 0)
	d.extend(ours, now, time.Second)
	first := d.next
	d.extend(ours, now, time.Second)
	if d.next != first {
		t.Error("it was set anew at once")
	}
	d.extend(ours, now, time.Minute)
	if d.next != now.Add(30*time.Second) {
		t.Errorf("then next at %v", d.next)
	}
}

// The wait for a request's head has nothing to do with how long its answer takes.
func TestAnAnswerMayTakeLongerThanARequest(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	s := &http.Server{ReadHeaderTimeout: 10 * time.Millisecond, IdleTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	Guard(s, func(net.Conn) Caller { return Caller{Right: Admin} })
	q := &quick{server: s, ctx: context.Background(), routes: quickRoutes(server{backend(func(r node.Request) []node.Reply {
		<-time.After(5 * s.ReadHeaderTimeout)
		return example(r)
	})})}
	var both sync.WaitGroup
	both.Go(func() {
		q.serveQuickly(here)
		here.Close()
	})
	there.SetDeadline(time.Now().Add(30 * time.Second))
	io.WriteString(there, putNote)
	if answer, err := http.ReadResponse(bufio.NewReader(there), nil); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", answer, err)
	}
	there.Close()
	both.Wait()
}

// FuzzQuick: whatever a client says, the short cut answers it in HTTP or leaves it
// to the server, and does not panic.
func FuzzQuick(f *testing.F) {
	f.Add([]byte(putNote + putNote))
	f.Add([]byte("GET /v1/leader HTTP/1.1\r\nHost: hb\r\n\r\n"))
	f.Add([]byte("POST /v1/tasks HTTP/1.1\r\nHost: hb\r\nContent-Length: 17\r\n\r\n{\"argv\":[\"true\"]}GET /"))
	var complaints bytes.Buffer
	s := &http.Server{ErrorLog: log.New(&complaints, "", 0)}
	Guard(s, func(net.Conn) Caller { return Caller{Right: Admin} })
	q := &quick{server: s, routes: quickRoutes(server{backend(example)}), ctx: context.Background()}
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		var heard bytes.Buffer
		var both sync.WaitGroup
		both.Go(func() { io.Copy(&heard, there) })
		both.Go(func() {
			there.Write(b)
			there.SetWriteDeadline(time.Unix(1, 0))
			here.Close()
		})
		rest, alive := q.serveQuickly(here)
		here.Close()
		both.Wait()
		there.Close()
		if complaints.Len() > 0 || alive && !bytes.HasSuffix(b, rest) && len(b) <= quickBuffer {
			t.Fatalf("%q: %q is left, %s", b, rest, complaints.String())
		}
		for in := bufio.NewReader(&heard); ; {
			answer, err := http.ReadResponse(in, nil)
			if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
				break // the client has gone
			} else if err != nil {
				t.Fatalf("%q is answered %v", b, err)
			}
			io.Copy(io.Discard, answer.Body)
		}
	})
}
