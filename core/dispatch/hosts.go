package dispatch

import (
	"cmp"
	"fmt"
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
	tags     map[string]string
	load     core.Load
	known    bool // load was reported since the member last started
	lost     bool // see Lost
	open     int  // its open grants in the ledger
	planned  int  // assignments to it that were not applied yet
}

// slots is how many tasks it may run at once.
func (h *host) slots() int {
	if !h.known {
		return 1
	}
	return int(h.load.Slots)
}

func (h *host) busy() int { return h.open + h.planned }

// ready says whether it could start a task now.
func (h *host) ready() bool {
	return h.state == ledger.Up && !h.lost && h.busy() < h.slots()
}

// leastShare keeps a machine that others saturate comparable with its like.
const leastShare = 0.05

// cost is proportional to the time that a further task needs on it.
func (h *host) cost() float64 {
	share := max(leastShare, 1-float64(h.load.BusyPermille)/1000)
	return float64(h.busy()+1) / (float64(h.slots()) * share)
}

// hostFor finds or makes the host of a row, and brings it up to date.
func (m *Machine) hostFor(row *wire.Agreed) *host {
	id := core.NodeID(row.Row.Id)
	h := m.byID[id]
	if h == nil {
		h = &host{id: id}
		at, _ := slices.BinarySearchFunc(m.hosts, id, func(h *host, id core.NodeID) int { return cmp.Compare(h.id, id) })
		m.hosts = slices.Insert(m.hosts, at, h)
		m.byID[id] = h
	}
	if instance := core.Instance(row.Row.Instance); instance != h.instance {
		h.instance, h.known, h.lost = instance, false, false
	}
	h.name, h.state, h.tags = row.Row.Name, row.State, row.Row.Tags
	return h
}

// memberChanged follows the directory: the grants of a member that went are
// taken back, those of one that came are sent again.
func (m *Machine) memberChanged(now core.Instant, row *wire.Agreed) {
	h := m.hostFor(row)
	if h.state != ledger.Up {
		h.known = false
	}
	for _, t := range m.opt.Ledger().OpenOn(h.id) {
		if g := m.grants[core.TaskID(t.Id)]; g != nil {
			g.held = false
			m.repeat(now, g)
		}
	}
}

// heard takes a load report.
func (m *Machine) heard(ev Heard) {
	h := m.byID[ev.Node]
	if h == nil {
		return
	}
	h.lost = false
	if ev.Known {
		h.load, h.known = ev.Load, true
	}
}

// choose finds the host on which a task of this placement completes first, or
// nil when none that may run it has a free slot. A host that has not reported
// is a stopgap.
func (m *Machine) choose(p *placement) *host {
	if p.on != "" {
		h := m.named(p.on)
		if h == nil || !h.ready() || p.objection(h) != "" {
			return nil
		}
		return h
	}
	if h := m.cheapest(p, true); h != nil {
		return h
	}
	return m.cheapest(p, false)
}

// cheapest draws among the hosts whose cost is the least, give or take
// TiePercent.
func (m *Machine) cheapest(p *placement, known bool) *host {
	least := 0.0
	for _, h := range m.hosts {
		if h.known == known && h.ready() && p.objection(h) == "" {
			if c := h.cost(); least == 0 || c < least {
				least = c
			}
		}
	}
	if least == 0 {
		return nil
	}
	var choice *host
	equals := 0
	for _, h := range m.hosts {
		if h.known == known && h.ready() && h.cost() <= least*(1+TiePercent/100.0) && p.objection(h) == "" {
			if equals++; m.opt.Rand.IntN(equals) == 0 {
				choice = h
			}
		}
	}
	return choice
}

// named finds the host that --on means: by name among those that are up, by ID,
// or the leader.
func (m *Machine) named(on string) *host {
	if on == "@leader" {
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

// Candidate is a member as the choice saw it.
type Candidate struct {
	Node core.NodeID
	Name string
	// Slots is how many tasks it runs at once, Busy how many of them are
	// granted or planned. Known says that it has reported.
	Slots, Busy int
	Known       bool
	// OthersPermille is the share of the machine in use by anything but hb.
	OthersPermille int
	// Cost is proportional to the time a further task would need there; the
	// least wins. Zero when Why is set.
	Cost float64
	// Why says what keeps the task from running there; empty for nothing.
	Why string
}

// Explain weighs all members of the directory for a spec, sorted by ID, without
// planning anything. The choice is one of the cheapest, or zero: queued.
func (m *Machine) Explain(spec *wire.Spec) (candidates []Candidate, choice core.NodeID) {
	p := newPlacement(spec)
	only := (*host)(nil)
	if p.on != "" {
		only = m.named(p.on)
	}
	for _, h := range m.hosts {
		c := Candidate{
			Node: h.id, Name: h.name, Slots: h.slots(), Busy: h.busy(), Known: h.known,
			OthersPermille: int(h.load.BusyPermille), Why: p.objection(h),
		}
		switch {
		case h.state != ledger.Up:
			c.Why = h.state
		case p.on != "" && h != only:
			c.Why = "is not " + p.on
		case c.Why != "":
		case h.lost:
			c.Why = "does not answer"
		case !h.ready():
			c.Why = fmt.Sprintf("%d of %d slots taken", h.busy(), h.slots())
		default:
			c.Cost = h.cost()
		}
		candidates = append(candidates, c)
	}
	if h := m.choose(p); h != nil {
		choice = h.id
	}
	return candidates, choice
}
