package control

import (
	"context"
	"net/http"

	"hb/core/node"
)

// Backend is whoever owns a node and can put a question to it.
type Backend interface {
	// Ask hands a request to the node. Its replies come on the channel, which
	// is closed after the Last of them, or earlier when there will be no more
	// because the node stops or the reader was too slow. When ctx ends the
	// caller reads no further, and the node is to be told (node.Gone). Ask
	// itself does not block for long, and never the node.
	Ask(ctx context.Context, r node.Request) <-chan node.Reply
}

// NewServer makes the handler of the local API in front of a node.
func NewServer(b Backend) http.Handler {
	panic("not yet")
}
