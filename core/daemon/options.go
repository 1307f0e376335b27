package daemon

import (
	"io"
	"net/netip"
	"os"
	"time"

	"hb/core"
	"hb/core/config"
	"hb/netutil"
)

// Options says where and as what a node runs. Run checks them and fills in
// what is left out.
type Options struct {
	// Version is the program's, Name the node's label; default: the host's
	// name up to its first dot.
	Version, Name string
	// DataDir holds everything that must outlive the process; Socket is the
	// path of the local API. Both are needed.
	DataDir, Socket string
	// Access says who besides root and this process's user may use the socket;
	// nobody under Dev.
	Access Access
	// Bind lists where to hear, UDP and TCP; port 0 takes a free one. Default
	// 127.0.0.1 and a free port under Dev, else 0.0.0.0:7117.
	Bind []netip.AddrPort
	// Advertise is where others reach this node; default: the first Bind, or
	// for a wildcard the best address of the chosen interfaces. Port 0 means
	// the bound one.
	Advertise netip.AddrPort
	// Interfaces narrows which interfaces beacons use and addresses are chosen
	// from: names, or go-sockaddr templates that print names. Default: all
	// that are up, loopback excepted.
	Interfaces []string
	// Seeds are HOST:PORT of other nodes, resolved anew whenever the node asks.
	Seeds []string
	// Tags are labels for placement.
	Tags map[string]string
	// Dev runs without credentials, and therefore on loopback only.
	Dev bool
	// Found founds a cluster called ClusterName if the data directory belongs
	// to none yet.
	Found       bool
	ClusterName string
	// Beacons calls and answers on BeaconPort (default 7118) of every chosen
	// interface, by broadcast and, if Multicast is valid, to that group too.
	Beacons    bool
	BeaconPort int
	Multicast  netip.Addr
	// Detector is the kind of failure detector, Period the time between two of
	// its probes; defaults swim and 1 s.
	// Spread is how news of members leaves: "piggyback" (the default),
	// "unicast", or "multicast", which takes Beacons.
	Detector string
	Spread   string
	Period   time.Duration
	// Voters is how many members shall vote in a cluster that this node founds:
	// 1, 3 (default), 5 or 7. Slots is how many tasks run here at once; default: one a
	// processor.
	Voters, Slots int
	// Tasks are what may be run here by name. AllowExec lets any command run
	// here, as Dev does.
	Tasks     map[string]*config.Task
	AllowExec bool
	// Alone says that this process is the node and nothing else: while it is idle
	// it uses one processor, and gives back memory.
	Alone bool
	// Linger is how long tasks go on when the daemon is gone without having
	// ended them; then they are ended by the runner process. Negative: not at
	// all. Default: a minute under Dev, else for ever.
	Linger time.Duration
	// Nothing says that tasks end well as soon as they begin, and that nothing is
	// run: to measure what is around them.
	Nothing bool
	// Metrics is where Prometheus may ask for them by HTTP, on loopback; invalid:
	// nowhere but on the socket.
	Metrics netip.AddrPort
	// Log gets the operator's lines; nil drops them.
	Log io.Writer
	// Ready is called once, when the socket answers; nil is allowed.
	Ready func(Info)
	// Notify is the service manager, who is told how the node fares; nil: there
	// is none.
	Notify *netutil.Notifier
	// Reload is how the configuration is read again; nil: it never is.
	Reload *Reload
}

// Reload reads the configuration again while the node runs.
type Reload struct {
	// Wishes brings a value whenever that is to be done.
	Wishes <-chan os.Signal
	// Read gives what holds from now on, and what to tell the operator of it. With
	// an error everything stays as it was.
	Read func() (Settings, []string, error)
}

// Settings are the options that a running node can take over, named as in Options.
// The group of Access stays as it was.
type Settings struct {
	Slots     int
	Tasks     map[string]*config.Task
	AllowExec bool
	Access    Access
	Seeds     []string
}

// Info says how a running node can be reached.
type Info struct {
	// Socket is the path of the local API, Addr the advertised address.
	Socket string
	Addr   netip.AddrPort
	// Node is the node's identity; Name its label.
	Node core.NodeID
	Name string
	// Cluster is zero while the node belongs to none.
	Cluster core.ClusterID
	DataDir string
}
