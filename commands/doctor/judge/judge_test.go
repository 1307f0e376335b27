package judge

import (
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/control"
	"hb/core/enroll"
	"hb/core/pki"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) // of every machine here

// well is a machine that is a member of a cluster of three, and has nothing wrong.
func well() *Facts {
	yes, own := true, "10.0.0.1:7117"
	cluster := core.ClusterID{0xab}
	member := func(id, name, address string) control.Member {
		version, stress := "0.1.0", 10
		return control.Member{ID: id, Name: name, Address: &address, Status: "alive", Self: address == own, Version: &version, Stress: &stress}
	}
	id, label, leader := cluster.String(), "lab", "b"
	probe := control.Probe{UDP: control.Reach{OK: true}, TCP: control.Reach{OK: true}}
	return &Facts{
		Version: "0.1.0", Root: true, User: "root", Now: now,
		Config:      &Config{Path: "/etc/hb/hb.toml"},
		Data:        &Data{Dir: "/var/lib/hb", Exists: true, Owner: "root", Free: 50 << 30, Inodes: 1 << 20, Sync: time.Millisecond, Worst: 3 * time.Millisecond},
		Credentials: &Credentials{Name: "a", Cluster: id, Begin: now.AddDate(0, -1, 0), End: now.AddDate(0, 2, 0), Renew: 30 * 24 * time.Hour},
		Sockets:     []Socket{{Path: "/run/hb/hb.sock", State: "answers"}},
		Process:     &Process{PID: 7, Files: 40, MostFiles: 65536},
		Links: []Link{
			{Name: "lo", Up: true, Carrier: true, Loopback: true, Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}},
			{Name: "eth0", Up: true, Carrier: true, Broadcast: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}},
		},
		Address:   &Address{Advertised: netip.MustParseAddrPort(own), Here: true, Peer: "10.0.0.2:7117", Route: netip.MustParseAddr("10.0.0.1")},
		Inbound:   []Inbound{{Interface: "eth0", Port: 7118, Heard: true}},
		Firewall:  Firewall{Kind: "nft", Chains: []string{"inet filter input"}},
		Counters:  &Counters{Span: 2 * time.Second, ReverseEver: 3, DroppedEver: 5},
		Conntrack: &Conntrack{Count: 10, Max: 65536},
		LAN: &LAN{Own: true, Nodes: []Neighbour{
			{Name: "a", Address: own, Cluster: id[:8], Version: "0.1.0", Self: true}, {Name: "b", Address: "10.0.0.2:7117", Cluster: id[:8], Version: "0.1.0"},
		}},
		Doors: []Door{door("10.0.0.2:7117", cluster, "b", 0), door("10.0.0.3:7117", cluster, "c", 0)},
		Node: &Node{
			Status: &control.Status{
				Name: "a", Version: "0.1.0", Health: "healthy", Cluster: control.Cluster{ID: &id, Name: &label}, Leader: control.Named{Name: &leader},
				Voters:       []control.Named{{ID: new("1")}, {ID: new("2")}, {ID: new("3")}},
				MembersAlive: 3, Members: 3, Stress: 10,
			},
			Members: &control.Members{Members: []control.Member{member("1", "a", own), member("2", "b", "10.0.0.2:7117"), member("3", "c", "10.0.0.3:7117")}},
			Probes:  map[string]control.Probe{"2": probe, "3": probe},
			Mesh: &control.Mesh{Pairs: []control.MeshPair{
				{From: "a", To: "b", Arrives: &yes}, {From: "b", To: "a", Arrives: &yes},
			}},
		},
	}
}

func door(addr string, cluster core.ClusterID, name string, ahead time.Duration) Door {
	return Door{Addr: addr, Name: name, TCP: "open", Seen: &enroll.Seen{
		Server: pki.Identity{Cluster: cluster, Name: name}, Timed: true, Ahead: ahead, Doubt: time.Millisecond, Program: "0.1.0",
	}}
}

// stranger is a machine before it joins, by a token that one member may judge.
func stranger() *Facts {
	f := well()
	f.Credentials, f.Node, f.Process, f.LAN.Own = &Credentials{None: true}, nil, nil, false
	f.Sockets = []Socket{{Path: "/run/hb/hb.sock", State: "missing"}}
	f.Token = &Token{ID: "0123456789", Expiry: now.Add(time.Hour)}
	f.Ports = []Port{{Protocol: "TCP", At: netip.MustParseAddrPort("0.0.0.0:7117"), State: "free"}}
	f.Doors = f.Doors[:1]
	f.Doors[0].Named, f.Doors[0].UDP, f.Doors[0].Seen.Tried = true, "answers", true
	return f
}

