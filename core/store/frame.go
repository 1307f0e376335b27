package store

import (
	"encoding/binary"
	"hash/crc32"
)

// The layout of a frame, little endian, at a multiple of 64 bytes:
//
//	 0  u32  CRC-32C of bytes 4–63
//	 4  u32  length of the payload
//	 8  u64  salt of the segment
//	16  u64  sequence number of the frame
//	24  u32  kind; bit 7 marks a trailer
//	28  u32  CRC-32C of the payload with its padding
//	32  u64  term   } of the last entry of the log,
//	40  u64  index  } this frame included
//	48  u64  term of the hard state in this frame, 0 for none
//	56  u64  zero
//	64  payload, padded with zeros to a multiple of 64
//	    trailer: the header again, with bit 7 of the kind set
const (
	sector   = 512
	headSize = 64
)

// The kinds of frames. The first frame of a segment is a base or a resume, so
// that older segments can go; the last of a full segment is a seal.
const (
	kindBase   = 1 // restates what older segments said, then goes on
	kindData   = 2
	kindSeal   = 3 // the log goes on in the next segment
	kindResume = 4 // a base that goes on after a known tear or damage
	trailerBit = 0x80
)

// head is the header of a frame without what only its reader needs.
type head struct {
	kind     uint32
	length   int
	seq      uint64
	last     position
	hardTerm uint64
	crc      uint32 // of the payload
}

// position is the place of an entry in the log, in Raft's order (§5.4.1): by
// term, then by index.
type position struct{ term, index uint64 }

// before says whether a log that ends at p is behind one that ends at q.
func (p position) before(q position) bool {
	return p.term < q.term || p.term == q.term && p.index < q.index
}

// castagnoli is the polynomial that processors compute themselves.
func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func padded(n int) int { return (n + headSize - 1) &^ (headSize - 1) }

// frameSize is the room that a frame with such a payload takes.
func frameSize(payload int) int { return headSize + padded(payload) + headSize }

// appendFrame adds the frame of h around a payload given in parts; h.length
// and h.crc are computed.
func appendFrame(b []byte, salt uint64, h head, parts ...[]byte) []byte {
	start := len(b)
	b = append(b, make([]byte, headSize)...)
	for _, p := range parts {
		b = append(b, p...)
	}
	h.length = len(b) - start - headSize
	b = append(b, make([]byte, padded(h.length)-h.length)...)
	h.crc = castagnoli(b[start+headSize:])
	putHead(b[start:], salt, h)
	b = append(b, b[start:start+headSize]...)
	h.kind |= trailerBit
	putHead(b[len(b)-headSize:], salt, h)
	return b
}

func putHead(b []byte, salt uint64, h head) {
	le := binary.LittleEndian
	le.PutUint32(b[4:], uint32(h.length))
	le.PutUint64(b[8:], salt)
	le.PutUint64(b[16:], h.seq)
	le.PutUint32(b[24:], h.kind)
	le.PutUint32(b[28:], h.crc)
	le.PutUint64(b[32:], h.last.term)
	le.PutUint64(b[40:], h.last.index)
	le.PutUint64(b[48:], h.hardTerm)
	le.PutUint64(b[56:], 0)
	le.PutUint32(b, castagnoli(b[4:headSize]))
}

// readHead reads a header or trailer at the beginning of b.
func readHead(b []byte, salt uint64) (h head, ok bool) {
	le := binary.LittleEndian
	if len(b) < headSize || le.Uint64(b[8:]) != salt || le.Uint32(b) != castagnoli(b[4:headSize]) {
		return head{}, false
	}
	return head{
		length:   int(le.Uint32(b[4:])),
		seq:      le.Uint64(b[16:]),
		kind:     le.Uint32(b[24:]),
		crc:      le.Uint32(b[28:]),
		last:     position{le.Uint64(b[32:]), le.Uint64(b[40:])},
		hardTerm: le.Uint64(b[48:]),
	}, true
}

// readFrame reads the frame at the beginning of b. It is whole when its header
// and its payload are; known says that at least the header is.
func readFrame(b []byte, salt uint64) (h head, payload []byte, known, whole bool) {
	h, ok := readHead(b, salt)
	if !ok || h.kind&trailerBit != 0 || h.length > len(b)-2*headSize || frameSize(h.length) > len(b) {
		return head{}, nil, false, false
	}
	body := b[headSize : headSize+padded(h.length)]
	return h, body[:h.length], true, castagnoli(body) == h.crc
}
