package control

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hb/core/node"
)

// needed is who may do what, once more: a route that is not here, or has another
// right, fails. What changes here, changes what somebody may do.
var needed = map[Right]string{
	Read: `
		GET /v1/events
		GET /v1/keys
		GET /v1/leader
		GET /v1/locks
		GET /v1/log
		GET /v1/log/positions
		GET /metrics
		GET /v1/members
		GET /v1/openapi.json
		GET /v1/schedules
		GET /v1/schedules/{name}
		GET /v1/status
		GET /v1/tasks
		GET /v1/tasks/defined
		GET /v1/tasks/{id}
		GET /v1/tasks/{id}/output
		GET /v1/tasks/{id}/wait
		GET /v1/voters
		GET /v1/wait
		POST /v1/explain
		POST /v1/probe
		POST /v1/probe/mesh
		/`,
	Submit: `
		POST /v1/leader/run
		POST /v1/locks
		POST /v1/locks/release
		POST /v1/log
		POST /v1/schedules
		POST /v1/schedules/{name}/pause
		POST /v1/schedules/{name}/remove
		POST /v1/schedules/{name}/resume
		POST /v1/schedules/{name}/run
		POST /v1/tasks
		POST /v1/tasks/{id}/cancel
		POST /v1/tasks/{id}/retry`,
	Admin: `
		GET /v1/snapshot
		GET /v1/tokens
		POST /v1/tokens
		POST /v1/tokens/{id}/revoke
		POST /v1/drain
		POST /v1/forget
		POST /v1/keys/rotate
		POST /v1/leader/transfer
		POST /v1/leave
		POST /v1/resume
		POST /v1/tags
		POST /v1/voters
		POST /v1/voters/vote`,
}

func TestEveryRouteTakesItsRight(t *testing.T) {
	want := map[string]Right{}
	for right, patterns := range needed {
		for pattern := range strings.Lines(strings.TrimSpace(patterns)) {
			want[strings.TrimSpace(pattern)] = right
		}
	}
	routes := server{backend(example)}.routes()
	for pattern := range want {
		if _, is := routes[pattern]; !is {
			t.Errorf("%s is not served any more", pattern)
		}
	}
	for pattern, route := range routes {
		right, is := want[pattern]
		if !is || route.right != right {
			t.Errorf("%s takes %v; is that right? Then say so in this test", pattern, route.right)
			continue
		}
		for _, caller := range []Right{Nothing, Read, Submit, Admin} {
			if got := passes(pattern, &Caller{Right: caller, Who: "user 1000"}); got != (caller >= right) {
				t.Errorf("%s by whoever may %v: let through %v", pattern, caller, got)
			}
		}
		if passes(pattern, nil) {
			t.Errorf("%s by whoever was not judged is let through", pattern)
		}
	}
}

// passes says whether a caller's request comes to the node, or is at least not
// refused for want of a right.
func passes(pattern string, caller *Caller) bool {
	asked := false
	h := NewServer(backend(func(r node.Request) []node.Reply {
		asked = true
		return example(r)
	}))
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = "GET", "/nothing"
	}
	r := httptest.NewRequest(method, strings.NewReplacer("{id}", taskID(exampleTask().Id), "{name}", "x").Replace(path), strings.NewReader("{}"))
	if caller != nil {
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, *caller))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	denied := w.Code == http.StatusForbidden
	if denied && (asked || decodeFault(w.Body.Bytes()) == nil || decodeFault(w.Body.Bytes()).Hint == "") {
		panic(pattern + ": " + w.Body.String())
	}
	return !denied
}

func TestAServerAsksOnceAConnectionWhoCalls(t *testing.T) {
	calls := 0
	s := httptest.NewUnstartedServer(NewServer(backend(example)))
	Guard(s.Config, func(net.Conn) Caller {
		calls++
		return Caller{Read, "user 1000"}
	})
	s.Start()
	defer s.Close()
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/v1/members", 200, "hb.members/1"},
		{"POST", "/v1/tasks", 403, "user 1000 may not: that takes the right to submit"},
		{"POST", "/v1/forget", 403, "that takes an admin"},
	} {
		req, err := http.NewRequest(c.method, s.URL+c.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, _ := resp.Body.Read(b)
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(string(b[:n]), c.says) {
			t.Errorf("%s %s: HTTP %d, %s", c.method, c.path, resp.StatusCode, b[:n])
		}
	}
	if calls < 1 || calls > 3 {
		t.Errorf("asked %d times", calls)
	}
}
