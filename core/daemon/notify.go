package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/netutil"
)

// longestSleep is how long the loop may sleep. Go's timers stand still during a
// suspend; it bounds how late the node then is.
const longestSleep = 5 * time.Second

// statusPause is the least time between two looks at what the status line says.
const statusPause = 2 * time.Second

// herald tells the service manager how the node fares, as sd_notify(3) has it:
//
//	READY=1       the local socket answers
//	STATUS=…      leader, term 7, 5/5 alive
//	WATCHDOG=1    the loop goes round. It alone says so, between two events: a loop
//	              that hangs in one starves the watchdog
//	RELOADING=1   the configuration is read again; READY=1 ends that
//	STOPPING=1    the node ends
//
// That the socket answers is enough to be ready: a member without a quorum is well,
// and waits for the others, which may be waiting for theirs. What needs the cluster
// waits for hb-online.target.
type herald struct {
	to *netutil.Notifier // nil: nobody asked

	// The loop's own.
	every  time.Duration // between two signs of life; 0: none is wanted
	beaten core.Instant
	looked core.Instant

	due  chan struct{} // the status may be another
	last *sync.Once    // before STOPPING=1
}

func newHerald(to *netutil.Notifier) herald {
	h := herald{to: to, due: make(chan struct{}, 1), last: &sync.Once{}}
	if to != nil {
		h.every = to.Watchdog / 4
	}
	return h
}

// longest is how long the loop may sleep.
func (h *herald) longest() time.Duration {
	if h.every > 0 {
		return min(h.every, longestSleep)
	}
	return longestSleep
}

// turn notes that the loop goes round. It never waits.
func (h *herald) turn(at core.Instant) {
	if h.to == nil {
		return
	}
	if h.every > 0 && (h.beaten == 0 || at.Sub(h.beaten) >= h.every) && h.to.Offer("WATCHDOG=1") == nil {
		h.beaten = at
	}
	if at.Sub(h.looked) >= statusPause {
		h.looked = at
		select {
		case h.due <- struct{}{}:
		default:
		}
	}
}

// ready says that the node answers.
func (h *herald) ready(status string) { h.tell("READY=1\nSTATUS=" + status) }

// reloading says that the configuration is read again, and reloaded that it was.
// The manager goes by the time whether that was after it asked.
func (h *herald) reloading() {
	h.tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", netutil.MonotonicMicros()))
}

func (h *herald) reloaded() { h.tell("READY=1") }

// follow says that the node stops as soon as ctx ends.
func (h *herald) follow(ctx context.Context) {
	if h.to != nil {
		context.AfterFunc(ctx, h.stopping)
	}
}

// stopping says, once, that the node ends.
func (h *herald) stopping() { h.last.Do(func() { h.tell("STOPPING=1\nSTATUS=stopping") }) }

// tell waits for a manager that does not read, within reason; the loop must not
// call it while it runs.
func (h *herald) tell(message string) { _ = h.to.Tell(message) } // whom to tell that it fails?

// keepStatus keeps the status line true, as long as the loop has something to do:
// without a step nothing changes.
func (d *daemon) keepStatus(ctx context.Context, said string) {
	for {
		select {
		case <-d.herald.due:
		case <-ctx.Done():
			return
		case <-d.ctx.Done():
			return
		}
		status, ok := d.status(ctx)
		if !ok {
			return
		}
		if line := statusLine(status); line != said {
			said = line
			d.herald.tell("STATUS=" + line)
		}
	}
}

// statusLine is a node in a line.
func statusLine(s node.StatusView) string {
	if s.Cluster.ID.IsZero() {
		return "in no cluster yet"
	}
	role := s.Role
	switch {
	case s.Leader.ID == 0:
		role += ", no leader"
	case !s.Leader.Self:
		role += " led by " + s.Leader.Name
	}
	return fmt.Sprintf("%s, term %d, %d/%d alive", role, s.Term, s.MembersAlive, s.Members)
}
