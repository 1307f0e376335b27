package heartbeat

import (
	"slices"
	"time"

	"hb/core"
)

// Scheme is what makes one detector by heartbeat differ from another.
type Scheme struct {
	// Targets lists whom this node tells that it lives; nil when Fanout is set.
	Targets func(Members) []core.NodeID
	// Fanout is to how many members, chosen anew each time, heartbeats go.
	Fanout int
	// Watched lists whom this node judges by their heartbeats.
	Watched func(Members) []core.NodeID
	// Silence is m, after how many periods without a heartbeat a member is
	// suspected, by the number of living members.
	Silence func(members int) float64
	// Answered says that each heartbeat gets an ack. A target that this node
	// does not watch and that sends none is unreachable, and no more than that.
	Answered bool
	// Table says that heartbeats carry those of others that the sender knows
	// of: whom it has heard, or heard of, within the last m periods.
	Table bool
	// Cleanup is for how many silences a member without heartbeats is kept in
	// that table; default 2.
	Cleanup float64
}

// Members is what a scheme computes its targets from.
type Members struct {
	Self core.NodeID
	// Living are the members alive or suspect, this node included, sorted. It is
	// the detector's own: schemes give out copies.
	Living []core.NodeID
	// Leader leads the log, as far as this node knows; zero is nobody.
	Leader core.NodeID
}

// Others are the living members without this node.
func (m Members) Others() []core.NodeID {
	return slices.DeleteFunc(slices.Clone(m.Living), func(id core.NodeID) bool { return id == m.Self })
}

// Four is m = 4 at any size; doc.go says why.
func Four(int) float64 { return 4 }

// count puts a member among the living, or takes it out.
func (m *Members) count(id core.NodeID, lives bool) {
	place, in := slices.BinarySearch(m.Living, id)
	switch {
	case lives && !in:
		m.Living = slices.Insert(m.Living, place, id)
	case !lives && in:
		m.Living = slices.Delete(m.Living, place, place+1)
	}
}

// reshape computes targets and watched anew. Members that this node did not
// judge so far are granted a full silence; new targets are told at once.
func (d *detector) reshape(now core.Instant) {
	d.shape++
	d.silence = time.Duration(d.scheme.Silence(len(d.members.Living)) * float64(d.period))
	d.watched = d.scheme.Watched(d.members)
	for _, id := range d.watched {
		p := d.peer(id)
		if p.watched != d.shape-1 {
			d.grant(now, id)
		}
		p.watched = d.shape
	}
	if len(d.members.Living) < 2 {
		d.next = core.Never
	} else if d.next == core.Never {
		d.next = now.Add(time.Duration(d.rand.Int64N(int64(d.period))))
	}
	if d.scheme.Targets != nil {
		d.aim(now)
	}
}

// aim computes the targets anew.
func (d *detector) aim(now core.Instant) {
	before := d.targets
	d.targets = d.scheme.Targets(d.members)
	for _, id := range d.targets {
		p := d.peer(id)
		if p.told != d.shape-1 {
			d.grant(now, id)
			d.tell(id)
		}
		p.told = d.shape
	}
	for _, id := range before {
		if p := d.peers[id]; p != nil && p.told != d.shape {
			p.unreachable = false
		}
	}
}

// grant gives a member time to be heard.
func (d *detector) grant(now core.Instant, id core.NodeID) {
	d.peer(id).heard = now
	d.look = now
}
