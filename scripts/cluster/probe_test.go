package cluster

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// nft runs one nftables command on a host. It skips, loudly, without nft.
func (l *lan) nft(i int, words ...string) {
	l.t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		l.t.Skip("SKIPPED: cuts of one direction need nft (Debian package nftables) and are NOT tested in this run")
	}
	cmd := exec.Command("ip", append([]string{"netns", "exec", l.host(i), "nft"}, words...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("nft %s: %v: %s", strings.Join(words, " "), err, out)
	}
}

// drop makes a host drop what comes in and meets a condition of nft's.
func (l *lan) drop(i int, condition string) {
	l.t.Helper()
	l.nft(i, "add table inet hb; add chain inet hb in { type filter hook input priority 0 ; }; add rule inet hb in "+condition+" drop")
}

// pass ends all that drop began on a host.
func (l *lan) pass(i int) {
	l.t.Helper()
	l.nft(i, "delete table inet hb")
}

func TestAProbeOfTheMeshShowsACutOfOneDirectionAndOneOfTheLANFindsEverybody(t *testing.T) {
	t.Parallel()
	l, c := lanCluster(t, 4)
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=4", "leader", "--timeout", "60s")
	}
	if r := c.hb(c.nodes[2], "probe", "--mesh"); r.code != 0 || r.err != "" || strings.Count(r.out, "ms") != 12 {
		t.Errorf("all is well, and the mesh says (exit %d)\n%s%s", r.code, r.out, r.err)
	}

	l.drop(1, "ip saddr 10.77.0.1")
	for _, asker := range c.nodes {
		r := c.hb(asker, "probe", "--mesh", "-o", "plain")
		if r.code != 1 {
			t.Errorf("%s: exit %d\n%s", asker.name, r.code, r.err)
		}
		for line := range strings.Lines(r.out) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			want := "arrive"
			if f[0] == "n1" && f[1] == "n2" {
				want = "lost"
			}
			if f[2] != want || (f[3] == "") != (f[0]+f[1] == "n1n2" || f[0]+f[1] == "n2n1") {
				t.Errorf("asked of %s: %q", asker.name, line)
			}
		}
	}
	l.pass(1)

	// Somebody on the wire who runs no node.
	cmd := command(l.name, binary(t), "probe", "--lan", "-o", "plain", "--for", "3s")
	l.ip("-n", l.name, "addr", "add", "10.77.0.250/24", "brd", "+", "dev", "br0")
	out, err := cmd.Output()
	var found []string
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		found = append(found, f[0]+" "+f[2])
	}
	if want := []string{"n1 10.77.0.1:7117", "n2 10.77.0.2:7117", "n3 10.77.0.3:7117", "n4 10.77.0.4:7117"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("%v: %q", err, out)
	}
}
