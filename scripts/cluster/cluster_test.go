package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

type membersDoc struct {
	Cluster struct {
		ID string `json:"id"`
	} `json:"cluster"`
	Members []struct {
		Name   string `json:"name"`
		Status string `json:"status"`
		Agreed string `json:"agreed"`
	} `json:"members"`
}

type tasksDoc struct {
	Tasks []struct {
		ID     string `json:"id"`
		Status string `json:"status"`
		Exit   *int   `json:"exit"`
	} `json:"tasks"`
}

func three(t *testing.T) *cluster {
	t.Helper()
	c := loopback(t, 3)
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
	}
	return c
}

func TestThreeNodesSeeEachOtherAliveAndAgreeWhoLeads(t *testing.T) {
	c := three(t)
	for _, n := range c.nodes {
		var doc membersDoc
		c.json(n, &doc, "members")
		if len(doc.Members) != 3 {
			t.Errorf("%s sees %d members", n.name, len(doc.Members))
		}
		for _, m := range doc.Members {
			if m.Status != "alive" {
				t.Errorf("%s sees %s %s", n.name, m.Name, m.Status)
			}
		}
		if a, b := c.leader(n), c.leader(c.nodes[0]); a != b {
			t.Errorf("%s says %s leads, %s says %s", n.name, a.name, c.nodes[0].name, b.name)
		}
	}
}

func TestATaskPrintsAndExitsLikeTheCommandItself(t *testing.T) {
	c := three(t)
	for _, n := range c.nodes {
		r := c.hb(n, "submit", "--wait", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
		if r.out != "out\n" || r.err != "err\n" || r.code != 7 {
			t.Errorf("on %s: out %q, err %q, exit %d", n.name, r.out, r.err, r.code)
		}
	}
}

func TestEveryTaskEndsExactlyOnceWhenTheLeaderIsKilledAmongThem(t *testing.T) {
	const tasks = 200
	c := three(t)
	leader := c.leader(c.nodes[0])
	client := c.other(leader)
	ids := map[string]bool{}
	for i := range tasks {
		id := strings.TrimSpace(c.must(client, "submit", "--", "sh", "-c", "exit 0"))
		if ids[id] {
			t.Fatalf("task ID %s twice", id)
		}
		ids[id] = true
		if i == tasks/2 {
			c.kill(leader)
		}
	}
	for id := range ids {
		if r := c.hb(client, "task", "wait", id, "--timeout", "120s"); r.code != 0 {
			t.Fatalf("task wait %s: exit %d\n%s%s", id, r.code, r.out, r.err)
		}
	}
	c.start(leader)
	c.must(leader, "wait", "ready", "members=3", "--timeout", "60s")
	for _, n := range c.nodes {
		c.sameHistory(n, ids)
	}
}

// sameHistory checks that a node lists each of the tasks once, as succeeded.
func (c *cluster) sameHistory(n *node, ids map[string]bool) {
	c.t.Helper()
	var doc tasksDoc
	c.json(n, &doc, "tasks")
	seen := map[string]int{}
	for _, task := range doc.Tasks {
		seen[task.ID]++
		if ids[task.ID] && task.Status != "succeeded" {
			c.t.Errorf("%s: task %s is %s", n.name, task.ID, task.Status)
		}
	}
	for id := range ids {
		if seen[id] != 1 {
			c.t.Errorf("%s lists task %s %d times", n.name, id, seen[id])
		}
	}
}

func TestAllKilledAndStartedAgainAreTheSameCluster(t *testing.T) {
	c := three(t)
	ids := map[string]bool{}
	for i := range 20 {
		ids[strings.TrimSpace(c.must(c.nodes[i%3], "submit", "--", "true"))] = true
	}
	for id := range ids {
		c.must(c.nodes[0], "task", "wait", id, "--timeout", "60s")
	}
	var before membersDoc
	c.json(c.nodes[0], &before, "members")
	for _, n := range c.nodes {
		c.kill(n)
	}
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
		var after membersDoc
		c.json(n, &after, "members")
		if after.Cluster.ID != before.Cluster.ID {
			t.Errorf("%s: cluster %s, before %s", n.name, after.Cluster.ID, before.Cluster.ID)
		}
		c.sameHistory(n, ids)
	}
}

func TestADemoLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	cmd := command("", binary(t), "demo", "--yes")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("hb demo: %v\n%s", err, out)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) > 0 {
		t.Errorf("files left behind: %v", left)
	}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		if line, err := os.ReadFile(p); err == nil && strings.Contains(string(line), dir) {
			t.Errorf("process left behind: %s", fmt.Sprintf("%q", line))
		}
	}
}

func TestAnOrderlyStopHandsLeadershipOverAndKeepsTheMembership(t *testing.T) {
	c := three(t)
	leader := c.leader(c.nodes[0])
	leader.cmd.Process.Signal(syscall.SIGTERM)
	if err := leader.cmd.Wait(); err != nil {
		t.Errorf("the stopped node ended with %v:\n%s", err, leader.log)
	}
	leader.cmd = nil
	other := c.other(leader)
	c.must(other, "wait", "quorum", "--timeout", "60s")
	events := c.must(other, "events", "--since", "0", "-o", "plain")
	if !strings.Contains(events, "\tagreed-down\t"+leader.name+"\tshutdown") {
		t.Errorf("%s was not told of the shutdown:\n%s", other.name, events)
	}
	if next := c.leader(other); next == leader {
		t.Errorf("%s still leads", leader.name)
	}
	c.start(leader)
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "--timeout", "60s")
	}
}

func TestALeaverIsGoneForGoodAndItsFilesAreKept(t *testing.T) {
	c := loopback(t, 4)
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=4", "voters=3", "leader", "--timeout", "60s")
	}
	leaver := c.leader(c.nodes[0]) // the hardest case
	c.must(leaver, "leave", "--yes", "--timeout", "60s")
	if err := leaver.cmd.Wait(); err != nil {
		t.Errorf("the leaver ended with %v:\n%s", err, leaver.log)
	}
	leaver.cmd = nil
	other := c.other(leaver)
	c.must(other, "wait", "gone="+leaver.name, "quorum", "--timeout", "60s")
	var doc membersDoc
	c.json(other, &doc, "members")
	for _, m := range doc.Members {
		if m.Name == leaver.name && (m.Status != "left" || m.Agreed != "left") {
			t.Errorf("%s calls the leaver %s, agreed %s", other.name, m.Status, m.Agreed)
		}
	}
	aside, _ := filepath.Glob(filepath.Join(leaver.dir, "data", "aside-*", "*"))
	if len(aside) == 0 {
		t.Error("the leaver's files are gone")
	}
}
