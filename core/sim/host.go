package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// The ports of a host: streams and datagrams on one, beacons on another.
const (
	mainPort   = 7117
	beaconPort = 7118
)

const (
	// mailbox is how many datagrams wait for a process that does not read, as
	// in a socket's buffer; more are lost.
	mailbox = 512
	// stepEffects and stepBytes bound the work of one Step: what it may put out.
	stepEffects = 20_000
	stepBytes   = 32 << 20
	// spins is how many ticks a node may ask for without time passing.
	spins = 200
	// measureEvery is how often a host tells its node its load.
	measureEvery = time.Second
)

// epoch is the wall clock's reading when a world begins, in Unix time.
const epoch = 1_767_225_600 * time.Second

// never is after all moments.
const never = moment(1<<63 - 1)

// host is one machine of the cluster: its power, its clock, its disk, its
// processes, and the node that runs on it.
type host struct {
	w    *World
	i    int
	name string
	addr netip.AddrPort
	luck *rand.Rand

	powered bool
	m       machine // nil while the process is down
	life    int     // counts the starts; what was meant for an earlier one is dropped
	asked   bool    // it is to stop (Shutdown), so Stop is no surprise
	restart bool    // and to come back soon
	forGood bool    // it has ended in order, and its tasks end with it
	// foreseen is the code of the fault with which a script expects the node to
	// stop, fault the one with which it stopped last.
	foreseen core.Code
	fault    *core.Fault

	paused    bool
	inbox     []func() // what waits until it goes on
	datagrams int      // of inbox

	tickAt   moment // of the earliest tick on the heap
	lastTick moment
	ticks    int // at lastTick

	zero core.Instant  // what the host's clock showed at moment 0
	wall time.Duration // how far its wall clock is off

	features core.Features // of its program; 0: this program's
	vault    *vault        // its private keys
	minted   int           // how many data directories it had
	until    int64         // when its certificate ends, in a world with tokens
	offer    *wire.Offer   // what it is configured to run; nil: anything

	storage  *storage
	part     node.Part // in the log, when it was looked at last
	children children
	calls    map[uint64]*Call
	barred   map[core.NodeID]bool // by this process, from its streams
}

func newHost(w *World, i int) *host {
	h := &host{
		w: w, i: i, name: fmt.Sprintf("n%d", i+1), powered: true,
		addr:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte((i + 1) >> 8), byte(i + 1)}), mainPort),
		luck:  w.chance(fmt.Sprintf("host %d", i)),
		calls: map[uint64]*Call{},
	}
	h.zero = core.Instant(time.Minute) + core.Instant(h.luck.Int64N(int64(time.Hour)))
	h.storage = newStorage(h)
	h.children = newChildren(h)
	return h
}

// clock is the host's time at this moment.
func (h *host) clock() core.Instant { return h.zero + core.Instant(h.w.now) }

// unix is its wall clock, in nanoseconds since 1970.
func (h *host) unix() int64 { return int64(epoch + h.w.now + h.wall) }

// clockEvent tells the node its wall clock.
func (h *host) clockEvent() node.Event {
	return node.Clock{Offset: time.Duration(h.unix() - int64(h.clock()))}
}

// up says whether the node's process runs (it may be paused).
func (h *host) up() bool { return h.m != nil }

// boot starts the node's process on what its disk holds.
func (h *host) boot() {
	if h.up() || !h.powered {
		return
	}
	h.life++
	h.asked, h.restart, h.forGood = false, false, false
	h.paused, h.inbox, h.datagrams = false, nil, 0
	h.tickAt, h.barred = never, nil
	m, err := h.w.build(h)
	if err != nil && h.storage.cutting {
		h.powerOff()
		return
	}
	if err != nil && h.refuses(err) {
		return
	}
	if err != nil {
		h.w.fail("a node starts on what its own disk holds", "%s: %v", h.name, err)
		return
	}
	h.m, h.storage.disk.failed = m, false
	h.w.trace.note(h, "starts, life %d", h.life)
	if h.step(h.clockEvent()); !h.up() {
		return // it does not like what it found
	}
	h.measure()
	h.step(node.Tick{})
	h.w.referee.follow(h)
}

