package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// begin founds a cluster on the first host of a bridge, with hb init, and starts
// its node. The token is the first.
func begin(t *testing.T, hosts int) (l *lan, c *cluster, token string) {
	t.Helper()
	l = newLAN(t, hosts)
	c = &cluster{t: t}
	n := c.set(l, 0, "n1")
	r := n.run(t, "init", "--name", n.name, "--data", filepath.Join(n.dir, "data"))
	token = strings.TrimSpace(r.out)
	if r.code != 0 || strings.Count(r.out, "\n") != 1 || !strings.HasPrefix(token, "hb1_") {
		t.Fatalf("hb init: exit %d, %q, %q", r.code, r.out, r.err)
	}
	n.allow(t)
	c.start(n)
	c.must(n, "wait", "ready", "leader", "--timeout", "60s")
	return l, c, token
}

// set makes a node on a host that goes by an hb.toml of its own, and has no
// credentials yet.
func (c *cluster) set(l *lan, host int, name string) *node {
	n := c.add(name, fmt.Sprintf("10.77.0.%d:7117", host+1))
	n.netns, n.config = l.host(host), filepath.Join(n.dir, "hb.toml")
	return n
}

// run runs a command on the node's host that its hb.toml and socket are for.
func (n *node) run(t *testing.T, args ...string) result {
	t.Helper()
	return output(t, command(n.netns, binary(t), append(args, "--config", n.config, "--socket", n.socket)...))
}

// join joins by a token, without naming a member, and starts the node.
func (c *cluster) join(n *node, token string) {
	c.t.Helper()
	r := n.run(c.t, "join", token, "--name", n.name, "--data", filepath.Join(n.dir, "data"))
	if r.code != 0 {
		c.t.Fatalf("hb join on %s: exit %d, %q, %q", n.name, r.code, r.out, r.err)
	}
	n.allow(c.t)
	c.start(n)
}

// allow has a node run one task.
func (n *node) allow(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(n.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\n[tasks.hello]\ncommand = [\"/bin/echo\", \"hello\"]\nuser = \"root\"\n"); err != nil {
		t.Fatal(err)
	}
}

// founded is a cluster of machines on one bridge that have joined by a token.
func founded(t *testing.T, count int) (*lan, *cluster) {
	l, c, token := begin(t, count)
	for i := 1; i < count; i++ {
		c.join(c.set(l, i, fmt.Sprintf("n%d", i+1)), token)
	}
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", fmt.Sprintf("members=%d", count), "voters=3", "leader", "--timeout", "60s")
	}
	return l, c
}

