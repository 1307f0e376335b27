package commands

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hb/core/control"
)

// apiHead is the beginning of hb-api(7); the routes follow from their description.
const apiHead = `hb-api 7 "" "hb" "hb manual"
==================================================

# NAME
hb-api - the local API of an hb node

# DESCRIPTION
A node answers HTTP/1.1 with JSON on its Unix socket: /run/hb/hb.sock for root's node,
else where **HB_SOCKET** or hb.toml(5) say. The host's name does not matter. Each shape
is the one that the command of that name prints with --json; what is below is
in GET /v1/openapi.json, too (OpenAPI 3.0), from which clients can be generated. Fields
are only ever added.

IDs, indexes, terms, cursors and fences are strings, because they have 64 bits; times
are RFC 3339 in UTC; durations are seconds, as numbers; what is not known is null. In
what is asked a field may be left out; one that this version does not know is refused.

# EXAMPLES
    alias hb-curl='curl -sS --unix-socket /run/hb/hb.sock'

    hb-curl http://hb/v1/members | jq -r '.members[] | select(.status == "dead") | .name'

    id=$(hb-curl http://hb/v1/tasks -d '{"argv": ["uname", "-r"]}' | jq -r .task)
    hb-curl http://hb/v1/tasks/$id/wait | jq -r .result.stdout_tail

    hb-curl -N 'http://hb/v1/events?follow=true&kind=agreed-down'

# RIGHTS
Each route takes a right: to read, to submit, or to administer; each includes the one
before. Who has which is in [socket] of hb.toml(5); the kernel says who is calling. GET
/metrics is by HTTP on loopback, too, where [metrics] of hb.toml(5) says so.

# ERRORS
An error is {"error":{"code","message","hint"}}. The code is the exit status that the
command line would give (hb(1)); the HTTP status says the same in HTTP's words: 400 for
64, 403 for 77, 404 for 66 and 1, 409 for 65, 429 for 75, 503 for 69 and 106, 504 for 124,
else 500.

# STREAMS
Where it says so the answer is a line of JSON after the other, each sent when it is
there. It ends in order when that was all, and with a broken connection when there
would be more: then ask again from where it was. A line with an error is the last.

`

// route is what hb-api(7) says of one.
type apiRoute struct {
	Summary    string
	Right      string `json:"x-hb-right"`
	Parameters []struct {
		Name, In, Description string
	}
	RequestBody *struct{ Content map[string]apiContent }
	Responses   map[string]struct{ Content map[string]apiContent }
}

type apiContent struct {
	Schema struct {
		Ref string `json:"$ref"`
	}
}

// apiPage is hb-api(7).
func apiPage() string {
	var doc struct {
		Paths      map[string]map[string]apiRoute
		Components struct {
			Schemas map[string]struct {
				Description string
				Properties  map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal([]byte(control.OpenAPI()), &doc); err != nil {
		panic(err)
	}
	fields := func(content map[string]apiContent) string {
		for media, c := range content {
			switch name := strings.TrimPrefix(c.Schema.Ref, "#/components/schemas/"); {
			case media == "application/octet-stream":
				return "raw bytes"
			case name == "":
				return "a " + strings.TrimPrefix(media, "application/") + " document"
			case len(doc.Components.Schemas[name].Properties) == 0:
				return "{}"
			default:
				return "{" + strings.Join(slices.Sorted(maps.Keys(doc.Components.Schemas[name].Properties)), ", ") + "}"
			}
		}
		return "nothing"
	}
	var b strings.Builder
	b.WriteString(apiHead + "# ROUTES\n")
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			r := doc.Paths[path][method]
			fmt.Fprintf(&b, "## %s %s\n%s. Takes the right to %s.\n\n", strings.ToUpper(method), marked(path), marked(strings.ToUpper(r.Summary[:1])+r.Summary[1:]), map[string]string{"read": "read", "submit": "submit", "admin": "administer"}[r.Right])
			for _, p := range r.Parameters {
				if p.In == "query" {
					fmt.Fprintf(&b, "**?%s=**\n:   %s\n\n", marked(p.Name), marked(p.Description))
				}
			}
			if r.RequestBody != nil {
				fmt.Fprintf(&b, "Asked with: %s\n\n", marked(fields(r.RequestBody.Content)))
			}
			stream := ""
			if _, is := r.Responses["200"].Content["application/jsonl"]; is {
				stream = ", a stream of lines"
			}
			fmt.Fprintf(&b, "Answers: %s%s\n\n", marked(fields(r.Responses["200"].Content)), stream)
		}
	}
	b.WriteString("# SEE ALSO\n**hb**(1), **hb.toml**(5)\n")
	return b.String()
}
