package membership

import (
	"net/netip"
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/spread"
	"hb/core/wire"
)

// reconcile is anti-entropy: pings and acks carry a hash of the sender's view, and a
// difference that spreading does not explain any more is settled over a stream
// (tables.go).
type reconcile struct {
	changed core.Instant  // the last change of who lives in the table
	last    wire.Tag      // the cluster that the table is of
	next    core.Instant  // not before this
	wait    time.Duration // grows while it does not help
	// fresh says that this node has just come and knows to be behind.
	fresh bool
	// born is when it came, check when it next asks somebody for a view to
	// compare with its own; Never if it is not to.
	born, check core.Instant
	// agreed are members whose view has been this one since either changed. They
	// are chosen by chance, so that enough of them speak for all.
	agreed []core.NodeID
}

const (
	// maxSyncWait bounds the wait between tables that nothing is learned from.
	maxSyncWait = 30 * time.Second
	// newcomer is how many periods a node is one. Of those that come at the same
	// time each is let in with a table that lacks the ones behind it, and news
	// that goes round by chance misses somebody: so a newcomer does not wait for
	// a ping to tell it, but asks as soon as its table is quiet, for as long as
	// that brings something new.
	newcomer = 5
	// quiet is for how many bulletins nothing has changed then.
	quiet = 2
	// enoughAgree is how many members must have the same view before news of
	// newcomers is not passed on any further: whoever has missed it, though all of
	// three have not, finds out by its own next pings.
	enoughAgree = 3
)

// young says that this node has come a short while ago.
func (m *Machine) young(now core.Instant) bool {
	return now < m.reconcile.born.Add(newcomer*m.period) && !m.without.Has(detect.AntiEntropy)
}

// unsettled notes that somebody has come, or gone, or is another than before.
func (m *Machine) unsettled(now core.Instant, came bool) {
	m.reconcile.changed, m.reconcile.agreed = now, m.reconcile.agreed[:0]
	if came && m.young(now) {
		wait := quiet * spread.Gap
		m.reconcile.check = now.Add(wait + time.Duration(m.rand.Int64N(int64(wait/2))))
	}
}

// checkView asks some members for their view: compare looks at it in the acks.
func (m *Machine) checkView(now core.Instant) {
	if now < m.reconcile.check {
		return
	}
	m.reconcile.check = core.Never
	for _, r := range m.table.Pick(m.rand, enoughAgree, func(r member.Row) bool { return r.Living() && r.ID != m.self }) {
		m.send(r.ID, r.Addr, wire.Packet{Kind: wire.KindPing, Nonce: m.nonce(), Target: r.ID})
	}
}

// compare looks at the view of the sender, after its news have been merged.
func (m *Machine) compare(now core.Instant, from netip.AddrPort, p *wire.Packet) {
	if m.without.Has(detect.AntiEntropy) || p.View == 0 {
		return
	}
	if p.View == m.table.Hash() {
		m.reconcile.fresh, m.reconcile.wait = false, 0
		m.agrees(p.From)
		return
	}
	m.reconcile.agreed = m.reconcile.agreed[:0]
	if now < m.reconcile.next {
		return
	}
	// News goes round in Limit bulletins; twice that is ample.
	settled, least := max(m.period, 2*spread.Gap*time.Duration(spread.Limit(m.table.Living()))), m.period
	if m.young(now) {
		settled, least = quiet*spread.Gap, quiet*spread.Gap
	}
	if !m.reconcile.fresh && now < m.reconcile.changed.Add(settled) {
		return
	}
	m.reconcile.fresh = false
	m.reconcile.wait = min(max(2*m.reconcile.wait, least), maxSyncWait)
	m.reconcile.next = now.Add(m.reconcile.wait)
	if row, ok := m.table.Get(p.From); ok {
		from = row.Addr
	}
	m.showTable(now, from)
}

// agrees notes that a member has the same view.
func (m *Machine) agrees(id core.NodeID) {
	enough := min(enoughAgree, m.table.Living()-1)
	if len(m.reconcile.agreed) >= enough || slices.Contains(m.reconcile.agreed, id) {
		return
	}
	m.reconcile.agreed = append(m.reconcile.agreed, id)
	if len(m.reconcile.agreed) == enough {
		m.news.queue.Settle()
	}
}

// doubt takes a death out of another's table for a suspicion if this node has
// heard the member itself: after a partition each half holds the other half
// dead, and must be given the time to refute.
func (m *Machine) doubt(now core.Instant, e member.Evidence, by core.NodeID) member.Evidence {
	row, known := m.table.Get(e.ID)
	if e.Status != core.Dead || e.ID == m.self || !known || !row.Living() || row.Instance != e.Instance || m.detector == nil {
		return e
	}
	heard, ever := m.detector.Heard(e.ID)
	round := time.Duration(2*m.table.Living()) * m.period
	if !ever || now.Sub(heard) > round {
		return e
	}
	e.Status, e.Why, e.Since = core.Suspect, wire.ReasonHearsay, 0
	if e.Accuser == 0 {
		e.Accuser = by
	}
	m.tell(now, row.ID, row.Addr, e.Row)
	return e
}