func TestWhatIsWellIsSaidToBe(t *testing.T) {
	for _, f := range []*Facts{well(), stranger(), {}} {
		for _, got := range Judge(f) {
			if got.Severity != OK || len(got.Remedy) > 0 || got.What == "" {
				t.Errorf("%+v", got)
			}
		}
	}
	if n := len(Judge(well())); n < 12 {
		t.Errorf("only %d checks say anything", n)
	}
	if n := len(Judge(&Facts{})); n > 0 {
		t.Errorf("of nothing %d things are known", n)
	}
}

// row is one thing that can be wrong.
type row struct {
	id       string
	severity Severity
	what     string // part of it
	remedy   string // part of one line
	change   func(*Facts)
	before   bool // of a machine that has not joined yet
}

// wrong has everything that can be wrong, each alone: one change of a machine that
// is well makes one finding.
var wrong = []row{
	{"config", Bad, "hb.toml:2:1", "hb config check", func(f *Facts) { f.Config.Faults = []string{"hb.toml:2:1: node.nmae: unknown", "more"} }, true},
	{"data", Bad, "permission denied", "chown -R root /var/lib/hb", func(f *Facts) { f.Data.Fault, f.Data.Owner = "/var/lib/hb: permission denied", "hb" }, false},
	{"data", Bad, "cannot be made by root: /var: permission denied", "mkdir -p /var/lib/hb", func(f *Facts) {
		f.Data = &Data{Dir: "/var/lib/hb", Owner: "root", Fault: "/var: permission denied"}
	}, true},
	{"keys-open", Bad, "can be read by others", "chmod", func(f *Facts) { f.Data.Open = []string{"/var/lib/hb/pki/node.key"} }, false},
	{"disk-full", Bad, "12 MiB left", "df -h", func(f *Facts) { f.Data.Free = 12 << 20 }, true},
	{"disk-full", Warn, "500 MiB left", "df -h", func(f *Facts) { f.Data.Free = 500 << 20 }, false},
	{"disk-full", Bad, "room for 3 more files", "df -i", func(f *Facts) { f.Data.Inodes = 3 }, false},
	{"disk-fault", Bad, "read-only file system", "dmesg", func(f *Facts) { f.Data.SyncFault = "read-only file system" }, false},
	{"disk-slow", Warn, "in 50ms", "another disk", func(f *Facts) { f.Data.Sync = 50 * time.Millisecond }, false},
	{"credentials", Bad, "ended at", "hb join TOKEN", func(f *Facts) { f.Credentials.Fault = "this node's certificate ended at 2026" }, false},
	{"credentials-end", Warn, "ends in 10 days", "hb status", func(f *Facts) { f.Credentials.End = now.Add(10*24*time.Hour + time.Minute) }, false},
	{"credentials-end", Warn, "ends in 10 days", "hb status", func(f *Facts) {
		ends := now.Add(10*24*time.Hour + time.Minute)
		f.Credentials, f.Node.Status.Certified = nil, &ends // another user's, but the node tells
	}, false},
	{"node-hangs", Bad, "does not answer", "journalctl", func(f *Facts) { f.Sockets[0].State = "hangs" }, false},
	{"socket-denied", Warn, "closed to root", "sudo", func(f *Facts) {
		f.Sockets[0].State, f.Node, f.LAN = "denied", nil, &LAN{} // nor does anybody answer
		f.Doors = nil
	}, false},
	{"node-down", Warn, "left its socket", "hb node", func(f *Facts) { f.Sockets[0].State, f.Node, f.LAN.Own = "stale", nil, false }, false},
	{"node-down", Warn, "no node runs", "hb node", func(f *Facts) { f.Sockets[0].State, f.Node, f.LAN.Own = "missing", nil, false }, false},
	{"node-down", Warn, "no node runs here, and root's has its data in /var/lib/hb", "as root: ", func(f *Facts) {
		f.Sockets[0].State, f.Node, f.LAN.Own, f.Credentials, f.Data.Closed = "missing", nil, false, nil, true
	}, false},
	{"socket-blocked", Bad, "not a socket", "node.socket", func(f *Facts) { f.Sockets[0] = Socket{Path: "/run/hb/hb.sock", State: "other", Detail: "not a socket"} }, true},
	{"file-limit", Warn, "may open 256", "LimitNOFILE", func(f *Facts) { f.Process.MostFiles = 256 }, false},
	{"no-cgroups", Warn, "not to be seen", "Delegate=yes", func(f *Facts) {
		f.Node.Status.Unconfined = new("the whole of cgroup v2 is not to be seen here")
	}, false},
	{"file-limit", Warn, "65000 of 65536", "/proc/7/fd", func(f *Facts) { f.Process.Files = 65000 }, false},
	{"swapped", Warn, "100 MiB", "MemorySwapMax", func(f *Facts) { f.Process.Swapped = 100 << 20 }, false},

	{"interface", Bad, `"eth7"`, "node.interface", func(f *Facts) { f.LinksFault = `no interface "eth7" is up here` }, true},
	{"link-down", Bad, "is down", "ip link set eth0 up", func(f *Facts) { f.Links[1].Wanted, f.Links[1].Up = true, false }, true},
	{"link-down", Bad, "no carrier", "cable", func(f *Facts) { f.Links[1].Wanted, f.Links[1].Carrier = true, false }, true},
	{"link-down", Bad, "no network interface but loopback is up: eth0", "ip link set eth0 up", func(f *Facts) { f.Links[1].Up = false }, true},
	{"no-address", Bad, "has no address", "ip addr add", func(f *Facts) { f.Links[1].Wanted, f.Links[1].Addrs = true, nil }, true},
	{"no-address", Bad, "loopback has an address", "DHCP", func(f *Facts) { f.Links[1].Addrs = nil }, true},
	{"port-taken", Bad, "TCP port 0.0.0.0:7117 is taken by process 9 (nc)", "ss -lntup", func(f *Facts) { f.Ports[0].State, f.Ports[0].Holder = "taken", "process 9 (nc)" }, true},
	{"port-taken", Bad, "TCP port 0.0.0.0:7117 is taken by another node: process 9 (hb)", "hb doctor --socket PATH", func(f *Facts) { f.Ports[0].State, f.Ports[0].Holder = "taken", "process 9 (hb)" }, true},
	{"bind-absent", Bad, "no such address", "0.0.0.0:7117 is every one", func(f *Facts) { f.Ports[0].State = "absent" }, true},
	{"port-denied", Bad, "may not listen", "above 1023", func(f *Facts) { f.Ports[0].State, f.Ports[0].Detail = "denied", "permission denied" }, true},
	{"port", Bad, "cannot be listened on", "node.bind", func(f *Facts) { f.Ports[0].State = "other" }, true},
	{"advertise", Bad, "no address can be told", "--advertise", func(f *Facts) { f.Address.Fault = "none" }, true},
	{"advertise-family", Bad, "[fd00::1]:7117", `[::]:7117`, func(f *Facts) {
		f.Address.Advertised, f.Address.OtherFamily = netip.MustParseAddrPort("[fd00::1]:7117"), true
	}, true},
	{"no-route", Bad, "network is unreachable", "ip route", func(f *Facts) { f.Address.RouteFault = "network is unreachable" }, true},
	{"advertise-elsewhere", Warn, "no interface of this machine has", "node.advertise", func(f *Facts) { f.Address.Named, f.Address.Here = true, false }, true},
	{"advertise-interface", Warn, "the way to b (10.0.0.2:7117) goes out from 192.168.0.1", "--advertise 192.168.0.1", func(f *Facts) { f.Address.Route = netip.MustParseAddr("192.168.0.1") }, true},
	{"firewall", Bad, "7118 on eth0", "nft insert rule inet filter input udp dport 7117-7118 accept", func(f *Facts) { f.Inbound[0].Heard = false }, true},
	{"node-slow", Warn, "lost 3 datagrams", "rmem_default", func(f *Facts) { f.Counters.Dropped = 3 }, false},
	{"udp-overflow", Warn, "dropped 4 datagrams", "skmem", func(f *Facts) { f.Counters.Overflow = 4 }, true},
	{"rp-filter", Warn, "dropped 5 packets", "rp_filter=2", func(f *Facts) { f.Counters.Reverse = 5 }, true},
	{"listen-overflow", Warn, "turned away 6", "ss -lnt", func(f *Facts) { f.Counters.Listen = 6 }, true},
	{"conntrack", Bad, "is full", "nf_conntrack_max=262144", func(f *Facts) { f.Conntrack.Count = 65536 }, true},
	{"conntrack", Warn, "nearly full", "notrack", func(f *Facts) { f.Conntrack.Count = 65000 }, true},

	{"beacons", Warn, "nobody can be called", "cluster.seeds", func(f *Facts) { f.LAN = &LAN{Fault: "no interface can broadcast"} }, true},
	{"beacons", Warn, "own node does not hear", "nft insert", func(f *Facts) { f.LAN.Nodes[0].Self = false }, false},
	{"lan", Warn, "nobody else answers", "HOST:PORT", func(f *Facts) { f.LAN.Nodes, f.Doors, f.Token = nil, nil, nil }, true},
	{"clusters", Warn, "2 clusters answer", "HOST:PORT", func(f *Facts) { f.LAN.Nodes[1].Cluster = "cd000000" }, true},
	{"host-name", Bad, "no address for that name", "getent", func(f *Facts) { f.knocked("unknown") }, true},
	{"host-refused", Bad, "b (10.0.0.2:7117) refuses connections", "hb doctor", func(f *Facts) { f.knocked("refused") }, true},
	{"host-filtered", Bad, "a firewall drops them", "TCP 7117", func(f *Facts) { f.knocked("filtered") }, true},
	{"host-unreachable", Bad, "cannot be reached", "ip route get 10.0.0.2", func(f *Facts) { f.knocked("unreachable") }, true},
	{"seed-refused", Bad, "refuses connections", "cluster.seeds", func(f *Facts) { f.knocked("refused"); f.Doors[0].Named, f.Doors[0].Seed = false, true }, true},
	{"seed-name", Bad, "no address for that name", "getent", func(f *Facts) { f.knocked("unknown"); f.Doors[0].Named, f.Doors[0].Seed = false, true }, true},
	{"host-stranger", Bad, "does not speak TLS", "hb init", func(f *Facts) { f.knocked("open"); f.Doors[0].Fault = "whoever answers there does not speak TLS" }, true},
	{"host-udp", Warn, "but not by UDP", "UDP 7117-7118", func(f *Facts) { f.Doors[0].UDP = "silent" }, true},
	{"wrong-cluster", Bad, "the token is for another cluster", "hb token create", func(f *Facts) {
		f.Doors[0].Seen.Foreign, f.Doors[0].Seen.Tried, f.Doors[0].Seen.Timed = true, false, false
	}, true},
	{"wrong-cluster", Bad, "member of another cluster", "hb leave", func(f *Facts) { f.Doors[0].Seed, f.Doors[0].Seen.Foreign = true, true }, false},
	{"token", Bad, "not a join token", "hb token create", func(f *Facts) { f.Token.Fault = "not a join token" }, true},
	{"token", Bad, "was revoked", "hb token create", func(f *Facts) { f.Doors[0].Seen.Refused = core.Faultf(core.CodeDenied, "token 01 was revoked") }, true},
	{"token", Warn, "cannot judge", "in a moment", func(f *Facts) { f.Doors[0].Seen.Refused = core.Faultf(core.CodeNoQuorum, "no quorum") }, true},
	{"token", Bad, "by this machine's clock", "hb token create", func(f *Facts) { f.Doors[0].Seen.Tried = false; f.Token.Expiry = now.Add(-time.Hour) }, true},
	{"token", Warn, "no member of the token's cluster", "hb doctor --token", func(f *Facts) { f.Doors[0].Seen.Tried = false }, true},
	{"clock", Bad, "this machine's clock is 1h0m0s behind that of b", "timedatectl", func(f *Facts) { f.Doors[0].Seen.Ahead = time.Hour }, true},
	{"clock", Warn, "this machine's clock is 20s ahead of that of b", "timedatectl", func(f *Facts) { f.Doors[0].Seen.Ahead = -20 * time.Second }, true},
	{"clock", Bad, "the clock of c is 1h0m0s ahead of that of this machine", "on c", func(f *Facts) { f.Doors[1].Seen.Ahead = time.Hour }, false},

	{"node-fault", Bad, "does not say how it is", "journalctl", func(f *Facts) { f.Node = &Node{Fault: "internal"} }, false},
	{"not-in", Bad, "in no cluster yet", "cluster.seeds", func(f *Facts) { f.Node.Status.Cluster.ID = nil }, false},
	{"isolated", Bad, "none of the other 2 members: b, c", "nft insert", func(f *Facts) { f.Node.Status.Health = "isolated" }, false},
	{"no-quorum", Bad, "of the 3 voters 2 are needed", "start b", func(f *Facts) {
		f.Node.Status.Health, f.Node.Status.Plight, f.Node.Status.ToDo = "no-quorum", new("of the 3 voters 2 are needed"), new("start b")
	}, false},
	{"stress", Warn, "stress 950", "hb drain", func(f *Facts) { f.Node.Status.Stress = 950 }, false},
	{"member-dead", Warn, "dead: c", "hb forget c", func(f *Facts) { f.Node.Members.Members[2].Status = "dead" }, false},
	{"member-dead", Warn, "dead: b, c, d", "for each that is gone for good: hb forget b, hb forget c, hb forget d", func(f *Facts) {
		f.Node.Status.Voters, f.Node.Probes = f.Node.Status.Voters[:1], nil
		f.Node.Members.Members = append(f.Node.Members.Members, control.Member{ID: "4", Name: "d"})
		for i := range f.Node.Members.Members[1:] {
			f.Node.Members.Members[i+1].Status = "dead"
		}
	}, false},
	{"member-dead", Warn, "dead: c", "hb forget c", func(f *Facts) { // though it is a seed, too
		f.Node.Members.Members[2].Status = "dead"
		f.Doors[1].Seed, f.Doors[1].TCP, f.Doors[1].Seen = true, "refused", nil
	}, false},
	{"member-suspect", Warn, "suspected: c (b: no ack)", "--mesh", func(f *Facts) {
		f.Node.Members.Members[2].Status, f.Node.Members.Members[2].Blame = "suspect", new("b: no ack")
	}, false},
	{"member-stress", Warn, "overloaded: c", "hb drain", func(f *Facts) { f.Node.Members.Members[2].Stress = new(990) }, false},
	{"udp", Bad, "b answers by TCP, but not by UDP", "on b: hb doctor", func(f *Facts) { f.probed(false, true) }, false},
	{"udp", Bad, "b answers by TCP, but not by UDP", "nft insert", func(f *Facts) { f.probed(false, true); *f.Node.Mesh.Pairs[1].Arrives = false }, false},
	{"tcp", Bad, "b answers by UDP, but not by TCP", "TCP 7117", func(f *Facts) { f.probed(true, false) }, false},
	{"tcp", Bad, "b answers by UDP, but not by TCP", "nft insert", func(f *Facts) { // of two, nobody knows whose firewall it is
		f.probed(true, false)
		delete(f.Node.Probes, "3")
	}, false},
	{"tcp-all", Bad, "no member answers by TCP, though they do by UDP: b, c", "nft insert rule inet filter input tcp dport 7117 accept", func(f *Facts) {
		f.probed(true, false)
		f.Node.Probes["3"] = f.Node.Probes["2"]
	}, false},
	{"cut", Bad, "but it answers others", "--mesh", func(f *Facts) { f.probed(false, false); f.via(true) }, false},
	{"silent", Warn, "nor through others", "ping 10.0.0.2", func(f *Facts) { f.probed(false, false) }, false},
	{"tasks-user", Warn, "this machine has no user hb, and so cannot run any command, backup", "useradd --system hb", func(f *Facts) {
		f.Unable = []control.Unable{{Free: true, Tasks: []string{"backup"}, Why: "has no user hb: useradd --system hb"}}
	}, true},
	{"node-old", Warn, "the node runs hb 0.0.9", "restart", func(f *Facts) { f.Node.Status.Version = "0.0.9" }, false},
	{"versions", Warn, "b (hb 0.0.9)", "one after the other", func(f *Facts) { f.Node.Members.Members[1].Version = new("0.0.9") }, false},
	{"versions", Warn, "b (hb 0.0.9)", "one after the other", func(f *Facts) { f.Doors[0].Seen.Program = "0.0.9" }, true},
}

