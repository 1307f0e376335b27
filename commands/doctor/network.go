package doctor

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"hb/commands/doctor/judge"
	"hb/core"
	"hb/core/wire"
	"hb/netutil"
)

// inboundLimit is how long a datagram to oneself is waited for.
const inboundLimit = 1200 * time.Millisecond

// lookAtLinks lists the interfaces.
func (g *gathering) lookAtLinks() {
	links, err := net.Interfaces()
	if err != nil {
		g.facts.LinksFault = err.Error()
		return
	}
	for _, l := range links {
		link := judge.Link{
			Name: l.Name, Up: l.Flags&net.FlagUp != 0, Carrier: l.Flags&net.FlagRunning != 0,
			Loopback: l.Flags&net.FlagLoopback != 0, Broadcast: l.Flags&net.FlagBroadcast != 0,
			Wanted: slices.Contains(g.Config.Node.Interface, l.Name),
		}
		addrs, _ := l.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
				link.Addrs = append(link.Addrs, p)
			}
		}
		g.facts.Links = append(g.facts.Links, link)
	}
	if _, err := netutil.Interfaces(g.Config.Node.Interface); err != nil {
		g.facts.LinksFault = err.Error()
	}
}

// lookAtPorts tries to listen where a node would; not while one runs.
func (g *gathering) lookAtPorts() {
	if g.nodeHere() {
		return
	}
	for _, text := range g.Config.Node.Bind {
		at, err := netip.ParseAddrPort(text)
		if err != nil || at.Port() == 0 {
			continue
		}
		tcp, err := netutil.ListenTCP(at)
		if err == nil {
			tcp.Close()
		}
		g.facts.Ports = append(g.facts.Ports, portFact("TCP", at, err))
		udp, err := netutil.ListenUDP(at)
		if err == nil {
			udp.Close()
		}
		g.facts.Ports = append(g.facts.Ports, portFact("UDP", at, err))
	}
}

// nodeHere says whether a node runs, whether it says anything or not.
func (g *gathering) nodeHere() bool {
	return slices.ContainsFunc(g.facts.Sockets, func(s judge.Socket) bool {
		return s.State == "answers" || s.State == "hangs" || s.State == "denied"
	})
}

func portFact(protocol string, at netip.AddrPort, err error) judge.Port {
	p := judge.Port{Protocol: protocol, At: at, State: "free"}
	switch {
	case err == nil:
		return p
	case errors.Is(err, syscall.EADDRINUSE):
		p.State, p.Holder = "taken", holder(protocol, at)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		p.State = "absent"
	case errors.Is(err, fs.ErrPermission):
		p.State = "denied"
	default:
		p.State = "other"
	}
	p.Detail = netutil.Reason(err).Error()
	return p
}

// lookAtAddress finds out what others are told, or would be, and by which of this
// machine's addresses the way to somebody else goes.
func (g *gathering) lookAtAddress() {
	a := &judge.Address{Advertised: g.Advertise, Named: g.Advertise.Addr().IsValid(), Fault: g.AdvertiseFault}
	g.facts.Address = a
	me, known := g.self()
	switch {
	case known && me.Address != nil:
		a.Advertised, _ = netip.ParseAddrPort(*me.Address)
	case a.Fault == "" && !a.Named:
		a.Advertised, a.Fault = g.chosenAddress()
	}
	if a.Fault != "" {
		return
	}
	a.OtherFamily = !known && !slices.ContainsFunc(g.Config.Node.Bind, func(text string) bool {
		at, err := netip.ParseAddrPort(text)
		return err != nil || at.Addr() == netip.IPv6Unspecified() || at.Addr().Is4() == a.Advertised.Addr().Is4()
	})
	for _, l := range g.facts.Links {
		a.Here = a.Here || l.Up && slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return p.Addr() == a.Advertised.Addr() })
	}
	if a.Peer = g.peer(); a.Peer == "" {
		return
	}
	dialer := net.Dialer{Timeout: dialLimit}
	conn, err := dialer.Dial("udp", a.Peer) // sends nothing
	if err != nil {
		var dns *net.DNSError
		if !errors.As(err, &dns) { // that is told of the name
			a.RouteFault = netutil.Reason(err).Error()
		}
		return
	}
	a.Route = conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	conn.Close()
}

