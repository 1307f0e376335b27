package lock

import (
	"hb/core"
	"hb/core/wire"
)

// askLease asks for the leases of all clients, when it is time.
func (m *Machine) askLease(now core.Instant) {
	q := &m.leases
	switch {
	case len(m.clients) == 0:
		q.Due = core.Never
	case q.Due == core.Never:
		q.WaitFrom(now) // the wish itself began the first lease
	}
	if now < q.Due {
		return
	}
	var sessions [][]byte
	for _, c := range m.clients {
		if c.asked != 0 {
			sessions = append(sessions, c.session[:])
		}
	}
	if len(sessions) == 0 {
		q.WaitFrom(now)
		return
	}
	m.put(AskLease{ID: q.Ask(now), Sessions: sessions})
}

// leased takes the leader's answer.
func (m *Machine) leased(ev Leased) {
	until, ok := m.leases.Answered(ev.ID)
	if !ok {
		return
	}
	for _, id := range ev.Sessions {
		if len(id) != len(Session{}) {
			continue
		}
		if c := m.behind(Session(id)); c != nil {
			c.until = max(c.until, until)
		}
	}
}

// keeper is the leader's end: when it renewed each session last.
type keeper struct {
	renewed map[Session]core.Instant // or when this leader saw it first
	ending  map[Session]core.Instant // when its end was proposed: there is no way back
	next    core.Instant
}

func newKeeper() keeper { return keeper{next: core.Never} }

func (k *keeper) begin(now core.Instant) {
	*k = keeper{renewed: map[Session]core.Instant{}, ending: map[Session]core.Instant{}, next: now}
}

func (k *keeper) end() { *k = newKeeper() }

// Renew says whether a client behind a node may go on, and counts its lease from
// now. This node must be known to have led at some moment since the question.
func (m *Machine) Renew(now core.Instant, node core.NodeID, id []byte) bool {
	if !m.leading || len(id) != len(Session{}) {
		return false
	}
	session := Session(id)
	_, x, known := m.opt.Ledger().Lock(session)
	if _, ending := m.keeper.ending[session]; !known || ending || core.NodeID(x.Node) != node {
		return false
	}
	m.keeper.renewed[session] = now
	return true
}

// endSilent ends the sessions whose lease and grace are over.
func (m *Machine) endSilent(now core.Instant) {
	k := &m.keeper
	k.next = core.Never
	there := map[Session]bool{}
	for _, l := range m.opt.Ledger().Locks() {
		for _, x := range l.Sessions {
			id := Session(x.Session)
			there[id] = true
			if _, seen := k.renewed[id]; !seen {
				k.renewed[id] = now
			}
			k.next = core.Earlier(k.next, m.endSession(now, id))
		}
	}
	for id := range k.renewed { // each on its own
		if !there[id] {
			delete(k.renewed, id)
			delete(k.ending, id)
		}
	}
}

// endSession ends a session if its time has come, and says when to look again.
func (m *Machine) endSession(now core.Instant, id Session) core.Instant {
	k := &m.keeper
	if at, ending := k.ending[id]; ending && now < at.Add(endAgain) {
		return at.Add(endAgain)
	}
	end := k.renewed[id].Add(core.Lease + core.LeaseGrace)
	if now < end {
		return end
	}
	k.ending[id] = now
	m.put(End{Command: &wire.Command{Body: &wire.Command_ReleaseLock{ReleaseLock: &wire.ReleaseLock{Session: id[:], Lost: true}}}})
	return now.Add(endAgain)
}
