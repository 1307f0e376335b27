package membership

import (
	"math"
	"math/rand/v2"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/spread"
	"hb/core/wire"
)

// Options is what the machine is made from.
type Options struct {
	// Self is this node's row: ID, Name, Addr, Instance, Version, Tags, Raft.
	// Its labels must pass wire.CheckLabels.
	Self member.Row
	// Cluster is the tag of the node's cluster; zero as long as it has none.
	Cluster wire.Tag
	// NewDetector makes the detector.
	NewDetector detect.Factory
	// Period is the detector's period T; default 1 s.
	Period time.Duration
	// Rand is the machine's only source of chance.
	Rand *rand.Rand
	// Spread is how news leaves; CanCast says that the driver can multicast.
	// Without, Multicast is Unicast.
	Spread  spread.Mode
	CanCast bool
	// Departed says whether it is known for certain that a start of a member has
	// left; nil: whoever says so is believed.
	Departed func(core.NodeID, core.Instance) bool
	// Gap is the time between two bulletins; default spread.Gap.
	Gap time.Duration
	// Without are the mechanisms to leave out, Known is what the node knows from
	// the start, Share lets the tables on it share it instead of copying it, and
	// Ticking lets bulletins wait for a clock of their own: for laboratories only.
	Without detect.Extras
	Known   *member.Base
	Share   bool
	Ticking bool
}

// Machine is a node's weak view of its cluster.
type Machine struct {
	self        core.NodeID
	newDetector detect.Factory
	period      time.Duration
	rand        *rand.Rand
	without     detect.Extras
	departed    func(core.NodeID, core.Instance) bool

	cluster wire.Tag
	table   *member.Table
	// detector is nil while the node is in no cluster: it then probes nobody
	// and answers nobody.
	detector  detect.Detector
	claims    []detect.Effect // of the detector, not yet carried out
	leader    core.NodeID     // that the detector was told of
	news      news
	hints     hints
	reconcile reconcile
	heal      heal
	leave     *leave // under way
	reaches   []reach
	meshes    []*mesh // under way
	roll      *roll   // under way
	// testimonies are those about members that are suspect or dead.
	testimonies map[core.NodeID]testimony
	unrest      map[core.NodeID]*unrest // of those accused lately
	notes       notes
	begun       bool
	out         []Effect
}

// hints is what rides on packets for others to know.
type hints struct {
	log     wire.LogHint
	load    core.Load
	applied uint64
}

// New makes the machine. It panics on labels that cannot travel.
func New(o Options) *Machine {
	if err := wire.CheckLabels(o.Self.Name, o.Self.Version, o.Self.Tags); err != nil || !o.Self.Addr.IsValid() {
		panic("membership: this node cannot tell others of itself at " + o.Self.Addr.String() + ": " + errText(err))
	}
	if o.Period == 0 {
		o.Period = time.Second
	}
	if o.Gap == 0 {
		o.Gap = spread.Gap
	}
	table := member.New(o.Self)
	if o.Known != nil {
		table = member.NewOn(o.Known, o.Self, !o.Share)
	}
	return &Machine{
		self: o.Self.ID, newDetector: o.NewDetector, period: o.Period, rand: o.Rand, without: o.Without, departed: o.Departed,
		cluster: o.Cluster, table: table,
		news:  newNews(o),
		notes: notes{said: map[string]bool{}}, testimonies: map[core.NodeID]testimony{}, unrest: map[core.NodeID]*unrest{},
		reconcile: reconcile{fresh: true, last: o.Cluster, check: core.Never}, heal: heal{told: map[core.NodeID]core.Instant{}},
	}
}

func errText(err error) string {
	if err == nil {
		return "no address"
	}
	return err.Error()
}

// Step tells the machine of an event. The effects are valid until the next
// Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect {
	m.out = m.out[:0]
	if !m.begun {
		m.begun = true
		m.table.Begin(now)
	}
	m.wake(now)
	m.tellLeader(now)
	switch e := ev.(type) {
	case Tick:
		m.tick(now)
	case Packet:
		m.datagram(now, e)
	case Rows:
		m.rows(now, e)
	case Refused:
		m.refused(now, e.Addr)
	case Report:
		m.report(e.ID, e.To)
	case Reach:
		m.reach(now, e)
	case MeshProbe:
		m.beginMesh(now, e)
	case Roll:
		m.callRoll(now)
	case Retag:
		m.retag(now, e.Tags)
	case Leave:
		m.beginLeave(now)
	}
	m.bulletins(now)
	m.watchIsolation()
	return m.out
}

