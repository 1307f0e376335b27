package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"hb/core/wire"
)

// packet is a datagram as it passed on the wire.
type packet struct {
	from, to netip.AddrPort
	data     []byte
}

// ear hears what passes this machine's interfaces, whomever it is for (packet(7)).
// On a bridge that knows who is where that is little; on a hub it is all.
type ear struct {
	own    netip.Addr // this machine's address
	port   uint16     // the members'
	record io.Writer  // where all of it is written down; may be nil

	mu      sync.Mutex
	packets []packet
	heard   int
	cluster wire.Tag // as a beacon says it, in the clear
}

// mostPackets is how many datagrams are remembered.
const mostPackets = 4096

// openEar begins to hear, until ctx ends.
func openEar(ctx context.Context, all *sync.WaitGroup, to netip.AddrPort, record, from string) (*ear, error) {
	e := &ear{port: to.Port()}
	if from != "" {
		if err := e.recall(from); err != nil {
			return nil, err
		}
	}
	if record != "" {
		f, err := os.Create(record)
		if err != nil {
			return nil, err
		}
		e.record = f
	}
	// Nothing is sent: this only asks the routing table.
	if conn, err := net.Dial("udp4", to.String()); err == nil {
		e.own = conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
		conn.Close()
	}
	every := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, int(every))
	if err != nil {
		return nil, fmt.Errorf("a packet socket: %w", err)
	}
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		// What a hub brings for others is dropped otherwise.
		_ = unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{Ifindex: int32(l.Index), Type: unix.PACKET_MR_PROMISC})
	}
	// So that it looks now and then whether the time is over.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}); err != nil {
		return nil, err
	}
	all.Go(func() { e.listen(ctx, fd) })
	return e, nil
}

func (e *ear) listen(ctx context.Context, fd int) {
	defer unix.Close(fd)
	buf := make([]byte, 1<<16)
	for ctx.Err() == nil {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			fmt.Fprintln(os.Stderr, "neighbour:", err)
			return
		}
		link, is := from.(*unix.SockaddrLinklayer)
		if !is || link.Protocol != binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_IP)) {
			continue
		}
		e.take(buf[:n], link.Pkttype != unix.PACKET_OUTGOING)
	}
}

// take takes an IP packet in.
func (e *ear) take(b []byte, incoming bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.record != nil {
		e.record.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
		e.record.Write(b)
	}
	p, is := parse(b)
	if !is || !incoming {
		return
	}
	var said wire.Packet
	switch {
	case p.to.Addr() == e.own:
		e.heard += len(p.data)
	case p.from.Addr() == e.own: // from a moment ago
	case p.to.Port() == e.port:
		e.remember(p)
	case wire.DecodePacket(&said, p.data) == nil && !said.Cluster.IsZero():
		e.cluster = said.Cluster
	}
}

func (e *ear) remember(p packet) {
	p.data = append([]byte(nil), p.data...)
	if len(e.packets) < mostPackets {
		e.packets = append(e.packets, p)
		return
	}
	e.packets[rand.IntN(mostPackets)] = p
}

// any gives one of the datagrams that were heard.
func (e *ear) any() (p packet, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.packets) == 0 {
		return p, false
	}
	p = e.packets[rand.IntN(len(e.packets))]
	p.data = append([]byte(nil), p.data...)
	return p, true
}

// recall takes in what another neighbour has written down.
func (e *ear) recall(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for len(b) >= 4 {
		n := int(binary.BigEndian.Uint32(b))
		if len(b) < 4+n {
			break // it was stopped while it wrote
		}
		if p, is := parse(b[4 : 4+n]); is && p.to.Port() == e.port {
			e.remember(p)
		}
		b = b[4+n:]
	}
	return nil
}

// parse reads a UDP datagram in an IPv4 packet.
func parse(b []byte) (p packet, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != unix.IPPROTO_UDP {
		return p, false
	}
	head := int(b[0]&15) * 4
	if head < 20 || len(b) < head+8 {
		return p, false
	}
	end := head + int(binary.BigEndian.Uint16(b[head+4:]))
	if end < head+8 || end > len(b) {
		return p, false
	}
	p.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), binary.BigEndian.Uint16(b[head:]))
	p.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), binary.BigEndian.Uint16(b[head+2:]))
	p.data = b[head+8 : end]
	return p, true
}

// spoof is a socket that sends in anybody's name (raw(7)).
type spoof struct{ fd int }

func newSpoof() (*spoof, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("a raw socket: %w", err)
	}
	return &spoof{fd}, nil
}

// send sends a packet from whom it says. What the machine cannot send is lost.
func (s *spoof) send(p packet) int {
	from, to := p.from.Addr().As4(), p.to.Addr().As4()
	b := append(make([]byte, 0, 28+len(p.data)), 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(28+len(p.data)))
	b = append(b, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0) // the kernel puts the checksum in
	b = append(append(b, from[:]...), to[:]...)
	b = binary.BigEndian.AppendUint16(b, p.from.Port())
	b = binary.BigEndian.AppendUint16(b, p.to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(p.data)))
	b = append(append(b, 0, 0), p.data...)
	if syscall.Sendto(s.fd, b, 0, &syscall.SockaddrInet4{Addr: to}) != nil {
		return 0
	}
	return len(p.data)
}
