// Package control is the local API of a node: HTTP/1.1 with JSON on a Unix
// socket, the server's half and the client's.
//
// It translates and decides nothing but that a task fits nobody (place.go). A
// handler turns an HTTP request into one node.Request, hands it to the Backend
// (the driver that owns the node) and turns the replies into JSON; the client
// does the reverse. Both halves share the types of types.go, which are the
// contract that scripts depend on: fields are only ever added.
//
//	GET  /v1/members                        hb.members/1
//	GET  /v1/status                         hb.status/1
//	GET  /v1/leader?stale=true              hb.leader/1
//	POST /v1/leader/transfer  {"to"}        hb.leader/1
//	GET  /v1/tasks                          hb.tasks/1
//	POST /v1/tasks            (Spec)        hb.submitted/1
//	GET  /v1/tasks/defined                  hb.definitions/1
//	GET  /v1/tasks/ID                       hb.task/1
//	GET  /v1/tasks/ID/wait                  hb.task/1, when it has ended
//	POST /v1/tasks/ID/cancel                hb.task/1
//	GET  /v1/tasks/ID/output?from=&follow=  stream of hb.output/1
//	GET  /v1/events?since=&follow=          stream of hb.event/1
//	GET  /v1/log?from=&follow=              stream of hb.entry/1
//	POST /v1/log              (raw bytes)   {"index":"N"}
//	POST /v1/probe            {"targets"}   hb.probe/1
//	POST /v1/probe/mesh       {"targets"}   hb.mesh/1
//	GET  /v1/wait?for=CONDITION&for=…       {}, when all of them hold
//	POST /v1/tags             {"set","drop"}  hb.tags/1
//	POST /v1/leave                          {}, when the node has left
//	GET  /v1/voters                         hb.voters/1
//	POST /v1/voters           {"target"}    hb.voters/1
//	POST /v1/voters/vote      {"node","wish","force"}  hb.voters/1
//	POST /v1/forget           {"node","force"}  {}
//	GET  /v1/keys                           hb.keys/1
//	POST /v1/keys/rotate                    hb.keys/1, with the new one
//	GET  /v1/log/positions                  hb.positions/1
//	GET  /v1/snapshot?stale=                a snapshot's file, raw bytes
//	GET  /v1/tokens                         hb.tokens/1
//	POST /v1/tokens           {"id","hash","ttl_seconds","uses"}  hb.tokens/1
//	POST /v1/tokens/ID/revoke               hb.tokens/1
//	GET  /v1/openapi.json                   all this for programs
//	GET  /metrics                           Prometheus' text
//
// # Rights
//
// Each path takes a right: to read, to submit, or to administer (table.go). The
// driver says of each connection which its caller has (Guard), by what the
// kernel says of him; whoever was not judged has none.
//
// # Shapes
//
// IDs, indexes, terms, cursors and fences are strings, because they are 64
// bits wide and JSON numbers are not; times are RFC 3339 in UTC; durations are
// seconds, with the unit in the name. What is not known is null, never absent,
// so that a script can tell "no" from "not yet".
//
// # Errors
//
// An error is {"error":{"code","message","hint"}}, where code is the exit
// status the command line would give (core.Code), and the HTTP status says the
// same in HTTP's words. In a stream it stands as a line of its own, the last.
//
// # Plain requests
//
// An entry for the log, a task and the question who leads are served without
// net/http as long as they come in their plainest form: quick.go and plain.go.
// What they mean is the same handlers' to say, and no client can tell but by the
// time it takes.
//
// # Streams
//
// A stream is one JSON value a line, flushed one by one. It ends by an orderly
// end of the body when it is complete, and by a broken connection when it is
// not (the node stopped, or the reader was too slow), so that a client knows
// whether to ask again. The Client does so by itself, from where it was: by
// cursor for events, by index for the log, by attempt and byte for output.
package control
