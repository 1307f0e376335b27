// Package node composes the machines into one: the whole of a node but its
// sockets, its disk, its processes and its clock.
//
// A driver calls Step with whatever happens and carries out the effects in
// their order; it calls Step with a Tick no later than Next. Everything that
// the node owns belongs to the goroutine that calls Step.
//
// # How the machines hang together
//
//	datagram → discover │ membership → (Changed) → agree → propose ┐
//	frame    → replog ← propose ← client, dispatch, runner's reports │
//	                │ Apply           timetable →    log entry ←─────┘
//	                ▼
//	             ledger → outcomes → clients, dispatch, timetable (leader), runner, events
//
// Each machine is driven by a stepper (stepper.go), so that what one machine's
// effects ask of another, or of itself, waits until those effects are carried
// out. What clients ask is in ask.go; what they get is in request.go. Commands
// reach the log by propose.go, wherever the leader is; linearizable reads by
// read.go. view.go follows the weak view, agree.go turns it into the agreed
// one, log.go carries the log's effects, engine.go its messages, work.go those
// of the dispatcher and the runner, schedules.go those of the timetable, locks.go
// those of the locks, output.go brings tasks' output to clients. knock.go and
// admission.go let machines in, join.go those among them that come; life.go lets
// this one go. datagrams.go seals what leaves and judges what comes, with the keys
// that keys.go and keyask.go care for; rights.go says who may send which frame.
package node

import (
	"fmt"
	"time"

	"hb/core"
	"hb/core/detect/kinds"
	"hb/core/discover"
	"hb/core/dispatch"
	"hb/core/ledger"
	"hb/core/lock"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/replog"
	"hb/core/runner"
	"hb/core/spread"
	"hb/core/timetable"
	"hb/core/wire"
)

// Node is one node of a cluster as a machine. Not for concurrent use.
type Node struct {
	opts    Options
	now     core.Instant
	started core.Instant
	out     []Effect
	clock   time.Duration // Unix time minus Instant

	self   self
	life   life
	waking waking
	parts
	shared

	proposals proposals
	reads     reads
	clients   clients
	pulls     pulls
	agreement agreement
	keys      keys
	refusals  refusals
	unmet     map[core.NodeID]*unmet
	wards     wards
	admission admission
	tags      tags
	condition condition
}

// parts are the machines, and the steppers that drive them.
type parts struct {
	membership *membership.Machine
	discovery  *discover.Machine
	replog     *replog.Log
	ledger     *ledger.State
	dispatcher *dispatch.Machine
	timetable  *timetable.Machine
	locks      *lock.Machine
	runner     *runner.Machine

	memberships stepper[membership.Event, membership.Effect]
	discovers   stepper[discover.Event, discover.Effect]
	replogs     stepper[replog.Event, replog.Effect]
	dispatches  stepper[dispatch.Event, dispatch.Effect]
	timetables  stepper[timetable.Event, timetable.Effect]
	lockings    stepper[lock.Event, lock.Effect]
	runners     stepper[runner.Event, runner.Effect]
}

// shared is what the machines' news leave behind.
type shared struct {
	leading      bool // between Led and Deposed
	saving       saving
	decoded      SnapshotDecoded // of a snapshot that is about to be installed
	hint         leaderHint
	lastLeader   leaderHint
	byRaft       map[core.RaftID]core.NodeID
	peers        map[core.NodeID]peer
	peersChanged bool
	sample, load core.Load // as measured; as last reported
	loadSent     core.Instant
	finishing    map[core.Fence]bool
	stepping     core.Instant // when a drained leader next asks another to lead
	offering     offering     // its word on what it runs
	complaints   map[complaint]int
	told         map[core.NodeID]core.Instant // when somebody was told that he has no business here
	sourceTold   core.Instant                 // when that was last said where nobody is known to be
	doubted      map[core.NodeID]doubtful     // who wants to lead, and is no voter
	losing       map[core.NodeID]bool         // whom this leader has in the log to be forgotten, not applied yet
	streamed     map[core.NodeID]core.Instant // when a heartbeat of the engine last took the stream
	refusal      string                       // last said
	voterNames   string                       // last said
	saidAlone    bool
	saidPlight   string
	knownSince   core.Instant // when another member last gave this one its table
	following    bool
	left         bool
	disk         diskWatch
	counted      counted
	packet       wire.Packet // decoded into, over and over
}

// New makes a node of what it is told and what its disk holds. It does nothing
// before its first Step.
func New(o Options, from Restored) *Node {
	o = o.withDefaults()
	n := &Node{opts: o}
	n.byRaft = map[core.RaftID]core.NodeID{}
	n.unmet = map[core.NodeID]*unmet{}
	n.peers = map[core.NodeID]peer{}
	n.finishing = map[core.Fence]bool{}
	n.counted = counted{ended: map[string]uint64{}, refused: map[string]uint64{}}
	n.complaints = map[complaint]int{}
	n.told = map[core.NodeID]core.Instant{}
	n.doubted = map[core.NodeID]doubtful{}
	n.losing = map[core.NodeID]bool{}
	n.streamed = map[core.NodeID]core.Instant{}
	n.proposals = proposals{open: map[uint64]*proposal{}, look: core.Never}
	n.reads.remote = map[uint64]remoteRead{}
	n.pulls.remote = map[uint64]outputAsk{}
	n.refusals = refusals{seen: map[core.NodeID]core.Instant{}, asked: map[core.NodeID]core.Instant{}}
	n.clients.open = map[uint64]bool{}
	n.clients.ring = newRing(uint32(from.Instance))
	n.identify(from)
	n.makeParts(from)
	n.waking.old = n.wakesElsewhere(from)
	n.openRing()
	n.load.Slots = uint16(o.Slots)
	n.loadSent = -core.Instant(loadIdle)
	n.admission.until = o.CertifiedUntil
	return n
}

