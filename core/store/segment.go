package store

import (
	"encoding/binary"
	"fmt"
)

// format is the version of everything the store writes. It is raised only by
// changes that an older program would misread.
const format = 1

// A segment begins with one sector that says what it is, little endian:
//
//	 0  u32  CRC-32C of bytes 4–511
//	 4  8    magic: which log
//	12  u32  format
//	16  u64  number of the segment
//	24  u64  sequence number of its first frame
//	32  u64  salt
//	40  u64  length of the file
//	48  zeros
//
// It gets its name only when this sector and as many zeros as its length asks
// for are durable, so a segment that is shorter, or whose header is bad, was
// damaged; no crash makes one.
type segment struct {
	number, first, salt uint64
	size                int64
	low, high           uint64 // smallest and greatest index it holds; 0: none
}

func (s *segment) covers(index uint64) {
	if s.low == 0 || index < s.low {
		s.low = index
	}
	s.high = max(s.high, index)
}

func segmentName(dir string, number uint64) string { return fmt.Sprintf("%s/%016x.wal", dir, number) }

// encode gives the first sector.
func (s *segment) encode(magic string) []byte {
	b := make([]byte, sector)
	le := binary.LittleEndian
	copy(b[4:12], magic)
	le.PutUint32(b[12:], format)
	le.PutUint64(b[16:], s.number)
	le.PutUint64(b[24:], s.first)
	le.PutUint64(b[32:], s.salt)
	le.PutUint64(b[40:], uint64(s.size))
	le.PutUint32(b, castagnoli(b[4:]))
	return b
}

// decodeSegment reads the first sector of a file. Damage is told in words; a
// newer format is told apart, because then nothing may be touched.
func decodeSegment(data []byte, magic string, number uint64) (s segment, newer uint32, damage string) {
	le := binary.LittleEndian
	switch {
	case len(data) < sector:
		return segment{number: number}, 0, fmt.Sprintf("only %d bytes long", len(data))
	case le.Uint32(data) != castagnoli(data[4:sector]):
		return segment{number: number}, 0, "bad checksum of the header at byte 0"
	case string(data[4:12]) != magic:
		return segment{number: number}, 0, fmt.Sprintf("not a file of this log but %q", data[4:12])
	}
	if f := le.Uint32(data[12:]); f > format {
		return segment{number: number}, f, ""
	}
	s = segment{number: number, first: le.Uint64(data[24:]), salt: le.Uint64(data[32:]), size: int64(le.Uint64(data[40:]))}
	switch named := le.Uint64(data[16:]); {
	case named != number:
		damage = fmt.Sprintf("its header says that it is segment %d", named)
	case s.size != int64(len(data)):
		damage = fmt.Sprintf("%d bytes long instead of %d", len(data), s.size)
	}
	return s, 0, damage
}

// ending is how the frames of a segment end.
type ending int

const (
	endClean  ending = iota // nothing but zeros follows
	endSealed               // a seal: the next segment goes on
	endTorn                 // one bad frame, and no later one
	endBad                  // damage
)

// scan is what reading a segment found.
type scan struct {
	end   ending
	off   int64 // where the good frames end
	from  int64 // where the last of them begins; 0: there is none
	good  uint64
	claim head   // what a torn frame says it held, if it says so
	why   string // of endBad and endTorn
}

// read visits the good frames of a segment in order, the first of which must
// be number good+1. A frame that visit refuses is a bad one.
func (s *segment) read(data []byte, good uint64, visit func(h head, payload []byte) error) scan {
	off, from := sector, 0
	for {
		h, payload, known, whole := readFrame(data[off:], s.salt)
		first := h.kind == kindBase || h.kind == kindResume
		misplaced := h.kind != kindSeal && first != (off == sector)
		if !known || !whole || h.seq != good+1 || misplaced {
			r := s.judge(data, off, good)
			r.from = int64(from)
			return r
		}
		if h.kind == kindSeal {
			return scan{end: endSealed, off: int64(off + frameSize(0)), from: int64(off), good: h.seq}
		}
		if err := visit(h, payload); err != nil {
			return scan{end: endBad, off: int64(off), good: good, why: fmt.Sprintf("frame at byte %d: %v", off, err)}
		}
		good, from = h.seq, off
		off += frameSize(h.length)
	}
}

// judge tells why the frame good+1 is not where it should be, from what
// follows. The next frame was written only after this one was synced, so a
// later one that is whole proves that this one was whole once. A header lies in
// one sector: a tear leaves it whole or all zero, anything else is rot, unless
// the trailer tells that the frame is there and nothing follows.
func (s *segment) judge(data []byte, off int, good uint64) scan {
	bad := scan{end: endBad, off: int64(off), good: good, why: fmt.Sprintf("bad frame at byte %d", off)}
	claim, claimed, blank := head{}, false, true
	for at := off; at+headSize <= len(data); at += headSize {
		line := data[at : at+headSize]
		if isZero(line) {
			continue
		}
		blank = false
		h, ok := readHead(line, s.salt)
		switch {
		case !ok:
		case h.seq > good+1:
			bad.why += fmt.Sprintf(", a later one at byte %d", at)
			return bad
		case h.seq == good+1:
			claim, claimed = h, true
		}
	}
	switch {
	case blank:
		return scan{end: endClean, off: int64(off), good: good}
	case claimed || off+headSize <= len(data) && isZero(data[off:off+headSize]):
		return scan{end: endTorn, off: int64(off), good: good, claim: claim, why: fmt.Sprintf("torn frame at byte %d", off)}
	}
	return bad
}

func isZero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