// end takes the node's process away. What it wrote stays in the page cache, its
// tasks go on, its connections are reset.
func (h *host) end(why string) {
	if !h.up() {
		return
	}
	h.w.trace.note(h, "ends: %s", why)
	h.look()
	h.m, h.paused, h.inbox = nil, false, nil
	h.storage.abandon()
	h.children.nodeGone(h.forGood)
	h.w.network.reset(h)
	h.hangUp()
}

// later puts an event for this life of the node on the heap.
func (h *host) later(d time.Duration, ev node.Event) {
	life := h.life
	h.w.after(d, func() { h.deliver(life, ev) })
}

// ifAlive runs something later if the process of now is still there.
func (h *host) ifAlive(d time.Duration, do func()) {
	life := h.life
	h.w.after(d, func() {
		if h.up() && h.life == life {
			do()
		}
	})
}

// deliver hands an event to the node, or keeps it while the process is paused.
func (h *host) deliver(life int, ev node.Event) {
	if !h.up() || h.life != life {
		return
	}
	if !h.paused {
		h.step(ev)
		return
	}
	if _, ok := ev.(node.Datagram); ok {
		if h.datagrams++; h.datagrams > mailbox {
			return
		}
	}
	h.inbox = append(h.inbox, func() { h.deliver(life, ev) })
}

// ifRunning runs something later in the process of now, once it is not paused.
func (h *host) ifRunning(d time.Duration, do func()) {
	h.ifAlive(d, func() {
		if h.paused {
			h.inbox = append(h.inbox, do)
			return
		}
		do()
	})
}

// resume lets a paused process read its mail.
func (h *host) resume() {
	if !h.up() || !h.paused {
		return
	}
	h.w.trace.note(h, "goes on")
	mail := h.inbox
	h.paused, h.inbox, h.datagrams = false, nil, 0
	life := h.life
	for _, read := range mail {
		if h.life == life && h.up() {
			read()
		}
	}
	h.deliver(life, node.Tick{})
}

// step is the only place where a node moves.
func (h *host) step(ev node.Event) {
	w := h.w
	if w.broken != nil {
		return
	}
	w.steps++
	w.trace.event(h, ev)
	effects, ok := h.call(ev)
	if !ok {
		return
	}
	m, size := h.m, 0
	for _, eff := range effects {
		w.trace.effect(h, eff)
		size += weigh(eff)
		h.perform(eff)
		if h.m != m {
			return // it stopped
		}
	}
	if len(effects) > stepEffects || size > stepBytes {
		w.fail("no Step does unbounded work", "%s: %d effects of %d bytes on %T", h.name, len(effects), size, ev)
	}
	h.schedule()
}

// call steps the machine and turns a panic into a violation.
func (h *host) call(ev node.Event) (effects []node.Effect, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			h.w.fail("no node panics", "%s on %T: %v\n%s", h.name, ev, r, debug.Stack())
		}
	}()
	return h.m.Step(h.clock(), ev), true
}

// schedule sees to it that a tick is on the heap at the node's next deadline.
func (h *host) schedule() {
	next := h.m.Next()
	if next == core.Never {
		return
	}
	at := max(moment(next-h.zero), h.w.now)
	if at >= h.tickAt {
		return
	}
	h.tickAt = at
	life := h.life
	h.w.queue.Add(at, func() { h.tick(life, at) })
}

func (h *host) tick(life int, at moment) {
	if h.life != life || h.tickAt != at || !h.up() {
		return
	}
	h.tickAt = never
	if h.paused {
		return
	}
	if next := h.m.Next(); next > h.clock() {
		h.schedule() // it was put off meanwhile
		return
	}
	if h.lastTick != h.w.now {
		h.lastTick, h.ticks = h.w.now, 0
	}
	if h.ticks++; h.ticks > spins {
		h.w.fail("no node asks for the same instant for ever", "%s: %d ticks at %s", h.name, h.ticks, h.w.now)
		return
	}
	h.step(node.Tick{})
}

// measure tells the node its machine's load, now and every second.
func (h *host) measure() {
	busy := uint16(h.luck.IntN(300))
	load := core.Load{Stress: busy, BusyPermille: busy, FreeMemoryMiB: 2048 + uint32(h.luck.IntN(2048))}
	load.Slots = uint16(h.w.options.Slots)
	h.deliver(h.life, node.Measured{Load: load})
	h.ifAlive(measureEvery, h.measure)
}
