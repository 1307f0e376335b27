package control

import (
	_ "embed"
	"net/http"
	"strconv"
)

// openAPI describes every route (OpenAPI 3.0), so that clients can be generated. A
// test makes it from the table of routes, the types and their comments: go test
// ./core/control -update.
//
//go:embed openapi.json
var openAPI string

// OpenAPI is the description of the local API.
func OpenAPI() string { return openAPI }

// described serves it.
func (s server) described(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(openAPI))}
	w.Write([]byte(openAPI))
}
