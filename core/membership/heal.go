package membership

import (
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// heal brings two halves together again. Nobody probes the dead, so after a
// partition neither half would ever hear of the other. Now and then a random
// dead member is pinged; the ping carries its death, which it refutes if it
// lives, and its ack carries this node's death over there, which this node
// refutes in turn. The rest follows by news and anti-entropy.
type heal struct {
	next core.Instant
	// told is when a member was last told something out of turn.
	told map[core.NodeID]core.Instant
}

const (
	// healPeriods is how many periods pass between two attempts, on average.
	healPeriods = 5
	// keepDead is how long the dead are remembered.
	keepDead = 72 * time.Hour
)

func (m *Machine) healTime(now core.Instant) core.Instant {
	mean := healPeriods * m.period
	return now.Add(mean*3/4 + time.Duration(m.rand.Int64N(int64(mean/2))))
}

func (m *Machine) tryHealing(now core.Instant) {
	if m.detector == nil || now < m.heal.next || m.without.Has(detect.Healing) {
		return
	}
	m.heal.next = m.healTime(now)
	m.table.Forget(now, keepDead)
	for id, at := range m.heal.told { // no effect depends on the order
		if now.Sub(at) > m.period {
			delete(m.heal.told, id)
		}
	}
	if m.leave != nil {
		return
	}
	dead := m.table.PickGone(m.rand, 1, func(r member.Row) bool { return r.Status == core.Dead })
	for _, row := range dead {
		m.send(row.ID, row.Addr, wire.Packet{Kind: wire.KindPing, Nonce: m.nonce(), Target: row.ID})
	}
}

func (m *Machine) nonce() uint64 {
	for {
		if n := m.rand.Uint64(); n != 0 {
			return n
		}
	}
}
