package wire

import (
	"encoding/binary"
	"net/netip"
	"unicode/utf8"

	"hb/core"
)

// reader takes values off the front of b. Once something is missing or wrong,
// bad is set and everything read from then on is zero, so that a decoder asks
// once, at the end.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text takes n bytes that must be UTF-8 and no more than limit.
func (r *reader) text(n, limit int) []byte {
	b := r.bytes(n)
	if n > limit || !utf8.Valid(b) {
		r.bad = true
	}
	return b
}

// zeros takes the rest, which must be zeros.
func (r *reader) zeros() {
	for _, c := range r.b {
		r.bad = r.bad || c != 0
	}
	r.b = nil
}

// addr reads an address and a port, neither of them zero.
func (r *reader) addr() netip.AddrPort {
	var ip netip.Addr
	switch r.u8() {
	case 4:
		if b := r.bytes(4); b != nil {
			ip = netip.AddrFrom4([4]byte(b))
		}
	case 16:
		if b := r.bytes(16); b != nil {
			ip = netip.AddrFrom16([16]byte(b))
		}
	}
	port := r.u16()
	if !ip.IsValid() || ip.Is4In6() || port == 0 {
		r.bad = true
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, port)
}

func addrSize(a netip.AddrPort) int {
	if a.Addr().Is4() || a.Addr().Is4In6() {
		return 1 + 4 + 2
	}
	return 1 + 16 + 2
}

// appendAddr writes an address without its zone, which means nothing elsewhere.
func appendAddr(dst []byte, a netip.AddrPort) []byte {
	if ip := a.Addr().Unmap(); ip.Is4() {
		b := ip.As4()
		dst = append(append(dst, 4), b[:]...)
	} else {
		b := ip.As16()
		dst = append(append(dst, 16), b[:]...)
	}
	return binary.BigEndian.AppendUint16(dst, a.Port())
}

const loadSize = 32

func appendLoad(dst []byte, l *core.Load, applied uint64) []byte {
	dst = binary.BigEndian.AppendUint16(dst, l.Stress)
	dst = binary.BigEndian.AppendUint16(dst, l.BusyPermille)
	dst = binary.BigEndian.AppendUint32(dst, l.FreeMemoryMiB)
	dst = binary.BigEndian.AppendUint16(dst, l.Slots)
	dst = binary.BigEndian.AppendUint16(dst, l.Running)
	dst = binary.BigEndian.AppendUint16(dst, l.Strength)
	dst = binary.BigEndian.AppendUint16(dst, l.Slowdown)
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.Granted))
	return binary.BigEndian.AppendUint64(dst, applied)
}

func (r *reader) load() (core.Load, uint64) {
	l := core.Load{
		Stress: r.u16(), BusyPermille: r.u16(), FreeMemoryMiB: r.u32(),
		Slots: r.u16(), Running: r.u16(), Strength: r.u16(), Slowdown: r.u16(), Granted: core.Fence(r.u64()),
	}
	return l, r.u64()
}
