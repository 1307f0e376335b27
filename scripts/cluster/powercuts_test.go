package cluster

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// What scripts/powercuts and scripts/sigkills raise.
var (
	powerCuts = flag.Int("powercuts", 8, "how often TestPowerCutsLoseNothing cuts the power")
	sigKills  = flag.Int("sigkills", 12, "how often TestKilledNodesLoseNothing kills a node")
)

// onDisks makes three nodes under load, each on a file system of its own.
func onDisks(t *testing.T, number int) (*cluster, []*volume, *load) {
	t.Helper()
	c := block(t, number, 3)
	disks := c.volumes()
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "90s")
	}
	return c, disks, c.begin(4)
}

// victims are the nodes that a blow falls on: mostly one, which is the leader more
// often than its share, sometimes two, sometimes all.
func (c *cluster) victims(luck *rand.Rand) []*node {
	switch dice := luck.IntN(10); {
	case dice == 0:
		return c.nodes
	case dice < 3:
		spared := luck.IntN(len(c.nodes))
		return append(append([]*node{}, c.nodes[:spared]...), c.nodes[spared+1:]...)
	}
	return []*node{c.nodes[luck.IntN(len(c.nodes))]}
}

// recovered waits until all nodes serve again.
func (c *cluster) recovered() {
	c.t.Helper()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "leader", "quorum", "--timeout", "120s")
	}
}

func TestPowerCutsLoseNothing(t *testing.T) {
	t.Parallel()
	c, disks, l := onDisks(t, 5)
	luck := rand.New(rand.NewPCG(1, uint64(*powerCuts)))
	cuts := 0
	for cuts < *powerCuts {
		hit := c.victims(luck)
		for _, n := range hit {
			disks[c.at(n)].cut()
			cuts++
		}
		for _, n := range hit {
			c.kill(n)
			disks[c.at(n)].remount()
		}
		for _, n := range hit {
			c.start(n)
		}
		c.recovered()
		l.lost(t)
	}
	fmt.Fprintf(os.Stdout, "power cuts: %d of real nodes under load: %s\n", cuts, l.finish(t))
}

func TestKilledNodesLoseNothing(t *testing.T) {
	t.Parallel()
	c := block(t, 6, 3)
	c.startAll()
	c.recovered()
	for _, n := range c.nodes {
		c.must(n, "wait", "members=3", "voters=3", "--timeout", "90s")
	}
	l := c.begin(4)
	luck := rand.New(rand.NewPCG(2, uint64(*sigKills)))
	kills := 0
	for kills < *sigKills {
		hit := c.victims(luck)
		for _, n := range hit {
			c.kill(n)
			kills++
		}
		for _, n := range hit {
			c.start(n)
		}
		c.recovered()
		l.lost(t)
	}
	fmt.Fprintf(os.Stdout, "SIGKILL: %d of real nodes under load: %s\n", kills, l.finish(t))
}

// at is a node's place in its cluster.
func (c *cluster) at(n *node) int {
	for i, other := range c.nodes {
		if other == n {
			return i
		}
	}
	return -1
}