// chosenAddress is what a node would choose, as its start does.
func (g *gathering) chosenAddress() (netip.AddrPort, string) {
	for _, text := range g.Config.Node.Bind {
		if at, err := netip.ParseAddrPort(text); err == nil && !at.Addr().IsUnspecified() {
			return at, ""
		}
	}
	best, err := netutil.Advertise(g.Config.Node.Interface, g.hearsIPv4Only())
	if err != nil {
		return netip.AddrPort{}, err.Error()
	}
	return netip.AddrPortFrom(best, g.port()), ""
}

// hearsIPv4Only says so of the node, by what it binds.
func (g *gathering) hearsIPv4Only() bool {
	return !slices.ContainsFunc(g.Config.Node.Bind, func(text string) bool {
		at, err := netip.ParseAddrPort(text)
		return err != nil || !at.Addr().Is4()
	})
}

// peer is somebody whom this machine is to reach.
func (g *gathering) peer() string {
	if g.Host != "" {
		return g.Host
	}
	for _, m := range g.others() {
		if m.Address != nil {
			return *m.Address
		}
	}
	if len(g.Config.Cluster.Seeds) > 0 {
		return g.Config.Cluster.Seeds[0]
	}
	return ""
}

// tryInbound sends datagrams to this machine itself, by each interface that beacons
// use: to the port of beacons, and, unless a node has it, to that of the node.
func (g *gathering) tryInbound() {
	on, err := netutil.Interfaces(g.Config.Node.Interface)
	group, bad := netip.ParseAddr(orElse(g.Config.Discover.Multicast, netutil.BeaconGroup))
	if err != nil || bad != nil {
		return
	}
	ports := []int{g.Config.Discover.Port}
	if own := int(g.port()); own != 0 && !g.nodeHere() {
		ports = append(ports, own)
	}
	on = g.ours(on)
	results := make([]*judge.Inbound, len(on)*len(ports))
	var all []func()
	for i, link := range on {
		for j, port := range ports {
			if !link.Multicast || !hasIPv4(link) || j == 0 && !g.Config.Discover.Beacons {
				continue
			}
			all = append(all, func() {
				heard, err := netutil.HearsItself(port, group, link, censusCall(), inboundLimit)
				if err == nil { // else somebody has the port, which is told elsewhere
					results[i*len(ports)+j] = &judge.Inbound{Interface: link.Name, Port: port, Heard: heard}
				}
			})
		}
	}
	together(all...)
	for _, r := range results {
		if r != nil {
			g.facts.Inbound = append(g.facts.Inbound, *r)
		}
	}
}

// ours are, of several interfaces none of which is named, those that have the address
// that others are told: what happens on the bridges of containers does not matter.
func (g *gathering) ours(on []netutil.Interface) []netutil.Interface {
	a := g.facts.Address
	if a == nil || !a.Here || len(g.Config.Node.Interface) > 0 {
		return on
	}
	return slices.DeleteFunc(slices.Clone(on), func(i netutil.Interface) bool {
		return !slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr() == a.Advertised.Addr() })
	})
}

func hasIPv4(i netutil.Interface) bool {
	return slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr().Is4() })
}

// censusCall is a call that a node answers, and nobody minds.
func censusCall() []byte {
	var random [16]byte
	rand.Read(random[:])
	return wire.AppendPacket(nil, &wire.Packet{
		Kind: wire.KindCensus, From: core.NodeID(binary.LittleEndian.Uint64(random[:]) | 1), Nonce: binary.LittleEndian.Uint64(random[8:]),
	})
}

// callLAN asks who is there; nobody needs to where beacons are off.
func (g *gathering) callLAN() {
	if g.Census == nil || !g.Config.Discover.Beacons {
		return
	}
	l := &judge.LAN{}
	g.facts.LAN = l
	found, err := g.Census()
	if err != nil {
		l.Fault = err.Error()
		return
	}
	me, known := g.self()
	for _, n := range found {
		n.Self = known && me.Address != nil && n.Address == *me.Address
		l.Nodes = append(l.Nodes, n)
	}
	// A --dev node, and one on loopback, do not answer.
	l.Own = known && g.own != nil && me.Address != nil && !loopback(*me.Address)
}

func loopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback()
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
