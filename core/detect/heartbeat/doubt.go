package heartbeat

import (
	"slices"
	"time"

	"hb/core"
)

// doubt is a question to a member because somebody has a reason to think that it
// has failed: the leader, whose roll call it did not answer. It is asked three
// times within a period, and suspected if it then has shown no life. That many
// members crash at once, or side by side in a ring, need not be found one after
// the other.
type doubt struct {
	id    core.NodeID
	begun core.Instant
	ask   core.Instant // when to ask next
	end   core.Instant
}

// asksPerPeriod is how often within a period it is asked.
const asksPerPeriod = 3

// doubted begins a doubt, unless there is one.
func (d *detector) doubted(now core.Instant, id core.NodeID) {
	if row := d.row(id); !row.Living() || id == d.self ||
		slices.ContainsFunc(d.doubts, func(q doubt) bool { return q.id == id }) {
		return
	}
	d.doubts = append(d.doubts, doubt{id: id, begun: now, ask: now, end: now.Add(d.period)})
	d.lookIntoDoubts(now)
}

// lookIntoDoubts asks again, and ends the doubts that are settled.
func (d *detector) lookIntoDoubts(now core.Instant) {
	var guilty []core.NodeID
	d.doubts = slices.DeleteFunc(d.doubts, func(q doubt) bool {
		p, row := d.peer(q.id), d.row(q.id)
		if row.Status != core.Alive || p.heard > q.begun {
			return true
		}
		if now >= q.end {
			guilty = append(guilty, q.id)
		}
		return now >= q.end
	})
	for i := range d.doubts {
		if q := &d.doubts[i]; now >= q.ask {
			q.ask = now.Add(d.period / asksPerPeriod)
			d.ping(now, q.id)
		}
	}
	for _, id := range guilty {
		if !d.gates.frozen() {
			d.accuse(d.row(id), core.Suspect)
		}
	}
}

// nextDoubted is when lookIntoDoubts has something to do.
func (d *detector) nextDoubted() core.Instant {
	next := core.Never
	for _, q := range d.doubts {
		next = core.Earlier(next, core.Earlier(q.ask, q.end))
	}
	return next
}

// postponeDoubts moves them on by the length of a pause.
func (d *detector) postponeDoubts(gap time.Duration) {
	for i := range d.doubts {
		q := &d.doubts[i]
		q.ask, q.end = q.ask.Add(gap), q.end.Add(gap)
	}
}
