package sim

import (
	"net/netip"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// This file is what scripted scenarios are written with. Hosts are counted from 0.

// Restart starts a host's process if it is down, with power if that was cut.
func (w *World) Restart(i int) {
	h := w.hosts[i]
	h.powerOn()
	h.boot()
}

// Kill ends a host's process as SIGKILL does. Its tasks go on.
func (w *World) Kill(i int) { w.hosts[i].end("killed") }

// PowerCut takes the power from hosts: processes, tasks and what was not synced.
func (w *World) PowerCut(hosts ...int) {
	for _, i := range hosts {
		w.hosts[i].powerOff()
	}
}

// PowerCutIn takes the power from a host after n more operations of its disk.
func (w *World) PowerCutIn(i, n int) {
	if h := w.hosts[i]; h.up() {
		w.trace.note(h, "the power goes after %d operations of the disk", n)
		h.storage.cutAfter(n)
	}
}

// Shutdown asks a node to end in order, as SIGTERM does.
func (w *World) Shutdown(i int) {
	h := w.hosts[i]
	if h.up() {
		h.asked = true
		h.later(0, node.Shutdown{})
	}
}

// ShutdownToRestart asks a node to end in order, to be started again.
func (w *World) ShutdownToRestart(i int) {
	h := w.hosts[i]
	if h.up() {
		h.asked, h.restart = true, true
		h.later(0, node.Shutdown{Restart: true})
	}
}

// KillRunner ends a host's runner process, as SIGKILL does.
func (w *World) KillRunner(i int) {
	h := w.hosts[i]
	if h.children.runner != nil {
		w.trace.note(h, "the runner process is killed")
		h.children.runnerGone()
	}
}

// Pause stops a process for a while; its mail waits.
func (w *World) Pause(i int, d time.Duration) {
	h := w.hosts[i]
	if !h.up() || h.paused {
		return
	}
	w.trace.note(h, "paused for %s", d)
	h.paused = true
	h.ifAlive(d, h.resume)
}

// Partition cuts every link between hosts of different groups, in both
// directions. A host that is in no group keeps its links.
func (w *World) Partition(groups ...[]int) {
	eachPair(groups, func(a, b int) { w.network.block(a, b) })
}

// Cut stops what goes from one host to another, in that direction only.
func (w *World) Cut(from, to int) { w.network.block(from, to) }

// Lose lets a host lose a share of all that it sends and gets, from now on.
func (w *World) Lose(host int, share float64) { w.network.loss[host] = share }

// Distrust lets no stream be made with a host any more, as if its certificate were
// revoked. Datagrams pass.
func (w *World) Distrust(host int) {
	w.network.silent[host] = true
	w.network.reset(w.hosts[host])
}

// Inject sends a host a datagram in the name of any address.
func (w *World) Inject(to int, from netip.AddrPort, data []byte) {
	h := w.hosts[to]
	h.deliver(h.life, node.Datagram{From: from, Data: data})
}

// Heal ends all cuts and partitions.
func (w *World) Heal() {
	for _, row := range w.network.cut {
		clear(row)
	}
}

// SetNetwork changes how datagrams and frames fare from now on.
func (w *World) SetNetwork(n Network) { w.network.is = n }

// SlowDisk makes a host's syncs slower by a factor; 1 is as they were.
func (w *World) SlowDisk(i, factor int) { w.hosts[i].storage.slow = factor }

// JumpClock moves a host's wall clock.
func (w *World) JumpClock(i int, by time.Duration) {
	h := w.hosts[i]
	h.wall += by
	if h.up() {
		h.deliver(h.life, h.clockEvent())
	}
}

// Install gives a host a program of a feature level, for its next start.
func (w *World) Install(i int, level core.Features) { w.hosts[i].features = level }

// Configure gives a host a configuration of what it runs, for its next start.
func (w *World) Configure(i int, offer *wire.Offer) { w.hosts[i].offer = offer }

// Foresee says that a host's node may stop with a fault of this code.
func (w *World) Foresee(i int, code core.Code) { w.hosts[i].foreseen = code }

// Fault is how a host's node stopped last; nil: in order, or not yet.
func (w *World) Fault(i int) *core.Fault { return w.hosts[i].fault }

// Submit asks a node to run a task of these words (see Work) and gives its ID.
func (w *World) Submit(host int, argv ...string) (core.TaskID, *Call) {
	id := w.mintTask()
	return id, w.Ask(host, node.SubmitTask{Task: id, Spec: &wire.Spec{Name: argv[0], Argv: argv}})
}

// Node is the machine on a host, nil while its process is down. Scripts may
// look at it between events, and must not step it.
func (w *World) Node(i int) *node.Node {
	n, _ := w.hosts[i].m.(*node.Node)
	return n
}

// Task is a task as the agreed log has it, nil if the log has none.
func (w *World) Task(id core.TaskID) *wire.Task { return w.referee.task(id) }

func (w *World) mintTask() core.TaskID {
	var random [10]byte
	luck := w.hosts[0].luck
	for i := range random {
		random[i] = byte(luck.Uint32())
	}
	return core.MintTaskID(int64(epoch+w.now)/1e6, random)
}

// powerOff ends the process and the tasks of a host, and its disk forgets what
// was not synced.
func (h *host) powerOff() {
	if !h.powered {
		return
	}
	h.powered = false
	h.end("power cut")
	h.children.vanish()
	h.storage.crash()
}

// powerOn boots the host: its clock begins anew.
func (h *host) powerOn() {
	if h.powered {
		return
	}
	h.powered = true
	h.zero = core.Instant(20*time.Second) - core.Instant(h.w.now)
	h.children.newBoot()
}

func eachPair(groups [][]int, do func(a, b int)) {
	for i, group := range groups {
		for j, other := range groups {
			if i == j {
				continue
			}
			for _, a := range group {
				for _, b := range other {
					do(a, b)
				}
			}
		}
	}
}
