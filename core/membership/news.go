package membership

import (
	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/spread"
	"hb/core/wire"
)

// news is what this node still has to tell others, and how it does.
type news struct {
	mode spread.Mode
	// queue and haste are for piggybacking, outbox for the other modes.
	queue  *spread.Queue
	haste  *spread.Haste
	outbox spread.Outbox
	// riding is room for the news of the packet that is being made.
	riding []wire.News
	// alone says that the driver cannot multicast although it should.
	alone bool
}

func newNews(o Options) news {
	n := news{mode: o.Spread, queue: spread.NewQueue(o.Self.ID), haste: spread.NewHaste(o.Rand, o.Gap)}
	if o.Ticking {
		n.haste = spread.NewTicking(o.Rand, o.Gap)
	}
	if n.mode == spread.Multicast && !o.CanCast {
		n.mode, n.alone = spread.Unicast, true
	}
	return n
}

// clear drops everything.
func (n *news) clear(self core.NodeID) {
	n.queue, n.outbox = spread.NewQueue(self), spread.Outbox{}
}

// push has a row told to others.
func (m *Machine) push(row member.Row) {
	if m.news.mode == spread.Piggyback {
		m.news.queue.Push(row)
	} else {
		m.news.outbox.Push(row)
	}
}

// sayFallback says that the node cannot do as it was told.
func (m *Machine) sayFallback() {
	if m.news.alone {
		m.once("no multicast", true, "[detector] spread = \"multicast\", but this node neither sends nor hears beacons: "+
			"news goes to each member by itself, as with \"unicast\"")
	}
}

// nextBulletin is when the next bulletin is due.
func (m *Machine) nextBulletin() core.Instant {
	if m.without.Has(detect.Bulletins) {
		return core.Never
	}
	return m.news.haste.Next(m.news.queue, m.table)
}

// bulletins sends the news that does not wait for a ping.
func (m *Machine) bulletins(now core.Instant) {
	switch {
	case m.detector == nil:
	case m.news.mode == spread.Unicast:
		m.sendToAll()
	case m.news.mode == spread.Multicast:
		m.cast()
	case !m.without.Has(detect.Bulletins):
		for _, row := range m.news.haste.Due(now, m.news.queue, m.table) {
			m.send(row.ID, row.Addr, wire.Packet{Kind: wire.KindBulletin})
		}
	}
}

// sendToAll sends the news to each of the others, and to those it calls dead.
func (m *Machine) sendToAll() {
	accused := m.news.outbox.Accused()
	for _, p := range m.news.outbox.Take() {
		m.table.Each(func(r member.Row) bool {
			if r.ID != m.self && r.Living() {
				m.emit(r.ID, r.Addr, p)
			}
			return true
		})
	}
	m.tellAccused(accused, func(r member.Row) bool { return !r.Living() })
}

// cast sends the news to the wire, and to those it accuses.
func (m *Machine) cast() {
	accused := m.news.outbox.Accused()
	for _, p := range m.news.outbox.Take() {
		m.out = append(m.out, Cast{Data: m.encode(p)})
	}
	m.tellAccused(accused, func(member.Row) bool { return true })
}

// tellAccused sends those of the accused whom want accepts what is said of them.
func (m *Machine) tellAccused(accused []core.NodeID, want func(member.Row) bool) {
	for _, id := range accused {
		if row, ok := m.table.Get(id); ok && id != m.self && want(row) {
			m.send(id, row.Addr, wire.Packet{Kind: wire.KindBulletin})
		}
	}
}
