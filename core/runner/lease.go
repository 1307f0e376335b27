package runner

import "hb/core"

// exclusive says whether no other attempt with its key may run beside it.
func (a *attempt) exclusive() bool { return a.spec.GetExclusive() != "" }

// needsLease says whether an attempt has use for a lease.
func (a *attempt) needsLease() bool {
	return a.exclusive() && (a.phase == waiting || a.phase == intending || a.phase == starting || a.phase == running)
}

// mayBegin says whether an attempt has what it needs to be started.
func (a *attempt) mayBegin(now core.Instant) bool {
	return !a.exclusive() || now.Add(core.LeaseLeast) <= a.lease
}

// askLease asks for a lease for every attempt that needs one, when it is time.
func (m *Machine) askLease(now core.Instant) {
	if now < m.leases.Due {
		return
	}
	var fences []core.Fence
	for _, a := range m.live {
		if a.needsLease() {
			fences = append(fences, a.fence)
		}
	}
	if len(fences) == 0 {
		m.leases.Due = core.Never
		return
	}
	m.put(AskLease{ID: m.leases.Ask(now), Fences: fences})
}

// leased takes the leader's answer: the lease counts from the question.
func (m *Machine) leased(ev Leased) {
	until, ok := m.leases.Answered(ev.ID)
	if !ok {
		return
	}
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
