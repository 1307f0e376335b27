package agree

import (
	"slices"
	"time"

	"hb/core"
)

// Standing is how a member that the directory has up stands in the leader's
// weak view, when that does not hold it alive.
type Standing struct {
	ID          core.NodeID
	Instance    core.Instance
	Incarnation core.Incarnation
	// Dead says that the weak view calls it dead, not only suspect.
	Dead bool
	// Unsteady says that it lives, and refutes, but was accused so often that it
	// is of no use; Wavering that this may become of it soon.
	Unsteady, Wavering bool
	// Accusers are the members that found out for themselves.
	Accusers []core.NodeID
	// Heard says that the leader itself has heard it lately, and that nothing
	// but the accusers' word explains why it should be dead now.
	Heard bool
}

// Event is what the machine is told.
type Event interface{ event() }

// The events.
type (
	// Look brings all standings, sorted by ID, and the number of other members
	// that the leader hears. Down and Roll only ever answer a Look.
	Look struct {
		Standings []Standing
		Peers     int
	}

	// Said answers Ask, once for each voice: By got an answer from ID, or none.
	Said struct {
		ID, By   core.NodeID
		Answered bool
	}

	// RollOver ends Roll: everybody has answered, or is suspected, or never will.
	RollOver struct{}
)

func (Look) event()     {}
func (Said) event()     {}
func (RollOver) event() {}

// Effect is what the machine wants done.
type Effect interface{ effect() }

// The effects.
type (
	// Ask wants second opinions about a member. Said follows for each.
	Ask struct{ ID core.NodeID }

	// Roll wants every living member to be pinged. RollOver follows.
	Roll struct{}

	// Down are the members to be agreed down, together, sorted by ID. As long
	// as the directory does not have it so, they are repeated. Unsteady tells
	// those that are so from the dead.
	Down struct {
		IDs       []core.NodeID
		Instances []core.Instance
		Unsteady  bool
	}
)

func (Ask) effect()  {}
func (Roll) effect() {}
func (Down) effect() {}

// High is the number of voices that make a member down. Two are enough for
// what is feared here, a single member whose own link is at fault, since the
// member itself has had a suspicion's time to object, too.
const High = 2

// The times, in periods of the failure detector.
const (
	// patience is how long what is certain may be held up: a suspicion that
	// others confirm lasts 2.5 periods, the probe before it one, and a member
	// whose own probes fail takes its time. A doubt that nobody shares holds
	// nothing up for longer than doubt.
	patience = 5
	doubt    = 4
	// fresh is how long one roll call serves.
	fresh = 3
	// askAgain is the time between two questions about one member.
	askAgain = 2
)

// Machine is the filter. Make a new one for every leadership.
type Machine struct {
	period time.Duration
	files  map[core.NodeID]*file
	called core.Instant // the last roll call; 0 never
	open   bool         // it is not over yet
	begun  core.Instant // when the first of the waiting became down; 0: none waits
	next   core.Instant
	out    []Effect
}

// file is what is known of one standing beside it.
type file struct {
	instance    core.Instance
	incarnation core.Incarnation
	since       core.Instant
	silent      []core.NodeID // those who were asked and got no answer
	denied      bool          // one of them got one
	firm        bool          // there were enough voices at the last look
	ask         core.Instant  // when it may be asked for again
}

// New makes the machine for a cluster whose detector has this period.
func New(period time.Duration) *Machine {
	return &Machine{period: period, files: map[core.NodeID]*file{}, next: core.Never}
}

// Step tells the machine of an event. The effects are valid until the next
// Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect {
	m.out = m.out[:0]
	switch e := ev.(type) {
	case Look:
		m.look(now, e)
	case Said:
		m.said(e)
	case RollOver:
		m.open = false
	}
	return m.out
}

// Next is when the machine wants a Look at the latest, even if nothing changed.
func (m *Machine) Next() core.Instant { return m.next }

// said takes a voice.
func (m *Machine) said(e Said) {
	c := m.files[e.ID]
	switch {
	case c == nil:
	case e.Answered:
		c.denied = true
	case !slices.Contains(c.silent, e.By):
		c.silent = append(c.silent, e.By)
	}
}

// look weighs all standings, and proposes those that are certain when nothing
// that is uncertain may still join them.
func (m *Machine) look(now core.Instant, e Look) {
	m.next = core.Never
	m.keep(now, e.Standings)
	enough := min(High, 1+e.Peers)
	dead, unsteady := Down{}, Down{Unsteady: true}
	doubted, firm := false, false
	for _, s := range e.Standings {
		c := m.files[s.ID]
		if s.Unsteady && !s.Dead {
			unsteady.add(s)
			continue
		}
		doubted = doubted || s.Wavering
		voices := c.voices(s)
		firm = firm || voices >= enough && !c.firm
		c.firm = voices >= enough
		if s.Dead && !c.denied && voices >= enough && (!s.Heard || len(c.silent) >= enough) {
			dead.add(s)
			continue
		}
		doubted = c.firm || m.holds(now, c) || doubted
		if s.Dead {
			m.ask(now, s.ID, c)
		}
	}
	if firm {
		m.roll(now)
	}
	m.propose(now, doubted, dead, unsteady)
}

func (d *Down) add(s Standing) {
	d.IDs, d.Instances = append(d.IDs, s.ID), append(d.Instances, s.Instance)
}

// propose puts the certain ones out, now or when its time has come.
func (m *Machine) propose(now core.Instant, doubted bool, certain ...Down) {
	certain = slices.DeleteFunc(certain, func(d Down) bool { return len(d.IDs) == 0 })
	if len(certain) == 0 {
		m.begun = 0
		return
	}
	if m.begun == 0 {
		m.begun = now
	}
	limit := m.begun.Add(patience * m.period)
	if (doubted || m.open) && now < limit {
		m.next = core.Earlier(m.next, limit)
		return
	}
	m.begun = 0
	for _, d := range certain {
		m.out = append(m.out, d)
	}
}

// keep opens a file for each standing, and closes those of the others.
func (m *Machine) keep(now core.Instant, standings []Standing) {
	open := make(map[core.NodeID]*file, len(standings))
	for _, s := range standings {
		c := m.files[s.ID]
		if c == nil || c.instance != s.Instance || c.incarnation != s.Incarnation {
			c = &file{instance: s.Instance, incarnation: s.Incarnation, since: now}
		}
		open[s.ID] = c
	}
	m.files = open
}

// voices counts who found out for themselves.
func (c *file) voices(s Standing) int {
	n := len(c.silent)
	for _, by := range s.Accusers {
		if !slices.Contains(c.silent, by) {
			n++
		}
	}
	return n
}

// holds says whether a lone doubt is young enough to hold up what is certain.
func (m *Machine) holds(now core.Instant, c *file) bool {
	end := c.since.Add(doubt * m.period)
	if now < end {
		m.next = core.Earlier(m.next, end)
	}
	return now < end
}

// ask asks for second opinions, which from then on are only those.
func (m *Machine) ask(now core.Instant, id core.NodeID, c *file) {
	if now >= c.ask {
		c.ask = now.Add(askAgain * m.period)
		c.denied, c.silent = false, nil
		m.out = append(m.out, Ask{ID: id})
	}
	m.next = core.Earlier(m.next, c.ask)
}

// roll calls the roll, unless that was done lately.
func (m *Machine) roll(now core.Instant) {
	if m.called != 0 && now.Sub(m.called) < fresh*m.period {
		return
	}
	m.called, m.open = now, true
	m.out = append(m.out, Roll{})
}
