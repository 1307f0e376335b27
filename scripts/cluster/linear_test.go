package cluster

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"
)

// linearRounds is raised by scripts/histories.
var linearRounds = flag.Int("linear", 3, "how many faults TestWhatClientsSeeIsLinearizable lets happen")

// TestWhatClientsSeeIsLinearizable lets processes be killed, paused and cut off,
// by turns, while clients work at all of them.
func TestWhatClientsSeeIsLinearizable(t *testing.T) {
	t.Parallel()
	l, c := lanCluster(t, 5)
	for _, n := range c.nodes {
		n.configure(t, "[tasks.true]\ncommand = [\"/bin/true\"]\nuser = \"root\"\n")
	}
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=5", "voters=3", "leader", "--timeout", "90s")
	}
	work := c.begin(6)
	luck := rand.New(rand.NewPCG(3, uint64(*linearRounds)))
	for round := range *linearRounds {
		n := c.nodes[luck.IntN(len(c.nodes))]
		if round%2 == 0 { // the hardest case
			n = c.leader(n)
		}
		lasting := time.After(time.Second + time.Duration(luck.Int64N(int64(3*time.Second))))
		switch round % 3 {
		case 0:
			n.cmd.Process.Signal(syscall.SIGSTOP)
			<-lasting
			n.cmd.Process.Signal(syscall.SIGCONT)
		case 1:
			c.kill(n)
			<-lasting
			c.start(n)
		case 2:
			l.plug(c.at(n), false)
			<-lasting
			l.plug(c.at(n), true)
		}
		c.recovered()
		work.lost(t)
	}
	fmt.Fprintf(os.Stdout, "pauses, kills and cuts: %d of real nodes under load: %s\n", *linearRounds, work.finish(t))
}
