package runner

import (
	"hb/core"
	"hb/core/wire"
)

// lookAtDue repeats reports and drops old output.
func (m *Machine) lookAtDue(now core.Instant) {
	if now >= m.reportsDue {
		m.reportsDue = core.Never
		for _, a := range m.live {
			if now >= a.due() {
				m.report(now, a)
			}
			m.reportsDue = core.Earlier(m.reportsDue, a.due())
		}
	}
	for _, f := range m.past.dropOld(now) {
		m.put(DropSpool{f})
	}
}

// report tells how an attempt ended, and when to tell it again.
func (m *Machine) report(now core.Instant, a *attempt) {
	a.wait = min(max(2*a.wait, reportFirst), reportMost)
	a.again = now.Add(a.wait)
	m.reportsDue = core.Earlier(m.reportsDue, a.again)
	m.put(Report{m.done(a)})
}

// acked forgets an attempt whose end everybody knows.
func (m *Machine) acked(now core.Instant, f core.Fence) {
	a, ok := m.find(f)
	if !ok || a.phase != reporting {
		return
	}
	m.remove(a)
	m.journalSoon(&wire.Record{Body: &wire.Record_Forgotten{Forgotten: uint64(f)}})
	m.past.add(f, a.task, a.n)
	m.past.keepSpool(f, now.Add(SpoolFor))
}

// newLeader repeats everything that a leader should know.
func (m *Machine) newLeader(now core.Instant) {
	for _, a := range m.live {
		if a.phase == reporting {
			a.wait, a.again, m.reportsDue = 0, now, now
		}
	}
	m.heldSent, m.heldChanged = longAgo, true
	m.leases.Due = core.Earlier(m.leases.Due, now.Add(heldGap))
}

// changed makes Held go out soon.
func (m *Machine) changed() { m.heldChanged = true }

// heldAt is when Held is to go out.
func (m *Machine) heldAt() core.Instant {
	if m.heldChanged {
		return m.heldSent.Add(heldGap)
	}
	return m.heldDue
}

// sayHeld tells the leader what is here, when that is due.
func (m *Machine) sayHeld(now core.Instant) {
	if now < m.heldAt() {
		return
	}
	held := Held{Fences: m.Fences()}
	for _, a := range m.live {
		switch {
		case a.revocable():
			held.Waiting = append(held.Waiting, a.fence)
		case a.phase == running:
			held.Begun = append(held.Begun, Begun{a.fence, a.begun})
		}
	}
	m.heldSent, m.heldChanged, m.heldDue = now, false, core.Never
	if len(held.Fences) > 0 {
		m.heldDue = now.Add(heldEvery)
	}
	m.put(held)
}
