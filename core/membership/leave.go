package membership

import (
	"slices"
	"time"

	"hb/core"
	"hb/core/member"
	"hb/core/wire"
)

// leave is a departure under way: the node's own row, now left, is sent to
// random members until so many have acknowledged it that it will spread.
type leave struct {
	nonce uint64
	acked []core.NodeID
	need  int
	next  core.Instant // when to send again
	end   core.Instant // when to go without
}

const (
	leaveAcks     = 3
	leaveResend   = 200 * time.Millisecond
	leavePatience = 2 // periods
)

// beginLeave declares this node left. Who is in no cluster or alone just goes.
func (m *Machine) beginLeave(now core.Instant) {
	if m.leave != nil {
		return
	}
	others := m.table.Pick(m.rand, leaveAcks, m.reachable)
	own := m.table.Self()
	own.Status = core.Left
	m.learned(now, member.Evidence{Row: own}, true)
	m.leave = &leave{nonce: m.nonce(), need: len(others), next: now, end: now.Add(leavePatience * m.period)}
	if m.detector == nil || len(others) == 0 {
		m.gone()
		return
	}
	m.goOnLeaving(now)
}

// goOnLeaving tells members that have not acknowledged yet.
func (m *Machine) goOnLeaving(now core.Instant) {
	l := m.leave
	if l == nil || now < l.next {
		return
	}
	if now >= l.end {
		m.gone()
		return
	}
	l.next = core.Earlier(now.Add(leaveResend), l.end)
	own := m.table.Self()
	for _, row := range m.table.Pick(m.rand, l.need-len(l.acked), m.reachable) {
		m.emit(row.ID, row.Addr, wire.Packet{Kind: wire.KindBulletin, Nonce: l.nonce, News: []wire.News{member.ToNews(own)}})
	}
}

// leaveAcked counts an acknowledgement.
func (m *Machine) leaveAcked(ack *wire.Packet) {
	l := m.leave
	if l == nil || ack.Nonce != l.nonce || slices.Contains(l.acked, ack.From) {
		return
	}
	if l.acked = append(l.acked, ack.From); len(l.acked) >= l.need {
		m.gone()
	}
}

// gone ends the leave; from here on the node is silent.
func (m *Machine) gone() {
	m.leave, m.detector, m.cluster = nil, nil, wire.Tag{}
	m.out = append(m.out, Left{})
}

// reachable accepts those whom leaving can be told.
func (m *Machine) reachable(r member.Row) bool {
	return r.ID != m.self && r.Status == core.Alive && (m.leave == nil || !slices.Contains(m.leave.acked, r.ID))
}
