package control

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"hb/core/metric"
)

// operation is what a description says of a route besides what the table does.
type operation struct {
	id, summary string
	query       []string // NAME TYPE[*]: DESCRIPTION; *: may be repeated
	body        any      // nil: none; octets: raw bytes
	answer      any      // octets, words: of another kind than JSON
	stream      bool     // of answers, a line each
}

type (
	octets struct{}
	words  struct{}
)

var (
	followQuery = "follow boolean: go on, instead of ending with what there is"
	staleQuery  = "stale boolean: what this node knows, without asking a quorum"
)

// operations has every route.
var operations = map[string]operation{
	"GET /v1/members":           {id: "members", summary: "the members, as this node sees them", query: []string{"agreed boolean: only once this node has applied all that a quorum had agreed on"}, answer: Members{}},
	"GET /v1/status":            {id: "status", summary: "this node in one page", answer: Status{}},
	"GET /v1/leader":            {id: "leader", summary: "who leads, confirmed by a quorum", query: []string{staleQuery}, answer: Leader{}},
	"POST /v1/leader/transfer":  {id: "transferLeader", summary: "hand leadership over, to a member or to whoever is best", body: transferBody{}, answer: Leader{}},
	"POST /v1/leader/run":       {id: "holdLeadership", summary: "hold on while this node leads: lines say until when; it ends when the connection does", body: NewLock{}, answer: Lock{}, stream: true},
	"GET /v1/tasks":             {id: "listTasks", summary: "tasks, as this node has applied the log, a page at a time", query: []string{"status string*: of this status", "name string: of this name", "node string: whose last grant is to this member", "since date-time: submitted since", "limit integer: at most so many", "newest boolean: the newest of them instead of the oldest", "after string: where the page before ended"}, answer: Tasks{}},
	"POST /v1/tasks":            {id: "submitTask", summary: "submit a task: answered once it is durable", body: Spec{}, answer: Submitted{}},
	"GET /v1/tasks/defined":     {id: "definedTasks", summary: "what may be run by name, and where", answer: Definitions{}},
	"GET /v1/tasks/{id}":        {id: "task", summary: "one task", answer: Task{}},
	"GET /v1/tasks/{id}/wait":   {id: "waitTask", summary: "one task, when it has ended", answer: Task{}},
	"GET /v1/tasks/{id}/output": {id: "taskOutput", summary: "what a task has written; the last line is the task", query: []string{followQuery, "from integer: leave out so many bytes"}, answer: Output{}, stream: true},

	"POST /v1/tasks/{id}/cancel": {id: "cancelTask", summary: "wish that a task ends", answer: Task{}},
	"POST /v1/tasks/{id}/retry":  {id: "retryTask", summary: "submit a task that has ended once more", body: retryBody{}, answer: Submitted{}},
	"POST /v1/explain":           {id: "explainTask", summary: "how a task would be placed; none is made", body: Spec{}, answer: Explanation{}},
	"POST /v1/drain":             {id: "drain", summary: "keep new work from a member", body: drainBody{}, answer: empty{}},
	"POST /v1/resume":            {id: "resume", summary: "let new work come to a member again", body: drainBody{}, answer: empty{}},
	"GET /v1/events":             {id: "events", summary: "what happens", query: []string{"since integer: behind this cursor; 0: all that the node has; absent: from now on", followQuery, "kind string*: only of this kind; gaps are always told", "subject string*: only about this"}, answer: Event{}, stream: true},
	"GET /v1/log":                {id: "log", summary: "the agreed log, decoded", query: []string{"from integer: from this index on; 0: the oldest there is", followQuery}, answer: Entry{}, stream: true},
	"POST /v1/log":               {id: "appendNote", summary: "put a note of one's own into the log: the body, at most 65536 bytes", body: octets{}, answer: Appended{}},
	"GET /v1/log/positions":      {id: "positions", summary: "how far everybody's log is", answer: Positions{}},
	"POST /v1/probe":             {id: "probe", summary: "reach nodes in every way there is", body: probeBody{}, answer: Probed{}},
	"POST /v1/probe/mesh":        {id: "probeMesh", summary: "have members ping each other, all at once", body: probeBody{}, answer: Mesh{}},
	"GET /v1/wait":               {id: "wait", summary: "answered when all conditions hold at once", query: []string{"for string*: ready, leader, quorum, members=N, voters=N, applied=INDEX, gone=NODE"}, answer: empty{}},
	"POST /v1/tags":              {id: "setTags", summary: "change the tags of this node, for good", body: tagsBody{}, answer: Tags{}},
	"POST /v1/leave":             {id: "leave", summary: "leave the cluster: answered when it is done; the node ends", answer: empty{}},
	"GET /v1/voters":             {id: "voters", summary: "who votes, and why", answer: Voters{}},
	"POST /v1/voters":            {id: "setVoters", summary: "say how many members shall vote: 1, 3, 5 or 7", body: votersBody{}, answer: Voters{}},
	"POST /v1/voters/vote":       {id: "setVote", summary: "say whether a member shall vote", body: voteBody{}, answer: Voters{}},
	"POST /v1/forget":            {id: "forget", summary: "take a member out for good", body: forgetBody{}, answer: empty{}},
	"GET /v1/keys":               {id: "keys", summary: "the keys that datagrams are sealed with, but not the keys themselves", answer: Keys{}},
	"POST /v1/keys/rotate":       {id: "rotateKeys", summary: "make the next such key", answer: Keys{}},
	"GET /v1/snapshot":           {id: "snapshot", summary: "what the log means, as a file", query: []string{staleQuery}, answer: octets{}},
	"GET /v1/locks":              {id: "locks", summary: "the locks that somebody has", answer: Locks{}},
	"POST /v1/locks":             {id: "holdLock", summary: "get a lock and hold it: lines say until when; it ends when the connection does", body: NewLock{}, answer: Lock{}, stream: true},
	"POST /v1/locks/release":     {id: "releaseLock", summary: "end a session: answered when that holds for all", body: sessionBody{}, answer: empty{}},
	"GET /v1/tokens":             {id: "tokens", summary: "the join tokens", answer: Tokens{}},
	"POST /v1/tokens":            {id: "addToken", summary: "make a join token, of which the caller keeps the secret", body: NewToken{}, answer: Tokens{}},

	"POST /v1/tokens/{id}/revoke":      {id: "revokeToken", summary: "let nobody in by a token any more", answer: Tokens{}},
	"GET /v1/schedules":                {id: "schedules", summary: "the schedules", answer: Schedules{}},
	"POST /v1/schedules":               {id: "addSchedule", summary: "define a schedule; the same once more changes nothing", body: NewSchedule{}, answer: Schedule{}},
	"GET /v1/schedules/{name}":         {id: "schedule", summary: "one schedule", answer: Schedule{}},
	"POST /v1/schedules/{name}/run":    {id: "runSchedule", summary: "make the task of a schedule now", body: retryBody{}, answer: Submitted{}},
	"POST /v1/schedules/{name}/pause":  {id: "pauseSchedule", summary: "let a schedule make no tasks", answer: empty{}},
	"POST /v1/schedules/{name}/resume": {id: "resumeSchedule", summary: "let it make tasks again", answer: empty{}},
	"POST /v1/schedules/{name}/remove": {id: "removeSchedule", summary: "drop a schedule", answer: empty{}},
	"GET /metrics":                     {id: "metrics", summary: "figures for Prometheus", answer: words{}},
	"GET /v1/openapi.json":             {id: "description", summary: "this description", answer: map[string]any{}},
}

