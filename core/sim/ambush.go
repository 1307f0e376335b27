package sim

import (
	"net/netip"
	"time"
)

// The worst moments for a crash are short: between a vote and the entry that
// follows it, between a grant and its intent. Blind faults hit them once in many
// thousand runs. So the chaos looks at the frames, and strikes at some of those
// that matter.

// longestAway bounds how long an ambush keeps a host down.
const longestAway = time.Second

// saw looks at a frame that is sent, and perhaps prepares an ambush.
func (c *chaos) saw(from *host, addr netip.AddrPort, f frameHead) {
	if c == nil || !f.election && !f.task || c.w.now+2*longestAway > c.end || c.faults.Ambush == 0 {
		return
	}
	percent := c.faults.Ambush
	if f.task {
		percent /= 10
	}
	to := c.w.hostAt(addr)
	if to == nil || c.luck.Float64()*100 >= percent {
		return
	}
	c.count++
	c.ambush(from.i, to.i)
}

// ambush strikes one or both of two hosts within the next round trip: one ends,
// by signal or by power, and is soon back; and often the other is cut off from
// everybody meanwhile.
func (c *chaos) ambush(a, b int) {
	if c.luck.IntN(2) == 0 {
		a, b = b, a
	}
	strike := min(time.Duration(c.luck.ExpFloat64()*float64(c.w.network.is.Delay+2*c.w.network.is.Jitter)), longestAway)
	away := min(time.Duration(c.luck.ExpFloat64()*float64(200*time.Millisecond)), longestAway)
	power := c.luck.IntN(2) == 0
	cutOff := c.luck.IntN(2) == 0
	c.w.after(strike, func() {
		if power && !c.lost() {
			c.w.PowerCut(a)
		} else {
			c.w.Kill(a)
		}
		if cutOff {
			c.isolate(b)
		}
	})
	c.w.after(strike+away, func() { c.w.Restart(a) })
}

// isolate cuts all links of one host.
func (c *chaos) isolate(i int) {
	rest := make([]int, 0, len(c.w.hosts)-1)
	for j := range c.w.hosts {
		if j != i {
			rest = append(rest, j)
		}
	}
	groups := [][]int{{i}, rest}
	c.w.Partition(groups...)
	c.w.after(c.lasting(), func() { eachPair(groups, c.w.network.unblock) })
}
