package control

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hb/core"
	"hb/core/alloctest"
	"hb/core/node"
	"hb/core/wire"
)

// refuses answers everything with one fault.
func refuses(f *core.Fault) backend {
	return func(node.Request) []node.Reply { return last(f) }
}

func TestAFaultKeepsItsCodeMessageAndHint(t *testing.T) {
	for code, status := range map[core.Code]int{
		core.CodeNo: 404, core.CodeUsage: 400, core.CodeBadInput: 409, core.CodeUnheard: 404, core.CodeNoNode: 503,
		core.CodeInternal: 500, core.CodeIO: 500, core.CodeBusy: 429, core.CodeDenied: 403, core.CodeNoQuorum: 503, core.CodeTimeout: 504,
	} {
		for _, path := range []string{"/v1/members", "/v1/events?follow=true"} {
			got, body := raw(t, refuses(core.Faultf(code, "so it is").WithHint("do this")), "GET", path, "")
			var e errorBody
			if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error == nil {
				t.Fatalf("%q: %v", body, err)
			}
			if got != status || e.Error.Code != int(code) || e.Error.Message != "so it is" || *e.Error.Hint != "do this" {
				t.Errorf("%s for code %d: HTTP %d, want %d: %s", path, code, got, status, body)
			}
		}
	}
}

func TestAFaultWithoutAHintHasANullHint(t *testing.T) {
	_, body := raw(t, refuses(core.Faultf(75, "full")), "GET", "/v1/members", "")
	if want := `{"error":{"code":75,"message":"full","hint":null}}` + "\n"; body != want {
		t.Errorf("got %s, want %s", body, want)
	}
}

func TestBadRequestsAreRefusedByName(t *testing.T) {
	id := taskID(exampleTask().Id)
	big := strings.Repeat("x", 70<<10)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"no such path":            {"GET", "/v1/nothing", "", 404, `"code":66`},
		"no such method":          {"DELETE", "/v1/members", "", 404, "DELETE /v1/members"},
		"stale is no truth":       {"GET", "/v1/leader?stale=perhaps", "", 400, "stale=perhaps"},
		"follow is no truth":      {"GET", "/v1/events?follow=perhaps", "", 400, "follow=perhaps"},
		"a cursor is a number":    {"GET", "/v1/events?since=now", "", 400, "since=now"},
		"an index is a number":    {"GET", "/v1/log?from=-1", "", 400, "from=-1"},
		"an offset is a number":   {"GET", "/v1/tasks/" + id + "/output?from=x", "", 400, "from=x"},
		"no ID":                   {"GET", "/v1/tasks/whatever", "", 404, `"code":66`},
		"no ID to wait for":       {"GET", "/v1/tasks/whatever/wait", "", 404, `"code":66`},
		"no ID with output":       {"GET", "/v1/tasks/whatever/output", "", 404, `"code":66`},
		"no JSON":                 {"POST", "/v1/tasks", "argv", 400, `"code":64`},
		"two JSONs":               {"POST", "/v1/tasks", `{"argv":["true"]} {}`, 400, "behind its end"},
		"a later version's field": {"POST", "/v1/tasks", `{"argv":["true"],"not_yet_thought_of":"x"}`, 400, "not_yet_thought_of"},
		"nothing to run":          {"POST", "/v1/tasks", `{}`, 400, "nothing to run"},
		"an empty word to run":    {"POST", "/v1/tasks", `{"argv":[""]}`, 400, "empty word"},
		"a command and arguments": {"POST", "/v1/tasks", `{"argv":["true"],"args":["x"]}`, 400, "exclude each other"},
		"a name with variables":   {"POST", "/v1/tasks", `{"name":"backup","env":["A=b"]}`, 400, "as its members define it"},
		"a name with a directory": {"POST", "/v1/tasks", `{"name":"backup","cwd":"/tmp"}`, 400, "as its members define it"},
		"a zero byte in a name's": {"POST", "/v1/tasks", `{"name":"backup","args":["a\u0000b"]}`, 409, "zero byte"},
		"no task ID":              {"POST", "/v1/tasks", `{"argv":["true"],"task":"x"}`, 400, "not a task ID"},
		"an empty variable":       {"POST", "/v1/tasks", `{"argv":["true"],"env":["=x"]}`, 400, "K=V"},
		"no place":                {"POST", "/v1/tasks", `{"argv":["true"],"where":["disk"]}`, 400, "tag=VALUE"},
		"time going back":         {"POST", "/v1/tasks", `{"argv":["true"],"time_limit_seconds":-1}`, 400, "time limit"},
		"a limit beyond time":     {"POST", "/v1/tasks", `{"argv":["true"],"time_limit_seconds":1e300}`, 400, "time limit"},
		"a zero byte":             {"POST", "/v1/tasks", `{"argv":["true","a\u0000b"]}`, 409, "zero byte"},
		"a task too big":          {"POST", "/v1/tasks", `{"argv":["true","` + big + `"]}`, 409, "too big"},
		"a note too big":          {"POST", "/v1/log", big, 409, "too big"},
		"no targets":              {"POST", "/v1/probe", `{"targets":[]}`, 400, "0 targets"},
		"a target nobody knows":   {"POST", "/v1/probe", `{"targets":["nobody"]}`, 404, `"code":66`},
		"no port":                 {"POST", "/v1/probe", `{"targets":["a:b:c"]}`, 404, "a:b:c"},
		"port zero":               {"POST", "/v1/probe", `{"targets":["127.0.0.1:0"]}`, 400, "no port"},
		"nothing to wait for":     {"GET", "/v1/wait", "", 400, "nothing to wait for"},
		"no condition":            {"GET", "/v1/wait?for=sunshine", "", 400, "sunshine"},
		"two voters":              {"POST", "/v1/voters", `{"target":2}`, 400, "1, 3, 5 or 7"},
		"very many voters":        {"POST", "/v1/voters", `{"target":4294967299}`, 400, "1, 3, 5 or 7"},
		"no wish":                 {"POST", "/v1/voters/vote", `{"node":"a","wish":"perhaps"}`, 400, "perhaps"},
		"nobody to promote":       {"POST", "/v1/voters/vote", `{"node":"nobody","wish":"promoted"}`, 404, "nobody"},
		"nobody to forget":        {"POST", "/v1/forget", `{"node":"nobody"}`, 404, "nobody"},
		"nobody to lead":          {"POST", "/v1/leader/transfer", `{"to":"nobody"}`, 404, "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := raw(t, example, c.method, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.says) || decodeFault([]byte(body)) == nil {
				t.Errorf("HTTP %d, want %d with %q: %s", status, c.status, c.says, body)
			}
		})
	}
}

