package membership_test

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/membership"
	"hb/core/wire"
)

// chaos does something to the cluster every few seconds.
type chaos struct {
	*lab
	instance map[core.NodeID]core.Instance
	disk     map[core.NodeID][]*wire.Row
}

func (c *chaos) strike() {
	s := c.nodes[c.rand.IntN(len(c.nodes))]
	switch c.rand.IntN(6) {
	case 0, 1:
		if s.up {
			c.disk[s.id] = s.m.Table().ToWire(c.now)
			c.kill(s)
		} else {
			c.restart(s)
		}
	case 2:
		if s.up && !s.paused {
			c.pause(s, time.Duration(c.rand.Int64N(int64(12*time.Second))))
		}
	case 3:
		side := map[*station]bool{}
		for _, o := range c.nodes {
			side[o] = c.rand.IntN(2) == 0
		}
		oneWay := c.rand.IntN(2) == 0
		c.cut = func(a, b *station) bool { return side[a] && !side[b] || !oneWay && side[b] && !side[a] }
	case 4:
		c.cut = func(a, b *station) bool { return false }
		c.loss = c.rand.Float64() * 0.4
	case 5:
		c.silent = !c.silent
	}
}

func (c *chaos) restart(s *station) {
	c.instance[s.id]++
	c.start(s, 1+c.instance[s.id], tag)
	c.step(s, membership.Rows{Rows: c.disk[s.id]})
}

func TestWhateverHappensTheViewsAgreeInTheEnd(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		c := &chaos{
			lab: cluster(t, 1000+seed, 3+int(seed)%6), instance: map[core.NodeID]core.Instance{}, disk: map[core.NodeID][]*wire.Row{},
		}
		for range 40 {
			c.strike()
			c.run(time.Duration(c.rand.Int64N(int64(6 * time.Second))))
		}
		c.loss, c.cut = 0, func(a, b *station) bool { return false }
		for _, s := range c.nodes {
			if !s.up {
				c.restart(s)
			}
		}
		c.run(12 * time.Second) // until the last pause is over
		c.until(15*time.Second, "alive everywhere", func() bool { return c.agree(core.Alive, c.nodes...) })
		since := c.now
		c.run(time.Minute)
		c.allHealthy(since)
		for _, s := range c.nodes {
			if s.m.Table().Hash() != c.nodes[0].m.Table().Hash() || s.m.Isolated() {
				t.Errorf("seed %d: views differ for good\n%s", seed, c.views())
				break
			}
		}
		if t.Failed() {
			return
		}
	}
}
