package sim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"hb/core/node"
)

// network carries datagrams, beacons and frames between hosts.
type network struct {
	w    *World
	luck *rand.Rand
	is   Network // now
	was  Network // in ordinary times
	// cut[from][to] counts the reasons why nothing passes in that direction.
	cut [][]int
	// loss is what a host loses beside, of all that it sends and gets.
	loss    []float64
	streams map[[2]int]*stream
	// silent hosts have no streams: nobody shakes hands with them.
	silent map[int]bool
	// tap sees every datagram, as somebody on the wire does; nil: nobody is there.
	tap func(from, to netip.AddrPort, data []byte)
	// strayed counts what was sent to addresses that are no host's.
	strayed map[netip.AddrPort]int
}

func newNetwork(w *World, o Network) *network {
	n := &network{w: w, luck: w.chance("network"), is: o, was: o, streams: map[[2]int]*stream{}, silent: map[int]bool{}, strayed: map[netip.AddrPort]int{}, loss: make([]float64, w.options.Nodes)}
	n.cut = make([][]int, w.options.Nodes)
	for i := range n.cut {
		n.cut[i] = make([]int, w.options.Nodes)
	}
	return n
}

func (n *network) passes(from, to *host) bool { return n.cut[from.i][to.i] == 0 }

// delay draws the time of one way.
func (n *network) delay() time.Duration {
	return n.is.Delay + time.Duration(n.luck.ExpFloat64()*float64(n.is.Jitter))
}

func (n *network) chance(p float64) bool { return p > 0 && n.luck.Float64() < p }

// loses says whether what one host sends another is lost.
func (n *network) loses(from, to *host) bool {
	return n.chance(n.is.Loss) || n.chance(n.loss[from.i]) || n.chance(n.loss[to.i])
}

// datagram sends one packet; one to a host whose process is down comes back as
// an ICMP error.
func (n *network) datagram(from *host, addr netip.AddrPort, data []byte) {
	if n.tap != nil {
		n.tap(from.addr, addr, data)
	}
	to := n.w.hostAt(addr)
	if to == nil {
		n.strayed[addr]++
		return
	}
	n.packet(from, to, node.Datagram{From: from.addr, Data: data})
	if n.is.Duplicate > 0 && n.chance(n.is.Duplicate) {
		n.packet(from, to, node.Datagram{From: from.addr, Data: append([]byte(nil), data...)})
	}
}

// beacon reaches every host of the segment, the sender too.
func (n *network) beacon(from *host, data []byte) {
	for _, to := range n.w.hosts {
		source := netip.AddrPortFrom(from.addr.Addr(), beaconPort)
		n.packet(from, to, node.Datagram{From: source, Data: append([]byte(nil), data...), Beacon: true})
	}
}

func (n *network) packet(from, to *host, packet node.Datagram) {
	delay := n.delay()
	lost := n.loses(from, to)
	if n.chance(n.is.Reorder) {
		delay += time.Duration(n.luck.Int64N(int64(20 * time.Millisecond)))
	}
	if lost || !n.passes(from, to) {
		return
	}
	life := from.life
	n.w.after(delay, func() {
		if to.up() {
			to.deliver(to.life, packet)
			return
		}
		if to.powered && !packet.Beacon && n.passes(to, from) {
			n.w.after(n.delay(), func() { from.deliver(life, node.Unreachable{To: to.addr}) })
		}
	})
}

// block and unblock count the cuts of one direction.
func (n *network) block(from, to int) { n.cut[from][to]++ }

func (n *network) unblock(from, to int) {
	if n.cut[from][to] > 0 {
		n.cut[from][to]--
	}
}
