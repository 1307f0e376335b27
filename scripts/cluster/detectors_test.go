package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// periodOf is T of a cluster. Central's is longer, so that even a slow election
// is over before the next centre could have waited for four of them.
func periodOf(kind string) time.Duration {
	if kind == "central" {
		return time.Second
	}
	return 500 * time.Millisecond
}

// detectorKinds are all there are; a cluster of each has addresses of its own.
func detectorKinds() []string {
	return []string{"central", "ring", "ring-bi", "all-to-all", "gossip", "swim", "one voter", "refused"}
}

// watchedBy makes a cluster of five that a kind of detector watches.
func watchedBy(t *testing.T, kind, test, more string) *cluster {
	t.Helper()
	c := &cluster{t: t}
	pid, block := os.Getpid(), 205+5*slices.Index(detectorKinds(), test)
	for i := range 5 {
		n := c.add(fmt.Sprintf("n%d", i+1), fmt.Sprintf("127.%d.%d.%d:7117", 64+pid>>8&63, pid&255, block+i))
		n.configure(t, fmt.Sprintf("[detector]\nkind = %q\nperiod = %q\n%s", kind, periodOf(kind), more))
		if i > 0 {
			n.args = append(n.args, "--seed", c.nodes[0].addr)
		}
	}
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=5", "leader", "--timeout", "60s")
	}
	return c
}

// configure gives a node a configuration file.
func (n *node) configure(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(n.dir, "hb.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(n.args, path) {
		n.args = append(n.args, "--config", path)
	}
}

// row is a member as another one shows it.
type row struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Status string    `json:"status"`
	Blame  string    `json:"blame"`
	Since  time.Time `json:"since"`
}

// rows are the members as a node shows them.
func (c *cluster) rows(n *node) []row {
	c.t.Helper()
	var doc struct {
		Members []row `json:"members"`
	}
	c.json(n, &doc, "members")
	return doc.Members
}

// shown is one member as a node shows it.
func (c *cluster) shown(n, about *node) row {
	c.t.Helper()
	for _, r := range c.rows(n) {
		if r.Name == about.name {
			return r
		}
	}
	c.t.Fatalf("%s does not show %s", n.name, about.name)
	return row{}
}

// everywhere waits until every node that runs shows a member so.
func (c *cluster) everywhere(about *node, status string) {
	c.t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for _, n := range c.nodes {
		if n.cmd == nil || n == about {
			continue
		}
		for c.shown(n, about).Status != status {
			if time.Now().After(deadline) {
				c.t.Fatalf("%s shows %+v, not %s; it said:\n%s", n.name, c.shown(n, about), status, n.log)
			}
			// The next change, or a second: nothing here goes by the clock.
			c.hb(n, "events", "-f", "--count", "1", "--for", "1s")
		}
	}
}

type record struct {
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Subject string    `json:"subject"`
	Detail  string    `json:"detail"`
}

