package cluster

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// acknowledged is what a client was told that the cluster has.
type acknowledged struct {
	mu     sync.Mutex
	notes  []string
	tasks  map[string]bool
	client *node // whom to ask
	stop   bool
}

// work appends notes and submits tasks until it is stopped.
func (a *acknowledged) work(c *cluster) {
	for i := 0; ; i++ {
		a.mu.Lock()
		client, stop := a.client, a.stop
		a.mu.Unlock()
		if stop {
			return
		}
		text := "note " + strconv.Itoa(i) + " of the upgrade"
		note := c.hb(client, "log", "append", text)
		task := c.hb(client, "submit", "--", "true")
		a.mu.Lock()
		if note.code == 0 {
			a.notes = append(a.notes, text)
		}
		if task.code == 0 {
			a.tasks[strings.TrimSpace(task.out)] = true
		}
		a.mu.Unlock()
	}
}

func (a *acknowledged) ask(n *node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.client = n
}

// scripts/test and scripts/rolling build an older commit for this.
func TestARollingUpgradeUnderLoadLosesNothing(t *testing.T) {
	old := os.Getenv("HB_OLD")
	if old == "" {
		t.Skip("SKIPPED: HB_OLD names no older hb, so an upgrade is NOT tested in this run; scripts/rolling builds one and runs this test with it")
	}
	c := loopback(t, 5)
	for _, n := range c.nodes {
		n.program = old
	}
	c.startAll()
	c.must(c.nodes[4], "wait", "members=5", "voters=3", "--timeout", "120s")
	load := &acknowledged{tasks: map[string]bool{}, client: c.nodes[4]}
	var worker sync.WaitGroup
	worker.Go(func() { load.work(c) })
	for i, n := range c.nodes {
		load.ask(c.nodes[(i+1)%len(c.nodes)])
		n.cmd.Process.Signal(syscall.SIGTERM)
		if err := n.cmd.Wait(); err != nil {
			t.Errorf("%s ended with %v:\n%s", n.name, err, n.log)
		}
		n.cmd, n.program = nil, ""
		c.start(n)
		for _, each := range c.nodes {
			c.must(each, "wait", "ready", "members=5", "voters=3", "--timeout", "120s")
		}
	}
	load.mu.Lock()
	load.stop = true
	load.mu.Unlock()
	worker.Wait()
	for id := range load.tasks {
		c.must(c.nodes[0], "task", "wait", id, "--timeout", "120s")
	}
	at := strings.TrimSpace(c.must(c.nodes[0], "log", "append", "the end"))
	for _, n := range c.nodes {
		c.must(n, "wait", "applied="+at, "--timeout", "60s")
		c.sameHistory(n, load.tasks)
		kept := c.notes(n)
		for _, note := range load.notes {
			if !strings.Contains(kept, note) {
				t.Errorf("%s lacks %q, which was acknowledged", n.name, note)
			}
		}
	}
	t.Logf("%d notes and %d tasks acknowledged during five upgrades, all there on all five nodes", len(load.notes), len(load.tasks))
}
