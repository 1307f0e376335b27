package cluster

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// halt ends a node with SIGTERM and waits for it.
func (c *cluster) halt(n *node) {
	c.t.Helper()
	n.cmd.Process.Signal(syscall.SIGTERM)
	n.cmd.Wait()
	n.cmd = nil
}

// data is a node's data directory.
func (n *node) data() string { return filepath.Join(n.dir, "data") }

// offline runs a command that works on a data directory.
func (c *cluster) offline(args ...string) result {
	c.t.Helper()
	return c.hb(&node{socket: "/nowhere"}, args...)
}

// TestTwoOfThreeVotersAreLostAndTheCommandsOwnWordsBringTheClusterBack does what
// an operator does who knows nothing but what hb prints.
func TestTwoOfThreeVotersAreLostAndTheCommandsOwnWordsBringTheClusterBack(t *testing.T) {
	t.Parallel()
	c := block(t, 1, 5)
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=5", "voters=3", "leader", "--timeout", "60s")
	}
	names, _ := c.voters(c.nodes[0])
	lost, survivor := []*node{c.named(names[0]), c.named(names[1])}, c.named(names[2])
	ids := map[string]bool{}
	for range 20 {
		ids[strings.TrimSpace(c.must(survivor, "submit", "--", "true"))] = true
	}
	for id := range ids {
		c.must(survivor, "task", "wait", id, "--timeout", "60s")
	}
	fence := c.lastFence(survivor)
	for _, n := range lost {
		c.kill(n)
	}
	// What is asked of a leader whose death is not known yet, or that has lost its
	// majority and not stepped down yet, may be in the log or not (124); once it is
	// known that nobody leads, nothing is written.
	c.eventually("it is known that nobody leads", 60*time.Second, func() bool {
		status := c.must(survivor, "status", "--json")
		return strings.Contains(status, `"health":"no-quorum"`) && strings.Contains(status, `"leader":{"id":null`)
	})
	if r := c.hb(survivor, "submit", "--", "true"); r.code != 106 {
		t.Errorf("without a majority: exit %d, %s%s", r.code, r.out, r.err)
	}

	// What is to be done is said by hb recover --dry-run, and then done.
	var members []*node
	args := []string{"recover", "--dry-run", "--data", survivor.data()}
	for _, n := range c.nodes {
		if n.cmd != nil {
			c.halt(n)
			if n != survivor {
				members, args = append(members, n), append(args, n.data())
			}
		}
	}
	dry := c.offline(args...)
	for _, want := range []string{
		"FURTHEST", "majority of the 3 voters is gone for good", "Not here: " + lost[0].name, lost[1].name,
		"What: makes " + survivor.name + " the only voter of cluster hb", "What may be missing: ", "hb\nrecover --rejoin --data DIR",
	} {
		if dry.code != 0 || !strings.Contains(unfold(dry.out), unfold(want)) {
			t.Fatalf("%q is not in what hb recover --dry-run says (exit %d):\n%s%s", want, dry.code, dry.out, dry.err)
		}
	}
	args[1] = "--yes"
	if r := c.offline(args...); r.code != 0 || !strings.Contains(r.out, "which begins at entry 42949") {
		t.Fatalf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	if r := c.offline(args...); r.code != 0 || !strings.Contains(r.out, "Nothing to do: ") {
		t.Fatalf("twice: exit %d\n%s%s", r.code, r.out, r.err)
	}
	c.start(survivor)
	c.must(survivor, "wait", "leader", "quorum", "--timeout", "60s")
	c.sameHistory(survivor, ids)

	// A member of the old epoch that is started as ever is told what to do.
	stubborn := members[0]
	c.start(stubborn)
	stubborn.cmd.Wait()
	if code := stubborn.cmd.ProcessState.ExitCode(); code != 65 {
		t.Errorf("it ended with %d", code)
	}
	stubborn.cmd = nil
	if said := stubborn.log.String(); !strings.Contains(said, "goes on as epoch 1-") || !strings.Contains(said, "hint: hb recover --rejoin") {
		t.Errorf("it said %s", said)
	}
	for _, n := range append(members, lost[0]) { // a lost disk that turns up again, too
		if r := c.offline("recover", "--rejoin", "--yes", "--data", n.data()); r.code != 0 {
			t.Fatalf("exit %d\n%s%s", r.code, r.out, r.err)
		}
		n.args = []string{"--seed", survivor.addr}
		c.start(n)
	}
	for _, n := range append(members, lost[0], survivor) {
		c.must(n, "wait", "ready", "members=4", "voters=3", "quorum", "--timeout", "60s")
		c.sameHistory(n, ids)
	}
	ids[strings.TrimSpace(c.must(lost[0], "run", "--", "true"))] = true
	if after := c.lastFence(lost[0]); after <= fence {
		t.Errorf("the fence went from %d to %d", fence, after)
	}
	c.eventually("all are level", 20*time.Second, func() bool { return c.allLevel(survivor, 4) })
}

func unfold(s string) string { return strings.Join(strings.Fields(s), " ") }

// lastFence is the fence of the newest attempt that a node knows of.
func (c *cluster) lastFence(n *node) (last uint64) {
	c.t.Helper()
	var doc tasksDoc
	c.json(n, &doc, "tasks")
	for _, task := range doc.Tasks {
		for _, m := range regexp.MustCompile(`"fence":"(\d+)"`).FindAllStringSubmatch(c.must(n, "task", "show", task.ID, "--json"), -1) {
			fence, err := strconv.ParseUint(m[1], 10, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			last = max(last, fence)
		}
	}
	return last
}
