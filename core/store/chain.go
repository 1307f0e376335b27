package store

import (
	"errors"
	"fmt"
	"syscall"
)

// chain is a log of frames over the segments of one directory. What the frames
// mean is for its user.
type chain struct {
	fs    FS
	dir   string
	magic string
	size  int64 // of an ordinary segment; the first ones are shorter

	segs   []segment // oldest first; the last one is active if file is open
	voids  []segment // behind a damage that a resume has passed over
	file   File      // of the active segment; nil: the next frame needs a new one
	broken bool      // the next segment resumes after a tear or damage
	off    int64     // where the next frame goes
	seq    uint64    // number of the last good frame
	top    uint64    // greatest number of a segment
	dirty  bool      // the last frame is not synced
	spare  int64     // length of next.part, which is ready; 0: it is not
	failed error     // what ended this chain
	buf    []byte
}

// blank says whether the next frame is the first of its segment, and therefore
// has to restate what older segments say.
func (c *chain) blank() bool { return c.file == nil || c.off == sector }

// open makes room for a frame with such a payload, and for the base in front of
// it where it begins a segment. ErrFull changes nothing.
func (c *chain) open(payload, base int) error {
	if c.failed != nil {
		return c.failed
	}
	if c.blank() {
		payload += base
	}
	if c.file != nil && c.off+int64(frameSize(payload)+frameSize(0)) <= c.active().size {
		return nil
	}
	if !c.blank() {
		payload += base
	}
	first := c.seq + 1
	if c.file != nil {
		first++ // the seal is a frame too
	}
	seg, file, err := c.create(first, int64(frameSize(payload)))
	if err == ErrFull {
		return err
	} else if err != nil {
		return c.fail(err)
	}
	if err := c.seal(); err != nil {
		file.Close()
		return err
	}
	c.segs = append(c.segs, seg)
	c.file, c.off, c.top = file, sector, seg.number
	return nil
}

// seal ends the active segment: from now on its successor must be there.
func (c *chain) seal() error {
	if c.file == nil {
		return nil
	}
	if err := c.write(head{kind: kindSeal}); err != nil {
		return err
	}
	if err := c.sync(); err != nil {
		return err
	}
	return c.fail(c.file.Close())
}

// write adds a frame where open made room; it is durable after sync. The first
// frame of a segment is a base or a resume, whatever h says.
func (c *chain) write(h head, parts ...[]byte) error {
	h.seq = c.seq + 1
	if c.blank() && h.kind != kindSeal {
		h.kind = kindBase
		if c.broken {
			h.kind, c.broken = kindResume, false
		}
	}
	c.buf = appendFrame(c.buf[:0], c.active().salt, h, parts...)
	if _, err := c.file.WriteAt(c.buf, c.off); err != nil {
		return c.fail(err)
	}
	c.off += int64(len(c.buf))
	c.seq, c.dirty = h.seq, true
	return nil
}

// sync makes the last frame durable. What a resume passed over can go then.
func (c *chain) sync() error {
	if c.failed != nil || !c.dirty {
		return c.failed
	}
	if err := c.file.Sync(); err != nil {
		return c.fail(err)
	}
	c.dirty = false
	for len(c.voids) > 0 {
		if err := c.remove(c.voids[0]); err != nil {
			return err
		}
		c.voids = c.voids[1:]
	}
	return nil
}

func (c *chain) active() *segment { return &c.segs[len(c.segs)-1] }

// create makes a segment, durable and empty, that can take a frame of need
// bytes and a seal.
func (c *chain) create(first uint64, need int64) (segment, File, error) {
	seg := segment{number: c.top + 1, first: first, salt: c.fs.Random()}
	seg.size = max(c.nextSize(), sector+need+int64(frameSize(0)))
	part := c.dir + "/next.part"
	var file File
	var err error
	if c.spare == seg.size {
		file, err = c.fs.Open(part)
	} else {
		file, err = c.blankFile(part, seg.size)
	}
	c.spare = 0
	if err != nil {
		return seg, nil, err
	}
	_, err = file.WriteAt(seg.encode(c.magic), 0)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = c.fs.Rename(part, segmentName(c.dir, seg.number))
	}
	if err == nil {
		err = c.fs.SyncDir(c.dir)
	}
	if err != nil {
		file.Close()
		return seg, nil, c.full(err, part)
	}
	return seg, file, nil
}

// firstSegment is the length of a log's first segment. Each is twice as long as
// the one before, up to the ordinary size: most members write little, and many
// that start at once would keep their disk busy with zeros.
const firstSegment = 256 << 10

// nextSize is the length of the next segment, unless its first frame needs more.
func (c *chain) nextSize() int64 {
	if len(c.segs) == 0 {
		return min(firstSegment, c.size)
	}
	return min(max(firstSegment, 2*c.active().size), c.size)
}

// blankFile makes a file of zeros that are written but not synced: whoever has
// synced them has only data to write later, and needs no room.
func (c *chain) blankFile(name string, size int64) (File, error) {
	file, err := c.fs.Create(name)
	if err != nil {
		return nil, c.full(err, name)
	}
	zeros := make([]byte, min(size, 256<<10))
	for off := int64(0); off < size && err == nil; off += int64(len(zeros)) {
		_, err = file.WriteAt(zeros[:min(int64(len(zeros)), size-off)], off)
	}
	if err != nil {
		file.Close()
		return nil, c.full(err, name)
	}
	return file, nil
}

// full turns "no space" into ErrFull, and gives back the room of a file that
// has no use yet.
func (c *chain) full(err error, name string) error {
	if !noSpace(err) {
		return err
	}
	c.fs.Remove(name) // else the next start does
	return ErrFull
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, ErrFull)
}

// prepare makes the next segment's file ahead of time, once half of the active
// one is used.
func (c *chain) prepare() error {
	if c.failed != nil || c.spare != 0 || c.file == nil || 2*c.off < c.active().size {
		return c.failed
	}
	part, size := c.dir+"/next.part", c.nextSize()
	file, err := c.blankFile(part, size)
	if err == ErrFull {
		return err
	} else if err != nil {
		return c.fail(err)
	}
	if err := file.Sync(); err != nil {
		file.Close()
		if err = c.full(err, part); err == ErrFull {
			return err
		}
		return c.fail(err)
	}
	c.spare = size
	return c.fail(file.Close())
}

// drop removes the oldest segments that hold no index from keep on, but never
// the active one.
func (c *chain) drop(keep uint64) error {
	for len(c.segs) > 1 && c.segs[0].high < keep {
		if err := c.remove(c.segs[0]); err != nil {
			return err
		}
		c.segs = c.segs[1:]
	}
	return nil
}

// remove takes one segment away durably, before any later one is touched.
func (c *chain) remove(s segment) error {
	if err := c.fs.Remove(segmentName(c.dir, s.number)); err != nil {
		return c.fail(err)
	}
	return c.fail(c.fs.SyncDir(c.dir))
}

// fail ends the chain at its first error.
func (c *chain) fail(err error) error {
	if err == nil || c.failed != nil {
		return c.failed
	}
	c.failed = fault(c.fs.Path(c.dir), fmt.Errorf("the log cannot be kept: %w", cause(err)))
	return c.failed
}

func (c *chain) close() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}
