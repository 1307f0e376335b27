package heartbeat

import (
	"slices"
	"time"

	"hb/core"
	"hb/core/member"
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
	// Living are the members alive or suspect, this node included, sorted.
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

// reshape computes targets and watched anew. Members that this node did not
// judge so far are granted a full silence; new targets are told at once.
func (d *detector) reshape(now core.Instant) {
	d.members.Living = nil // not reused: schemes may hand out parts of it
	d.table.Each(func(r member.Row) bool {
		if r.Living() {
			d.members.Living = append(d.members.Living, r.ID)
		}
		return true
	})
	d.silence = time.Duration(d.scheme.Silence(len(d.members.Living)) * float64(d.period))
	before, told := d.watched, d.targets
	d.watched = d.scheme.Watched(d.members)
	for _, id := range d.watched {
		if !slices.Contains(before, id) {
			d.grant(now, id)
		}
	}
	if len(d.members.Living) < 2 {
		d.next = core.Never
	} else if d.next == core.Never {
		d.next = now.Add(time.Duration(d.rand.Int64N(int64(d.period))))
	}
	if d.scheme.Targets == nil {
		return
	}
	d.targets = d.scheme.Targets(d.members)
	for _, id := range told {
		if p := d.peers[id]; p != nil && !slices.Contains(d.targets, id) {
			p.unreachable = false
		}
	}
	for _, id := range d.targets {
		if !slices.Contains(told, id) {
			d.grant(now, id)
			d.tell(id)
		}
	}
}

// grant gives a member time to be heard.
func (d *detector) grant(now core.Instant, id core.NodeID) {
	d.peer(id).heard = now
	d.look = now
}
