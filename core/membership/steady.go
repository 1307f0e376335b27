package membership

import (
	"slices"
	"strings"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// Steadiness is how often a member that lives is accused.
type Steadiness int

// The degrees.
const (
	Steady Steadiness = iota
	// Wavering: it may become unsteady soon.
	Wavering
	// Unsteady: most of what is sent to it or by it gets lost, though not all.
	Unsteady
)

// A member whose link loses most of its packets is suspected every second or two,
// and refutes it each time, since one packet in five is enough for that. To the
// failure detector it lives; to whoever gives it work it might as well not. Nor
// does it stand alone: it accuses others as often as it is accused.
//
// What tells it from all others is how often it is accused, and by how many: as
// in the damping of routes that flap (RFC 2439), each accusation counts, and the
// count outlives the refutation. Everybody hears of every suspicion anyway, so
// everybody counts for himself and nothing more is sent. One accuser, who may be
// the faulty one, is never enough; and where a good part of all members is
// accused, it is the network that is at fault, and nobody is called unsteady.
//
// A member with 80 % loss is accused every second or so by ever other members, since
// those who have it in view look again as soon as it refutes (core/detect/swim,
// lookAgain); at 30 % loss for all, each is accused every eight minutes.
const (
	// unsteadyAfter accusations within unsteadyWindow periods, by unsteadyVoices
	// members (by all the others, if they are fewer, but by two at least).
	unsteadyAfter  = 4
	unsteadyWindow = 20
	unsteadyVoices = 3
	// waveringAfter accusations are a reason to wait for more.
	waveringAfter = 2
	// calm is for how many periods nobody must have accused it until it is steady
	// again.
	calm = 30
	// tolerated is the number of accused members from which on the network is at
	// fault, toleratedShare their share of all: whichever is greater.
	tolerated      = 3
	toleratedShare = 10
	// keptAccusations is how many of one member are remembered.
	keptAccusations = 8
)

// unrest is the accusations of one member, the oldest first.
type unrest struct {
	instance core.Instance
	at       []core.Instant
	by       []core.NodeID
	unsteady bool
}

// watchUnrest counts the accusations of living members.
func (m *Machine) watchUnrest(now core.Instant, c member.Change) {
	id := c.After.ID
	if u := m.unrest[id]; u != nil && u.instance != c.After.Instance {
		delete(m.unrest, id)
	}
	if c.Before.Status != core.Alive || c.After.Status != core.Suspect || c.After.Accuser == 0 || id == m.self ||
		c.After.Why == wire.ReasonHearsay || m.without.Has(detect.Damping) {
		return
	}
	for other, u := range m.unrest { // each by itself: the order does not matter
		if m.quiet(now, u) {
			delete(m.unrest, other)
		}
	}
	u := m.unrest[id]
	if u == nil {
		u = &unrest{instance: c.After.Instance}
		m.unrest[id] = u
	}
	if u.at, u.by = append(u.at, now), append(u.by, c.After.Accuser); len(u.at) > keptAccusations {
		u.at, u.by = slices.Delete(u.at, 0, 1), slices.Delete(u.by, 0, 1)
	}
	m.judgeUnrest(now, c.After, u)
}

// judgeUnrest calls a member unsteady that was accused once too often.
func (m *Machine) judgeUnrest(now core.Instant, row member.Row, u *unrest) {
	times, voices := m.recent(now, u)
	if u.unsteady || times < unsteadyAfter || len(voices) < m.unsteadyVoices() || m.troubled(now) {
		return
	}
	u.unsteady = true
	var names []string
	for _, id := range voices {
		names = append(names, m.nameOf(id))
	}
	m.note(true, "%s is unsteady: it was suspected %d times within %s, by %s", row.Name, times, unsteadyWindow*m.period, strings.Join(names, ", "))
}

// unsteadyVoices is how many accusers it takes.
func (m *Machine) unsteadyVoices() int { return max(2, min(unsteadyVoices, m.table.Living()-1)) }

// recent counts the accusations within the window, and gives their accusers.
func (m *Machine) recent(now core.Instant, u *unrest) (times int, voices []core.NodeID) {
	for i, at := range u.at {
		if now.Sub(at) <= unsteadyWindow*m.period {
			times++
			if !slices.Contains(voices, u.by[i]) {
				voices = append(voices, u.by[i])
			}
		}
	}
	return times, voices
}

// troubled says that so many are accused that it is the network's fault. What
// they say who are often accused themselves does not count here.
func (m *Machine) troubled(now core.Instant) bool {
	accused := 0
	for _, u := range m.unrest { // a count: the order does not matter
		if _, voices := m.recent(now, u); slices.ContainsFunc(voices, func(by core.NodeID) bool { return !m.oftenAccused(now, by) }) {
			accused++
		}
	}
	return accused > max(tolerated, m.table.Living()/toleratedShare)
}

// oftenAccused says that a member was accused lately as often as it takes to be
// watched, and by several.
func (m *Machine) oftenAccused(now core.Instant, id core.NodeID) bool {
	u := m.unrest[id]
	if u == nil {
		return false
	}
	times, voices := m.recent(now, u)
	return times >= waveringAfter && len(voices) > 1
}

func (m *Machine) quiet(now core.Instant, u *unrest) bool {
	return now.Sub(u.at[len(u.at)-1]) > calm*m.period
}

// Steadiness says how often a member is accused although it lives.
func (m *Machine) Steadiness(now core.Instant, id core.NodeID) Steadiness {
	u := m.unrest[id]
	switch {
	case u == nil || m.quiet(now, u):
		return Steady
	case u.unsteady:
		return Unsteady
	case m.oftenAccused(now, id) && !m.troubled(now):
		return Wavering
	}
	return Steady
}

// Unrest lists who lately accused a member that wavers or is unsteady.
func (m *Machine) Unrest(now core.Instant, id core.NodeID) []core.NodeID {
	if m.Steadiness(now, id) == Steady {
		return nil
	}
	_, voices := m.recent(now, m.unrest[id])
	return voices
}

// Calm is how long nobody must have accused a member until it is steady again.
func (m *Machine) Calm() time.Duration { return calm * m.period }

// String names the degree.
func (s Steadiness) String() string {
	return [...]string{Steady: "steady", Wavering: "wavering", Unsteady: "unsteady"}[s]
}