func (f *Facts) knocked(tcp string) {
	f.Doors[0].TCP, f.Doors[0].Seen, f.Doors[0].Detail, f.Token = tcp, nil, "why", nil
}

func (f *Facts) probed(udp, tcp bool) {
	p := f.Node.Probes["2"]
	p.UDP.OK, p.TCP.OK = udp, tcp
	f.Node.Probes["2"] = p
	yes, also := true, true
	f.Node.Mesh.Pairs[0].Arrives, f.Node.Mesh.Pairs[1].Arrives = &yes, &also
}

func (f *Facts) via(ok bool) {
	p := f.Node.Probes["2"]
	p.Via = []control.Via{{Node: "c", OK: ok}}
	f.Node.Probes["2"] = p
}

func TestWhatIsWrongIsFoundAloneAndHasARemedy(t *testing.T) {
	for _, x := range wrong {
		t.Run(x.id+" "+x.what, func(t *testing.T) {
			f := well()
			if x.before {
				f = stranger()
			}
			x.change(f)
			var found []Finding
			for _, got := range Judge(f) {
				if got.Severity != OK {
					found = append(found, got)
				}
			}
			if len(found) != 1 {
				t.Fatalf("%d findings: %+v", len(found), found)
			}
			got := found[0]
			if got.ID != x.id || got.Severity != x.severity || !strings.Contains(got.What, x.what) || !strings.Contains(strings.Join(got.Remedy, "\n"), x.remedy) {
				t.Errorf("got %+v", got)
			}
			if warns, bads := Wrong(found); warns+bads != 1 || bads == 1 != (x.severity == Bad) {
				t.Errorf("counted %d and %d", warns, bads)
			}
		})
	}
}

