package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"hb/commands/doctor/judge"
	"hb/core/enroll"
	"hb/core/pki"
	"hb/core/wire"
	"hb/netutil"
)

const (
	// dialLimit is how long a connection, and an answer by UDP, are waited for.
	dialLimit = 3 * time.Second
	// callAgain is how often a call by UDP is repeated meanwhile.
	callAgain = 500 * time.Millisecond
)

// doors are the members to ask directly: whom the call names, or else the seeds; and
// some of those that the node knows, for their clocks.
func (g *gathering) doors() (list []judge.Door) {
	if g.Host != "" {
		return []judge.Door{{Addr: g.Host, Named: true}}
	}
	for _, seed := range g.Config.Cluster.Seeds {
		list = append(list, judge.Door{Addr: seed, Seed: true})
	}
	if g.own == nil { // members without credentials let nobody in
		return list
	}
	for _, m := range g.others() {
		if m.Address != nil && len(list) < mostDoors {
			list = append(list, judge.Door{Addr: *m.Address, Name: m.Name})
		}
	}
	return list
}

// neighbours are those that answered on the local network.
func (g *gathering) neighbours() (list []judge.Door) {
	if g.facts.LAN == nil || g.facts.Node != nil {
		return nil
	}
	for _, n := range g.facts.LAN.Nodes {
		if n.Cluster != "" && len(list) < mostDoors {
			list = append(list, judge.Door{Addr: n.Address, Name: n.Name})
		}
	}
	return list
}

// knock asks all doors at the same time.
func (g *gathering) knock(ctx context.Context, doors []judge.Door) []judge.Door {
	var all []func()
	for i := range doors {
		d := &doors[i]
		all = append(all, func() {
			together(func() { g.knockAt(ctx, d) }, func() {
				if (d.Named || d.Seed) && g.Config.Discover.Beacons {
					d.UDP = g.callAt(ctx, d.Addr)
				}
			})
		})
	}
	together(all...)
	return doors
}

// knockAt tries a connection, and asks who is there.
func (g *gathering) knockAt(ctx context.Context, d *judge.Door) {
	conn, how, err := reach(ctx, d.Addr)
	d.TCP = how
	if err != nil {
		d.Detail = err.Error()
		return
	}
	trial := enroll.Trial{Token: g.Token, Name: g.Name, Program: g.Version, Now: time.Now}
	if g.own != nil && g.Token == nil {
		trial.CA = pki.FingerprintOf(g.own.CA)
	}
	if keys, err := pki.LoadKeys(g.Data); err == nil && g.Data != "" {
		trial.Keys = keys
	}
	if d.Seen, err = enroll.Examine(ctx, conn, trial); err != nil {
		d.Seen, d.Fault = nil, err.Error()
	}
}

// reach connects, or says what becomes of a connection.
func reach(ctx context.Context, addr string) (conn net.Conn, how string, err error) {
	dialer := net.Dialer{Timeout: dialLimit}
	if conn, err = dialer.DialContext(ctx, "tcp", addr); err == nil {
		return conn, "open", nil
	}
	var dns *net.DNSError
	var late net.Error
	switch {
	case errors.As(err, &dns):
		return nil, "unknown", errors.New(dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		how = "refused"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &late) && late.Timeout():
		how = "filtered"
	default:
		how = "unreachable"
	}
	return nil, how, netutil.Reason(err)
}

// callAt calls a node at its port for beacons: whether it answers by UDP. Strangers
// get no answer on its own port, but that is where the answer comes from.
func (g *gathering) callAt(ctx context.Context, addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(found) == 0 {
		return "" // that is told of the name
	}
	to, from := netip.AddrPortFrom(found[0].Unmap(), uint16(g.Config.Discover.Port)), netip.IPv6Unspecified()
	if to.Addr().Is4() {
		from = netip.IPv4Unspecified()
	}
	socket, err := netutil.ListenUDP(netip.AddrPortFrom(from, 0))
	if err != nil {
		return ""
	}
	late := time.AfterFunc(dialLimit, func() { socket.Close() })
	defer func() { late.Stop(); socket.Close() }()
	heard := make(chan string, 1)
	go func() { heard <- hear(socket) }()
	again := time.NewTicker(callAgain)
	defer again.Stop()
	for {
		_ = socket.Write(censusCall(), to) // what cannot be sent is not answered
		select {
		case how := <-heard:
			return how
		case <-again.C:
		}
	}
}

// hear waits for an answer to a call, until the socket is closed.
func hear(socket *netutil.UDP) string {
	for {
		got, err := socket.Read()
		var p wire.Packet
		switch {
		case err != nil:
			return "silent"
		case got.Refused: // nobody has that port, so that the way there is open
			return ""
		case wire.DecodePacket(&p, got.Data) == nil && p.Kind == wire.KindCensusAnswer:
			return "answers"
		}
	}
}