// identify takes over the identity on the disk, or mints one.
func (n *Node) identify(from Restored) {
	id := from.Identity
	if id == nil {
		id = mint(n.opts.Rand)
		if from.Node != 0 {
			id.Node = uint64(from.Node)
		}
	}
	n.self = self{id: core.NodeID(id.Node), raft: core.RaftID(id.Raft), instance: from.Instance, clusterName: id.ClusterName, epoch: core.Epoch(id.Epoch)}
	n.restoreTags(id)
	if len(id.Cluster) == len(n.self.cluster) {
		n.self.cluster = core.ClusterID(id.Cluster)
		n.self.joined = !n.self.cluster.IsZero()
	}
	n.self.journalSince = core.Instance(id.JournalSince)
	if n.self.joined {
		n.checkDetector(id)
	}
	if n.self.joined && (from.JournalDamaged != nil || from.JournalTorn) {
		n.self.journalSince = from.Instance
		n.saveIdentity(n.self.cluster, n.self.clusterName)
	}
	if n.self.joined && from.Damaged != nil {
		// What was promised under the old raft ID may be forgotten.
		n.self.raft = core.RaftID(nonzero(n.opts.Rand))
		n.saveIdentity(n.self.cluster, n.self.clusterName)
		n.log(true, fmt.Sprintf("the log is damaged: %v; rebuilding it from the other members under raft ID %s", from.Damaged, n.self.raft))
	}
}

// makeParts makes the machines.
func (n *Node) makeParts(from Restored) {
	factory, ok := kinds.Find(n.opts.Detector)
	if !ok {
		panic(fmt.Sprintf("node: no detector of kind %q", n.opts.Detector))
	}
	mode, ok := spread.ParseMode(n.opts.Spread)
	if !ok {
		panic(fmt.Sprintf("node: no way to spread news by %q", n.opts.Spread))
	}
	n.ledger = ledger.New(n.self.cluster, n.self.clusterName)
	var body replog.Body
	if from.Snapshot != nil {
		body = n.takeFirst(from.Snapshot)
	}
	row := member.Row{
		ID: n.self.id, Name: n.opts.Name, Addr: n.opts.Addr, Version: n.opts.Version, Features: n.opts.Features, Tags: n.ownTags(),
		Raft: n.self.raft, Instance: n.self.instance, Status: core.Alive,
	}
	n.membership = membership.New(membership.Options{
		Self: row, Cluster: n.tag(), NewDetector: factory, Period: n.opts.Period, Rand: n.fork(),
		Spread: mode, CanCast: n.opts.Beacons, Departed: n.departed(),
	})
	n.discovery = discover.New(discover.Options{
		ID: n.self.id, Instance: n.self.instance, Name: n.opts.Name, Version: n.opts.Version, Addr: n.opts.Addr, Cluster: n.tag(),
		Seeds: n.opts.Seeds, Beacons: n.opts.Beacons, Rand: n.fork(),
	})
	n.replog = replog.New(replog.Options{
		Self: n.self.raft, Node: n.self.id, Rand: n.fork(), Limits: n.opts.Log,
	}, replog.Restored{
		Hard: from.Hard, Snapshot: from.Snapshot, Body: body, Entries: from.Entries,
		DoubtTerm: from.DoubtTerm, DoubtIndex: from.DoubtIndex, Damaged: from.Damaged != nil,
	})
	n.dispatcher = dispatch.New(dispatch.Options{Self: n.self.id, Ledger: func() *ledger.State { return n.ledger }, Rand: n.fork()})
	n.timetable = timetable.New(timetable.Options{Ledger: func() *ledger.State { return n.ledger }})
	n.locks = lock.New(lock.Options{Self: n.self.id, Ledger: func() *ledger.State { return n.ledger }})
	n.runner = runner.New(runner.Options{
		Node: n.self.id, Instance: n.self.instance, Slots: n.opts.Slots, Doubtful: n.self.journalSince,
	}, from.Journal)
	n.memberships = stepper[membership.Event, membership.Effect]{step: n.membership.Step, carry: n.carryView}
	n.discovers = stepper[discover.Event, discover.Effect]{step: n.discovery.Step, carry: n.carryDiscover}
	n.replogs = stepper[replog.Event, replog.Effect]{step: n.replog.Step, carry: n.carryLog}
	n.dispatches = stepper[dispatch.Event, dispatch.Effect]{step: n.dispatcher.Step, carry: n.carryDispatch}
	n.timetables = stepper[timetable.Event, timetable.Effect]{step: n.timetable.Step, carry: n.carryTimetable}
	n.lockings = stepper[lock.Event, lock.Effect]{step: n.locks.Step, carry: n.carryLock}
	n.runners = stepper[runner.Event, runner.Effect]{step: n.runner.Step, carry: n.carryRunner}
}

// ID is the node's identity.
func (n *Node) ID() core.NodeID { return n.self.id }

// put adds an effect.
func (n *Node) put(f Effect) { n.out = append(n.out, f) }

// log adds a line for the operator.
func (n *Node) log(warn bool, text string) { n.put(LogLine{Warn: warn, Text: text}) }
