package membership

import (
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// roll is a roll call: every living member is pinged at once instead of when its
// turn comes, because where one has failed there may be more. Whoever does not
// answer is handed to the detector, which suspects it in its own way.
type roll struct {
	nonce   uint64
	absent  []core.NodeID // have not answered; the first unasked of them not even been asked
	unasked int
	sent    int // how often everybody was asked
	next    core.Instant
	doubt   core.Instant // when the detector is told; Never once it was
	end     core.Instant
}

const (
	// rollStride members are asked every rollPace, so that the acks of
	// thousands do not overrun a socket's buffer.
	rollStride = 128
	rollPace   = 10 * time.Millisecond
	// rollAgain is when those are asked again whose ping or ack may be lost.
	rollAgain = 100 * time.Millisecond
)

// callRoll begins a roll call, unless one is under way.
func (m *Machine) callRoll(now core.Instant) {
	if m.roll != nil {
		return
	}
	r := &roll{nonce: m.nonce(), next: now, doubt: now.Add(m.period / 3), end: now.Add(m.period * 3 / 2)}
	m.table.Each(func(row member.Row) bool {
		if row.Status == core.Alive && row.ID != m.self {
			r.absent = append(r.absent, row.ID)
		}
		return true
	})
	r.unasked = len(r.absent)
	m.roll = r
	m.goOnCalling(now)
}

// goOnCalling asks those whose turn it is, and ends the call when nobody is
// left who may still answer.
func (m *Machine) goOnCalling(now core.Instant) {
	r := m.roll
	if r == nil {
		return
	}
	r.absent = slices.DeleteFunc(r.absent, func(id core.NodeID) bool {
		row, known := m.table.Get(id)
		return !known || row.Status != core.Alive
	})
	r.unasked = min(r.unasked, len(r.absent))
	if len(r.absent) == 0 || now >= r.end || m.detector == nil {
		m.roll = nil
		m.out = append(m.out, Rolled{})
		return
	}
	if now >= r.doubt {
		r.doubt, r.next = core.Never, core.Never
		for _, id := range slices.Clone(r.absent) {
			m.detect(now, detect.Doubted{ID: id})
		}
	}
	if now >= r.next {
		m.askAbsent(now)
	}
}

// askAbsent pings the next few.
func (m *Machine) askAbsent(now core.Instant) {
	r := m.roll
	for range min(rollStride, r.unasked) {
		r.unasked--
		if row, known := m.table.Get(r.absent[r.unasked]); known {
			m.send(row.ID, row.Addr, wire.Packet{Kind: wire.KindPing, Nonce: r.nonce, Target: row.ID})
		}
	}
	if r.next = now.Add(rollPace); r.unasked > 0 {
		return
	}
	if r.sent++; r.sent > 1 {
		r.next = core.Never
		return
	}
	r.next, r.unasked = now.Add(rollAgain), len(r.absent)
}

// present takes an ack.
func (m *Machine) present(now core.Instant, ack *wire.Packet) {
	r := m.roll
	if r == nil || ack.Nonce != r.nonce {
		return
	}
	if i := slices.Index(r.absent, ack.From); i >= 0 {
		if i < r.unasked {
			r.unasked--
		}
		r.absent = slices.Delete(r.absent, i, i+1)
	}
	if len(r.absent) == 0 {
		m.goOnCalling(now)
	}
}

// nextCall is when goOnCalling has something to do.
func (m *Machine) nextCall() core.Instant {
	if m.roll == nil {
		return core.Never
	}
	return core.Earlier(m.roll.end, core.Earlier(m.roll.next, m.roll.doubt))
}
