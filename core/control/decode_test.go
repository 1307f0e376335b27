package control

import (
	"net/http/httptest"
	"strings"
	"testing"

	"hb/core/alloctest"
)

// mostOfBody is what a request in JSON may allocate, beginning to end.
const mostOfBody = 8 * maxBody

func TestNoBodyTakesMuchMemory(t *testing.T) {
	h := adminServer(backend(example))
	const n = maxBody - 100
	for _, list := range []string{
		strings.Repeat(`"",`, maxValues-1) + `""`, strings.Repeat(`1,`, maxValues-1) + `1`, strings.Repeat(`"",`, n/3) + `""`, strings.Repeat(`1,`, n/2) + `1`,
		`"` + strings.Repeat("a", n) + `"`, `"` + strings.Repeat(`\n`, n/2) + `"`, `"\n` + strings.Repeat("a", n-2) + `"`,
		strings.Repeat(`"\n`+strings.Repeat("a", n/maxValues-9)+`",`, maxValues-1) + `""`, strings.Repeat("[", n/2) + strings.Repeat("]", n/2),
	} {
		for path, name := range map[string]string{"/v1/tasks": "argv", "/v1/probe": "targets", "/v1/log": "x", "/v1/tasks/explain": "env"} {
			for _, body := range []string{`{"` + name + `":[` + list + `]}`, `{"` + name + `":` + list + `}`, list} {
				alloctest.Within(t, mostOfBody/4, func() {
					h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", path, strings.NewReader(body)))
				})
				if t.Failed() {
					t.Fatalf("%s: %.80s", path, body)
				}
			}
		}
	}
}

func TestABodyOfTooManyValuesIsRefused(t *testing.T) {
	words := func(n int, word string) string { return `{"argv":["a"` + strings.Repeat(","+word, n) + `]}` }
	for name, c := range map[string]struct {
		body string
		code int
		says string
	}{
		"as many as fit":      {words(5000, `"a"`), 200, ""},
		"commas in text":      {`{"argv":["a","` + strings.Repeat(`,\",`, 3000) + `"]}`, 200, ""},
		"too many":            {words(maxValues+1, `"a"`), 409, "at most 8192 values fit"},
		"too long":            {words(2, `"`+strings.Repeat("a", maxBody)+`"`), 409, "at most 261120 bytes fit"},
		"nothing":             {"", 400, "the task says nothing to run"},
		"a part":              {`{"argv":[`, 400, "what this version understands: unexpected EOF"},
		"something behind it": {`{"argv":["a"]} {}`, 400, "something behind its end"},
	} {
		if code, said := raw(t, backend(example), "POST", "/v1/tasks", c.body); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s: HTTP %d, %.200s", name, code, said)
		}
	}
}
