package judge

import (
	"fmt"
	"strings"
	"time"

	"hb/core/pki"
	"hb/core/runnerd"
)

const (
	// roomWarn and roomBad are bytes left for the data directory, inodesBad files.
	roomWarn, roomBad = 1 << 30, 64 << 20
	inodesBad         = 100
	// syncWarn is what the median of some synced writes may take, syncBad the
	// longest: for so long nobody would take the node for alive.
	syncWarn, syncBad = 30 * time.Millisecond, 2 * time.Second
	// filesWarn is the fewest files a node should be allowed to open.
	filesWarn = 1024
	// swappedWarn are the bytes of a node that may be away from memory.
	swappedWarn = 8 << 20
)

func (f *Facts) config() []Finding {
	c := f.Config
	switch {
	case f.Owner != "":
		return []Finding{ok("config", "the node here is %s's: its configuration and its data were not looked at; hb doctor sees them when %s runs it", f.Owner, f.Owner)}
	case c == nil:
		return nil
	case c.Closed:
		return []Finding{ok("config", "%s may not be read by %s, and was not looked at: sudo hb doctor sees more", c.Path, f.User)}
	case len(c.Faults) > 0:
		first := bad("config", "%s", c.Faults[0]).mend("hb config check")
		if more := len(c.Faults) - 1; more > 0 {
			first = first.because("and %d more", more)
		}
		return []Finding{first}
	case c.Path == "":
		return []Finding{ok("config", "there is no configuration: the defaults hold")}
	}
	return []Finding{ok("config", "%s is sound", c.Path)}
}

func (f *Facts) data() []Finding {
	d := f.Data
	switch {
	case d == nil:
		return nil
	case d.Closed:
		return []Finding{ok("data", "%s is %s's, and was not looked at: sudo hb doctor sees more", d.Dir, d.Owner)}
	case d.Fault != "" && !d.Exists:
		return []Finding{bad("data", "the data directory %s cannot be made by %s: %s", d.Dir, f.User, d.Fault).
			mend(fmt.Sprintf("as root: mkdir -p %s && chown %s %s", d.Dir, f.User, d.Dir), "or name another: node.data in hb.toml, or --data")}
	case d.Fault != "":
		return []Finding{bad("data", "the data directory cannot be used: %s", d.Fault).
			because("it belongs to %s, and hb doctor was run by %s", d.Owner, f.User).
			mend(fmt.Sprintf("chown -R %s %s, if %s is to run the node; or run it as %s", f.User, d.Dir, f.User, d.Owner))}
	case len(d.Open) > 0:
		return []Finding{bad("keys-open", "%s can be read by others", strings.Join(d.Open, ", ")).
			because("whoever has the key is this node to all others").
			mend(fmt.Sprintf("chmod -R go= %s/pki", d.Dir), "if somebody may have read it: hb forget this node on another member, and join again")}
	case !d.Exists:
		return []Finding{ok("data", "%s is not there yet, and can be made", d.Dir)}
	}
	return []Finding{ok("data", "%s can be used", d.Dir)}
}

func (f *Facts) disk() (found []Finding) {
	d := f.Data
	if d == nil || d.Fault != "" || d.Closed {
		return nil
	}
	switch {
	case d.Inodes < inodesBad:
		found = append(found, bad("disk-full", "the file system of %s has room for %d more files", d.Dir, d.Inodes).
			because("a node whose log cannot grow accepts nothing").mend("delete files: df -i "+d.Dir))
	case d.Free < roomBad:
		found = append(found, bad("disk-full", "the disk of %s has %s left", d.Dir, size(d.Free)).
			because("a node whose log cannot grow accepts nothing").mend("make room: df -h "+d.Dir))
	case d.Free < roomWarn:
		found = append(found, warn("disk-full", "the disk of %s has %s left", d.Dir, size(d.Free)).mend("make room: df -h "+d.Dir))
	}
	switch {
	case d.SyncFault != "":
		found = append(found, bad("disk-fault", "the disk of %s does not keep what it is given: %s", d.Dir, d.SyncFault).
			mend("dmesg | tail, and mount | grep ro,: the file system may be read-only after a fault"))
	case d.Worst > syncBad || d.Sync > syncWarn:
		found = append(found, warn("disk-slow", "the disk of %s syncs a small write in %v (at worst %v)", d.Dir, round(d.Sync), round(d.Worst)).
			because("every commit waits for that on a majority of the voters").
			mend("put the data directory on another disk (node.data in hb.toml), or find who keeps this one busy: iostat -x 1",
				"as long as others are faster, let them vote: hb voters demote, with this node's name"))
	}
	if len(found) == 0 && d.Sync > 0 {
		found = append(found, ok("disk", "disk: %s left, a synced write takes %v", size(d.Free), round(d.Sync)))
	}
	return found
}

func (f *Facts) credentials() []Finding {
	c := f.Credentials
	if c == nil && f.answers() && f.Node.Status.Certified != nil { // the node's files are closed, but it tells
		c = &Credentials{Name: f.Node.Status.Name, Cluster: value(f.Node.Status.Cluster.ID), End: *f.Node.Status.Certified, Renew: pki.RenewBefore}
	}
	switch {
	case c == nil:
		return nil
	case c.None && f.answers():
		return nil // of a --dev node
	case c.None:
		return []Finding{ok("credentials", "this machine is no member of a cluster yet: hb init founds one, hb join TOKEN joins one")}
	case c.Fault != "":
		return []Finding{bad("credentials", "%s", c.Fault).mend(orElse(c.Hint, "hb join TOKEN, with a token of a member's hb token create"))}
	}
	left := c.End.Sub(f.Now)
	switch {
	case left < c.Renew/2:
		return []Finding{warn("credentials-end", "this node's certificate ends in %s", days(left)).
			because("a node renews its own %s before; a cluster without a leader cannot, nor can a node that does not run", days(c.Renew)).
			mend("start the node, if it does not run; hb status says whether there is a leader; journalctl -u hb.service says why not")}
	}
	return []Finding{ok("credentials", "%s of the cluster %s, until %s", c.Name, c.Cluster, c.End.UTC().Format(time.DateOnly))}
}

