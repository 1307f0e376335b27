package timetable

import (
	"fmt"
	"time"

	"hb/core"
	"hb/core/cron"
	"hb/core/ledger"
	"hb/core/wire"
)

const (
	// OnTime is how late a time may be fired that is not to be made good.
	OnTime = time.Minute
	// fireAgain is when a Fire that came to nothing is proposed anew: the log
	// did not take it, or the ledger has no room.
	fireAgain = 5 * time.Second
	// passedMost bounds how many times that passed by are counted.
	passedMost = 10_000
)

// Options is what the machine is told of itself.
type Options struct {
	// Ledger gives the ledger as it is now; its answer may change between steps.
	Ledger func() *ledger.State
}

// Event is what the node tells the machine.
type Event interface{ event() }

type (
	// Tick says only that time has passed; due at Next.
	Tick struct{}

	// Led says that this node leads now, and that its ledger includes everything
	// committed before its term.
	Led struct{}

	// Deposed says that it leads no more.
	Deposed struct{}

	// Changed says that the ledger has other schedules now, or other histories of
	// them.
	Changed struct{}

	// Clock tells the wall clock: Unix time minus the Instant of Step.
	Clock struct{ Offset time.Duration }
)

func (Tick) event()    {}
func (Led) event()     {}
func (Deposed) event() {}
func (Changed) event() {}
func (Clock) event()   {}

// Effect is what the machine wants done: a command to propose, or words for the
// operator.
type Effect struct {
	Propose *wire.Command
	Note    string
}

// Machine knows what is due. It is idle until Led.
type Machine struct {
	opt     Options
	leading bool
	clock   time.Duration
	next    core.Instant // when something is due, at the latest
	lines   map[string]line
	flying  map[string]flight // by name: what was proposed
	effects []Effect
}

// flight is a Fire on its way through the log.
type flight struct {
	since int64        // LastNanos of the schedule when it was proposed
	again core.Instant // when it is proposed anew
}

// line is the cron line of a schedule as it was set at some place in the log.
type line struct {
	order uint64
	cron  cron.Line
	bad   bool
}

// New makes a machine that does not lead.
func New(opt Options) *Machine {
	return &Machine{opt: opt, next: core.Never}
}

// Step takes an event and gives what is to be done. The slice is valid until the
// next Step.
func (m *Machine) Step(now core.Instant, ev Event) []Effect {
	m.effects = m.effects[:0]
	switch ev := ev.(type) {
	case Led:
		m.leading = true
		m.lines, m.flying = map[string]line{}, map[string]flight{}
	case Deposed:
		m.leading, m.next, m.lines, m.flying = false, core.Never, nil, nil
	case Clock:
		m.clock = ev.Offset
	case Tick:
		if now < m.next {
			return nil
		}
	}
	if m.leading {
		m.look(now)
	}
	return m.effects
}

// Next is when the machine wants a Tick at the latest.
func (m *Machine) Next() core.Instant { return m.next }

// look fires what is due, and finds when the next is.
func (m *Machine) look(now core.Instant) {
	m.next = core.Never
	there := map[string]bool{}
	for _, sc := range m.opt.Ledger().Schedules() {
		there[sc.Name] = true
		if l := m.line(sc); !l.bad && !sc.Paused {
			m.next = core.Earlier(m.next, m.consider(now, sc, l.cron))
		}
	}
	for name := range m.lines { // in any order: each is judged by itself
		if !there[name] {
			delete(m.lines, name)
			delete(m.flying, name)
		}
	}
}

// line reads a schedule's cron line once.
func (m *Machine) line(sc *wire.Schedule) line {
	if l, ok := m.lines[sc.Name]; ok && l.order == sc.Order {
		return l
	}
	l := line{order: sc.Order, bad: sc.Event != ""}
	if !l.bad {
		var err error
		if l.cron, err = cron.Parse(sc.Cron, sc.Zone); err != nil {
			l.bad = true // the leader that took it in knew better
			m.effects = append(m.effects, Effect{Note: fmt.Sprintf("schedule %s is never due here: %v", sc.Name, err)})
		}
	}
	m.lines[sc.Name] = l
	delete(m.flying, sc.Name)
	return l
}

// consider fires a schedule if it is due, and says when to look again.
func (m *Machine) consider(now core.Instant, sc *wire.Schedule, l cron.Line) core.Instant {
	wall := int64(now) + int64(m.clock)
	at, passed, due := m.due(sc, l, wall)
	if !due {
		delete(m.flying, sc.Name)
		next, ever := l.Next(max(wall, sc.LastNanos))
		if !ever {
			return core.Never
		}
		return core.Instant(next - int64(m.clock))
	}
	if f, under := m.flying[sc.Name]; under && f.since == sc.LastNanos && now < f.again {
		return f.again
	}
	again := now.Add(fireAgain)
	m.flying[sc.Name] = flight{since: sc.LastNanos, again: again}
	m.effects = append(m.effects, Effect{Propose: &wire.Command{Body: &wire.Command_Fire{Fire: &wire.Fire{
		Name: sc.Name, Order: sc.Order, AtNanos: at, Passed: uint64(passed),
	}}}})
	return again
}

// due finds the time that a schedule is to be fired for now.
func (m *Machine) due(sc *wire.Schedule, l cron.Line, wall int64) (at int64, passed int, due bool) {
	if sc.CatchUp == ledger.CatchUpAll {
		next, ever := l.Next(sc.LastNanos)
		return next, 0, ever && next <= wall
	}
	at, passed, due = l.Last(sc.LastNanos, wall, passedMost)
	if sc.CatchUp == ledger.CatchUpSkip && wall-at > int64(OnTime) {
		return 0, 0, false
	}
	return at, passed, due
}
