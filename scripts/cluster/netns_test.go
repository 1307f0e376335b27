package cluster

import (
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// lan is a bridge in a namespace of its own, with one namespace a host.
type lan struct {
	t     *testing.T
	name  string
	count int
}

// newLAN makes count hosts on one bridge, 10.77.0.1 and on. It skips, loudly,
// where namespaces cannot be made.
func newLAN(t *testing.T, count int) *lan {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: network namespaces need root; machines of their own are NOT tested in this run")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("SKIPPED: network namespaces need ip (Debian package iproute2); machines of their own are NOT tested in this run")
	}
	l := &lan{t: t, count: count, name: fmt.Sprintf("hbt%d-%x", os.Getpid(), crc32.ChecksumIEEE([]byte(t.Name())))}
	if out, err := exec.Command("ip", "netns", "add", l.name).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no network namespaces here, so machines of their own are NOT tested in this run: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("ip", "netns", "del", l.name).Run() })
	l.ip("-n", l.name, "link", "add", "br0", "type", "bridge")
	l.ip("-n", l.name, "link", "set", "br0", "up")
	for i := range count {
		l.more(i)
	}
	return l
}

// more makes one more host, 10.77.0.i+1, and gives its namespace.
func (l *lan) more(i int) string {
	l.t.Helper()
	host := l.host(i)
	l.ip("netns", "add", host)
	l.t.Cleanup(func() { exec.Command("ip", "netns", "del", host).Run() })
	l.ip("-n", l.name, "link", "add", fmt.Sprintf("p%d", i), "type", "veth", "peer", "name", "eth0", "netns", host)
	l.ip("-n", l.name, "link", "set", fmt.Sprintf("p%d", i), "master", "br0", "up")
	l.ip("-n", host, "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "brd", "+", "dev", "eth0")
	l.ip("-n", host, "link", "set", "lo", "up")
	l.ip("-n", host, "link", "set", "eth0", "up")
	return host
}

func (l *lan) host(i int) string { return fmt.Sprintf("%s-%d", l.name, i) }

func (l *lan) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// plug connects a host to the bridge, or cuts it off.
func (l *lan) plug(i int, on bool) {
	l.t.Helper()
	state := map[bool]string{true: "up", false: "down"}[on]
	l.ip("-n", l.name, "link", "set", fmt.Sprintf("p%d", i), state)
}

// lanCluster makes nodes on hosts of one bridge that are members of one cluster,
// and know no seed. They do not run yet.
func lanCluster(t *testing.T, count int) (*lan, *cluster) {
	t.Helper()
	l := newLAN(t, count)
	c := &cluster{t: t}
	for i := range count {
		n := c.add(fmt.Sprintf("n%d", i+1), fmt.Sprintf("10.77.0.%d:7117", i+1))
		n.netns, n.sealed = l.host(i), true
	}
	first := c.nodes[0]
	r := first.set(t, "init")
	if r.code != 0 {
		t.Fatalf("hb init: exit %d, %s%s", r.code, r.out, r.err)
	}
	c.token = strings.TrimSpace(r.out)
	c.start(first)
	c.must(first, "wait", "ready", "leader", "--timeout", "60s")
	for _, n := range c.nodes[1:] {
		if r := n.set(t, "join", c.token, first.addr); r.code != 0 {
			t.Fatalf("hb join on %s: exit %d, %s%s", n.name, r.code, r.out, r.err)
		}
	}
	c.kill(first)
	return l, c
}

// set makes a machine a member by hb init or hb join; its hb.toml is not used.
func (n *node) set(t *testing.T, words ...string) result {
	t.Helper()
	args := append(words, "--no-start", "--name", n.name, "--bind", n.addr,
		"--data", filepath.Join(n.dir, "data"), "--config", filepath.Join(n.dir, "unused.toml"))
	return output(t, command(n.netns, binary(t), args...))
}

func TestNodesWithoutASeedFindEachOtherByBroadcast(t *testing.T) {
	_, c := lanCluster(t, 3)
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
	}
}

