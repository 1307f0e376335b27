package lock

import (
	"slices"

	"hb/core"
	"hb/core/wire"
)

// client is one process behind this node's socket, and its session.
type client struct {
	id      uint64
	session Session
	name    string
	wait    bool
	leader  bool

	// asked is when its wish went to the log last; 0: not yet, as the node does
	// not lead. accepted is where the log has it; 0: not answered yet.
	asked    core.Instant
	accepted core.Fence
	until    core.Instant // of its lease; 0: nothing is known of one yet
	told     core.Instant // until when it was told that it has the lock; 0: never
	queued   bool         // told that it waits
	hurried  bool         // the leader was asked at once for its first lease
}

// open takes in a client. One that comes back takes the place of the one that
// had its session before.
func (m *Machine) open(now core.Instant, ev Open) {
	c := &client{id: ev.Client, session: ev.Session, name: ev.Name, wait: ev.Wait, leader: ev.Leader}
	delete(m.strays, c.session)
	if before := m.behind(c.session); before != nil {
		m.lose(before, core.Faultf(core.CodeBusy, "another client has come with the same session"))
	}
	if c.leader {
		c.name = LeaderName
		if !m.leading && !c.wait {
			m.put(Lost{Client: c.id, Fault: core.Faultf(core.CodeNo, "this node does not lead")})
			return
		}
	}
	m.clients = append(m.clients, c)
	if !c.leader || m.leading {
		m.acquire(now, c)
	}
}

// acquire puts a client's wish in the log. Whoever may run only while this node
// leads waits for those of an earlier leader in any case.
func (m *Machine) acquire(now core.Instant, c *client) {
	c.asked = now
	m.put(Acquire{Session: c.session, Command: &wire.Command{Body: &wire.Command_AcquireLock{AcquireLock: &wire.AcquireLock{
		Name: c.name, Session: c.session[:], Node: uint64(m.opt.Self), Wait: c.wait || c.leader, Shared: c.leader,
	}}}})
}

// close ends the session of a client that has gone.
func (m *Machine) close(id uint64) {
	if i := slices.IndexFunc(m.clients, func(c *client) bool { return c.id == id }); i >= 0 {
		c := m.clients[i]
		m.forget(c)
		if c.asked != 0 {
			m.put(End{Command: Release(c.session, m.opt.Self)})
		}
	}
}

// ended forgets a client that has its session ended by itself.
func (m *Machine) ended(id Session) {
	if c := m.behind(id); c != nil {
		m.lose(c, core.Faultf(core.CodeNo, "the lock was let go"))
	}
}

// behind finds the client of a session; nil: there is none.
func (m *Machine) behind(id Session) *client {
	for _, c := range m.clients {
		if c.session == id {
			return c
		}
	}
	return nil
}

func (m *Machine) forget(c *client) {
	m.clients = slices.DeleteFunc(m.clients, func(o *client) bool { return o == c })
}

// lose tells a client that it is over.
func (m *Machine) lose(c *client, why *core.Fault) {
	m.forget(c)
	m.put(Lost{Client: c.id, Fault: why})
}

// answered takes what became of a wish.
func (m *Machine) answered(now core.Instant, ev Answered) {
	c := m.behind(ev.Session)
	switch {
	case c == nil: // gone; what the log may have of it is a stray
	case ev.Fault == nil:
		c.accepted = ev.Fence
	case c.wait && (ev.Fault.Code == core.CodeNoQuorum || ev.Fault.Code == core.CodeTimeout):
		m.acquire(now, c) // the same session twice is one: wait for whoever leads next
	default:
		m.lose(c, ev.Fault)
		m.put(End{Command: Release(c.session, m.opt.Self)})
	}
}

// leadersBegin lets those who waited for this node to lead go on.
func (m *Machine) leadersBegin(now core.Instant) {
	for _, c := range m.clients {
		if c.leader && c.asked == 0 {
			m.acquire(now, c)
		}
	}
}

// leadersLose ends those who may run only while it leads.
func (m *Machine) leadersLose() {
	for _, c := range slices.Clone(m.clients) {
		if c.leader && c.asked != 0 {
			m.lose(c, core.Faultf(core.CodeTaskLost, "this node leads no more"))
			// Its child may need until then to end; it lets go when it has.
			m.strays[c.session] = c.until.Add(-strayAfter)
		}
	}
}

// look compares the clients with the ledger and the time.
func (m *Machine) look(now core.Instant) {
	state := m.opt.Ledger()
	for _, c := range slices.Clone(m.clients) {
		_, x, known := state.Lock(c.session)
		if known && x.Fence != 0 && x.Fence == uint64(c.accepted) {
			// It got the lock by this very wish, which the log took later than
			// it was made: that is as good as a question.
			c.until = max(c.until, c.asked.Add(core.Lease))
		}
		switch {
		case !known && c.accepted != 0 && state.Applied() >= c.accepted.Index():
			m.lose(c, core.Faultf(core.CodeTaskLost, "the cluster has ended the lease of lock %q", c.name))
		case c.told != 0 && now >= c.until:
			m.lose(c, core.Faultf(core.CodeTaskLost, "the lease of lock %q was not renewed in time", c.name))
			m.put(End{Command: Release(c.session, m.opt.Self)})
		case known && x.Fence != 0:
			m.tell(now, c, core.Fence(x.Fence))
		case known && !c.queued:
			c.queued = true
			m.put(Waiting{Client: c.id})
		}
	}
	m.lookForStrays(now)
}

// tell says to a client that it has its lock, and until when, if that is new. A
// lock that it got by somebody's release may need a lease first.
func (m *Machine) tell(now core.Instant, c *client, fence core.Fence) {
	switch {
	case c.told != 0 && c.until <= c.told:
	case c.told == 0 && c.until < now.Add(core.LeaseLeast):
		if !c.hurried {
			c.hurried = true
			m.leases.Due = now
		}
	default:
		c.told = c.until
		m.put(Held{Client: c.id, Fence: fence, Until: c.until})
	}
}

// lookForStrays ends sessions of this node that no client is behind.
func (m *Machine) lookForStrays(now core.Instant) {
	alone := map[Session]bool{}
	for _, l := range m.opt.Ledger().Locks() {
		for _, x := range l.Sessions {
			id := Session(x.Session)
			if core.NodeID(x.Node) != m.opt.Self || m.behind(id) != nil {
				continue
			}
			alone[id] = true
			since, seen := m.strays[id]
			if !seen {
				m.strays[id] = now
			} else if now >= since.Add(strayAfter) {
				m.strays[id] = now
				m.put(End{Command: Release(id, m.opt.Self)})
			}
		}
	}
	for id := range m.strays { // each on its own
		if !alone[id] {
			delete(m.strays, id)
		}
	}
}
