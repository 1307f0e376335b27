package sim

import (
	"math/rand/v2"
	"time"
)

// chaos lets things go wrong, one after the other and often several at once,
// until it is over. Every fault ends by itself.
type chaos struct {
	w      *World
	luck   *rand.Rand
	faults Faults
	end    moment
	kinds  []func()
	// count says how many faults there were.
	count int
	wound wound
}

// newChaos makes faults from now until the end.
func newChaos(w *World, f Faults, end moment) *chaos {
	c := &chaos{w: w, luck: w.chance("faults"), faults: f, end: end}
	for _, kind := range []struct {
		weight int
		strike func()
	}{
		{f.Pause, c.pause}, {f.Kill, c.kill}, {f.Runner, c.runner}, {f.Power, c.power}, {f.Blackout, c.blackout},
		{f.Partition, c.partition}, {f.OneWay, c.oneWay}, {f.Loss, c.loss},
		{f.SlowDisk, c.slowDisk}, {f.Clock, c.clock}, {f.Stop, c.stop},
		{f.Rot, c.rot}, {f.Wipe, c.wipe}, {f.FailSync, c.failSync}, {f.Full, c.full},
		{f.Sever, c.sever}, {f.Move, c.move}, {f.Removal, c.removal},
	} {
		for range kind.weight {
			c.kinds = append(c.kinds, kind.strike)
		}
	}
	if len(c.kinds) > 0 {
		c.wait()
	}
	return c
}

func (c *chaos) wait() {
	c.w.after(time.Duration(c.luck.ExpFloat64()*float64(c.w.options.Faults.Every)), func() {
		if c.w.now >= c.end {
			return
		}
		c.count++
		c.kinds[c.luck.IntN(len(c.kinds))]()
		c.wait()
	})
}

// lasting draws how long a fault lasts: often short, sometimes long, never
// beyond the end.
func (c *chaos) lasting() time.Duration {
	d := 20*time.Millisecond + time.Duration(c.luck.ExpFloat64()*float64(2*time.Second))
	return max(0, min(d, 8*time.Second, c.end-c.w.now))
}

// victim is any host, the leader twice as often as its share.
func (c *chaos) victim() int {
	i := c.luck.IntN(len(c.w.hosts) + 1)
	if i < len(c.w.hosts) {
		return i
	}
	return max(0, c.w.Leader())
}

func (c *chaos) pause() { c.w.Pause(c.victim(), c.lasting()) }

func (c *chaos) kill() {
	i := c.victim()
	c.w.Kill(i)
	c.w.after(c.lasting(), func() { c.w.Restart(i) })
}

// runner ends a runner process, alone or with its node.
func (c *chaos) runner() {
	i := c.victim()
	both := c.luck.IntN(2) == 0
	if both {
		c.w.Kill(i)
	}
	c.w.KillRunner(i)
	if both {
		c.w.after(c.lasting(), func() { c.w.Restart(i) })
	}
}

// power cuts a host's power, now or in the middle of what its disk does next.
func (c *chaos) power() {
	i, lasting := c.victim(), c.lasting()
	if c.lost() {
		c.kill()
		return
	}
	back := func() {
		c.w.PowerCut(i)
		c.w.after(lasting, func() { c.w.Restart(i) })
	}
	if c.luck.IntN(2) == 0 {
		back()
		return
	}
	c.w.PowerCutIn(i, c.luck.IntN(20))
	c.w.after(min(time.Second, c.end-c.w.now), back)
}

func (c *chaos) blackout() {
	if c.lost() {
		return
	}
	for i := range c.w.hosts {
		c.w.PowerCut(i)
		c.w.after(c.lasting(), func() { c.w.Restart(i) })
	}
}

func (c *chaos) stop() {
	i, h := c.victim(), c.w.hosts
	if c.luck.IntN(2) == 0 {
		c.w.ShutdownToRestart(i)
	} else {
		c.w.Shutdown(i)
	}
	life := h[i].life
	c.w.after(c.lasting(), func() {
		if h[i].life == life && h[i].up() {
			c.w.Kill(i) // its time to stop is over, as the service manager sees it
		}
		c.w.Restart(i)
	})
}

// partition splits the hosts in two groups of any size.
func (c *chaos) partition() {
	if len(c.w.hosts) < 2 {
		return
	}
	order := c.luck.Perm(len(c.w.hosts))
	at := 1 + c.luck.IntN(len(order)-1)
	groups := [][]int{order[:at], order[at:]}
	c.w.Partition(groups...)
	c.w.after(c.lasting(), func() { eachPair(groups, c.w.network.unblock) })
}

// oneWay cuts one direction between two groups, or of one link.
func (c *chaos) oneWay() {
	if len(c.w.hosts) < 2 {
		return
	}
	order := c.luck.Perm(len(c.w.hosts))
	from, to := order[:1], order[1:]
	switch c.luck.IntN(3) {
	case 0:
		to = order[1:2]
	case 1:
		from, to = to, from
	}
	for _, a := range from {
		for _, b := range to {
			c.w.Cut(a, b)
		}
	}
	c.w.after(c.lasting(), func() {
		for _, a := range from {
			for _, b := range to {
				c.w.network.unblock(a, b)
			}
		}
	})
}

func (c *chaos) loss() {
	bad := c.w.network.was
	bad.Loss = 0.05 + c.luck.Float64()*0.4
	bad.Duplicate, bad.Reorder = c.luck.Float64()*0.2, c.luck.Float64()*0.3
	bad.Delay += time.Duration(c.luck.Int64N(int64(20 * time.Millisecond)))
	c.w.SetNetwork(bad)
	c.w.after(c.lasting(), func() { c.w.SetNetwork(c.w.network.was) })
}

func (c *chaos) slowDisk() {
	i := c.victim()
	c.w.SlowDisk(i, 10+c.luck.IntN(300))
	c.w.after(c.lasting(), func() { c.w.SlowDisk(i, 1) })
}

func (c *chaos) clock() {
	c.w.JumpClock(c.victim(), time.Duration(c.luck.Int64N(int64(2*time.Hour)))-time.Hour)
}
