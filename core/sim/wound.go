package sim

import (
	"slices"

	"hb/core"
)

// Nothing survives the loss of a majority's disks. So the chaos may take from
// one disk what it holds, and from the next one only when no vote and no entry
// rests on the first any more. This file knows when that is.

// wound is the last disk that lost something.
type wound struct {
	open bool
	gone bool // its node never comes back
	host int
	raft core.RaftID // under which it may have promised what it lost; 0: nothing yet
	// level is the end of the longest log anywhere when it happened: whoever has
	// applied that much holds all that the disk may have acknowledged.
	level uint64
}

// inflict lets a disk lose something, unless that could be too much.
func (c *chaos) inflict(i int, lose func()) {
	if c.wound.open && !c.healed() {
		return
	}
	furthest, level := c.w.hosts[i], uint64(0)
	for _, h := range c.w.hosts {
		h.look()
		level = max(level, h.part.Last)
		if h.part.Applied > furthest.part.Applied {
			furthest = h
		}
	}
	if len(furthest.part.Voters) < 3 || furthest.part.Joint {
		return // a young cluster has a single voter
	}
	c.wound = wound{open: true, host: i, raft: c.w.hosts[i].part.Raft, level: level}
	lose()
}

// healed says whether nothing rests on what the wounded disk held: its raft ID
// votes no more, or it has been given again what it lost.
func (c *chaos) healed() bool {
	d, h := &c.wound, c.w.hosts[c.wound.host]
	if d.raft == 0 {
		d.open = false
	} else if h.up() {
		h.look()
		d.open = h.part.Applied < d.level || h.part.Raft != d.raft && slices.Contains(h.part.Voters, d.raft)
	}
	return !d.open
}

// lost says that a voter is gone for good and not replaced yet. If the power then
// tears the log of another, only people can say that the first will not come
// back (core/replog, doubt.go; hb recover).
func (c *chaos) lost() bool { return c.wound.open && c.wound.gone && !c.healed() }

// look notes what the host's node is to the log now, if it runs.
func (h *host) look() {
	if n := h.w.Node(h.i); n != nil {
		h.part = n.Part()
	}
}

// rot ends a host, turns bits of its disk over, and lets it come back.
func (c *chaos) rot() {
	i, lasting := c.victim(), c.lasting()
	c.inflict(i, func() {
		if c.luck.IntN(2) == 0 {
			c.w.PowerCut(i)
		} else {
			c.w.Kill(i)
		}
		for range 1 + c.luck.IntN(60) { // most hit what is not used yet
			c.w.Flip(i)
		}
		c.w.after(lasting, func() { c.w.Restart(i) })
	})
}

// wipe brings a host back with an empty disk.
func (c *chaos) wipe() {
	i, lasting := c.victim(), c.lasting()
	for j, h := range c.w.hosts {
		if h.look(); j != i && (!h.up() || h.part.Doubt) {
			return // as lost says
		}
	}
	c.inflict(i, func() {
		c.wound.gone = true
		c.w.Wipe(i)
		c.w.after(lasting, func() { c.w.Restart(i) })
	})
}

// failSync makes a sync fail; the service manager starts the node again.
func (c *chaos) failSync() {
	i, lasting := c.victim(), c.lasting()
	c.w.FailSync(i)
	c.w.after(lasting, func() { c.w.Restart(i) })
	c.w.after(max(0, c.end-c.w.now), func() { c.w.hosts[i].storage.disk.failSync = false })
}

// full leaves a disk hardly any room. A node that ends meanwhile may not start
// again before there is some.
func (c *chaos) full() {
	i, lasting := c.victim(), c.lasting()
	c.w.FillDisk(i, int64(c.luck.IntN(100<<10)))
	c.w.after(min(3*lasting, c.end-c.w.now), func() { c.w.FreeDisk(i) })
}

// sever breaks the connections between two hosts.
func (c *chaos) sever() {
	a, b := c.victim(), c.luck.IntN(len(c.w.hosts))
	c.w.Sever(a, b)
	c.w.Sever(b, a)
}

// move brings a host back at another address.
func (c *chaos) move() {
	i := c.victim()
	c.w.Kill(i)
	c.w.Move(i)
	c.w.after(c.lasting(), func() { c.w.Restart(i) })
}

// removal ends all hosts and brings each back at another address.
func (c *chaos) removal() {
	for i := range c.w.hosts {
		c.w.Kill(i)
		c.w.Move(i)
		c.w.after(c.lasting(), func() { c.w.Restart(i) })
	}
}
