package store

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"hb/core"
)

// visitor gets the good frames of a chain in order. It may note in the segment
// which indices it holds. An error makes the frame a bad one, and must leave
// the visitor as it was.
type visitor func(s *segment, h head, payload []byte) error

// fate is what loading a chain found beyond its good frames.
type fate struct {
	torn    bool
	claim   head   // of the torn frame, zero when not even its header is there
	why     string // where it is torn
	damaged string // not empty: something that was synced is missing or changed
}

// raw is a segment as it was read.
type raw struct {
	segment
	data      []byte
	damage    string
	from, off int64 // of its last good frame
}

// load reads the chain, lets visit have its good frames, and makes it ready to
// go on: after the last of them, or, when it is torn, damaged or new, with a
// segment that is still to be made.
func (c *chain) load(visit visitor) (fate, error) {
	raws, err := c.readAll()
	if err != nil || len(raws) == 0 {
		return fate{}, err
	}
	c.top = raws[len(raws)-1].number
	at, r, damaged := c.walk(raws, visit)
	for i := range raws[:at+1] {
		if !c.isVoid(raws[i].number) {
			c.segs = append(c.segs, raws[i].segment)
		}
	}
	rest := raws[at+1:] // nothing in them counts
	if damaged != "" {
		for i := range rest {
			c.voids = append(c.voids, rest[i].segment)
		}
		c.broken = true
		return fate{damaged: damaged}, nil
	}
	c.top = raws[at].number
	for i := range rest {
		if !rest[i].unused() {
			c.voids = append(c.voids, rest[i].segment)
			c.top = rest[i].number
		} else if err := c.remove(rest[i].segment); err != nil {
			return fate{}, err
		}
	}
	if err := c.secure(raws[:at+1]); err != nil {
		return fate{}, err
	}
	if r.end == endTorn {
		c.broken = true
		return fate{torn: true, claim: r.claim, why: fmt.Sprintf("%s: %s", c.name(raws[at].number), r.why)}, nil
	}
	c.file, err = c.fs.Open(segmentName(c.dir, raws[at].number))
	if err != nil {
		return fate{}, fault(c.name(raws[at].number), err)
	}
	c.off = r.off
	return fate{}, nil
}

// secure makes durable what was read. An earlier process may have ended
// between a write and its sync, or at a sync that failed: then the page cache
// shows a frame that the disk does not have, and syncing alone would not write
// it. There is at most one such frame, the last; so that one is written again.
func (c *chain) secure(raws []raw) error {
	for i := len(raws) - 1; i >= 0; i-- {
		s := &raws[i]
		if s.damage != "" || s.from == 0 {
			continue
		}
		file, err := c.fs.Open(segmentName(c.dir, s.number))
		if err != nil {
			return fault(c.name(s.number), err)
		}
		if _, err = file.WriteAt(s.data[s.from:s.off], s.from); err == nil {
			err = file.Sync()
		}
		if e := file.Close(); err == nil {
			err = e
		}
		if err == nil {
			err = c.fs.SyncDir(c.dir)
		}
		if err != nil {
			return fault(c.name(s.number), err)
		}
		return nil
	}
	return nil
}

// walk reads segment after segment. A sealed one is followed by its successor;
// where the chain breaks it goes on only with a resume that was written for
// exactly this break. It gives the segment at which it ended, and how.
func (c *chain) walk(raws []raw, visit visitor) (at int, r scan, damaged string) {
	if raws[0].damage == "" {
		c.seq = raws[0].first - 1
	}
	for i := 0; ; {
		s := &raws[i]
		r = scan{end: endBad, good: c.seq, why: s.damage}
		if s.damage == "" {
			r = s.read(s.data, c.seq, func(h head, p []byte) error { return visit(&s.segment, h, p) })
		}
		c.seq, s.from, s.off = r.good, r.from, r.off
		next := i + 1
		missing := ""
		if r.end == endSealed {
			if missing = c.successor(raws, i); missing == "" {
				i = next
				continue
			}
		}
		if j := resume(raws, next, c.seq+1); j > 0 {
			for _, v := range raws[next:j] {
				c.voids = append(c.voids, v.segment)
			}
			i = j
			continue
		}
		switch n := c.abandoned(raws[next:], &r); {
		case missing != "":
			damaged = missing
		case r.end == endBad:
			damaged = fmt.Sprintf("%s: %s", c.name(s.number), r.why)
		case next+n < len(raws):
			damaged = fmt.Sprintf("%s: the log ends at byte %d, but %s goes on", c.name(s.number), r.off, c.name(raws[next+n].number))
		}
		return i, r, damaged
	}
}

