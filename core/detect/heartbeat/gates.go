package heartbeat

import (
	"time"

	"hb/core"
	"hb/core/detect"
)

// gates keep a node from judging others when the fault may be its own.
type gates struct {
	heard core.Instant // when anybody was last heard; before that, a grant
	ever  bool         // anybody was
	since core.Instant // when isolation began; 0: not isolated
	asked core.Instant // when others were last asked whose fault the silence is
	due   core.Instant // when the next tick was wanted
}

func (g *gates) frozen() bool { return g.since != 0 }

const (
	// doubtPeriods is after how long a silence of everybody this node asks
	// whether it is deaf, deafPeriods when it takes itself to be.
	doubtPeriods = 1.5
	deafPeriods  = 2
	// witnesses is how many members it asks.
	witnesses = 3
)

// afterPause is the pause gate. A step that comes much later than it was wanted
// tells that this process stood still (stopped, suspended, starved). Nobody's
// silence counts while nobody listened; and a little more is granted, so that
// the packets which piled up meanwhile are read before anybody is judged.
func (d *detector) afterPause(now core.Instant) {
	if d.without.Has(detect.PauseGate) || d.gates.due == core.Never || now.Sub(d.gates.due) <= d.period/2 {
		return
	}
	gap := now.Sub(d.gates.due) + d.period/10
	d.forgive(now, gap)
	d.relay.Postpone(gap)
	d.postponeDoubts(gap)
	d.gates.heard = d.gates.heard.Add(gap)
	if d.gates.frozen() {
		d.gates.since = d.gates.since.Add(gap)
	}
}

// forgive takes a time off all silences and suspicions.
func (d *detector) forgive(now core.Instant, gap time.Duration) {
	for _, p := range d.peers { // each by itself: their order does not matter
		p.heard = p.heard.Add(gap)
	}
	for _, c := range d.suspicions {
		c.begun = c.begun.Add(gap)
	}
	d.look = now
}

// doubtSelf is the isolation gate. In a ring a member hears one neighbour only,
// so silence alone says little: others are asked first. With one other member
// the two cases cannot be told apart, and the gate stays open.
func (d *detector) doubtSelf(now core.Instant) {
	if !d.mayDoubt() {
		d.thaw(now)
		return
	}
	if now >= d.nextQuestion() {
		d.gates.asked = now
		for _, id := range d.anybody(witnesses) {
			d.ping(now, id)
		}
	}
	if deaf := d.gates.heard.Add(deafPeriods * d.period); !d.gates.frozen() && now >= deaf {
		d.gates.since = deaf
	}
}

func (d *detector) mayDoubt() bool {
	return len(d.members.Living) > 2 && !d.without.Has(detect.IsolationGate)
}

// nextDoubt is when doubtSelf has something to do.
func (d *detector) nextDoubt() core.Instant {
	if !d.mayDoubt() {
		return core.Never
	}
	next := d.nextQuestion()
	if !d.gates.frozen() {
		next = core.Earlier(next, d.gates.heard.Add(deafPeriods*d.period))
	}
	return next
}

func (d *detector) nextQuestion() core.Instant {
	return max(d.gates.heard.Add(time.Duration(doubtPeriods*float64(d.period))), d.gates.asked.Add(d.period))
}

// thaw ends isolation: nobody's silence counts for as long as this node was
// deaf.
func (d *detector) thaw(now core.Instant) {
	if d.gates.frozen() {
		d.forgive(now, now.Sub(d.gates.heard))
		d.gates.since = 0
	}
}
