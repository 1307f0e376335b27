package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"hb/core"
	"hb/core/node"
)

// maxNote bounds one entry of a user's own.
const maxNote = 64 << 10

// Backend is whoever owns a node and can put a question to it.
type Backend interface {
	// Ask hands a request to the node. Its replies come on the channel, which
	// is closed after the Last of them, or earlier when there will be no more
	// because the node stops or the reader was too slow. When ctx ends the
	// caller reads no further, and the node is to be told (node.Gone). Ask
	// itself does not block for long, and never the node.
	Ask(ctx context.Context, r node.Request) <-chan node.Reply
}

// NewServer makes the handler of the local API in front of a node. The server
// that it is given to needs Guard.
func NewServer(b Backend) http.Handler {
	mux := http.NewServeMux()
	for pattern, r := range (server{b}).routes() {
		mux.Handle(pattern, r.right.needs(r.handle))
	}
	return hurry(mux)
}

type server struct{ backend Backend }

// errStopping is the answer when the node ends under a request.
var errStopping = core.Faultf(core.CodeNoNode, "the node is stopping")

// handler answers a request with one JSON value, or with an error.
type handler func(r *http.Request) (any, error)

// ServeHTTP writes what the handler gives.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, b := h.answer(r)
	answer(w, status, b)
}

// answer is what the handler gives, encoded.
func (h handler) answer(r *http.Request) (status int, b []byte) {
	v, err := h(r)
	if err == nil {
		b, err = json.Marshal(v)
	}
	if err != nil {
		f := faultOf(err)
		return httpStatus(f.Code), encodeFault(f)
	}
	return http.StatusOK, append(b, '\n')
}

func refuse(w http.ResponseWriter, f *core.Fault) {
	answer(w, httpStatus(f.Code), encodeFault(f))
}

func answer(w http.ResponseWriter, status int, b []byte) {
	header := w.Header()
	header["Content-Type"] = []string{"application/json"}
	header["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(status)
	w.Write(b) // whoever went away does not want it
}

// faultOf finds the fault in an error; any other error is a fault of our own.
func faultOf(err error) *core.Fault {
	var f *core.Fault
	if errors.As(err, &f) {
		return f
	}
	return core.Faultf(core.CodeInternal, "%v", err)
}

// one asks for a single answer of a certain type.
func one[T any](ctx context.Context, s server, q node.Request) (T, error) {
	var none T
	select {
	case reply, ok := <-s.backend.Ask(ctx, q):
		if !ok {
			return none, errStopping
		}
		switch body := reply.Body.(type) {
		case *core.Fault:
			return none, body
		case T:
			return body, nil
		}
		if reply.Body == nil && any(none) == any(empty{}) {
			return none, nil
		}
		return none, core.Faultf(core.CodeInternal, "the node answered %T with %T", q, reply.Body)
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// empty is the answer {}.
type empty struct{}

// names asks who is called what. A node that cannot say leaves IDs.
func (s server) names(ctx context.Context) names {
	view, err := one[node.MembersView](ctx, s, node.GetMembers{})
	if err != nil {
		return nil
	}
	who := names{}
	for i := range view.Members {
		who[view.Members[i].ID] = view.Members[i].Name
	}
	return who
}

// resolve finds the one member that goes by a name or an ID.
func (s server) resolve(ctx context.Context, word string) (core.NodeID, error) {
	view, err := one[node.MembersView](ctx, s, node.GetMembers{})
	if err != nil {
		return 0, err
	}
	var found core.NodeID
	for i := range view.Members {
		m := &view.Members[i]
		if m.ID.String() == word {
			return m.ID, nil
		}
		if m.Name != word || m.Status == core.Left {
			continue
		}
		if found != 0 {
			return 0, core.Faultf(core.CodeBadInput, "more than one member is named %.80q", word).WithHint("name it by its ID: hb members")
		}
		found = m.ID
	}
	if found == 0 {
		return 0, core.Faultf(core.CodeUnheard, "no member is named %.80q", word).WithHint("hb members lists them")
	}
	return found, nil
}

// body reads a request's body, of at most max bytes, whole.
func body(r *http.Request, max int) ([]byte, error) {
	switch n := r.ContentLength; {
	case n > int64(max):
		return nil, tooLong(max)
	case n >= 0:
		b := make([]byte, n)
		if _, err := io.ReadFull(r.Body, b); err != nil {
			return nil, core.Faultf(core.CodeUsage, "the request breaks off: %v", err)
		}
		return b, nil
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, int64(max)+1))
	if err != nil {
		return nil, core.Faultf(core.CodeUsage, "the request breaks off: %v", err)
	}
	if len(b) > max {
		return nil, tooLong(max)
	}
	return b, nil
}

// yesNo reads a yes-or-no parameter.
func yesNo(r *http.Request, name string) (bool, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, core.Faultf(core.CodeUsage, "%s=%s: true or false is meant", name, v)
	}
	return b, nil
}

// count reads a number parameter; absent is zero.
func count(r *http.Request, name string) (n uint64, given bool, err error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return 0, false, nil
	}
	n, err = strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, true, core.Faultf(core.CodeUsage, "%s=%s: a decimal number is meant", name, v)
	}
	return n, true, nil
}