// object is JSON whose keys are written in order.
type object = map[string]any

// sketch is a description in the making.
type sketch struct {
	schemas object
	docs    map[string]string // of types, and of fields as TYPE.FIELD
	asked   map[string]bool   // types that clients send: no field of them is required
}

func TestTheDescriptionIsOfEveryRoute(t *testing.T) {
	d := sketch{schemas: object{}, docs: comments(t), asked: map[string]bool{}}
	for _, op := range operations {
		d.ask(reflect.TypeOf(op.body))
	}
	paths := object{}
	for pattern, r := range (server{}).routes() {
		method, path, is := strings.Cut(pattern, " ")
		if !is {
			continue // what answers for everything that is not there
		}
		op, described := operations[pattern]
		if !described {
			t.Errorf("%s is not described", pattern)
			continue
		}
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path].(object)[strings.ToLower(method)] = d.operation(path, op, r.right)
	}
	for pattern := range operations {
		if _, is := (server{}).routes()[pattern]; !is {
			t.Errorf("%s is described, and not served", pattern)
		}
	}
	d.schema(reflect.TypeFor[errorBody]())
	got, err := json.MarshalIndent(object{
		"openapi": "3.0.3",
		"info": object{
			"title": "hb", "version": "1",
			"description": "The local API of an hb node, HTTP/1.1 on a Unix socket. IDs, indexes, terms, cursors and fences are strings, since they have 64 bits; times are RFC 3339 in UTC; durations are seconds; what is unknown is null. Streams are JSON lines: each line is of the schema given; a line with error is the last. Fields are only ever added.",
		},
		"servers":    []any{object{"url": "http://hb", "description": "any host name: the connection is the Unix socket, /run/hb/hb.sock or where HB_SOCKET says"}},
		"paths":      paths,
		"components": object{"schemas": d.schemas},
	}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(got)+"\n" != openAPI {
		t.Error("openapi.json is not what the routes and types are; go test ./core/control -update mends it")
	}
}