// abandoned counts the segments that were begun where the log ends, by starts
// which a crash ended before their first frame was synced. What their torn
// frames claim is added to r.
func (c *chain) abandoned(rest []raw, r *scan) int {
	for i := range rest {
		s := &rest[i]
		if s.unused() {
			continue
		}
		if s.damage != "" || s.first != c.seq+1 {
			return i
		}
		begun := s.read(s.data, c.seq, func(head, []byte) error { return errRecord })
		if begun.end != endTorn {
			return i
		}
		r.end = endTorn
		r.why = firstOf(r.why, begun.why)
		if r.claim.last.before(begun.claim.last) {
			r.claim.last = begun.claim.last
		}
		r.claim.hardTerm = max(r.claim.hardTerm, begun.claim.hardTerm)
	}
	return len(rest)
}

// successor says what is wrong with the segment after a sealed one; "" if it is
// there and goes on where the seal was.
func (c *chain) successor(raws []raw, i int) string {
	if i+1 == len(raws) || raws[i+1].number != raws[i].number+1 {
		return fmt.Sprintf("%s is missing", c.name(raws[i].number+1))
	}
	n := raws[i+1]
	switch {
	case n.damage != "":
		return fmt.Sprintf("%s: %s", c.name(n.number), n.damage)
	case n.first != c.seq+1:
		return fmt.Sprintf("%s begins with frame %d instead of %d", c.name(n.number), n.first, c.seq+1)
	}
	return ""
}

// resume finds the segment from i on that goes on with frame seq after a break.
func resume(raws []raw, i int, seq uint64) int {
	for ; i < len(raws); i++ {
		r := &raws[i]
		if r.damage != "" || r.first != seq {
			continue
		}
		if h, _, known, _ := readFrame(r.data[sector:], r.salt); known && h.kind == kindResume && h.seq == seq {
			return i
		}
	}
	return 0
}

// unused says that no frame was ever written to a segment.
func (r *raw) unused() bool { return r.damage == "" && isZero(r.data[sector:]) }

func (c *chain) isVoid(number uint64) bool {
	for i := range c.voids {
		if c.voids[i].number == number {
			return true
		}
	}
	return false
}

func (c *chain) name(number uint64) string { return c.fs.Path(segmentName(c.dir, number)) }

// readAll reads every segment of the directory and removes unfinished ones.
func (c *chain) readAll() ([]raw, error) {
	names, err := c.fs.List(c.dir)
	if err != nil {
		return nil, fault(c.fs.Path(c.dir), err)
	}
	var raws []raw
	for _, name := range names {
		path := c.dir + "/" + name
		if strings.HasSuffix(name, partly) {
			if err := c.fs.Remove(path); err != nil {
				return nil, fault(c.fs.Path(path), err)
			}
			continue
		}
		number, err := strconv.ParseUint(strings.TrimSuffix(name, ".wal"), 16, 64)
		if err != nil || segmentName(c.dir, number) != path {
			continue // not ours
		}
		data, err := readFile(c.fs, path)
		if err != nil {
			return nil, fault(c.fs.Path(path), err)
		}
		s, newer, damage := decodeSegment(data, c.magic, number)
		if newer > 0 {
			return nil, tooNew(c.fs.Path(path), newer)
		}
		raws = append(raws, raw{segment: s, data: data, damage: damage})
	}
	return raws, nil // sorted, because names are of one length
}

// tooNew is the fault of a file that a later program wrote.
func tooNew(path string, found uint32) error {
	return core.Faultf(core.CodeConfig, "%s has format %d, this hb reads up to %d", path, found, format).
		WithHint("start the newer hb that wrote it")
}

// readFile reads a whole file. Nothing is allocated but what the file has.
func readFile(fs FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if err == io.EOF {
		err = nil
	}
	return data[:n], err
}