// wake makes the detector when there is a cluster to watch, and tells the
// cluster that this node is there.
func (m *Machine) wake(now core.Instant) {
	if m.detector != nil || m.cluster.IsZero() {
		return
	}
	m.detector = m.newDetector(detect.Options{Table: m.table, Period: m.period, Rand: m.rand, Now: now, Without: m.without})
	m.heal.next, m.reconcile.born = m.healTime(now), now
	if own := m.table.Self(); own.Status == core.Left && own.Incarnation < math.MaxUint32 {
		own.Status = core.Alive
		own.Incarnation++
		m.learned(now, member.Evidence{Row: own}, true)
	}
	if _, known := m.table.Common(); !known { // in a laboratory all may know it already
		m.push(m.table.Self())
	}
	m.sayFallback()
}

// retag tells of other tags of this node. They belong to its next incarnation: in
// one its labels cannot differ.
func (m *Machine) retag(now core.Instant, tags map[string]string) {
	own := m.table.Self()
	if own.Status != core.Alive || own.Incarnation == math.MaxUint32 {
		return
	}
	own.Tags = tags
	own.Incarnation++
	m.learned(now, member.Evidence{Row: own}, true)
}

// tellLeader tells the detector who leads the log when that has changed.
func (m *Machine) tellLeader(now core.Instant) {
	if m.detector != nil && m.leader != m.hints.log.Leader {
		m.leader = m.hints.log.Leader
		m.detect(now, detect.Leads{ID: m.leader})
	}
}

// tick runs out clocks.
func (m *Machine) tick(now core.Instant) {
	m.endReaches(now, func(r reach) bool { return now >= r.end })
	m.serveMeshes(now)
	if m.detector == nil {
		return
	}
	if now >= m.detector.Next() {
		m.detect(now, detect.Tick{})
	}
	m.checkView(now)
	m.tryHealing(now)
	m.goOnCalling(now)
	m.lookAtNames(now)
	m.goOnLeaving(now)
}

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant {
	next := m.nextMesh()
	for _, r := range m.reaches {
		next = core.Earlier(next, r.end)
	}
	if m.cluster.IsZero() {
		return next
	}
	if m.detector == nil {
		return 0 // to wake
	}
	next = core.Earlier(core.Earlier(next, m.detector.Next()), m.nextCall())
	if !m.without.Has(detect.Healing) {
		next = core.Earlier(next, m.heal.next)
	}
	if m.leave != nil {
		next = core.Earlier(next, m.leave.next)
	}
	return core.Earlier(core.Earlier(next, m.reconcile.check), m.nextBulletin())
}

// SetCluster says which cluster the node belongs to, from the next Step on. A
// cluster other than before empties the table of everybody else. A node that
// left becomes alive again.
func (m *Machine) SetCluster(tag wire.Tag) {
	if tag == m.cluster && !tag.IsZero() {
		return
	}
	last := m.reconcile.last
	if !tag.IsZero() && !last.IsZero() && tag != last {
		m.table.Clear()
		m.news.clear(m.self)
	}
	if !tag.IsZero() {
		last = tag
	}
	m.detector, m.leave, m.cluster, m.leader = nil, nil, tag, 0
	m.reconcile = reconcile{fresh: true, last: last, check: core.Never}
}

// SetLog sets what heartbeats say about the log.
func (m *Machine) SetLog(hint wire.LogHint) { m.hints.log = hint }

// SetLoad sets the load that acks and reports carry, and how far this node has
// applied the log.
func (m *Machine) SetLoad(load core.Load, applied uint64) {
	m.hints.load, m.hints.applied = load, applied
}

// Table is the membership table; read only.
func (m *Machine) Table() *member.Table { return m.table }

// RTT is the smoothed round trip to a member, if it has been measured.
func (m *Machine) RTT(id core.NodeID) (time.Duration, bool) {
	if m.detector == nil {
		return 0, false
	}
	return m.detector.RTT(id)
}

// Heard is when this node last heard a member, if it ever did: a packet of its
// own, or an ack that another forwarded.
func (m *Machine) Heard(id core.NodeID) (core.Instant, bool) {
	if m.detector == nil {
		return 0, false
	}
	return m.detector.Heard(id)
}

// Isolated says that this node hears nobody although others should be there,
// and so judges nobody.
func (m *Machine) Isolated() bool { return m.detector != nil && m.detector.Isolated() }

// Uses says that the machine has some mechanisms.
func (m *Machine) Uses(these detect.Extras) bool {
	return m.detector != nil && m.detector.Uses().Has(these)
}

// Unreachable says that a member does not answer this node, which may not judge
// it.
func (m *Machine) Unreachable(id core.NodeID) bool {
	return m.detector != nil && m.detector.Unreachable(id)
}
