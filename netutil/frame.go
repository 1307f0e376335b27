package netutil

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxFrame is the longest frame a stream carries, in bytes. Entries of the log and
// pages have 1 MiB; what grows with the cluster is the table of all members, which
// with nine tags each is of 2 MiB for 10,000.
const MaxFrame = 16 << 20

const frameHeader = 4

// AppendFrame appends a frame to dst. A frame beyond MaxFrame is a fault of the
// caller, and panics.
func AppendFrame(dst, data []byte) []byte {
	if len(data) > MaxFrame {
		panic(fmt.Sprintf("a frame of %d bytes; the cap is %d", len(data), MaxFrame))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(data)))
	return append(dst, data...)
}

// FrameReader takes frames off a byte stream.
type FrameReader struct {
	r *bufio.Reader
	// room bounds the memory of large frames; held is what the frame under way,
	// or the last one, has taken of it.
	room [2]*budget // everybody's, and the peer's
	held int
}

// NewFrameReader reads frames from r.
func NewFrameReader(r io.Reader) *FrameReader {
	return &FrameReader{r: bufio.NewReaderSize(r, 16<<10)}
}

// Next gives the next frame, in memory of its own; io.EOF at a clean end,
// io.ErrUnexpectedEOF inside a frame.
func (f *FrameReader) Next() ([]byte, error) {
	n, err := f.length()
	if err != nil {
		return nil, err
	}
	return f.body(n)
}

// wait blocks until a frame has begun.
func (f *FrameReader) wait() error {
	_, err := f.r.Peek(1)
	return err
}

// whole says whether the next frame has arrived to its end.
func (f *FrameReader) whole() bool {
	if f.r.Buffered() < frameHeader {
		return false
	}
	head, _ := f.r.Peek(frameHeader)
	return f.r.Buffered()-frameHeader >= int(binary.BigEndian.Uint32(head))
}

func (f *FrameReader) length() (int, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > MaxFrame {
		return 0, fmt.Errorf("a frame claims %d bytes; the cap is %d", n, MaxFrame)
	}
	return int(n), nil
}

// body reads n bytes. The claim is only believed as far as bytes arrive: what
// is allocated stays below twice of that, plus the first step.
func (f *FrameReader) body(n int) ([]byte, error) {
	const firstStep = 64 << 10
	b := make([]byte, 0, min(n, firstStep))
	for {
		end := min(cap(b), n)
		got, err := io.ReadFull(f.r, b[len(b):end])
		b = b[:len(b)+got]
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil || len(b) == n {
			return b, err
		}
		size := min(n, 2*cap(b))
		if !f.take(size - f.held) {
			return b, errNoRoom
		}
		grown := make([]byte, len(b), size)
		copy(grown, b)
		b = grown
	}
}

// errNoRoom ends a stream: its sender will try again.
var errNoRoom = errors.New("too many bytes of unfinished frames are held for it, or for all streams together")

// take takes more of the room.
func (f *FrameReader) take(n int) bool {
	if !f.room[0].take(n) {
		return false
	}
	if !f.room[1].take(n) {
		f.room[0].give(n)
		return false
	}
	f.held += n
	return true
}

// release gives back what the last frame has taken of the room.
func (f *FrameReader) release() {
	for _, b := range f.room {
		b.give(f.held)
	}
	f.held = 0
}