// anothers says whether the node that is looked at is another user's.
func (f *Facts) anothers() bool {
	return !f.Root && (f.Owner != "" || f.Data != nil && f.Data.Closed)
}

// answers says whether a node runs here and answers.
func (f *Facts) answers() bool { return f.Node != nil && f.Node.Status != nil }

func (f *Facts) socket() []Finding {
	for _, s := range f.Sockets {
		switch s.State {
		case "answers":
			return []Finding{ok("node", "a node answers on %s", s.Path)}
		case "hangs":
			return []Finding{bad("node-hangs", "a node has %s, and does not answer: %s", s.Path, s.Detail).
				mend("journalctl -u hb.service -n 50 may tell why", "systemctl restart hb.service")}
		case "denied":
			if f.anothers() {
				return []Finding{ok("socket-denied", "the node on %s is another user's and closed to %s, so that what it knows is missing here: %s",
					s.Path, f.User, orElse(s.Hint, "sudo hb doctor sees more"))}
			}
			return []Finding{warn("socket-denied", "the socket %s is closed to %s", s.Path, f.User).
				because("what the node itself knows is missing here").mend("sudo hb doctor", orElse(s.Hint, "or be in the group that the socket belongs to"))}
		}
	}
	member := f.Credentials != nil && !f.Credentials.None && f.Credentials.Fault == ""
	for _, s := range f.Sockets {
		if s.State == "stale" {
			return []Finding{warn("node-down", "no node runs, and the last one left its socket behind: %s", s.Path).
				because("it was killed, or it crashed; the next start replaces the socket").
				mend("systemctl start hb.service, or hb node", "journalctl -u hb.service -n 50 may tell why it ended")}
		}
		if s.State == "other" {
			return []Finding{bad("socket-blocked", "%s: %s", s.Path, s.Detail).mend("take it away, or name another path: node.socket in hb.toml")}
		}
	}
	switch {
	case member:
		return []Finding{warn("node-down", "this machine is a member, and no node runs").mend("systemctl start hb.service, or hb node")}
	case f.Data != nil && f.Data.Closed && len(f.Sockets) > 0:
		return []Finding{warn("node-down", "no node runs here, and %s's has its data in %s", f.Data.Owner, f.Data.Dir).mend("as " + f.Data.Owner + ": systemctl start hb.service, or hb node; hb doctor tells more there")}
	}
	return nil
}

// unable tells of tasks that the node is configured to run, and cannot.
func (f *Facts) unable() (found []Finding) {
	for _, u := range f.Unable {
		words := u.Tasks
		if u.Free {
			words = append([]string{"any command"}, words...)
		}
		why, remedy, named := strings.Cut(u.Why, ": ")
		if !named {
			remedy = "mend user of [tasks] in hb.toml; systemctl reload hb takes it over"
		}
		found = append(found, warn("tasks-user", "this machine %s, and so cannot run %s", why, some(words)).
			because("the cluster gives it no such tasks").mend(remedy))
	}
	return found
}

func (f *Facts) limits() []Finding {
	p := f.Process
	switch {
	case p == nil || p.MostFiles == 0:
		return nil
	case p.MostFiles < filesWarn:
		return []Finding{warn("file-limit", "the node may open %d files", p.MostFiles).
			because("each task, client and other member takes some").
			mend("LimitNOFILE=65536 in the unit (systemctl edit hb.service), or ulimit -n 65536 before hb node; then restart it")}
	case p.Files > p.MostFiles*9/10:
		return []Finding{warn("file-limit", "the node has %d of %d files open", p.Files, p.MostFiles).
			mend("LimitNOFILE=65536 in the unit (systemctl edit hb.service), then restart it", fmt.Sprintf("ls -l /proc/%d/fd shows what they are", p.PID))}
	}
	return nil
}

// cgroups judges whether tasks can be kept together.
func (f *Facts) cgroups() []Finding {
	if !f.answers() || f.Node.Status.Unconfined == nil {
		return nil
	}
	return []Finding{warn("no-cgroups", "tasks get no cgroups here: %s", *f.Node.Status.Unconfined).
		because("%s", runnerd.Unconfined).
		mend("hb.service has what it takes (Delegate=yes): run the node by it", "where systemd still uses version 1: boot with systemd.unified_cgroup_hierarchy=1")}
}

func (f *Facts) memory() []Finding {
	if f.Process == nil || f.Process.Swapped < swappedWarn {
		return nil
	}
	return []Finding{warn("swapped", "%s of the node are swapped out", size(f.Process.Swapped)).
		because("a node that waits for its own memory answers late, and is taken for dead").
		mend("give the machine memory, or fewer tasks (node.slots in hb.toml)", "MemorySwapMax=0 in the unit (systemctl edit hb.service), then restart it")}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// size is a number of bytes for people.
func size(b uint64) string {
	switch {
	case b >= 10<<30:
		return fmt.Sprintf("%d GiB", b>>30)
	case b >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(b)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", b>>20)
}

// days is a long time for people.
func days(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.Round(time.Minute).String()
}

// round makes a time short: two or three digits.
func round(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
