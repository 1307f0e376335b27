package cluster

import (
	"path/filepath"
	"strings"
	"testing"
)

// findings are what hb doctor finds wrong on a node's host, by their IDs, each as
// one line. It must exit 1 if there are any, and else 0.
func (n *node) findings(t *testing.T, args ...string) map[string]string {
	t.Helper()
	r := n.run(t, append([]string{"doctor", "--data", filepath.Join(n.dir, "data"), "--wrong", "-o", "plain"}, args...)...)
	found := map[string]string{}
	for line := range strings.Lines(r.out) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		found[id] = rest
	}
	if r.err != "" || r.code != min(1, len(found)) {
		t.Errorf("hb doctor %q: exit %d, %q", args, r.code, r.err)
	}
	for _, machine := range []string{"disk-slow", "udp-overflow", "listen-overflow", "stress", "member-stress", "no-cgroups"} {
		delete(found, machine) // the machine that runs the tests
	}
	return found
}

// finds waits until hb doctor finds one thing wrong.
func (n *node) finds(t *testing.T, id, words string, args ...string) {
	t.Helper()
	var found map[string]string
	defer func() {
		if t.Failed() {
			t.Logf("hb doctor %q found %q", args, found)
		}
	}()
	untilTrue(t, id+" is found, with "+words, func() bool {
		found = n.findings(t, args...)
		return strings.Contains(found[id], words)
	})
}

// well waits until hb doctor finds nothing wrong.
func (n *node) well(t *testing.T, args ...string) {
	t.Helper()
	var found map[string]string
	defer func() {
		if t.Failed() {
			t.Logf("hb doctor %q found %q", args, found)
		}
	}()
	untilTrue(t, "nothing is wrong", func() bool {
		found = n.findings(t, args...)
		return len(found) == 0
	})
}

func TestDoctorTellsBeforeJoiningWhatStandsInTheWay(t *testing.T) {
	t.Parallel()
	l, c, token := begin(t, 2)
	first := c.nodes[0]
	create := func(args ...string) string {
		return strings.TrimSpace(c.must(first, append([]string{"token", "create"}, args...)...))
	}
	revoked, expired := create(), create("--ttl", "1s")
	c.must(first, "token", "revoke", revoked)
	untilTrue(t, "the token expires", func() bool { return strings.Contains(c.must(first, "token", "list"), "expired") })
	foreign := (&cluster{t: t}).set(l, 1, "other")
	stranger := strings.TrimSpace(foreign.run(t, "init", "--data", filepath.Join(foreign.dir, "data")).out)

	guest := c.set(l, 1, "guest")
	for _, args := range [][]string{{"--token", token}, {"--token", token, "10.77.0.1"}, {"10.77.0.1"}} {
		guest.well(t, args...)
	}
	guest.finds(t, "token", "was revoked", "--token", revoked)
	guest.finds(t, "token", "expired at", "--token", expired)
	guest.finds(t, "wrong-cluster", "the token is for another cluster", "--token", stranger, "10.77.0.1")
	guest.finds(t, "token", "is taken by a living member", "--token", token, "--name", "n1")
	if got := c.must(first, "token", "list", "-o", "plain"); strings.Contains(got, "\t1\t") {
		t.Errorf("a token was used: %q", got)
	}

	l.drop(1, "udp dport 7117-7118")
	guest.finds(t, "firewall", "nft insert rule inet hb in udp dport 7117-7118 accept", "10.77.0.1")
	l.pass(1)
	l.drop(0, "udp dport 7117-7118")
	guest.finds(t, "host-udp", "by TCP, but not by UDP", "10.77.0.1")
	guest.finds(t, "lan", "nobody else answers")
	l.pass(0)
	l.drop(0, "tcp dport 7117")
	guest.finds(t, "host-filtered", "only TCP is dropped", "10.77.0.1")
	l.pass(0)
	guest.finds(t, "host-refused", "no node listens there", "10.77.0.1:7999")
	c.kill(first)
	guest.finds(t, "host-refused", "no node listens there", "10.77.0.1")
	l.ip("-n", l.host(1), "link", "set", "eth0", "down")
	guest.finds(t, "link-down", "ip link set eth0 up", "10.77.0.1")
}

func TestDoctorTellsAMemberWhereItsPacketsAreLost(t *testing.T) {
	t.Parallel()
	l, c := founded(t, 3)
	here, other := c.nodes[0], c.nodes[1]
	here.well(t)
	check := func(code int, words string) {
		t.Helper()
		var r result
		untilTrue(t, "hb check says "+words, func() bool {
			r = here.run(t, "check", "--warning", "certificate=60:")
			return r.code == code && strings.HasPrefix(r.out, words) && strings.Count(r.out, "\n") == 1
		})
	}
	check(0, "HB OK - hb: 3 of 3 members alive, leader n")
	l.drop(1, "udp dport 7117 ip saddr 10.77.0.1")
	here.finds(t, "udp", "n2 answers by TCP, but not by UDP\tits datagrams arrive here, and this node's do not arrive there\ton n2: hb doctor")
	l.pass(1)
	l.drop(1, "tcp dport 7117 ip saddr 10.77.0.1")
	here.finds(t, "tcp", "n2 answers by UDP, but not by TCP")
	l.pass(1)
	l.drop(0, "tcp dport 7117")
	here.finds(t, "tcp-all", "no member answers by TCP, though they do by UDP: n2, n3\tconnections from here get there; those by which they answer do not get here")
	here.finds(t, "tcp-all", "nft insert rule inet hb in tcp dport 7117 accept")
	l.pass(0)
	here.well(t)
	c.kill(other)
	c.everywhere(other, "dead")
	here.finds(t, "member-dead", "2 of 3 voters are alive: no further one may be lost")
	check(1, "HB WARNING - dead: n2; hb: 2 of 3 members alive, leader n")
	other.finds(t, "node-down", "left its socket behind")
	c.kill(c.nodes[2])
	untilTrue(t, "that there is no leader is told", func() bool {
		found := here.findings(t)
		return strings.Contains(found["isolated"], "hears none of the other 2 members") || strings.Contains(found["no-quorum"], "2 are needed")
	})
	check(2, "HB CRITICAL - ")
}
