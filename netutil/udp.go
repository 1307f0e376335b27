package netutil

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxDatagram is the largest UDP payload there is.
const maxDatagram = 1 << 16

// UDP is an unconnected UDP socket. One goroutine reads it; any may write.
type UDP struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	v4   bool
	buf  [maxDatagram]byte
	oob  [512]byte
}

// Received is what one Read brought: a datagram, or the news that an earlier
// one was refused.
type Received struct {
	// From sent Data; when Refused is set, From is the destination of a
	// datagram that came back because nobody listens there.
	From    netip.AddrPort
	Refused bool
	// Data is memory of its own.
	Data []byte
}

// ListenUDP hears at an address and port (0: any free one).
func ListenUDP(at netip.AddrPort) (*UDP, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error {
			return setReceiveErrors(fd, at.Addr().Is4())
		})
	}}
	pc, err := lc.ListenPacket(context.Background(), network("udp", at.Addr()), at.String())
	if err != nil {
		return nil, err
	}
	conn := pc.(*net.UDPConn)
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &UDP{conn: conn, raw: raw, v4: at.Addr().Is4()}, nil
}

// ListenTCP accepts streams at an address and port (0: any free one). The kernel
// asks whether the other side is still there when a stream has been idle for
// longer than its sender would have left it open.
func ListenTCP(at netip.AddrPort) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: idleLimit + idleLimit/2}}
	return lc.Listen(context.Background(), network("tcp", at.Addr()), at.String())
}

// network keeps an IPv4 address an IPv4 socket: Go would else open one that
// speaks both, and report mapped addresses.
func network(kind string, a netip.Addr) string {
	if a.Is4() {
		return kind + "4"
	}
	return kind
}

func control(c syscall.RawConn, set func(fd int) error) error {
	var inner error
	if err := c.Control(func(fd uintptr) { inner = set(int(fd)) }); err != nil {
		return err
	}
	return inner
}

func setReceiveErrors(fd int, v4 bool) error {
	if v4 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	}
	// A socket for both families queues the errors of each under its own.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
}

// Addr is where the socket hears.
func (u *UDP) Addr() netip.AddrPort {
	return unmap(u.conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

// Close ends the socket, and a Read that waits.
func (u *UDP) Close() error { return u.conn.Close() }

// Write sends one datagram and never waits. An error is about this datagram and
// this machine (no route, no room), never about the peer: that comes by Read.
func (u *UDP) Write(b []byte, to netip.AddrPort) error {
	err := u.write(b, to)
	if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH) {
		// The socket's pending error was an earlier datagram's; it is queued
		// for Read as well, and has now been taken off the socket.
		err = u.write(b, to)
	}
	return err
}

func (u *UDP) write(b []byte, to netip.AddrPort) error {
	if u.v4 && !to.Addr().Unmap().Is4() {
		return unix.EAFNOSUPPORT
	}
	return control(u.raw, func(fd int) error {
		return unix.Sendto(fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, u.sockaddr(to))
	})
}

// sockaddr is an address as the socket's own family has it.
func (u *UDP) sockaddr(to netip.AddrPort) unix.Sockaddr {
	if u.v4 {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
	}
	zone, _ := strconv.Atoi(to.Addr().Zone())
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16(), ZoneId: uint32(zone)}
}

// Read waits for a datagram or a refusal. An error is final: net.ErrClosed
// after Close.
func (u *UDP) Read() (Received, error) {
	var got Received
	var fatal error
	err := u.raw.Read(func(fd uintptr) bool {
		var done bool
		got, done, fatal = u.try(int(fd))
		return done
	})
	if err != nil {
		return Received{}, err
	}
	return got, fatal
}

// try reads once without waiting. The error queue is looked at when there is
// nothing else, or when the kernel says so by failing the read.
func (u *UDP) try(fd int) (got Received, done bool, fatal error) {
	for {
		n, _, _, from, err := unix.Recvmsg(fd, u.buf[:], nil, 0)
		switch err {
		case nil:
			return Received{From: addrPort(from), Data: append([]byte(nil), u.buf[:n]...)}, true, nil
		case unix.EBADF, unix.ENOTSOCK, unix.EINVAL:
			return Received{}, true, err
		}
		to, refused, empty := u.refusal(fd)
		if refused {
			return Received{From: to, Refused: true}, true, nil
		}
		if empty && err == unix.EAGAIN {
			return Received{}, false, nil
		}
	}
}

// refusal takes one message off the socket's error queue, if there is one.
func (u *UDP) refusal(fd int) (to netip.AddrPort, refused, empty bool) {
	// One byte of the datagram is taken along: reading none costs a system call more.
	_, oobn, _, from, err := unix.Recvmsg(fd, u.buf[:1], u.oob[:], unix.MSG_ERRQUEUE)
	if err != nil {
		return netip.AddrPort{}, false, true
	}
	msgs, err := unix.ParseSocketControlMessage(u.oob[:oobn])
	if err != nil {
		return netip.AddrPort{}, false, false
	}
	for _, m := range msgs {
		if isReceiveError(m.Header) && len(m.Data) >= 4 {
			// The error number leads the kernel's struct sock_extended_err.
			refused = refused || nativeUint32(m.Data) == uint32(unix.ECONNREFUSED)
		}
	}
	return addrPort(from), refused && from != nil, false
}

func isReceiveError(h unix.Cmsghdr) bool {
	return h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR ||
		h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_RECVERR
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		a := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			a = a.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
		return unmap(netip.AddrPortFrom(a, uint16(sa.Port)))
	}
	return netip.AddrPort{}
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// nativeUint32 reads the first number of a kernel structure.
func nativeUint32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
