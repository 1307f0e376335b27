package netutil

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// selfTries is how often HearsItself sends before it gives up.
const selfTries = 4

// HearsItself says whether a datagram for a UDP port that comes in by an interface
// gets to a socket of this machine, or is dropped by its firewall. It sends data by
// multicast to itself, which the kernel turns around at the interface, behind all
// that filters, and with a life of 0, with which it does not leave the machine
// (ip(7), IP_MULTICAST_TTL). Another node that has joined the group on this machine
// hears it, too. It takes as long as limit where nothing comes.
func HearsItself(port int, group netip.Addr, on Interface, data []byte, limit time.Duration) (bool, error) {
	if !group.Is4() || !group.IsMulticast() {
		return false, fmt.Errorf("%v is not an IPv4 multicast group", group)
	}
	to := netip.AddrPortFrom(group, uint16(port))
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error { return setSelfOptions(fd, group, on.Index) })
	}}
	pc, err := lc.ListenPacket(context.Background(), "udp4", to.String())
	if err != nil {
		return false, err
	}
	defer pc.Close()
	conn := pc.(*net.UDPConn)
	buf := make([]byte, len(data)+1)
	for range selfTries {
		if _, err := conn.WriteToUDPAddrPort(data, to); err != nil {
			if errors.Is(err, unix.EPERM) { // the firewall drops what goes out
				return false, nil
			}
			return false, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(limit / selfTries)); err != nil {
			return false, err
		}
		for {
			n, err := conn.Read(buf)
			if err == nil && string(buf[:n]) == string(data) {
				return true, nil
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

func setSelfOptions(fd int, group netip.Addr, ifindex int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	for _, opt := range [][2]int{{unix.IP_MULTICAST_TTL, 0}, {unix.IP_MULTICAST_LOOP, 1}, {unix.IP_MULTICAST_ALL, 0}} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, opt[0], opt[1]); err != nil {
			return err
		}
	}
	by := &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(ifindex)}
	if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, by); err != nil {
		return err
	}
	return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, by)
}
