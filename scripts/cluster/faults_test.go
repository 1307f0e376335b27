package cluster

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// allFaults makes TestFaults run those that take long, too: scripts/faults does.
var allFaults = flag.Bool("faults", false, "run the faults that take long, too")

// fault is something that happens to real processes on hosts of their own. All
// nodes must come to the right table again, and nobody who was well may have been
// called dead by anybody meanwhile.
type fault struct {
	name  string
	nodes int
	quick bool // it takes no more than twenty seconds, and the machine may be slow
	do    func(f *faulty)
}

// faults are those that happen to clusters with credentials. Each has its seeds in
// core/sim, too: what stops, is cut, loses packets or has its clock set in
// faults_test.go; names and moves in identity_test.go; copies and backups in
// rollback_test.go; incarnations in ghost_test.go; many at once in agreed_test.go.
func faults() []fault {
	return []fault{
		{"one stopped for 3 s", 5, false, func(f *faulty) { f.stopped(3*time.Second, f.member()) }},
		{"the leader stopped for 3 s", 5, false, func(f *faulty) { f.stopped(3*time.Second, f.c.leader(f.c.nodes[0])) }},
		{"one stopped for 10 s", 5, false, func(f *faulty) { f.sick(f.member()); f.stopped(10*time.Second, f.ill...) }},
		{"the leader stopped for 10 s", 5, false, func(f *faulty) {
			f.sick(f.c.leader(f.c.nodes[0]))
			f.stopped(10*time.Second, f.ill...)
		}},
		{"all stopped for 10 s", 5, true, func(f *faulty) { f.stopped(10*time.Second, f.c.nodes...) }},
		{"all frozen for 10 s", 5, false, func(f *faulty) { f.frozen(10 * time.Second) }},
		{"one link cut in one direction", 5, false, func(f *faulty) {
			f.l.drop(f.at(f.member()), "ip saddr "+f.host(f.c.leader(f.c.nodes[0])))
			f.wait(20 * time.Second)
			f.l.pass(f.at(f.member()))
		}},
		{"one hears nobody", 5, false, func(f *faulty) { f.cut("in") }},
		{"nobody hears one", 5, false, func(f *faulty) { f.cut("out") }},
		{"one isolated", 5, false, isolated},
		{"80 % loss at one", 5, false, lossy},
		{"the clock of one a day ahead, then a day back", 5, false, clockSet},
		{"a stolen name", 4, true, stolenName},
		{"a cloned data directory", 4, false, clonedDirectory},
		{"a voter's cloned data directory", 4, false, clonedVoter},
		{"another address, the same identity", 4, true, movedHouse},
		{"ten of fourteen killed at once", 14, false, tenKilled},
		{"a data directory put back from a backup", 4, true, rolledBack},
	}
}

// openFaults are those that can only happen where nobody has credentials.
func openFaults() []fault {
	return []fault{{"an incarnation at its maximum", 4, true, lied}}
}

func TestFaults(t *testing.T) {
	all := append(faults(), openFaults()...)
	verdicts := make([]string, len(all))
	t.Cleanup(func() {
		for i, f := range all {
			if verdicts[i] != "" {
				fmt.Fprintf(os.Stdout, "fault: %-42s %s\n", f.name, verdicts[i])
			}
		}
	})
	for i, what := range all {
		if !what.quick && !*allFaults {
			continue
		}
		t.Run(what.name, func(t *testing.T) {
			t.Parallel()
			f := &faulty{t: t, began: time.Now(), verdict: &verdicts[i]}
			if i < len(faults()) {
				f.l, f.c = lanCluster(t, what.nodes)
			} else {
				f.c = loopback(t, what.nodes)
			}
			f.c.startAll()
			for _, n := range f.c.nodes {
				f.c.must(n, "wait", "ready", fmt.Sprintf("members=%d", what.nodes), "voters=3", "leader", "--timeout", "90s")
			}
			f.chosen = f.c.other(f.c.leader(f.c.nodes[0]))
			*f.verdict = "FAILED"
			what.do(f)
			f.settled()
			f.blameless()
			if !t.Failed() {
				*f.verdict = "right everywhere, nobody wrongly dead" + f.figures
			}
		})
	}
}

