package control

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"hb/core"
)

// Right is what a client of the local socket may do. Each right includes those
// before it.
type Right uint8

// The rights. Nothing is the zero value: whoever was not judged may do nothing.
const (
	Nothing Right = iota
	Read          // see everything but snapshots, which hold what tasks are given
	Submit        // tasks, schedules, notes in the log
	Admin         // members, voters, leadership; leave and forget
)

// String gives the right as hb.toml calls it.
func (r Right) String() string {
	switch r {
	case Nothing:
		return "nothing"
	case Read:
		return "read"
	case Submit:
		return "submit"
	case Admin:
		return "admin"
	}
	panic(fmt.Sprintf("a right %d", uint8(r)))
}

// Caller is who is at the other end of a connection, as the kernel vouches, and
// what he may do.
type Caller struct {
	Right Right
	// Who he is, in words.
	Who string
}

type callerKey struct{}

// Guard has a server ask of each new connection who calls; the answer holds as
// long as the connection. Without Guard everybody is refused.
func Guard(s *http.Server, who func(net.Conn) Caller) {
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, callerKey{}, who(bare(conn)))
	}
}

// bare is the connection that the kernel knows.
func bare(conn net.Conn) net.Conn {
	for {
		switch outer := conn.(type) {
		case *limitedConn:
			conn = outer.Conn
		case *begun:
			conn = outer.Conn
		default:
			return conn
		}
	}
}

// callerOf is who makes a request; the zero one may nothing.
func callerOf(ctx context.Context) Caller {
	caller, _ := ctx.Value(callerKey{}).(Caller)
	return caller
}

// needs refuses whoever has not the right.
func (r Right) needs(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		caller := callerOf(req.Context())
		if caller.Right >= r && r != Nothing {
			inner.ServeHTTP(w, req)
			return
		}
		who := caller.Who
		if who == "" {
			who = "whoever asks"
		}
		f := core.Faultf(core.CodeDenied, "%s may not: that takes the right to %v", who, r)
		switch {
		case caller.Right == Nothing:
			f = core.Faultf(core.CodeDenied, "%s has no rights on this node", who)
		case r == Admin:
			f = core.Faultf(core.CodeDenied, "%s may not: that takes an admin", who)
		}
		refuse(w, f.WithHint("root can name you under [socket] in the node's hb.toml: %v = [\"NAME\"]", max(r, Read)))
	})
}
