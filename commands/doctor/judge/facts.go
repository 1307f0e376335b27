package judge

import (
	"net/netip"
	"time"

	"hb/core/control"
	"hb/core/enroll"
)

// Facts is what is known of a machine. A nil or empty part was not looked at, or
// could not be.
type Facts struct {
	// Version is this hb's, User whoever asks, Now the machine's clock.
	Version string
	Root    bool
	User    string
	Now     time.Time
	// Owner is whose node runs here, if it is another user's whose files are not known.
	Owner string

	Config      *Config
	Data        *Data
	Credentials *Credentials
	Sockets     []Socket
	Process     *Process
	Links       []Link
	// Wanted are the interfaces that the configuration names, as it says.
	Wanted []string
	// LinksFault is why no interface can be chosen.
	LinksFault string
	Ports      []Port
	Address    *Address
	Inbound    []Inbound
	Firewall   Firewall
	Counters   *Counters
	Conntrack  *Conntrack
	LAN        *LAN
	Doors      []Door
	Token      *Token
	Node       *Node
	// Unable are tasks that the configuration has, and that no user is there for.
	Unable []control.Unable
}

// Config is the configuration file.
type Config struct {
	// Path is empty when there is none, and the defaults hold.
	Path   string
	Faults []string
	// Closed says that this user may not read it.
	Closed bool
}

// Data is the data directory.
type Data struct {
	Dir string
	// Exists says that it is there; Fault why this user cannot use it, with Owner,
	// whose it is.
	Exists bool
	Owner  string
	Fault  string
	// Closed says that it is another user's, who alone may look.
	Closed bool
	// Open are files that others may read, and must not.
	Open []string
	// Free and Inodes are what is left on its file system.
	Free, Inodes uint64
	// Sync is the median, Worst the longest time of a few writes that were synced;
	// zero: nothing was tried.
	Sync, Worst time.Duration
	// SyncFault is why a write failed.
	SyncFault string
}

// Credentials are the node's.
type Credentials struct {
	// None says that there are none.
	None bool
	// Fault is why they cannot be used, Hint what can be done about that.
	Fault, Hint string
	Name        string
	Cluster     string
	Begin, End  time.Time
	// Renew is how long before End a node renews them.
	Renew time.Duration
}

// Socket is a Unix socket behind which a node may be.
type Socket struct {
	Path string
	// State is answers, missing, stale (nobody listens), denied, hangs or other;
	// Detail says more.
	State, Detail string
	Hint          string
}

// Process is the node's process, where it could be looked at.
type Process struct {
	PID int
	// Files are its open files and the most it may have, Swapped the bytes of it that
	// are not in memory.
	Files, MostFiles uint64
	Swapped          uint64
}

// Link is a network interface.
type Link struct {
	Name string
	// Up is what was asked of it, Carrier that there is a wire or a peer.
	Up, Carrier, Loopback bool
	// Broadcast says that beacons can go out by it.
	Broadcast bool
	Addrs     []netip.Prefix
	// Wanted says that the configuration names it.
	Wanted bool
}

// Port is an address that the node is to listen on.
type Port struct {
	Protocol string // TCP, UDP
	At       netip.AddrPort
	// State is free, taken, absent (no such address here), denied or other; Holder
	// is who has it, as far as that can be seen.
	State, Detail, Holder string
}

// Address is where others are told to reach the node.
type Address struct {
	// Advertised is that, or Fault why there is none.
	Advertised netip.AddrPort
	Fault      string
	// Named says that the configuration gives it, Here that an interface that is up
	// has it.
	Named, Here bool
	// OtherFamily says that it is IPv6 and the node listens on IPv4 only, or the
	// other way round.
	OtherFamily bool
	// Peer is somebody whom the node is to reach, Route the address of this machine
	// that the kernel sends from, RouteFault why it cannot.
	Peer       string
	Route      netip.Addr
	RouteFault string
}

// Inbound is a trial whether datagrams that come in by an interface reach a port
// of this machine.
type Inbound struct {
	Interface string
	Port      int
	Heard     bool
}

// Firewall is what filters packets here.
type Firewall struct {
	// Kind is firewalld, ufw, nft, iptables or empty: none was found.
	Kind string
	// Chains are nft's chains that see what comes in and can drop it, as in "inet
	// filter input".
	Chains []string
}

// Counters are the kernel's, at two moments: how much they grew in between.
type Counters struct {
	Span time.Duration
	// Overflow are datagrams lost because no program took them fast enough, Reverse
	// packets dropped because their answer would go another way, Listen connections
	// lost because no program took them.
	Overflow, Reverse, Listen uint64
	// ReverseEver is the second since the machine started.
	ReverseEver uint64
	// Dropped are the datagrams that the node's own sockets have lost, DroppedEver
	// since they were opened.
	Dropped, DroppedEver uint64
}

// Conntrack is the kernel's table of connections.
type Conntrack struct{ Count, Max uint64 }

// LAN is who answered a call on the local network.
type LAN struct {
	// Fault is why nobody could be called.
	Fault string
	Nodes []Neighbour
	// Own says that this machine's own node is among those that should answer.
	Own bool
}

// Neighbour is a node on the local network.
type Neighbour struct {
	Name, Address, Cluster, Version string
	Self                            bool
}

// Door is a member that was asked by TCP: the one that the call names, a seed, or a
// member.
type Door struct {
	// Addr is HOST:PORT, Name the member's, if it is known to be one.
	Addr, Name string
	// Named says that the call names it, Seed that the configuration does.
	Named, Seed bool
	// TCP is open, refused, filtered (nothing comes back), unreachable or unknown
	// (the host's name is); Detail what the kernel or the resolver said.
	TCP, Detail string
	// UDP is answers or silent: whether a call to its beacon port was answered. Empty:
	// it was not tried.
	UDP string
	// Seen is what it told, Fault why it told nothing.
	Seen  *enroll.Seen
	Fault string
}

// Token is the token that the call shows.
type Token struct {
	ID     string
	Expiry time.Time
	// Fault is why it is none.
	Fault, Hint string
}

// Node is what the running node says.
type Node struct {
	Status  *control.Status
	Members *control.Members
	// Probes say how each of the others answers, by ID; Mesh who hears whom, where
	// somebody did not.
	Probes map[string]control.Probe
	Mesh   *control.Mesh
	// Fault is why it told nothing.
	Fault, Hint string
}
