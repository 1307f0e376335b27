package cluster

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// attack is what scripts/cmd/neighbour tells of itself.
type attack struct{ Opened, Handshakes, Heard, Datagrams, Overheard int64 }

// neighbour builds the program that means ill.
func neighbour(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "neighbour")
	if out, err := exec.Command("go", "build", "-o", path, "hb/scripts/cmd/neighbour").CombinedOutput(); err != nil {
		t.Fatalf("building the neighbour: %v\n%s", err, out)
	}
	return path
}

// suffer lets a neighbour on a host of its own do its worst, and meanwhile has
// something done again and again.
func suffer(t *testing.T, host, program string, args []string, meanwhile func()) (a attack) {
	t.Helper()
	var said []byte
	ended := make(chan error, 1)
	go func() {
		var err error
		said, err = command(host, program, args...).Output()
		ended <- err
	}()
	for {
		select {
		case err := <-ended:
			if bad := json.Unmarshal(said, &a); err != nil || bad != nil {
				t.Fatalf("the neighbour: %v, %v, %s", err, bad, said)
			}
			return a
		case <-time.After(10 * time.Millisecond):
			meanwhile()
		}
	}
}

func nothing() {}

// files counts what a node's process has open.
func (n *node) files(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A neighbour on the bridge, with no credentials or with forged ones, is told
// nothing, changes nothing, and leaves nothing behind.
func TestANeighbourWithoutCredentialsGetsNothing(t *testing.T) {
	l, c := founded(t, 3)
	first, enemy, program := c.nodes[0], l.more(3), neighbour(t)
	c.must(first, "log", "append", "before")
	calm := map[*node]int{}
	for _, n := range c.nodes {
		calm[n] = n.files(t)
	}
	for _, n := range c.nodes {
		a := suffer(t, enemy, program, []string{"--to", n.addr, "--for", "1s", "--at", "2", "--hold", "200", "speak", "impersonate", "strangle", "truncate", "flood", "hold"}, nothing)
		t.Logf("against %s: %+v", n.name, a) // on a slow machine it gets no handshake done
		if a.Opened == 0 || a.Heard != 0 {
			t.Errorf("against %s: %+v", n.name, a)
		}
	}
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
		untilTrue(t, n.name+" has closed all that the neighbour had opened", func() bool { return n.files(t) <= calm[n]+spare })
		if notes := c.notes(n); !strings.Contains(notes, "before") || strings.Contains(notes, "neighbour") {
			t.Errorf("%s has the notes %q", n.name, notes)
		}
	}
}

// spare is how many files a node may have more than a while ago without anybody
// from outside: streams between members come and go.
const spare = 6

// A forgotten member still has its files: credentials, keys, the log. Its own
// program is told, and ends. Whoever puts its credentials to another use gets no
// further than the handshake, at any node: it is told nothing, and can neither write
// nor have anything run; and what it gossips, sealed with the key that others still
// take, is not believed.
func TestAForgottenMemberWithItsFilesCanDoNothing(t *testing.T) {
	l, c := founded(t, 4)
	gone := c.other(c.leader(c.nodes[0]))
	rest := slices.DeleteFunc(slices.Clone(c.nodes), func(n *node) bool { return n == gone })
	enemy, program, data := l.more(4), neighbour(t), filepath.Join(gone.dir, "data")
	c.must(rest[0], "forget", "--yes", "--force", gone.name)
	if err := gone.cmd.Wait(); err == nil || !strings.Contains(gone.log.String(), "was forgotten") {
		t.Errorf("it ended with %v, saying %s", err, gone.log)
	}
	gone.cmd, c.nodes = nil, rest
	for _, n := range rest {
		c.must(n, "wait", "gone="+gone.name, "--timeout", "60s")
		untilTrue(t, n.name+" votes, and holds the authority's key", func() bool {
			return n.name == "n1" || strings.Contains(c.must(rest[0], "log", "-o", "plain"), "authority's key sealed for "+n.name)
		})
	}
	c.annoyed(func() {
		for _, n := range rest {
			a := suffer(t, enemy, program, []string{"--to", n.addr, "--for", "1s", "--at", "1", "--rate", "300", "--as", data, "haunt", "gossip"}, nothing)
			t.Logf("against %s: %+v", n.name, a)
			if a.Opened == 0 || a.Datagrams == 0 || a.Heard != 0 {
				t.Errorf("against %s: %+v", n.name, a)
			}
		}
	})
	for _, n := range rest {
		if notes := c.notes(n); strings.Contains(notes, "neighbour") {
			t.Errorf("%s has the notes %q", n.name, notes)
		}
		if tasks := c.must(n, "tasks", "-o", "plain"); tasks != "" {
			t.Errorf("%s has the tasks %q", n.name, tasks)
		}
		if got := c.must(n, "members"); strings.Contains(got, gone.name) {
			t.Errorf("%s sees %s", n.name, got)
		}
	}
	c.start(gone) // once more, with all that it has
	if err := gone.cmd.Wait(); err == nil || !strings.Contains(gone.log.String(), "was forgotten") {
		t.Errorf("it ended with %v, saying %s", err, gone.log)
	}
	gone.cmd = nil
}

// halfOpen is how many connections the neighbour keeps half open; scripts/halfopen
// has it ten thousand.
var halfOpen = flag.Int("halfopen", 400, "how many connections a neighbour keeps half open")

// CVE-2020-7219: whoever opened enough connections to Consul took all its files.
func TestHalfOpenConnectionsLeaveTheLeaderAndItsClientsAlone(t *testing.T) {
	const mayOpen = 256
	l, c, token := begin(t, 3)
	c.kill(c.nodes[0])
	c.nodes[0].program = limited(t, mayOpen)
	c.start(c.nodes[0])
	for i := 1; i < 3; i++ {
		n := c.set(l, i, fmt.Sprintf("n%d", i+1))
		n.program = c.nodes[0].program
		c.join(n, token)
	}
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
	}
	leader, enemy, program := c.leader(c.nodes[0]), l.more(3), neighbour(t)
	calm := leader.files(t)
	answers, slowest, most, led := 0, time.Duration(0), 0, 0
	a := suffer(t, enemy, program, []string{"--to", leader.addr, "--for", "8s", "--hold", fmt.Sprint(*halfOpen), "hold"}, func() {
		began := time.Now()
		c.must(leader, "log", "append", "while they hold")
		slowest, most = max(slowest, time.Since(began)), max(most, leader.files(t))
		if r := c.hb(leader, "leader", "-o", "plain"); strings.HasPrefix(r.out, leader.name) {
			led++
		}
		answers++
	})
	t.Logf("%d connections were opened, %d held at a time: %d appends answered, the slowest in %v; %s led at %d of %d looks, and had at most %d of %d files open (%d before)",
		a.Opened, *halfOpen, answers, slowest.Round(time.Millisecond), leader.name, led, answers, most, mayOpen, calm)
	untilTrue(t, "all are closed", func() bool { return leader.files(t) <= calm+spare })
	if most >= mayOpen {
		t.Errorf("%d files were open", most)
	}
}

// limited is hb with so many files.
func limited(t *testing.T, files int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "limited-hb")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec %s \"$@\"\n", files, binary(t))
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
