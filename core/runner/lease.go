package runner

import (
	"time"

	"hb/core"
)

const (
	// leaseEvery is how often leases are renewed: several times in each, so
	// that a lost message or a change of leader ends no task.
	leaseEvery = 1500 * time.Millisecond
	// leaseLeast is how much of a lease an attempt needs to begin.
	leaseLeast = 2 * time.Second
)

// leases are the questions under way by which exclusive attempts may run.
type leases struct {
	next uint64
	sent map[uint64]core.Instant
	due  core.Instant
}

func newLeases() leases { return leases{sent: map[uint64]core.Instant{}, due: core.Never} }

// exclusive says whether no other attempt with its key may run beside it.
func (a *attempt) exclusive() bool { return a.spec.GetExclusive() != "" }

// needsLease says whether an attempt has use for a lease.
func (a *attempt) needsLease() bool {
	return a.exclusive() && (a.phase == waiting || a.phase == intending || a.phase == starting || a.phase == running)
}

// mayBegin says whether an attempt has what it needs to be started.
func (a *attempt) mayBegin(now core.Instant) bool {
	return !a.exclusive() || now.Add(leaseLeast) <= a.lease
}

// askLease asks for a lease for every attempt that needs one, when it is time.
func (m *Machine) askLease(now core.Instant) {
	if now < m.leases.due {
		return
	}
	var fences []core.Fence
	for _, a := range m.live {
		if a.needsLease() {
			fences = append(fences, a.fence)
		}
	}
	m.leases.due = core.Never
	for id, sent := range m.leases.sent { // each on its own
		if now >= sent.Add(core.Lease) {
			delete(m.leases.sent, id)
		}
	}
	if len(fences) == 0 {
		return
	}
	m.leases.next++
	m.leases.sent[m.leases.next] = now
	m.leases.due = now.Add(leaseEvery)
	m.put(AskLease{ID: m.leases.next, Fences: fences})
}

// leased takes the leader's answer: the lease counts from the question.
func (m *Machine) leased(ev Leased) {
	sent, ok := m.leases.sent[ev.ID]
	if !ok {
		return
	}
	delete(m.leases.sent, ev.ID)
	until := sent.Add(core.Lease)
	for _, f := range ev.Fences {
		a, ok := m.find(f)
		if !ok || !a.needsLease() || until <= a.lease {
			continue
		}
		a.lease = until
		if a.phase == starting || a.phase == running {
			m.put(Renew{Fence: f, Until: until})
		}
	}
}