// untilTrue waits for what is to become so.
func untilTrue(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late, again := time.After(time.Minute), time.NewTicker(100*time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}

func TestMachinesJoinByATokenAndRunATask(t *testing.T) {
	_, c := founded(t, 3)
	var r result // what a member runs reaches the others a moment after itself
	untilTrue(t, "the task is known", func() bool {
		r = c.hb(c.nodes[2], "run", "--timeout", "60s", "hello")
		return !strings.Contains(r.err, "defines")
	})
	if r.code != 0 || r.out != "hello\n" {
		t.Errorf("the task: exit %d, %q, %q", r.code, r.out, r.err)
	}
	for _, n := range c.nodes {
		if got := c.must(n, "members", "-o", "plain"); strings.Count(got, "\n") != 3 {
			t.Errorf("%s sees %q", n.name, got)
		}
	}
	first := c.nodes[0]
	again := first.run(t, "init")
	joined := c.nodes[1].run(t, "join", strings.TrimSpace(again.out))
	if again.code != 0 || joined.code != 0 || !strings.Contains(c.must(first, "token", "list", "-o", "plain"), "\t2\tgood") {
		t.Errorf("again: hb init %+v, hb join %+v", again, joined)
	}
	// What is a member already needs no token to come back.
	c.kill(c.nodes[1])
	c.start(c.nodes[1])
	c.must(c.nodes[1], "wait", "ready", "members=3", "--timeout", "60s")
	// Who has left joins as another: its credentials are void, and gone.
	last := c.nodes[2]
	c.must(last, "leave", "--yes", "--timeout", "60s")
	last.cmd.Wait()
	if r := last.run(t, "node"); r.code != 78 || !strings.HasPrefix(r.err, "hb: this machine has left its cluster: ") {
		t.Errorf("hb node after hb leave: exit %d, %q", r.code, r.err)
	}
	if r := last.run(t, "join", strings.TrimSpace(again.out)); r.code != 0 {
		t.Errorf("hb join after hb leave: exit %d, %q", r.code, r.err)
	}
	c.start(last)
	c.must(last, "wait", "ready", "members=3", "--timeout", "60s")
}

func TestWhoseTokenIsNotGoodStaysOutAndIsToldWhy(t *testing.T) {
	l, c, token := begin(t, 2)
	first := c.nodes[0]
	create := func(args ...string) string {
		return strings.TrimSpace(c.must(first, append([]string{"token", "create"}, args...)...))
	}
	once, revoked, expired := create("--uses", "1"), create(), create("--ttl", "1s")
	c.must(first, "token", "revoke", revoked)
	guest := c.set(l, 1, "n2")
	c.join(guest, once)
	c.must(guest, "wait", "ready", "members=2", "--timeout", "60s")
	untilTrue(t, "the token expires", func() bool { return strings.Contains(c.must(first, "token", "list"), "expired") })

	foreign := &cluster{t: t}
	other := foreign.set(l, 1, "other")
	r := other.run(t, "init", "--data", filepath.Join(other.dir, "data"))
	swapped := []byte(token)
	swapped[20], swapped[21] = 'v', '0'

	for i, x := range []struct {
		what, token string
		code        int
		words       string
	}{
		{"used up", once, 77, "is used up: 1 of 1 machines"},
		{"revoked", revoked, 77, "was revoked"},
		{"expired", expired, 77, "expired at"},
		{"another cluster's", strings.TrimSpace(r.out), 65, "another cluster than the token is for"},
		{"mistyped", string(swapped), 65, "checksum is wrong"},
		{"no token", "swordfish", 65, "not a join token"},
	} {
		n := c.set(l, 1, fmt.Sprintf("late%d", i))
		r := n.run(t, "join", x.token, "--name", n.name, "--data", filepath.Join(n.dir, "data"))
		if r.code != x.code || !strings.Contains(r.err, x.words) || !strings.HasPrefix(r.err, "hb: ") || strings.Count(r.err, "\n") > 2 {
			t.Errorf("%s: exit %d, %q", x.what, r.code, r.err)
		}
		if start := output(t, command(n.netns, binary(t), "node", "--config", "/dev/null", "--data", filepath.Join(n.dir, "data"), "--socket", n.socket)); start.code != 78 || !strings.Contains(start.err, "no credentials") {
			t.Errorf("%s: hb node all the same: exit %d, %q", x.what, start.code, start.err)
		}
	}
	taken := c.set(l, 1, "again")
	r = taken.run(t, "join", token, "--name", guest.name, "--data", filepath.Join(taken.dir, "data"))
	if r.code != 65 || !strings.Contains(r.err, "is taken by a living member") {
		t.Errorf("a taken name: exit %d, %q", r.code, r.err)
	}
	l.more(2)
	l.plug(2, false)
	lonely := c.set(l, 2, "lonely")
	r = lonely.run(t, "join", token, "10.77.0.1:7117", "--name", "lonely", "--timeout", "2s", "--data", filepath.Join(lonely.dir, "data"))
	if r.code != 69 || !strings.Contains(r.err, "10.77.0.1:7117: ") || !strings.Contains(r.err, "hint: hb doctor 10.77.0.1:7117") {
		t.Errorf("nobody answers: exit %d, %q", r.code, r.err)
	}
	if got := c.must(first, "members", "-o", "plain"); strings.Count(got, "\n") != 2 {
		t.Errorf("members are %q", got)
	}
}

func TestAForgottenMemberWithItsFilesIntactStaysOut(t *testing.T) {
	_, c := founded(t, 4)
	gone := c.other(c.leader(c.nodes[0]))
	rest := c.other(gone)
	c.kill(gone)
	c.everywhere(gone, "dead")
	var forgot result
	untilTrue(t, "it is forgotten", func() bool {
		forgot = c.hb(rest, "forget", gone.name, "--yes")
		return forgot.code == 0
	})
	if !strings.HasPrefix(forgot.err, "hint: ") || !strings.Contains(forgot.err, " its disk holds the key ") || strings.Count(forgot.err, "\n") != 1 {
		t.Errorf("of the key on its disk it is said %q", forgot.err)
	}
	c.start(gone)
	gone.cmd.Wait() // it is told, and ends
	if !strings.Contains(gone.log.String(), "was forgotten") {
		t.Errorf("it said %q", gone.log)
	}
	for _, n := range c.nodes {
		if n == gone {
			continue
		}
		c.must(n, "wait", "gone="+gone.name, "--timeout", "60s")
		untilTrue(t, n.name+" shows it no more", func() bool { return !strings.Contains(c.must(n, "members", "-o", "plain"), gone.name+"\t") })
	}
	r := gone.run(t, "node")
	if r.code != 65 || !strings.Contains(r.err, "forgotten") {
		t.Errorf("once more: exit %d, %q", r.code, r.err)
	}
}

func TestWithoutCredentialsANodeListensOnLoopbackOnly(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"node", "--data", dir, "--socket", filepath.Join(dir, "s"), "--config", "/dev/null"},
		{"node", "--dev", "--bind", "0.0.0.0:0", "--data", dir},
	} {
		if r := output(t, exec.Command(binary(t), args...)); r.code != 78 {
			t.Errorf("hb %s: exit %d, %q", strings.Join(args, " "), r.code, r.err)
		}
	}
}