var (
	plainID = regexp.MustCompile(`\b(?:warn|bad)\("([a-z-]+)"`)
	doorID  = regexp.MustCompile(`\b(?:warn|bad)\(id\+"(-[a-z]+)"`)
)

func TestNobodyIsToldToForgetWhereNothingCanBeAgreedOn(t *testing.T) {
	f := well()
	for i := range f.Node.Members.Members[1:] {
		f.Node.Members.Members[i+1].Status = "dead"
	}
	f.Node.Status.Health, f.Node.Status.Plight, f.Node.Status.ToDo = "no-quorum", new("of the 3 voters 2 are needed"), new("start b")
	dead := false
	for _, got := range Judge(f) {
		dead = dead || got.ID == "member-dead" && got.What == "dead: b, c"
		if strings.Contains(strings.Join(got.Remedy, "\n"), "hb forget") {
			t.Errorf("%+v", got)
		}
	}
	if !dead {
		t.Error("the dead are not named")
	}
}

func TestAnotherUsersNodeIsNoFaultOfThisUsers(t *testing.T) {
	f := well()
	f.Root, f.User, f.Credentials = false, "alice", nil
	f.Config.Closed, f.Data = true, &Data{Dir: "/var/lib/hb", Exists: true, Owner: "root", Closed: true}
	told := map[string]Finding{}
	for _, got := range Judge(f) {
		if told[got.ID] = got; got.Severity != OK {
			t.Errorf("%+v", got)
		}
	}
	for id, words := range map[string]string{"config": "may not be read by alice", "data": "is root's, and was not looked at: sudo hb doctor"} {
		if !strings.Contains(told[id].What, words) {
			t.Errorf("%+v, want %q", told[id], words)
		}
	}
	f.Sockets[0].State, f.Node = "denied", nil // nor may this user ask it
	for _, got := range Judge(f) {
		if got.Severity != OK || got.ID == "socket-denied" && !strings.Contains(got.What, "is another user's and closed to alice") {
			t.Errorf("%+v", got)
		}
	}
	f.Owner, f.Config, f.Data = "bob", &Config{}, nil
	for _, got := range Judge(f) {
		if got.Severity != OK || got.ID == "config" && !strings.Contains(got.What, "bob's") {
			t.Errorf("%+v", got)
		}
	}
}

func TestEveryFindingThereIsHasARow(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range plainID.FindAllStringSubmatch(string(text), -1) {
			ids = append(ids, m[1])
		}
		for _, m := range doorID.FindAllStringSubmatch(string(text), -1) {
			ids = append(ids, "host"+m[1])
		}
	}
	if len(ids) < 30 {
		t.Fatalf("found %d", len(ids))
	}
	for _, id := range append(ids, "clock") {
		if !slices.ContainsFunc(wrong, func(x row) bool { return x.id == id }) {
			t.Errorf("no row for %s", id)
		}
	}
}

func TestEachFirewallHasItsOwnWords(t *testing.T) {
	for kind, word := range map[string]string{
		"firewalld": "firewall-cmd", "ufw": "ufw allow", "iptables": "iptables -I INPUT", "nft": "let TCP 7117", "": "let TCP 7117",
	} {
		if got := strings.Join(Firewall{Kind: kind}.let(), "\n"); !strings.Contains(got, word) || !strings.Contains(got, "7117") {
			t.Errorf("%q: %s", kind, got)
		}
	}
}