func TestABodyOfUnknownLengthIsBoundedToo(t *testing.T) {
	req := httptest.NewRequest("POST", "/v1/log", strings.NewReader(strings.Repeat("x", maxNote+1)))
	req.ContentLength = -1
	w := httptest.NewRecorder()
	adminServer(backend(example)).ServeHTTP(w, req)
	if w.Code != 409 {
		t.Errorf("HTTP %d: %s", w.Code, w.Body)
	}
}

func TestAnEntryOfTheUsersIsPassedOnByteForByte(t *testing.T) {
	var got node.AppendNote
	b := backend(func(r node.Request) []node.Reply {
		got = r.(node.AppendNote)
		return last(node.Appended{Index: 1})
	})
	sent := "\x00\xff\n" + strings.Repeat("y", maxNote-3)
	if status, body := raw(t, b, "POST", "/v1/log", sent); status != 200 || string(got.Text) != sent {
		t.Errorf("HTTP %d %s, %d bytes passed on", status, body, len(got.Text))
	}
}

func TestASubmitSaysToTheNodeWhatTheClientSaid(t *testing.T) {
	var got node.SubmitTask
	b := backend(func(r node.Request) []node.Reply {
		if q, is := r.(node.SubmitTask); is {
			got = q
			return last(node.Submitted{Task: got.Task, Index: 1})
		}
		return example(r)
	})
	_, body := raw(t, b, "POST", "/v1/tasks", `{"argv":["/usr/bin/make","-k"],"env":["A=b=c"],"cwd":"/srv","on":"a","where":["disk=big","os!=old"],`+
		`"retries":2,"time_limit_seconds":1.5,"key":"k"}`)
	want := &wire.Spec{
		Name: "make", Argv: []string{"/usr/bin/make", "-k"}, Env: []string{"A=b=c"}, Cwd: "/srv", On: "a", Where: []string{"disk=big", "os!=old"},
		Once: true, Retries: 2, TimeLimitNanos: 15e8, Key: "k",
	}
	if got.Spec.String() != want.String() {
		t.Errorf("got %v, want %v", got.Spec, want)
	}
	if !strings.Contains(body, got.Task.String()) || !strings.Contains(body, `"node":null`) {
		t.Errorf("answered %s for task %v", body, got.Task)
	}
}

