package node

import (
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// wards are the members whose processes this node watches: the three before it on
// the ring of IDs, to each of which it keeps a stream that carries nothing. When a
// process dies, however it dies, its host ends its streams; so its observers hear
// of it within a millisecond, ask its host, are refused, and say so. Without that
// the next ping would be the first to find out, half a period later on average.
//
// An end of a stream alone accuses nobody (core/detect/swim, Refused): a host that
// falls silent ends none, and whoever closes a stream for reasons of its own still
// answers pings.
type wards struct {
	kept map[core.NodeID]*ward
	// look is when to find out anew who they are.
	look core.Instant
}

// ward is one of them.
type ward struct {
	spoken core.Instant // when the stream was last used, so that it stays open
	redial core.Instant // when it was last opened again because it had ended
}

// wardEvery is how often a stream is used. Pools forget one that was not for two
// minutes.
const wardEvery = 100 * time.Second

// keepWards keeps the streams open. After a change of the table it waits for a
// period, so that many who come at once are settled at once.
func (n *Node) keepWards() {
	if n.now < n.nextWards() {
		return
	}
	n.wards.look = n.now.Add(wardEvery)
	kept := map[core.NodeID]*ward{}
	for _, id := range n.membership.Table().Behind(member.Wards) {
		w := n.wards.kept[id]
		if w == nil {
			w = &ward{}
		}
		kept[id] = w
		if w.spoken == 0 || n.now.Sub(w.spoken) >= wardEvery {
			n.watch(id, w)
		}
	}
	n.wards.kept = kept
}

// nextWards is when keepWards has something to do: never under detectors that make
// nothing of a refusal.
func (n *Node) nextWards() core.Instant {
	if !n.self.joined || !n.membership.Uses(detect.Refusal) {
		return core.Never
	}
	return n.wards.look
}

// wardsChanged has them found out anew soon.
func (n *Node) wardsChanged() { n.wards.look = core.Earlier(n.wards.look, n.now.Add(n.opts.Period)) }

func (n *Node) watch(id core.NodeID, w *ward) {
	w.spoken = n.now
	n.sendTo(id, &wire.Envelope{Body: &wire.Envelope_Watch{Watch: &wire.Watch{}}})
}

// wardLost opens a stream again that ended. If nobody listens there any more, that
// is refused, too: a second sign, also where datagrams are not answered so.
func (n *Node) wardLost(id core.NodeID) {
	if w := n.wards.kept[id]; w != nil && (w.redial == 0 || n.now.Sub(w.redial) >= n.opts.Period) {
		w.redial = n.now
		n.watch(id, w)
	}
}
