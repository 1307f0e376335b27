package cluster

import (
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How long and how fast the neighbour goes at each member; scripts/neighbour lets it
// do more.
var (
	annoyFor  = flag.Duration("annoy", time.Second, "how long a neighbour goes at each member")
	annoyRate = flag.Int("annoy-rate", 500, "how many datagrams a second each of its tricks sends, by each of two; 0: as many as it can")
)

// hub makes the bridge forget who is where, so that every host hears all.
func (l *lan) hub() {
	l.t.Helper()
	l.ip("-n", l.name, "link", "set", "br0", "type", "bridge", "ageing_time", "0")
}

// goroutines ends a node, and counts what it says that it was doing.
func (c *cluster) goroutines(n *node) int {
	c.t.Helper()
	n.cmd.Process.Signal(syscall.SIGQUIT)
	n.cmd.Wait()
	n.cmd = nil
	count := len(regexp.MustCompile(`(?m)^goroutine [1-9]`).FindAllString(n.log.String(), -1))
	if count == 0 {
		c.t.Fatalf("%s said nothing of its goroutines: %.2000s", n.name, n.log)
	}
	return count
}

// belief is what a node holds to be so: who there is, who leads in which term, and
// what happened.
func (c *cluster) belief(n *node) string {
	c.t.Helper()
	var doc leaderDoc
	c.json(n, &doc, "leader")
	b := fmt.Sprintf("%s sees %s lead in term %s\n", n.name, doc.Name, doc.Term)
	rows := c.rows(n)
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Name, b.Name) })
	for _, r := range rows {
		b += fmt.Sprintf("%s sees %s (%s) %s\n", n.name, r.Name, r.ID, r.Status)
	}
	for _, r := range c.story(n) {
		if strings.HasPrefix(r.Kind, "member-") || strings.HasPrefix(r.Kind, "agreed-") || r.Kind == "leader" {
			b += fmt.Sprintf("%s saw %s of %s\n", n.name, r.Kind, r.Subject)
		}
	}
	return b
}

func (c *cluster) beliefs() (all string) {
	c.t.Helper()
	for _, n := range c.nodes {
		all += c.belief(n)
	}
	return all
}

// A neighbour on the bridge hears every datagram. It plays them again, those of
// today and those of an older start and an older key, whole, cut and changed, in
// members' names and its own; it makes some up, and sends noise. It is told nothing,
// changes nothing, and leaves nothing behind; nobody is held to be dead for it.
func TestANeighbourWithDatagramsGetsNothing(t *testing.T) {
	l, c := founded(t, 3)
	l.hub()
	first, last, enemy, program := c.nodes[0], c.nodes[2], l.more(3), neighbour(t)
	old := filepath.Join(t.TempDir(), "old")
	if a := suffer(t, enemy, program, []string{"--to", first.addr, "--for", "2s", "--record", old, "listen"}, nothing); a.Overheard == 0 {
		t.Fatalf("it heard nothing: %+v", a)
	}
	calm := c.goroutines(last)
	c.start(last)
	c.must(first, "keys", "rotate")
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
	}
	files := map[*node]int{}
	for _, n := range c.nodes {
		files[n] = n.files(t)
	}
	c.annoyed(func() {
		for _, n := range c.nodes {
			a := suffer(t, enemy, program, []string{
				"--to", n.addr, "--for", annoyFor.String(), "--at", "2", "--rate", strconv.Itoa(*annoyRate), "--from", old, "replay", "forge", "spray",
			}, nothing)
			t.Logf("against %s: %+v", n.name, a)
			if a.Datagrams == 0 || a.Overheard == 0 || a.Heard != 0 {
				t.Errorf("against %s: %+v", n.name, a)
			}
		}
	})
	for _, n := range c.nodes {
		untilTrue(t, n.name+" has nothing open for it", func() bool { return n.files(t) <= files[n]+spare })
	}
	c.must(last, "log", "append", "after all")
	if now := c.goroutines(last); now > calm+spare {
		t.Errorf("%s had %d goroutines, and has %d:\n%s", last.name, calm, now, last.log)
	}
}

// annoyed has something done, and wants nothing to have changed: no table, no
// leader, no term, nothing that happened, no entry in the log but the test's own. A
// machine that has no time for its nodes lets some be suspected by chance; what the
// neighbour can bring about it can do three times.
func (c *cluster) annoyed(by func()) {
	c.t.Helper()
	first := c.nodes[0]
	for again := range 3 {
		index := strings.TrimSpace(c.must(first, "log", "append", "before"))
		before := c.beliefs()
		by()
		until := strings.TrimSpace(c.must(first, "log", "append", "behind"))
		for _, n := range c.nodes {
			c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "applied="+until, "--timeout", "60s")
		}
		after := c.beliefs()
		entries := strings.Split(strings.TrimSpace(c.must(first, "log", "--from", index, "-o", "plain")), "\n")
		if before == after && len(entries) == 2 {
			return
		}
		c.t.Logf("time %d: there was\n%sand is\n%swith the entries %q", again+1, before, after, entries)
	}
	c.t.Error("each time something changed")
}
