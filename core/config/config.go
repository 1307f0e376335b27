package config

import (
	"fmt"
	"time"
)

// Config is a checked configuration. Each field is one key of hb.toml, named
// like it; keys.go, and tasks.go for tasks, say what each means, its default and
// its bounds.
type Config struct {
	Node     Node
	Socket   Socket
	Cluster  Cluster
	Discover Discover
	Detector Detector
	Log      Log
	Metrics  Metrics
	// Tasks are the sections [tasks.NAME], by name.
	Tasks map[string]*Task
}

// Node is the section about this machine.
type Node struct {
	// Name is the node's label among people; empty means the short host name.
	Name string
	// Data is the directory that holds its identity and log, Socket the Unix
	// socket of the local API; empty means DefaultData and DefaultSocket.
	Data, Socket string
	// Bind is where to listen, IP:PORT, UDP and TCP alike; port 0 is any free
	// one.
	Bind []string
	// Advertise is where others reach this node, IP[:PORT] or a go-sockaddr
	// template; empty means what is bound, or the private address.
	Advertise []string
	// Interface restricts beacons and the choice of address to these network
	// interfaces (names, or go-sockaddr templates that give names); empty
	// means all.
	Interface []string
	// Tags are labels for placement.
	Tags map[string]string
	// Slots is how many tasks run here at once; 0 means one a processor.
	Slots int
	// AllowExec lets commands run here that Tasks does not define.
	AllowExec bool
}

// Socket is the section about who may use the local API: users by name or
// number, groups with "@" before it, and "*" for the socket's own group.
type Socket struct {
	// Group owns the socket; only its members get to it at all. Empty: nobody
	// but the node's own user and root does.
	Group string
	// Read, Submit and Admin list who may what. Each includes those before; the
	// node's own user and root may everything.
	Read, Submit, Admin []string
}

// Cluster is the section about the cluster to be in.
type Cluster struct {
	// Name is the cluster's label among people.
	Name string
	// Seeds are members to ask first, HOST:PORT; the host may be a DNS name.
	Seeds []string
}

// Discover is the section about finding others without seeds.
type Discover struct {
	// Beacons says whether to call by broadcast and multicast, and to answer.
	Beacons bool
	// Port is the UDP port that all beacons use.
	Port int
	// Multicast is the group to call besides broadcast; empty means none.
	Multicast string
}

// Detector is the section about telling the living from the dead.
type Detector struct {
	// Kind names the detector; all members of a cluster use the same.
	Kind string
	// Spread is how news of members leaves this one.
	Spread string
	// Period is the time between two probes.
	Period time.Duration
}

// Log is the section about the agreed log.
type Log struct {
	// Voters is how many members shall vote in a cluster that this node founds:
	// 1, 3, 5 or 7.
	Voters int
}

// Metrics is the section about figures for Prometheus.
type Metrics struct {
	// Listen is where they are served by HTTP, IP:PORT on loopback; empty means
	// nowhere but on the local socket.
	Listen string
}

// Finding is one fault of a configuration, with what would be right. Line and
// Col count from 1, Col in bytes; both are 0 when the fault has no place.
type Finding struct {
	File               string
	Line, Col          int
	Key, Problem, Want string
}

// String gives `FILE:LINE:COL: key: what is wrong: what would be right`.
func (f Finding) String() string {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Col)
	}
	text := place
	for _, part := range []string{f.Key, f.Problem, f.Want} {
		if part != "" {
			text += ": " + part
		}
	}
	return text
}
