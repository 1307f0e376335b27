package heartbeat

import (
	"math"
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
)

// suspicion is the time that a suspected member has to refute.
type suspicion struct {
	row      member.Row // as it was when the suspicion began
	begun    core.Instant
	accusers []core.NodeID // the first one first
}

const (
	// gracePeriods is how long a suspicion lasts; doc.go says why so long.
	gracePeriods = 2.5
	// bystander is how much later those end it who did not raise it, so that
	// usually the accuser's word is the one that spreads.
	bystander = 1
	// maxAccusers bounds what is kept for people to read.
	maxAccusers = 4
)

// suspect begins a suspicion, after the table took the accusation.
func (d *detector) suspect(now core.Instant, row member.Row) {
	c := &suspicion{row: row, begun: now}
	if row.Accuser != 0 {
		c.accusers = append(c.accusers, row.Accuser)
	}
	d.suspicions = append(d.suspicions, c)
	d.look = now
}

// accused takes an accusation that changed nothing: against this node, or by
// one more accuser.
func (d *detector) accused(e member.Evidence) {
	if e.ID == d.self {
		if answer, ok := detect.Refute(d.table.Self(), e); ok {
			d.out = append(d.out, answer)
		}
		return
	}
	c := d.suspicionOf(e.ID)
	if c != nil && e.SameRank(c.row) && e.Accuser != 0 && len(c.accusers) < maxAccusers && !slices.Contains(c.accusers, e.Accuser) {
		c.accusers = append(c.accusers, e.Accuser)
	}
}

// verdicts calls dead whose time is over, and says when the next one's is.
func (d *detector) verdicts(now core.Instant) core.Instant {
	next := core.Never
	for _, c := range d.suspicions {
		row := d.row(c.row.ID)
		if row.Status != core.Suspect {
			continue
		}
		at := d.verdict(c)
		if now < at {
			next = core.Earlier(next, at)
			continue
		}
		d.accuse(row, core.Dead)
	}
	return next
}

// verdict is when this node may call a suspect dead: not while it hears nobody
// at all, and not before it has itself missed the suspect for a full silence,
// if it ever hears it.
func (d *detector) verdict(c *suspicion) core.Instant {
	switch {
	case d.gates.frozen():
		return core.Never
	case d.without.Has(detect.Grace):
		return c.begun
	}
	spread := max(1, math.Log10(float64(len(d.members.Living)))/2)
	grace := gracePeriods * spread
	if !slices.Contains(c.accusers, d.self) {
		grace += bystander
	}
	at := c.begun.Add(time.Duration(grace * float64(d.period)))
	if p := d.peers[c.row.ID]; p != nil && p.ever {
		at = max(at, p.heard.Add(d.silence))
	}
	return at
}

func (d *detector) suspicionOf(id core.NodeID) *suspicion {
	for _, c := range d.suspicions {
		if c.row.ID == id {
			return c
		}
	}
	return nil
}

func (d *detector) dropSuspicion(id core.NodeID) {
	d.suspicions = slices.DeleteFunc(d.suspicions, func(c *suspicion) bool { return c.row.ID == id })
}