func (d *sketch) operation(path string, op operation, right Right) object {
	o := object{"operationId": op.id, "summary": op.summary, "x-hb-right": right.String()}
	var parameters []any
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
		parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, q := range op.query {
		what, words, _ := strings.Cut(q, ": ")
		name, kind, _ := strings.Cut(what, " ")
		kind, many := strings.CutSuffix(kind, "*")
		schema := object{"type": kind}
		switch {
		case kind == "date-time":
			schema = object{"type": "string", "format": kind}
		case many:
			schema = object{"type": "array", "items": schema}
		}
		parameters = append(parameters, object{"name": name, "in": "query", "required": name == "for", "description": words, "schema": schema})
	}
	if parameters != nil {
		o["parameters"] = parameters
	}
	if op.body != nil {
		o["requestBody"] = object{"required": true, "content": d.content(reflect.TypeOf(op.body), false)}
	}
	o["responses"] = object{
		"200":     object{"description": op.summary, "content": d.content(reflect.TypeOf(op.answer), op.stream)},
		"default": object{"description": "what failed, and the exit status the command line would give", "content": d.content(reflect.TypeFor[errorBody](), false)},
	}
	return o
}

func (d *sketch) content(t reflect.Type, stream bool) object {
	media := "application/json"
	switch {
	case stream:
		media = "application/jsonl"
	case t == reflect.TypeFor[octets]():
		return object{"application/octet-stream": object{"schema": object{"type": "string", "format": "binary"}}}
	case t == reflect.TypeFor[words]():
		return object{strings.SplitN(metric.ContentType, ";", 2)[0]: object{"schema": object{"type": "string"}}}
	}
	return object{media: object{"schema": d.schema(t)}}
}

// ask marks a type, and what it is made of, as one that clients send.
func (d *sketch) ask(t reflect.Type) {
	for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice) {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct || d.asked[t.Name()] {
		return
	}
	d.asked[t.Name()] = true
	for i := range t.NumField() {
		d.ask(t.Field(i).Type)
	}
}

// schema describes a type; structs by reference.
func (d *sketch) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[[]byte]():
		return object{"type": "string", "format": "byte", "nullable": true}
	}
	switch t.Kind() {
	case reflect.Pointer:
		inner := d.schema(t.Elem())
		if inner["$ref"] != nil {
			return object{"allOf": []any{inner}, "nullable": true}
		}
		inner["nullable"] = true
		return inner
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem()), "nullable": true}
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return object{"type": "object"}
		}
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number", "format": "double"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Struct:
		return d.structure(t)
	}
	panic("no way to describe " + t.String())
}

func (d *sketch) structure(t reflect.Type) object {
	name := []rune(t.Name())
	name[0] = unicode.ToUpper(name[0])
	ref := object{"$ref": "#/components/schemas/" + string(name)}
	if d.schemas[string(name)] != nil {
		return ref
	}
	o := object{"type": "object"}
	d.schemas[string(name)] = o
	if doc := d.docs[t.Name()]; doc != "" {
		o["description"] = doc
	}
	properties, required := object{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := d.schema(f.Type)
		if doc := d.docs[t.Name()+"."+f.Name]; doc != "" {
			if p["$ref"] != nil {
				p = object{"allOf": []any{p}}
			}
			p["description"] = doc
		}
		properties[key] = p
		required = append(required, key)
	}
	o["properties"] = properties
	if slices.Sort(required); !d.asked[t.Name()] && len(required) > 0 {
		o["required"] = required
	}
	return ref
}

// comments are those of the package's types and fields.
func comments(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	own := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	packages, err := parser.ParseDir(token.NewFileSet(), ".", own, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	text := func(groups ...*ast.CommentGroup) string {
		for _, g := range groups {
			if g != nil {
				return strings.Join(strings.Fields(g.Text()), " ")
			}
		}
		return ""
	}
	for _, file := range packages["control"].Files {
		ast.Inspect(file, func(n ast.Node) bool {
			decl, is := n.(*ast.GenDecl)
			if !is {
				return true
			}
			for _, s := range decl.Specs {
				spec, is := s.(*ast.TypeSpec)
				if !is {
					continue
				}
				docs[spec.Name.Name] = text(spec.Doc, decl.Doc)
				if fields, is := spec.Type.(*ast.StructType); is {
					for _, f := range fields.Fields.List {
						for _, name := range f.Names {
							docs[spec.Name.Name+"."+name.Name] = text(f.Doc, f.Comment)
						}
					}
				}
			}
			return true
		})
	}
	return docs
}

// TestTheDescriptionIsServed, as whoever generates a client gets it.
func TestTheDescriptionIsServed(t *testing.T) {
	status, body := raw(t, backend(example), http.MethodGet, "/v1/openapi.json", "")
	var doc struct {
		Openapi string
		Paths   map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || status != http.StatusOK || doc.Openapi != "3.0.3" || doc.Paths["/v1/tasks"]["post"].OperationID != "submitTask" {
		t.Errorf("%d, %v, %.200s", status, err, body)
	}
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			if ids[o.OperationID] || o.OperationID == "" {
				t.Errorf("%s %s is called %q, as another is", method, path, o.OperationID)
			}
			ids[o.OperationID] = true
		}
	}
}