// faulty is a cluster on a network of its own to which something happens.
type faulty struct {
	t       *testing.T
	l       *lan
	c       *cluster
	chosen  *node
	ill     []*node // those that may be called dead, and whose own view is not judged
	began   time.Time
	figures string
	verdict *string
}

// member is one that does not lead.
func (f *faulty) member() *node { return f.chosen }

func (f *faulty) at(n *node) int { return slices.Index(f.c.nodes, n) }

// host is a node's IP address.
func (f *faulty) host(n *node) string { return strings.TrimSuffix(n.addr, ":7117") }

// sick says of nodes that they may be called dead.
func (f *faulty) sick(nodes ...*node) { f.ill = append(f.ill, nodes...) }

func (f *faulty) say(format string, args ...any) { f.figures += "; " + fmt.Sprintf(format, args...) }

// wait lets a fault last.
func (f *faulty) wait(d time.Duration) { <-time.After(d) }

// stopped stops processes for a while.
func (f *faulty) stopped(d time.Duration, nodes ...*node) {
	for _, n := range nodes {
		n.cmd.Process.Signal(syscall.SIGSTOP)
	}
	f.wait(d)
	for _, n := range nodes {
		n.cmd.Process.Signal(syscall.SIGCONT)
	}
}

// freezers are where kernels have theirs, and what to write into which file there to
// freeze and to thaw; the file says so when it is done.
func freezers() [][4]string {
	return [][4]string{
		{"/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED"},
		{"/sys/fs/cgroup", "cgroup.freeze", "1", "0"},
		{"/sys/fs/cgroup/unified", "cgroup.freeze", "1", "0"},
	}
}

