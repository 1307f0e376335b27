package membership

import (
	"net/netip"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/spread"
	"hb/core/wire"
)

// reconcile is anti-entropy: pings and acks carry a hash of the sender's view, and a
// difference that spreading does not explain any more is settled by sending
// the whole table over a stream, answered with what it lacked.
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
)

// young says that this node has come a short while ago.
func (m *Machine) young(now core.Instant) bool {
	return now < m.reconcile.born.Add(newcomer*m.period) && !m.without.Has(detect.AntiEntropy)
}

// unsettled notes that somebody has come, or gone, or is another than before.
func (m *Machine) unsettled(now core.Instant, came bool) {
	m.reconcile.changed = now
	if came && m.young(now) {
		wait := quiet * spread.Gap
		m.reconcile.check = now.Add(wait + time.Duration(m.rand.Int64N(int64(wait/2))))
	}
}

// checkView asks any member for its view: compare looks at it in the ack.
func (m *Machine) checkView(now core.Instant) {
	if now < m.reconcile.check {
		return
	}
	m.reconcile.check = core.Never
	for _, r := range m.table.Pick(m.rand, 1, func(r member.Row) bool { return r.Living() && r.ID != m.self }) {
		m.send(r.ID, r.Addr, wire.Packet{Kind: wire.KindPing, Nonce: m.nonce(), Target: r.ID})
	}
}

// compare looks at the view of the sender, after its news have been merged.
func (m *Machine) compare(now core.Instant, from netip.AddrPort, p *wire.Packet) {
	if p.View == m.table.Hash() {
		m.reconcile.fresh, m.reconcile.wait = false, 0
	}
	if m.without.Has(detect.AntiEntropy) || p.View == 0 || p.View == m.table.Hash() || now < m.reconcile.next {
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
	m.out = append(m.out, SendRows{To: from, Rows: m.table.ToWire(now), Reply: true})
}

// rows merges a table. Whether its changes are news to others depends on how
// it came: what a disk remembers is not, nor is the table that a newcomer gets.
func (m *Machine) rows(now core.Instant, e Rows) {
	pass := e.From != 0 && (m.table.Living() > 1 || e.Reply || len(e.Rows) == 1)
	before := m.table.Hash()
	seen := make(map[core.NodeID]member.Row, len(e.Rows))
	for _, w := range e.Rows {
		evidence, err := member.FromWire(now, w)
		if err != nil {
			m.once("row from "+e.From.String(), true, "%s sends an unusable row: %v", e.From, err)
			continue
		}
		seen[evidence.ID] = evidence.Row
		m.learn(now, m.doubt(now, evidence, e.From), e.From, e.Addr, pass)
	}
	if m.table.Hash() != before {
		m.reconcile.wait = 0
	}
	if row, ok := m.table.Get(e.From); ok && !e.Addr.IsValid() {
		e.Addr = row.Addr
	}
	if e.Reply && m.detector != nil && e.Addr.IsValid() {
		m.answerRows(now, e.Addr, seen)
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

// answerRows sends back the rows that the other table lacked or had older.
func (m *Machine) answerRows(now core.Instant, to netip.AddrPort, seen map[core.NodeID]member.Row) {
	var rows []*wire.Row
	m.table.Each(func(r member.Row) bool {
		if theirs, had := seen[r.ID]; !had || r.Outranks(theirs) {
			rows = append(rows, member.ToWire(now, r))
		}
		return true
	})
	if len(rows) > 0 {
		m.out = append(m.out, SendRows{To: to, Rows: rows})
	}
}