func TestAMinorityKnowsNoLeaderAndCommitsNothing(t *testing.T) {
	l, c := lanCluster(t, 3)
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
	}
	alone := c.leader(c.nodes[0]) // the hardest case: the leader itself
	at := 0
	for i, n := range c.nodes {
		if n == alone {
			at = i
		}
	}
	l.plug(at, false)
	if r := c.hb(alone, "leader"); r.code != 106 || strings.TrimSpace(r.out) != "unknown" {
		t.Errorf("hb leader in the minority: exit %d, %q, %q", r.code, r.out, r.err)
	}
	if r := c.hb(alone, "log", "append", "from the minority"); r.code == 0 {
		t.Errorf("the minority committed a note: %q", r.out)
	}
	if r := c.hb(alone, "members", "--agreed"); r.code != 106 {
		t.Errorf("hb members --agreed in the minority: exit %d, %q, %q", r.code, r.out, r.err)
	}
	if r := c.hb(alone, "members", "--agreed", "--stale"); r.code != 0 || !strings.Contains(r.err, "without a quorum") {
		t.Errorf("hb members --agreed --stale in the minority: exit %d, %q, %q", r.code, r.out, r.err)
	}
	majority := c.other(alone)
	c.must(majority, "wait", "leader", "quorum", "--timeout", "60s")
	index := strings.TrimSpace(c.must(majority, "log", "append", "from the majority"))
	l.plug(at, true)
	for _, n := range c.nodes {
		c.must(n, "wait", "members=3", "quorum", "applied="+index, "--timeout", "60s")
	}
	notes := c.notes(majority)
	for _, n := range c.nodes {
		if got := c.notes(n); got != notes {
			t.Errorf("%s has notes %q, %s has %q", n.name, got, majority.name, notes)
		}
		if c.leader(n) != c.leader(majority) {
			t.Errorf("%s and %s do not agree who leads", n.name, majority.name)
		}
	}
	if !strings.Contains(notes, "from the majority") {
		t.Errorf("the majority's note is gone: %q", notes)
	}
}

// notes are the users' notes in a node's log.
func (c *cluster) notes(n *node) string {
	c.t.Helper()
	var notes []string
	for line := range strings.SplitSeq(c.must(n, "log", "-o", "plain"), "\n") {
		if strings.Contains(line, "note") {
			notes = append(notes, line)
		}
	}
	return strings.Join(notes, "\n")
}

func TestNewsOfADeathGoesByMulticastWhereThereIsOne(t *testing.T) {
	l, c := lanCluster(t, 4)
	for _, n := range c.nodes {
		n.configure(t, "[detector]\nspread = \"multicast\"\n")
	}
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=4", "voters=3", "leader", "--timeout", "60s")
	}
	victim := c.other(c.leader(c.nodes[0]))
	before := l.multicasts(t)
	c.kill(victim)
	c.everywhere(victim, "dead")
	// A suspicion and a death at least; the leader's own beacon comes every 10 s.
	if sent := l.multicasts(t) - before; sent < 2 {
		t.Errorf("%d multicasts were sent", sent)
	}
	c.start(victim)
	c.everywhere(victim, "alive")
}

// multicasts counts what all hosts have sent by multicast.
func (l *lan) multicasts(t *testing.T) int {
	t.Helper()
	sum := 0
	for i := range l.count {
		out, err := exec.Command("ip", "netns", "exec", l.host(i), "cat", "/proc/net/netstat").Output()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for line := range strings.Lines(string(out)) {
			words := strings.Fields(line)
			if words[0] != "IpExt:" {
				continue
			}
			if names == nil {
				names = words
				continue
			}
			n, err := strconv.Atoi(words[slices.Index(names, "OutMcastPkts")])
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	return sum
}
