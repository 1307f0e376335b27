package control

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"hb/core/alloctest"
)

const putNote = "POST /v1/log HTTP/1.1\r\nHost: hb\r\nContent-Length: 4\r\n\r\nnote"

func TestOnlyAPlainRequestIsTakenForOne(t *testing.T) {
	for text, want := range map[string]bool{
		putNote:               true,
		putNote + putNote[:9]: true, // and the next one begins
		"GET /v1/leader HTTP/1.1\r\nHost: hb\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n": true,
		strings.Replace(putNote, "Host", "Connection: keep-alive\r\nHost", 1):                  true,
		"":                       false,
		putNote[:len(putNote)-1]: false, // the body is not there yet
		putNote[:30]:             false,
		"GET / HTTP/1.1\r\n\r\n": false, // no host
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                               false,
		"GET / HTTP/1.1\r\nHost: h b\r\n\r\n":                                        false,
		"GET / HTTP/1.1\r\nHost: hb\r\nContent-Length: 0\r\n\r\n":                    false,
		"POST / HTTP/1.1\r\nHost: hb\r\n\r\n":                                        false,
		strings.Replace(putNote, "Host", "Transfer-Encoding: chunked\r\nHost", 1):    false,
		strings.Replace(putNote, "Host", "Expect: 100-continue\r\nHost", 1):          false,
		strings.Replace(putNote, "Host", "Connection: close\r\nHost", 1):             false,
		strings.Replace(putNote, "Host", "Content-Length: 4\r\nHost", 1):             false,
		strings.Replace(putNote, "Host", "Accept: a\n b\r\nHost", 1):                 false,
		strings.Replace(putNote, ": 4", ": +4", 1):                                   false,
		strings.Replace(putNote, ": 4", ": 99999999999999999999", 1):                 false,
		strings.Replace(putNote, "Host: hb", "Host: hb\r\nAccept: \x00", 1):          false,
		strings.Replace(strings.Replace(putNote, "\r\n", "\n", -1), "note", "no", 1): false,
	} {
		if _, ok := plainRequest([]byte(text)); ok != want {
			t.Errorf("%q: %v, want %v", text, ok, want)
		}
	}
}

// FuzzPlain holds what is taken for a plain request against what net/http reads.
func FuzzPlain(f *testing.F) {
	f.Add([]byte(putNote))
	f.Add([]byte("GET /v1/leader HTTP/1.1\r\nHost: hb\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\nGET"))
	f.Add([]byte("POST /v1/tasks HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 007\r\nContent-Type: a\r\n\r\n0123456"))
	routes := quickRoutes(server{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var request plain
		var ok bool
		alloctest.Within(t, quickBuffer, func() { request, ok = plainRequest(b) })
		route, known := routes[string(request.line)]
		if !ok || !known {
			return
		}
		in := bufio.NewReader(bytes.NewReader(b))
		r, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", b, err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(body, request.body) {
			t.Errorf("%q: the body is %q (%v), taken for %q", b, body, err, request.body)
		}
		if line := fmt.Sprintf("%s %s %s", r.Method, route.url.Path, r.Proto); line != string(request.line) || r.URL.RequestURI() != route.url.Path || r.Close || len(r.TransferEncoding) > 0 {
			t.Errorf("%q: %+v", b, r)
		}
		if rest, _ := io.ReadAll(in); !bytes.Equal(rest, b[request.size:]) {
			t.Errorf("%q: %q follows, and %q was left", b, rest, b[request.size:])
		}
	})
}
