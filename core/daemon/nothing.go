package daemon

import (
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// nothing takes the place of the runner process where only what is around tasks
// is to be measured (Options.Nothing): an attempt ends well as soon as it is
// given, and no process is made. All else is real: log, journal, network.
type nothing struct{ box *mailbox[node.Event] }

// carry carries out an effect if it is about attempts.
func (n *nothing) carry(f node.Effect) bool {
	switch f := f.(type) {
	case node.Exec:
		at := time.Now().UnixNano()
		n.box.put(node.ExecEnded{Fence: f.Fence, Result: &wire.Result{StartedNanos: at, EndedNanos: at}})
	case node.Adopt:
		for _, a := range f.Attempts {
			n.box.put(node.Reaped{Fence: core.Fence(a.GetFence())})
		}
	case node.Disown:
		n.box.put(node.Reaped{Fence: f.Fence})
	case node.ReadSpool:
		n.box.put(node.Spooled{Ticket: f.Ticket, EOF: true})
	case node.Recall, node.Renew, node.Terminate, node.Release, node.DropSpool:
	default:
		return false
	}
	return true
}

// run tells the loop, which must not wait for itself.
func (n *nothing) run(tell func(node.Event) bool) {
	for {
		events, ok := n.box.take(nil)
		if !ok {
			return
		}
		for _, ev := range events {
			tell(ev)
		}
	}
}