func TestATaskThatFitsNobodyIsRefusedAtTheDoor(t *testing.T) {
	for spec, want := range map[string]int{
		`"where":["disk=big"]`:                200, // a
		`"where":["disk!=big"]`:               200, // b, which has no such tag
		`"where":["disk=small"]`:              403,
		`"where":["disk=big","disk!=big"]`:    403,
		`"on":"b","where":["disk=big"]`:       403,
		`"on":"@leader","where":["disk=big"]`: 200,
		`"on":"a"`:                            200,
		`"on":"0000000000000002"`:             200,
		`"on":"nobody"`:                       404,
	} {
		if status, body := raw(t, example, "POST", "/v1/tasks", `{"argv":["true"],`+spec+`}`); status != want {
			t.Errorf("%s: HTTP %d, want %d: %s", spec, status, want, body)
		}
	}
}

func TestAnAmbiguousNameIsNotGuessed(t *testing.T) {
	b := backend(func(r node.Request) []node.Reply {
		if _, is := r.(node.GetMembers); is {
			return last(node.MembersView{Members: []node.MemberView{{ID: 1, Name: "a", Status: core.Alive}, {ID: 2, Name: "a", Status: core.Dead}, {ID: 3, Name: "b", Status: core.Left}}})
		}
		return example(r)
	})
	for target, want := range map[string]int{"a": 409, "b": 404, "0000000000000002": 200} {
		if status, body := raw(t, b, "POST", "/v1/probe", `{"targets":["`+target+`"]}`); status != want {
			t.Errorf("%s: HTTP %d, want %d: %s", target, status, want, body)
		}
	}
}

func TestANodeThatStopsAnswersSo(t *testing.T) {
	gone := backend(func(node.Request) []node.Reply { return []node.Reply{} })
	if status, body := raw(t, gone, "GET", "/v1/members", ""); status != 503 || !strings.Contains(body, "stopping") {
		t.Errorf("HTTP %d: %s", status, body)
	}
}

func TestAnAnswerOfTheWrongKindIsAnInternalFault(t *testing.T) {
	odd := backend(func(node.Request) []node.Reply { return last(node.Appended{}) })
	if status, body := raw(t, odd, "GET", "/v1/members", ""); status != 500 || !strings.Contains(body, `"code":70`) {
		t.Errorf("HTTP %d: %s", status, body)
	}
}

// FuzzServer holds that no request makes the server panic, and that every
// answer is JSON.
func FuzzServer(f *testing.F) {
	f.Add("GET", "/v1/members", "")
	f.Add("POST", "/v1/tasks", `{"argv":["true"],"env":["A=b"],"time_limit_seconds":1}`)
	f.Add("GET", "/v1/tasks/065svpb8fc0g40o00000000000/output?from=5&follow=true", "")
	f.Add("POST", "/v1/log", "\x00")
	f.Add("POST", "/v1/probe", `{"targets":["127.0.0.1:1"]}`)
	f.Add("GET", "/v1/wait?for=members%3D3&for=leader", "")
	f.Add("GET", "/v1/events?since=18446744073709551616", "")
	handler := adminServer(backend(example))
	f.Fuzz(func(t *testing.T, method, path, body string) {
		req, err := http.NewRequest(method, "http://hb/"+strings.TrimPrefix(path, "/"), strings.NewReader(body))
		if err != nil || strings.Contains(body, "targets") && !strings.Contains(body, "127.0.0.1") {
			return // not a request, or one that would ask a name server
		}
		var w *httptest.ResponseRecorder
		alloctest.Within(t, max(mostOfBody/4, len(path)), func() {
			w = httptest.NewRecorder()
			req.Body = io.NopCloser(strings.NewReader(body))
			handler.ServeHTTP(w, req)
		})
		for line := range strings.Lines(w.Body.String()) {
			if !json.Valid([]byte(line)) && w.Code != http.StatusMovedPermanently && w.Code != http.StatusTemporaryRedirect {
				t.Errorf("%s %s: HTTP %d with %q", method, path, w.Code, line)
			}
		}
	})
}

func FuzzParseCondition(f *testing.F) {
	for _, s := range []string{"ready", "leader", "quorum", "members=3", "voters=1", "applied=9", "gone=a", "gone=", "ready=1", "members=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var c node.Condition
		var err error
		alloctest.Within(t, 1024+4*len(s), func() { c, err = ParseCondition(s) })
		if err == nil && c.Kind == "" {
			t.Errorf("%q gives %+v", s, c)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	handler := adminServer(backend(func(node.Request) []node.Reply { return last(node.Appended{Index: 41}) }))
	body := strings.Repeat("x", 256)
	b.ReportAllocs()
	for range b.N {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/log", strings.NewReader(body)))
	}
}
