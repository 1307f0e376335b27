package cluster

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// This file and its neighbours about the log's operations run beside each
// other: they mostly wait. Each has a block of addresses of its own.

// block makes nodes on addresses that no other test uses, also of those that
// run at the same time.
func block(t *testing.T, number, count int) *cluster {
	t.Helper()
	c := &cluster{t: t}
	for i := range count {
		n := c.add(fmt.Sprintf("n%d", i+1), blockAddr(number, i))
		if i > 0 {
			n.args = append(n.args, "--seed", c.nodes[0].addr)
		}
	}
	return c
}

func blockAddr(number, i int) string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d:7117", 128+pid>>8&63, pid&255, 20*number+i+1)
}

type votersDoc struct {
	Target  int   `json:"target"`
	Voting  int   `json:"voting"`
	Settled *bool `json:"settled"`
	Members []struct {
		Name string `json:"name"`
		Role string `json:"role"`
		Why  string `json:"why"`
	} `json:"members"`
}

// voters are the names of those who vote, sorted, and whether that is settled.
func (c *cluster) voters(n *node) (names []string, settled bool) {
	c.t.Helper()
	var doc votersDoc
	c.json(n, &doc, "voters")
	for _, m := range doc.Members {
		if m.Role == "leader" || m.Role == "voter" {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names, doc.Settled != nil && *doc.Settled
}

// named is the node of a name.
func (c *cluster) named(name string) *node {
	c.t.Helper()
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	c.t.Fatalf("no node is called %q", name)
	return nil
}

// eventually asks again and again until something holds.
func (c *cluster) eventually(what string, most time.Duration, holds func() bool) {
	c.t.Helper()
	end := time.After(most)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-end:
			c.t.Fatalf("not within %v: %s", most, what)
		}
	}
}

type positionsDoc struct {
	Commit  string `json:"commit"`
	Members []struct {
		Name     string  `json:"name"`
		Answered bool    `json:"answered"`
		Applied  *string `json:"applied"`
		Lag      *int64  `json:"lag"`
	} `json:"members"`
}

// allLevel says whether so many members answer, and have applied the same.
func (c *cluster) allLevel(n *node, count int) bool {
	c.t.Helper()
	var doc positionsDoc
	c.json(n, &doc, "log", "status")
	level := 0
	for _, m := range doc.Members {
		if m.Answered && m.Lag != nil && *m.Lag == 0 && m.Applied != nil && *m.Applied == doc.Commit {
			level++
		}
	}
	return level == count
}

// changes are the lines of a node's log about voters from an index on.
func (c *cluster) changes(n *node, from string) (lines []string) {
	c.t.Helper()
	for line := range strings.Lines(c.must(n, "log", "--from", from, "-o", "plain")) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) > 4 && f[3] == "conf" {
			lines = append(lines, f[4])
		}
	}
	return lines
}

func TestAMemberTakesADeadVotersPlaceInOneChangeAndAllSevenAreLevel(t *testing.T) {
	t.Parallel()
	c := block(t, 0, 7)
	c.startAll()
	first := c.nodes[0]
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=7", "voters=3", "leader", "--timeout", "60s")
	}
	c.eventually("seven level", 20*time.Second, func() bool { return c.allLevel(first, 7) })

	before, _ := c.voters(first)
	leader := c.leader(first)
	dead := c.named(before[slices.IndexFunc(before, func(name string) bool { return name != leader.name })])
	ask := c.other(dead)
	index := strings.TrimSpace(c.must(ask, "log", "append", "before the death"))
	died := time.Now()
	c.kill(dead)
	var after []string
	c.eventually("another votes in its place", 45*time.Second, func() bool {
		var settled bool
		after, settled = c.voters(ask)
		return settled && len(after) == 3 && !slices.Contains(after, dead.name)
	})
	if took := time.Since(died); took < 10*time.Second {
		t.Errorf("it was replaced after %v: a restart may take longer", took)
	}
	newcomer := after[slices.IndexFunc(after, func(name string) bool { return !slices.Contains(before, name) })]
	want := fmt.Sprintf("voters: add %s, remove %s", newcomer, dead.name)
	if changes := c.changes(ask, index); len(changes) < 2 || changes[0] != "voters: add learner "+newcomer || changes[1] != want {
		t.Errorf("%q, wanted %q after the learner", changes, want)
	}
	c.must(ask, "log", "append", "after the death")
	c.eventually("the six are level", 20*time.Second, func() bool { return c.allLevel(ask, 6) })

	c.must(ask, "forget", "--yes", dead.name)
	eighth := c.add("n8", blockAddr(0, 7), "--seed", ask.addr)
	c.start(eighth)
	c.must(eighth, "wait", "ready", "--timeout", "60s")
	c.eventually("seven are level again", 20*time.Second, func() bool { return c.allLevel(eighth, 7) })
	notes := c.notes(eighth)
	for _, n := range c.nodes {
		if n != dead && c.notes(n) != notes {
			t.Errorf("%s has the notes %q, %s %q", n.name, c.notes(n), eighth.name, notes)
		}
	}
	if !strings.Contains(notes, "before the death") || !strings.Contains(notes, "after the death") {
		t.Errorf("%q", notes)
	}
}
