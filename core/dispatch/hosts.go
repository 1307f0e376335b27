package dispatch

import (
	"cmp"
	"slices"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// host is a member as the dispatcher sees it.
type host struct {
	id       core.NodeID
	name     string
	instance core.Instance
	state    string
	reason   string       // why it is not up
	gone     core.Instant // since when it is not
	tags     map[string]string
	offer    *wire.Offer // what it says that it runs
	load     core.Load
	known    bool    // load was reported since the member last started
	lost     bool    // see Lost
	open     int     // its open grants in the ledger
	plans    []*plan // assignments to it that were not applied yet
	drained  bool    // takes nothing but what names it
	evict    bool    // what runs there is to be ended
	pace     pace
	runs     []*grant  // its open grants, as they were made
	endSum   float64   // the sum of these ends, in seconds, where they are known
	endCount int       // how many are
	frees    []float64 // see slotTimes; nil: not looked at
	room     *float64  // see Machine.room; nil: not looked at
}

// mostSlots bounds what a member may say of its slots.
const mostSlots = 1024

// slots is how many tasks it may run at once.
func (h *host) slots() int {
	if !h.known {
		return 1
	}
	return min(mostSlots, int(h.load.Slots))
}

func (h *host) busy() int { return h.open + len(h.plans) }

// ready says whether it could start a task now.
func (h *host) ready() bool {
	return h.state == ledger.Up && !h.lost && h.busy() < h.slots()
}

// takes says whether it may be given a task now, where those who are slow can be
// spared or not.
func (h *host) takes(spare bool) bool { return h.ready() && !(spare && h.pace.slow >= spareFrom) }

// leastShare keeps a machine that others saturate comparable with its like.
const leastShare = 0.05

// share is the part of the machine that others leave.
func (h *host) share() float64 { return max(leastShare, 1-float64(h.load.BusyPermille)/1000) }

// cost is proportional to the time that a further task needs on it.
func (h *host) cost() float64 {
	return h.slowness() * float64(h.busy()+1) / (float64(h.slots()) * h.share())
}

// strain is what --prefer idle goes by: the stress that the member reports, and
// the share of its slots that is taken.
func (h *host) strain() float64 {
	return 50 + float64(h.load.Stress) + 1000*float64(h.busy())/float64(max(1, h.slots()))
}

// hostFor finds or makes the host of a row, and brings it up to date.
func (m *Machine) hostFor(row *wire.Agreed) *host {
	id := core.NodeID(row.Row.Id)
	h := m.byID[id]
	if h == nil {
		h = &host{id: id, pace: newPace()}
		at, _ := slices.BinarySearchFunc(m.hosts, id, func(h *host, id core.NodeID) int { return cmp.Compare(h.id, id) })
		m.hosts = slices.Insert(m.hosts, at, h)
		m.byID[id] = h
	}
	if instance := core.Instance(row.Row.Instance); instance != h.instance {
		h.instance, h.known, h.lost = instance, false, false
	}
	h.name, h.state, h.tags = row.Row.Name, row.State, row.Row.Tags
	h.drained, h.evict, h.reason, h.offer = row.Drained, row.Evict, row.Reason, row.Offer
	return h
}

// memberChanged follows the directory: the grants of a member that went are
// taken back, those of one that came are sent again.
func (m *Machine) memberChanged(now core.Instant, row *wire.Agreed) {
	h := m.hostFor(row)
	if h.state != ledger.Up {
		h.known, h.gone = false, now
	}
	for _, t := range m.opt.Ledger().OpenOn(h.id) {
		if g := m.grants[core.TaskID(t.Id)]; g != nil {
			g.held, g.runs = false, false
			m.repeat(now, g)
		}
	}
}

// heard takes a load report.
func (m *Machine) heard(now core.Instant, ev Heard) {
	h := m.byID[ev.Node]
	if h == nil {
		return
	}
	h.lost = false
	if !ev.Known {
		return
	}
	fresh := !h.known || h.load.Strength != ev.Load.Strength
	h.load, h.known = ev.Load, true
	h.begin(now)
	if fresh {
		m.compareStrength()
	}
	m.judge(now, h)
}

// choose finds the host on which a task of this placement completes first, or
// nil when none that may run it has a free slot. A host that has not reported
// is a stopgap; one that is slow at the moment gets nothing if it can be spared, one slower
// than slowest nothing in any case.
func (m *Machine) choose(p *placement, spare bool, slowest float64) *host {
	if p.target != 0 {
		if h := m.byID[p.target]; h != nil && h.ready() {
			return h
		}
		return nil
	}
	if p.on != "" {
		h := m.named(p.on)
		if h == nil || !h.ready() || p.objection(h) != "" {
			return nil
		}
		return h
	}
	if h := m.cheapest(p, true, spare, slowest); h != nil {
		return h
	}
	return m.cheapest(p, false, spare, slowest)
}

// cheapest draws among the hosts whose cost is the least, give or take
// TiePercent.
func (m *Machine) cheapest(p *placement, known, spare bool, slowest float64) *host {
	cost := (*host).cost
	if p.idle {
		cost = (*host).strain
	}
	return m.draw(func(h *host) bool {
		return h.known == known && h.takes(spare) && h.slowness() <= slowest && p.objection(h) == ""
	}, cost)
}

// named finds the host that --on means: by name among those that are up, by ID,
// or the leader.
func (m *Machine) named(on string) *host {
	if on == ledger.OnLeader {
		return m.byID[m.opt.Self]
	}
	var other *host
	for _, h := range m.hosts {
		if h.name == on && h.state == ledger.Up {
			return h
		}
		if h.name == on {
			other = h
		}
	}
	if id, err := core.ParseNodeID(on); err == nil && m.byID[id] != nil {
		return m.byID[id]
	}
	return other
}