// frozen does so with the kernel's freezer, as container engines do.
func (f *faulty) frozen(d time.Duration) {
	for _, z := range freezers() {
		dir := filepath.Join(z[0], fmt.Sprintf("hbt%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		state := filepath.Join(dir, z[1])
		if _, err := os.Stat(state); err != nil { // no freezer, or no control group at all
			os.Remove(dir)
			continue
		}
		f.t.Cleanup(func() {
			for _, n := range f.c.nodes {
				f.c.kill(n)
			}
			if err := os.Remove(dir); err != nil {
				f.t.Error(err)
			}
		})
		for _, n := range f.c.nodes {
			f.write(filepath.Join(dir, "cgroup.procs"), fmt.Sprint(n.cmd.Process.Pid))
		}
		f.write(state, z[2])
		f.c.eventually("all are frozen", 30*time.Second, func() bool {
			now, err := os.ReadFile(state)
			return err == nil && strings.TrimSpace(string(now)) == z[2]
		})
		f.wait(d)
		if r := f.c.hb(f.member(), "status", "--timeout", "1s"); r.code != 124 {
			f.t.Errorf("a frozen node answers: exit %d", r.code)
		}
		f.write(state, z[3])
		return
	}
	f.t.Skip("SKIPPED: no freezer of control groups here, so frozen nodes are NOT tested in this run")
}

// write writes into a file that the kernel has.
func (f *faulty) write(file, text string) {
	f.t.Helper()
	open, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err == nil {
		_, err = open.WriteString(text)
		open.Close()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// cut takes from one member all that comes in, or all that goes out.
func (f *faulty) cut(direction string) {
	victim := f.member()
	f.sick(victim)
	hook := map[string]string{"in": "input", "out": "output"}[direction]
	f.l.nft(f.at(victim), "add table inet hb; add chain inet hb in { type filter hook "+hook+" priority 0 ; }; add rule inet hb in meta l4proto { tcp, udp } drop")
	f.wait(20 * time.Second)
	f.says(victim, direction)
	f.l.pass(f.at(victim))
}

// says checks that a member that hears nobody says so and calls nobody dead.
func (f *faulty) says(victim *node, direction string) {
	r := f.c.hb(victim, "members")
	if direction == "in" && !strings.Contains(r.err, "hears nobody") {
		f.t.Errorf("it hears nobody, and says\n%s%s", r.out, r.err)
	}
	f.t.Logf("%s:\n%s%s", victim.name, r.out, r.err)
	for _, other := range f.c.nodes {
		if at, dead := f.c.when(victim, f.began, "member-dead", other); dead {
			f.t.Errorf("%s, cut off, calls %s dead at %v", victim.name, other.name, at)
		}
	}
	other := f.c.other(victim)
	r = f.c.hb(other, "members")
	f.t.Logf("%s:\n%s%s", other.name, r.out, r.err)
}

func isolated(f *faulty) {
	victim := f.member()
	f.sick(victim)
	f.l.plug(f.at(victim), false)
	f.wait(15 * time.Second)
	f.says(victim, "in")
	if r := f.c.hb(victim, "status"); !strings.Contains(r.out, "isolated") {
		f.t.Errorf("hb status says\n%s%s", r.out, r.err)
	}
	f.l.plug(f.at(victim), true)
}

func lossy(f *faulty) {
	victim := f.at(f.member())
	f.sick(f.member())
	f.l.nft(victim, "add table inet hb; add chain inet hb in { type filter hook input priority 0 ; }; add rule inet hb in meta l4proto { tcp, udp } numgen random mod 100 < 80 drop; "+
		"add chain inet hb out { type filter hook output priority 0 ; }; add rule inet hb out meta l4proto { tcp, udp } numgen random mod 100 < 80 drop")
	f.wait(40 * time.Second)
	r := f.c.hb(f.c.other(f.member()), "members")
	f.t.Logf("%s%s", r.out, r.err)
	f.l.pass(victim)
}

// stolenName has a stranger with a good token ask for a member's name: it is not
// let in, and says why.
func stolenName(f *faulty) {
	thief := f.newcomer(f.member().name)
	if r := thief.set(f.t, "join", f.c.token, f.c.nodes[0].addr); r.code != 65 || !strings.Contains(r.err, thief.name+" is taken") {
		f.t.Errorf("hb join: exit %d, %s%s", r.code, r.out, r.err)
	}
	f.leave(thief)
}

// newcomer is one more host with a node of this name.
func (f *faulty) newcomer(name string) *node {
	n := f.c.add(name, fmt.Sprintf("10.77.0.%d:7117", 101+len(f.c.nodes)))
	n.sealed = true
	n.netns = f.l.more(100 + len(f.c.nodes) - 1)
	return n
}

// leave takes a node that is none of the cluster's from the list.
func (f *faulty) leave(n *node) {
	f.c.kill(n)
	f.c.nodes = slices.DeleteFunc(f.c.nodes, func(o *node) bool { return o == n })
}

// clonedDirectory starts a copy of a member's directory elsewhere: the later start
// is the member, the earlier one stops and says why.
func clonedDirectory(f *faulty) {
	original := f.votes(false)
	f.sick(original)
	clone := f.clone(original)
	f.stops(original, "another process runs with a copy of it")
	f.c.must(clone, "wait", "ready", "members=4", "--timeout", "60s")
	f.leave(clone)
	f.c.start(original)
}

// clonedVoter does so with a voter's, which the copy may not vote for: it asks where
// the voter was last, and stops itself.
func clonedVoter(f *faulty) {
	clone := f.clone(f.votes(true))
	f.stops(clone, "this data directory is a copy of its")
	f.leave(clone)
}

// clone starts a copy of a node on one more host.
func (f *faulty) clone(original *node) *node {
	clone := f.newcomer(original.name)
	f.copy(original.data(), clone.data())
	f.c.start(clone)
	return clone
}

// votes gives a node that votes and does not lead, or one that does not vote.
func (f *faulty) votes(so bool) *node {
	voters, _ := f.c.voters(f.c.nodes[0])
	leader := f.c.leader(f.c.nodes[0])
	i := slices.IndexFunc(f.c.nodes, func(n *node) bool { return n != leader && slices.Contains(voters, n.name) == so })
	if i < 0 {
		f.t.Fatalf("nobody votes: %t; voters are %v, %s leads", so, voters, leader.name)
	}
	return f.c.nodes[i]
}

// stops waits until a node has stopped of its own, and said why.
func (f *faulty) stops(n *node, why string) {
	f.t.Helper()
	if code := f.c.ends(n); code != 65 || !strings.Contains(n.log.String(), why) {
		f.t.Errorf("%s: exit %d\n%s", n.name, code, n.log)
	}
}

func (f *faulty) copy(from, to string) {
	f.t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		f.t.Fatalf("cp: %v: %s", err, out)
	}
}

func movedHouse(f *faulty) {
	n := f.member()
	f.sick(n)
	f.c.halt(n)
	i := f.at(n)
	n.addr = fmt.Sprintf("10.77.0.%d:7117", 60+i)
	f.l.ip("-n", f.l.host(i), "addr", "flush", "dev", "eth0")
	f.l.ip("-n", f.l.host(i), "addr", "add", fmt.Sprintf("10.77.0.%d/24", 60+i), "brd", "+", "dev", "eth0")
	f.c.start(n)
	f.c.must(n, "wait", "ready", "--timeout", "60s")
	for _, other := range f.c.nodes {
		f.c.eventually("the new address is known", 30*time.Second, func() bool {
			return strings.Contains(f.c.must(other, "members", n.name), n.addr)
		})
	}
}

func tenKilled(f *faulty) {
	voters, _ := f.c.voters(f.c.nodes[0])
	var victims []*node
	for _, n := range f.c.nodes {
		if !slices.Contains(voters, n.name) && len(victims) < 10 {
			victims = append(victims, n)
		}
	}
	index := strings.TrimSpace(f.c.must(f.c.named(voters[0]), "log", "append", "before"))
	began := time.Now()
	for _, n := range victims {
		n.cmd.Process.Kill()
	}
	for _, n := range victims {
		f.c.kill(n)
		f.sick(n)
	}
	witness := f.c.named(voters[0])
	for _, n := range victims {
		f.c.must(witness, "wait", "gone="+n.name, "--timeout", "60s")
	}
	f.say("agreed %.1f s after", time.Since(began).Seconds())
	entries := 0
	for line := range strings.Lines(f.c.must(witness, "log", "--from", index, "-o", "plain")) {
		if strings.Contains(line, "down") && strings.Contains(line, "crash") {
			entries++
			f.t.Logf("%s", line)
		}
	}
	if f.say("%d entries", entries); entries != 1 {
		f.t.Errorf("%d entries", entries)
	}
}

// rolledBack puts a member's directory back from a backup two starts old, and
// does what the node then says.
func rolledBack(f *faulty) {
	n := f.member()
	f.sick(n)
	f.c.halt(n)
	old := n.data() + "-old"
	f.copy(n.data(), old)
	for range 2 {
		f.c.start(n)
		f.c.must(n, "wait", "ready", "--timeout", "60s")
		f.c.halt(n)
	}
	os.RemoveAll(n.data())
	os.Rename(old, n.data())
	f.c.start(n)
	f.stops(n, "it was put back from a backup")
	if r := f.c.offline("recover", "--rejoin", "--yes", "--data", n.data()); r.code != 0 {
		f.t.Fatalf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	f.c.start(n)
	f.c.must(n, "wait", "ready", "--timeout", "60s")
}

// settled waits until every node that runs shows those that run alive, and all
// others not.
func (f *faulty) settled() {
	f.t.Helper()
	began := time.Now()
	for _, n := range f.c.nodes {
		if n.cmd == nil {
			continue
		}
		f.c.eventually(n.name+" has the right table", 60*time.Second, func() bool {
			for _, r := range f.c.rows(n) {
				if runs := f.c.named(r.Name).cmd != nil; runs != (r.Status == "alive") {
					return false
				}
			}
			return len(f.c.rows(n)) == len(f.c.nodes)
		})
	}
	f.say("right %.1f s after its end", time.Since(began).Seconds())
}

// blameless checks that nobody called anybody dead who was well.
func (f *faulty) blameless() {
	f.t.Helper()
	for _, n := range f.c.nodes {
		if n.cmd == nil {
			continue
		}
		for _, r := range f.c.story(n) {
			sick := slices.ContainsFunc(f.ill, func(o *node) bool { return o.name == r.Subject })
			if (r.Kind == "member-dead" || r.Kind == "agreed-down" && r.Detail == "crash") && !sick {
				f.t.Errorf("%s: %s %s %s", n.name, r.Kind, r.Subject, r.Detail)
			}
		}
	}
}
