package store

import "fmt"

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
	spare  spare     // of the next segment
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
	c.spare.drop()
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}
