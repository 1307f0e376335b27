package store

import (
	"errors"
	"syscall"
)

// firstSegment is the length of a log's first segment. Each is twice as long as
// the one before, up to the ordinary size: most members write little, and many
// that start at once would keep their disk busy with zeros.
const firstSegment = 256 << 10

// piece is how much of a segment is made at a time: a millisecond of a disk's
// time, about. All nodes fill their segments at the same pace, so whatever holds
// one of them up does so to all, and no majority hides it.
const piece = 1 << 20

// spare is a file of zeros that will be the next segment.
type spare struct {
	file   File  // nil: it is not begun
	size   int64 // its length in the end
	filled int64 // of that
}

func (s *spare) whole() bool { return s.file != nil && s.filled == s.size }

// fill writes zeros up to an offset, in whole pieces.
func (s *spare) fill(upTo int64) error {
	zeros := make([]byte, min(s.size, 256<<10))
	for s.filled < min(upTo, s.size) {
		for end := min(s.filled+piece, s.size); s.filled < end; {
			n, err := s.file.WriteAt(zeros[:min(int64(len(zeros)), end-s.filled)], s.filled)
			s.filled += int64(n)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// drop forgets the file; its room is given back by whoever removes it.
func (s *spare) drop() {
	if s.file != nil {
		s.file.Close()
	}
	*s = spare{}
}

// part is the name of the spare file.
func (c *chain) part() string { return c.dir + "/next.part" }

// nextSize is the length of the next segment, unless its first frame needs more.
func (c *chain) nextSize() int64 {
	if len(c.segs) == 0 {
		return min(firstSegment, c.size)
	}
	return min(max(firstSegment, 2*c.active().size), c.size)
}

// prepare makes the next segment's file ahead of time. It begins once half of
// the active one is used, and is through when three quarters are: each call
// makes what the frames since the last one have brought due.
func (c *chain) prepare() error {
	if c.failed != nil || c.file == nil || c.spare.whole() {
		return c.failed
	}
	due := 4*c.off - 2*c.active().size
	if due < 0 || due <= c.spare.filled {
		return nil
	}
	err := c.begin(c.nextSize())
	if err == nil {
		err = c.spare.fill(due)
	}
	if err == nil {
		// Whoever has synced zeros has only data to write later, and needs no room.
		err = c.spare.file.Sync()
	}
	if err = c.full(err); err == ErrFull {
		return err
	}
	return c.fail(err)
}

// begin makes sure that there is a spare file of a length, however far it is.
func (c *chain) begin(size int64) error {
	if c.spare.file != nil && c.spare.size == size {
		return nil
	}
	c.spare.drop()
	file, err := c.fs.Create(c.part())
	if err == nil {
		c.spare = spare{file: file, size: size}
	}
	return err
}

// create makes a segment, durable and empty, that can take a frame of need
// bytes and a seal.
func (c *chain) create(first uint64, need int64) (segment, File, error) {
	seg := segment{number: c.top + 1, first: first, salt: c.fs.Random()}
	seg.size = max(c.nextSize(), sector+need+int64(frameSize(0)))
	err := c.begin(seg.size)
	if err == nil {
		err = c.spare.fill(seg.size)
	}
	if err == nil {
		_, err = c.spare.file.WriteAt(seg.encode(c.magic), 0)
	}
	if err == nil {
		err = c.spare.file.Sync()
	}
	if err == nil {
		err = c.fs.Rename(c.part(), segmentName(c.dir, seg.number))
	}
	if err == nil {
		err = c.fs.SyncDir(c.dir)
	}
	if err != nil {
		return seg, nil, c.full(err)
	}
	file := c.spare.file
	c.spare = spare{}
	return seg, file, nil
}

// full turns "no space" into ErrFull, and gives back the room of the file that
// has no use yet. After any error there is no spare.
func (c *chain) full(err error) error {
	if err == nil {
		return nil
	}
	c.spare.drop()
	if !noSpace(err) {
		return err
	}
	c.fs.Remove(c.part()) // else the next start does
	return ErrFull
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, ErrFull)
}