// story is what a node has seen happen.
func (c *cluster) story(n *node) []record {
	c.t.Helper()
	var records []record
	d := json.NewDecoder(bytes.NewBufferString(c.must(n, "events", "--since", "0", "--json")))
	for d.More() {
		var r record
		if err := d.Decode(&r); err != nil {
			c.t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// when is when a node first saw something happen to a member since a time.
func (c *cluster) when(n *node, since time.Time, kind string, subject *node) (time.Time, bool) {
	c.t.Helper()
	for _, r := range c.story(n) {
		if r.Kind == kind && r.Subject == subject.name && r.Time.After(since) {
			return r.Time, true
		}
	}
	return time.Time{}, false
}

func TestAKilledMemberIsDeadInEveryViewUnderEveryDetector(t *testing.T) {
	for _, kind := range detectorKinds()[:6] {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := watchedBy(t, kind, kind, "")
			victim := c.other(c.leader(c.nodes[0]))
			killed := time.Now()
			c.kill(victim)
			c.everywhere(victim, "dead")
			t.Logf("dead in every view %.1f periods after it was killed", float64(time.Since(killed))/float64(periodOf(kind)))
			c.start(victim)
			c.everywhere(victim, "alive")
			switch kind {
			case "central":
				c.missesItsCentre()
			case "ring":
				c.missesNeighbours(2)
			case "ring-bi":
				c.missesNeighbours(3)
			}
		})
	}
}

// missesItsCentre kills the leader. The detector has nobody to notice; what it
// has is a next centre, once the election has noticed.
func (c *cluster) missesItsCentre() {
	c.t.Helper()
	centre := c.leader(c.nodes[0])
	killed := time.Now()
	c.kill(centre)
	c.everywhere(centre, "dead")
	next := c.leader(c.other(centre))
	for _, n := range c.nodes {
		if n == centre {
			continue
		}
		elected, ok := c.when(n, killed, "leader", next)
		suspected, found := c.when(n, killed, "member-suspect", centre)
		if !ok || found && suspected.Before(elected) {
			c.t.Errorf("%s suspected the centre at %v, before %s was elected at %v", n.name, suspected, next.name, elected)
		}
		if blame := c.shown(n, centre).Blame; !strings.Contains(blame, "called dead by "+next.name) {
			c.t.Errorf("%s blames %q, and %s is the new centre", n.name, blame, next.name)
		}
	}
	c.t.Logf("central: the killed centre was found by the next one, %s", next.name)
}

// missesNeighbours kills so many neighbours on the ring at once. The one whose
// watchers die with it is found only after the first one's death.
func (c *cluster) missesNeighbours(count int) {
	c.t.Helper()
	rows := c.rows(c.nodes[0])
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.ID, b.ID) })
	var victims []*node
	for _, r := range rows[1 : 1+count] {
		for _, n := range c.nodes {
			if n.name == r.Name {
				victims = append(victims, n)
			}
		}
	}
	killed := time.Now()
	for _, n := range victims {
		n.cmd.Process.Kill()
	}
	for _, n := range victims {
		c.kill(n)
	}
	for _, n := range victims {
		c.everywhere(n, "dead")
	}
	witness := c.other(nil)
	var after []float64
	for _, n := range victims {
		dead, ok := c.when(witness, killed, "member-dead", n)
		if !ok {
			c.t.Fatalf("%s has not seen %s die", witness.name, n.name)
		}
		after = append(after, float64(dead.Sub(killed))/float64(periodOf("ring")))
	}
	slices.Sort(after)
	c.t.Logf("%d neighbours killed at once are dead after %.1f periods", count, after)
	// Silence and suspicion take 6.5 periods; whoever was found in the first round
	// was so by then. Whoever was missed is found by the leader's roll call, which
	// the first death brings about: another period, and another suspicion of 2.5.
	if missed := after[count-1] - after[0]; missed < 2.5 {
		c.t.Errorf("the last one was found %.1f periods after the first: nothing was missed", missed)
	}
}

func TestACentreThatCannotBeReplacedIsShownUnreachableAndNotDead(t *testing.T) {
	t.Parallel()
	c := watchedBy(t, "central", "one voter", "spread = \"multicast\"\n[log]\nvoters = 1\n")
	centre := c.nodes[0]
	killed := time.Now()
	c.kill(centre)
	if want := "news goes to each member by itself"; !strings.Contains(centre.log.String(), want) {
		t.Errorf("without multicast it said:\n%s", centre.log)
	}
	c.everywhere(centre, "unreachable")
	for _, n := range c.nodes[1:] {
		if r := c.shown(n, centre); !strings.Contains(r.Blame, "only an election can replace it") {
			t.Errorf("%s gives no reason: %+v", n.name, r)
		}
		if _, said := c.when(n, killed, "member-unreachable", centre); !said {
			t.Errorf("%s does not say so among its events", n.name)
		}
		for _, kind := range []string{"member-suspect", "member-dead"} {
			if at, noticed := c.when(n, killed, kind, centre); noticed {
				t.Errorf("%s has %s of the centre at %v", n.name, kind, at)
			}
		}
	}
	c.start(centre)
	c.everywhere(centre, "alive")
}

func TestAClusterRefusesAMemberWithAnotherDetector(t *testing.T) {
	t.Parallel()
	c := watchedBy(t, "ring", "refused", "")
	stranger := c.add("n6", strings.Replace(c.nodes[4].addr, ":7117", ":7118", 1), "--seed", c.nodes[0].addr)
	stranger.configure(t, "[detector]\nkind = \"gossip\"\n")
	c.start(stranger)
	if code := c.ends(stranger); code != 65 {
		t.Errorf("exit %d", code)
	}
	if want := "the cluster's failure detector is ring, the joiner's gossip"; !strings.Contains(stranger.log.String(), want) {
		t.Errorf("it said:\n%s", stranger.log)
	}
	member := c.nodes[4]
	c.kill(member)
	member.configure(t, "[detector]\nkind = \"swim\"\n")
	c.start(member)
	if code := c.ends(member); code != 78 {
		t.Errorf("exit %d", code)
	}
	if want := "the failure detector of cluster hb is ring, not swim"; !strings.Contains(member.log.String(), want) {
		t.Errorf("it said:\n%s", member.log)
	}
}

// ends waits for a node that ends by itself.
func (c *cluster) ends(n *node) int {
	c.t.Helper()
	done := make(chan struct{})
	go func() {
		n.cmd.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		c.t.Fatalf("%s goes on; it said:\n%s", n.name, n.log)
	}
	code := n.cmd.ProcessState.ExitCode()
	n.cmd = nil
	return code
}
