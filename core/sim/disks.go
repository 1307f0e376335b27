package sim

import (
	"errors"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/node"
)

// This file is what scripts do to disks and addresses (script.go has the rest).

// Flip turns a random bit on the disk of a host that is down over, and says which.
func (w *World) Flip(i int) string {
	h := w.hosts[i]
	h.storage.rotten = true
	what := h.storage.disk.Flip()
	w.trace.note(h, "a bit turns over: %s", what)
	return what
}

// Wipe cuts a host's power and gives it an empty disk.
func (w *World) Wipe(i int) {
	w.PowerCut(i)
	h := w.hosts[i]
	w.trace.note(h, "its disk is wiped")
	h.storage = newStorage(h)
	h.part = node.Part{}
	delete(w.referee.who, i)
}

// FailSync makes the next sync of a host's disk fail, with EIO.
func (w *World) FailSync(i int) {
	w.trace.note(w.hosts[i], "the next sync fails")
	w.hosts[i].storage.disk.FailSync()
}

// FillDisk leaves a host's disk so many bytes of room, FreeDisk all it wants.
func (w *World) FillDisk(i int, room int64) {
	h := w.hosts[i]
	w.trace.note(h, "its disk has %d bytes of room", room)
	h.storage.disk.Limit(h.storage.disk.used() + 1 + room)
}

// FreeDisk ends FillDisk.
func (w *World) FreeDisk(i int) {
	h := w.hosts[i]
	w.trace.note(h, "its disk has room again")
	h.storage.disk.Limit(0)
}

// Sever breaks the connection from one host to another.
func (w *World) Sever(from, to int) {
	if s := w.network.streams[[2]int{from, to}]; s != nil {
		w.trace.note(w.hosts[from], "its connection to %s breaks", w.hosts[to].name)
		w.network.lose(s, w.network.delay(), false)
	}
}

// Move gives a host that is down another address.
func (w *World) Move(i int) {
	h := w.hosts[i]
	a := h.addr.Addr().As4()
	a[1]++
	h.addr = netip.AddrPortFrom(netip.AddrFrom4(a), mainPort)
	w.trace.note(h, "moves to %s", h.addr)
}

const (
	// fullRetry is how often a full disk is tried again, as the daemon does.
	fullRetry = time.Second
	// restartAfter is when the service manager starts a node again that refused to.
	restartAfter = time.Second
)

// refuses says whether the store's refusal to open is what a bad disk leads to,
// and does what is done then.
func (h *host) refuses(err error) bool {
	var fault *core.Fault
	if !errors.As(err, &fault) || fault.Code != core.CodeIO {
		return false
	}
	s := h.storage
	switch {
	case s.disk.limit > 0 || s.disk.failed:
		life := h.life
		h.w.after(restartAfter, func() {
			if h.life == life {
				h.boot()
			}
		})
	case s.rotten && fault.Hint != "":
		// The identity itself is unreadable: join as a new node.
		h.w.Wipe(h.i)
		if h.w.chaos != nil {
			h.w.chaos.wound.gone = true
		}
		h.powerOn()
		h.boot()
	default:
		return false
	}
	h.w.trace.note(h, "does not start: %v", err)
	return true
}
