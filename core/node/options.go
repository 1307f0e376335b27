package node

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/detect/kinds"
	"hb/core/ledger"
	"hb/core/replog"
	"hb/core/wire"
)

// Options is what a node is told of itself. The zero value of each optional
// field means its default.
type Options struct {
	// Name is the node's label among people, unique in its cluster.
	Name string
	// Version is the program's, shown to others.
	Version string
	// Features is the feature level of the program; default core.FeaturesNow.
	Features core.Features
	// Addr is where others reach this node, by UDP and TCP.
	Addr netip.AddrPort
	// Offer is what this node runs; nil is any command, and no tasks by name.
	Offer *wire.Offer
	// Tags are labels for placement.
	Tags map[string]string
	// Detector is the kind of failure detector, of those that [detector] kind
	// names; default "swim".
	Detector string
	// Spread is how news of members leaves this node: "piggyback" (default),
	// "unicast" or "multicast", which takes Beacons.
	Spread string
	// Period is the detector's period; default 1 s.
	Period time.Duration
	// Slots is how many tasks run here at once; default 1.
	Slots int
	// Unconfined is why what a task starts may get away from it here, for people;
	// empty: it cannot.
	Unconfined string
	// Plain says that streams have no certificates: whoever speaks is believed to
	// be who he says. For one machine, on its loopback.
	Plain bool
	// Seeds says that the driver has seeds to resolve; Beacons that it can send
	// and hear beacons.
	Seeds, Beacons bool
	// Notary makes certificates, in a cluster with an authority; nil: this node is
	// without credentials. Its own certificate ends at CertifiedUntil (Unix time
	// in nanoseconds), and it asks for the next so long before.
	Notary         Notary
	CertifiedUntil int64
	RenewBefore    time.Duration
	// Log bounds the log's messages, memory and disk; zero values take the
	// defaults of core/replog.
	Log replog.Limits
	// Vault holds the node's private keys, in a cluster with credentials; its
	// datagrams are sealed then. nil: they are plain.
	Vault Vault
	// Rand is the node's only source of chance.
	Rand *rand.Rand
}

// Restored is what the node's disk holds when it starts; the zero value is an
// empty data directory.
type Restored struct {
	Identity *wire.Identity
	// Node is who the node is, without an Identity: as its certificate says; 0:
	// it makes an ID of its own.
	Node     core.NodeID
	Instance core.Instance
	Hard     *raftpb.HardState
	Snapshot *raftpb.Snapshot
	Entries  []*raftpb.Entry
	Journal  []*wire.Record
	// DoubtTerm and DoubtIndex are the position that a torn tail claimed.
	DoubtTerm, DoubtIndex uint64
	// Damaged says why the log must not vote under its old identity; nil when
	// it is whole.
	Damaged error
	// JournalDamaged says why Journal may have forgotten attempts; nil when it
	// is whole.
	JournalDamaged error
	// JournalTorn says that its end is in doubt.
	JournalTorn bool
}

// Found makes a new cluster of this one node: the identity and the snapshot
// that its data directory must hold before New. The snapshot is saved first:
// it is the identity that makes a directory a member's. Voters is how many
// members shall vote; 0: the default.
func Found(clusterName string, voters int, r *rand.Rand) (*wire.Identity, *raftpb.Snapshot) {
	return FoundBy(mint(r), clusterName, voters, r, nil)
}

// FoundBy is Found of a node that has its IDs already. What charter does to the
// ledger (ledger.State.Trust), if it is not nil, stands at the log's beginning.
func FoundBy(id *wire.Identity, clusterName string, voters int, r *rand.Rand, charter func(*ledger.State)) (*wire.Identity, *raftpb.Snapshot) {
	var cluster core.ClusterID
	for i := range cluster {
		cluster[i] = byte(r.Uint32())
	}
	id.Cluster, id.ClusterName = cluster[:], clusterName
	first := ledger.Found(cluster, clusterName, voters)
	if charter != nil {
		charter(first)
	}
	return id, replog.Genesis(core.RaftID(id.Raft), first.Encode())
}

// Mint makes the IDs of a node that belongs to no cluster yet, of which the node's
// own is given.
func Mint(id core.NodeID, r *rand.Rand) *wire.Identity {
	return &wire.Identity{Format: 1, Node: uint64(id), Raft: nonzero(r)}
}

// mint makes an identity that belongs to no cluster yet.
func mint(r *rand.Rand) *wire.Identity {
	return &wire.Identity{Format: 1, Node: nonzero(r), Raft: nonzero(r)}
}

func nonzero(r *rand.Rand) uint64 {
	for {
		// The engine reserves the two highest values.
		if v := r.Uint64(); v != 0 && v < 1<<64-2 {
			return v
		}
	}
}

func (o Options) withDefaults() Options {
	if o.Detector == "" {
		o.Detector = kinds.Default
	}
	if o.Features == 0 {
		o.Features = core.FeaturesNow
	}
	if o.Period == 0 {
		o.Period = time.Second
	}
	if o.Slots == 0 {
		o.Slots = 1
	}
	return o
}

// fork makes a generator of its own for one machine, so that what one draws
// does not change what another does.
func (n *Node) fork() *rand.Rand {
	return rand.New(rand.NewPCG(n.opts.Rand.Uint64(), n.opts.Rand.Uint64()))
}
