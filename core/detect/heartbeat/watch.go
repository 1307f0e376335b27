package heartbeat

import (
	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// lookRound goes through everybody who may have been silent for too long, and
// finds out when to do so again. In a healthy cluster nobody is near the limit,
// and that is some periods away.
func (d *detector) lookRound(now core.Instant) {
	next := core.Never
	for _, id := range d.watched {
		next = core.Earlier(next, d.judge(now, id))
	}
	for _, id := range d.targets {
		if d.scheme.Answered && d.peer(id).watched != d.shape {
			next = core.Earlier(next, d.remark(now, id))
		}
	}
	next = core.Earlier(next, d.verdicts(now))
	if next <= now {
		next = now.Add(d.period) // it hangs on something else, such as isolation
	}
	d.look = next
}

// judge looks at one watched member: asks it in the last period of its silence,
// and from then on every period, and suspects it at the end. It gives the time
// at which to look again.
func (d *detector) judge(now core.Instant, id core.NodeID) core.Instant {
	p, row := d.peers[id], d.row(id)
	if p == nil || !row.Living() {
		return core.Never
	}
	end := p.heard.Add(d.silence)
	ask := core.Never
	if !d.scheme.Table && !d.without.Has(detect.Question) { // gossip has asked everybody already
		ask = max(end.Add(-d.period), p.asked.Add(d.period))
		if now >= ask {
			d.ping(now, id)
			ask = now.Add(d.period)
		}
	}
	switch {
	case row.Status != core.Alive:
		return ask
	case now < end:
		return core.Earlier(ask, end)
	case !d.gates.frozen():
		d.accuse(row, core.Suspect)
	}
	return ask
}

// remark looks at a target that should ack, and that others must judge.
func (d *detector) remark(now core.Instant, id core.NodeID) core.Instant {
	p, row := d.peers[id], d.row(id)
	if p == nil || p.unreachable || !row.Living() {
		return core.Never
	}
	end := p.heard.Add(d.silence)
	if now < end {
		return end
	}
	if !d.gates.frozen() {
		p.unreachable = true
		d.out = append(d.out, detect.Unreachable{ID: id})
	}
	return core.Never
}

func (d *detector) row(id core.NodeID) member.Row {
	row, _ := d.table.Get(id)
	return row
}

// accuse claims that a member has failed.
func (d *detector) accuse(row member.Row, status core.Status) {
	why := row.Why
	if why == 0 {
		why = wire.ReasonMissed
	}
	d.out = append(d.out, detect.Claim{Evidence: member.Evidence{Bare: true, Row: member.Row{
		ID: row.ID, Instance: row.Instance, Incarnation: row.Incarnation,
		Status: status, Accuser: d.self, Why: why,
	}}})
}
