package netutil

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// BeaconPort is where beacons are sent and heard by default. BeaconGroup is the
// multicast group they are also sent to by default: of the range that each site
// gives out for itself (RFC 2365), so that no router carries it outside.
const (
	BeaconPort  = 7118
	BeaconGroup = "239.192.71.18"
)

// Beacon is a socket for broadcast and multicast on chosen interfaces. Several
// on one machine may share the port, and each hears everything. One goroutine
// reads it; another may send.
type Beacon struct {
	conn  *net.UDPConn
	raw   syscall.RawConn
	group netip.Addr // invalid: no multicast
	out   []flight
	in    map[int]bool // indexes of the interfaces it hears; nil: all
	buf   [maxDatagram]byte
	oob   [256]byte
}

// flight is one packet of each beacon: through which interface, to whom.
type flight struct {
	ifindex int
	to      unix.SockaddrInet4
}

// ListenBeacon hears and sends on a port of the given interfaces, by broadcast
// and, if group is valid, by multicast. An interface without an IPv4 address is
// passed over; having none left is an error, and so is an IPv6 group.
func ListenBeacon(port int, group netip.Addr, on []Interface) (*Beacon, error) {
	return openBeacon(port, port, group, on)
}

// CallBeacon sends like ListenBeacon, but from a free port: it hears the answers
// to what it sent, whichever way they come, and no beacons.
func CallBeacon(port int, group netip.Addr, on []Interface) (*Beacon, error) {
	b, err := openBeacon(0, port, group, on)
	if err == nil {
		b.in = nil
	}
	return b, err
}

// openBeacon listens on one port and sends to another.
func openBeacon(own, port int, group netip.Addr, on []Interface) (*Beacon, error) {
	if group.IsValid() && !(group.Is4() && group.IsMulticast()) {
		return nil, fmt.Errorf("%v is not an IPv4 multicast group, and beacons are IPv4", group)
	}
	b := &Beacon{group: group, in: map[int]bool{}}
	for _, i := range on {
		b.out = append(b.out, b.flights(i, port)...)
	}
	if len(b.out) == 0 {
		if len(on) == 0 {
			return nil, errors.New("no interface but loopback is up")
		}
		return nil, fmt.Errorf("none of the interfaces (%s) can broadcast over IPv4", names(on))
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, setBeaconOptions)
	}}
	pc, err := lc.ListenPacket(context.Background(), "udp4", fmt.Sprintf("0.0.0.0:%d", own))
	if err != nil {
		return nil, err
	}
	b.conn = pc.(*net.UDPConn)
	if b.raw, err = b.conn.SyscallConn(); err != nil {
		b.conn.Close()
		return nil, err
	}
	for _, f := range b.out {
		b.in[f.ifindex] = true
	}
	return b, b.join(on)
}

func setBeaconOptions(fd int) error {
	for _, opt := range [][2]int{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR},
		{unix.SOL_SOCKET, unix.SO_BROADCAST},
		{unix.IPPROTO_IP, unix.IP_PKTINFO},
	} {
		if err := unix.SetsockoptInt(fd, opt[0], opt[1], 1); err != nil {
			return err
		}
	}
	// Only groups that this socket joined, not all that the machine did.
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)
}

// join enters the group on each interface that knows multicast. Without it
// broadcast still works, so a kernel that refuses is no reason to stop.
func (b *Beacon) join(on []Interface) error {
	if !b.group.IsValid() {
		return nil
	}
	return control(b.raw, func(fd int) error {
		for _, i := range on {
			if i.Multicast && b.in[i.Index] {
				_ = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
					&unix.IPMreqn{Multiaddr: b.group.As4(), Ifindex: int32(i.Index)})
			}
		}
		return nil
	})
}

// flights lists the destinations on one interface.
func (b *Beacon) flights(i Interface, port int) []flight {
	var to []netip.Addr
	for _, p := range i.Addrs {
		if p.Addr().Is4() && len(to) == 0 {
			if i.Broadcast {
				to = append(to, netip.AddrFrom4([4]byte{255, 255, 255, 255}))
			}
			if i.Multicast && b.group.IsValid() {
				to = append(to, b.group)
			}
		}
		if subnet, ok := broadcast(p); ok && i.Broadcast {
			to = append(to, subnet)
		}
	}
	var out []flight
	for _, a := range to {
		out = append(out, flight{i.Index, unix.SockaddrInet4{Port: port, Addr: a.As4()}})
	}
	return out
}

// Send sends one packet on every interface, to every destination there. The
// error names what failed; the rest was sent.
func (b *Beacon) Send(data []byte) error {
	var failed error
	err := control(b.raw, func(fd int) error {
		for _, f := range b.out {
			info := unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(f.ifindex)})
			if err := unix.Sendmsg(fd, data, info, &f.to, 0); err != nil {
				failed = errors.Join(failed, fmt.Errorf("beacon to %v: %w", netip.AddrFrom4(f.to.Addr), err))
			}
		}
		return nil
	})
	return errors.Join(failed, err)
}

// Read waits for a packet on one of the chosen interfaces, the node's own
// included. An error is final.
func (b *Beacon) Read() (Received, error) {
	var got Received
	var fatal error
	err := b.raw.Read(func(fd uintptr) bool {
		for {
			n, oobn, _, from, err := unix.Recvmsg(int(fd), b.buf[:], b.oob[:], 0)
			switch {
			case err == unix.EAGAIN:
				return false
			case err == unix.EINTR:
			case err != nil:
				fatal = err
				return true
			case b.in == nil || b.in[arrival(b.oob[:oobn])]:
				got = Received{From: addrPort(from), Data: append([]byte(nil), b.buf[:n]...)}
				return true
			}
		}
	})
	if err != nil {
		return Received{}, err
	}
	return got, fatal
}

// arrival is the index of the interface a packet came in on.
func arrival(oob []byte) int {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for _, m := range msgs {
		if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= 4 {
			return int(int32(nativeUint32(m.Data)))
		}
	}
	return 0
}

// Close ends the socket, and a Read that waits.
func (b *Beacon) Close() error { return b.conn.Close() }
