package node

import (
	"errors"
	"maps"

	"hb/core"
	"hb/core/ledger"
	"hb/core/member"
	"hb/core/seal"
	"hb/core/wire"
)

// counted is what this node has counted since it started.
type counted struct {
	ended   map[string]uint64 // tasks, by their last status
	refused map[string]uint64 // input from outside that was dropped, by Refusals
	leaders uint64            // changes of the leader
	led     uint64            // times that it was this node
}

// Refusals are the reasons for which input from outside is dropped.
func Refusals() []string {
	return []string{"malformed", "version", "unsealed", "forged", "generation", "replayed", "over", "other"}
}

// countRefused counts a datagram or frame that was dropped.
func (n *Node) countRefused(err error) {
	reason := "other"
	for _, r := range []struct {
		err  error
		name string
	}{
		{wire.ErrMalformed, "malformed"}, {seal.ErrMalformed, "malformed"}, {wire.ErrVersion, "version"},
		{errPlain, "unsealed"}, {errNotPair, "forged"}, {seal.ErrForged, "forged"},
		{seal.ErrGeneration, "generation"}, {seal.ErrReplayed, "replayed"}, {seal.ErrOver, "over"},
	} {
		if errors.Is(err, r.err) {
			reason = r.name
			break
		}
	}
	n.counted.refused[reason]++
}

// FiguresView is what is worth a curve: of this node, and of the cluster as it
// sees it.
type FiguresView struct {
	Status StatusView
	// Believed counts the members by status, Agreed by what the log says.
	Believed, Agreed map[string]int
	Isolated         bool
	Drained          bool
	// Proposals wait for the log, Reads for a quorum; Requests are all that
	// clients have asked for and have not been told the end of.
	Proposals, Reads, Requests int
	Leaders, Led               uint64
	Refused                    map[string]uint64
	Stalled                    bool  // the disk has an append and does not finish it
	CertifiedUntil             int64 // Unix time in nanoseconds; 0: no certificate
	Keys                       int   // generations of the datagrams' key
	Locks, Schedules           int
}

// figuresView gathers them.
func (n *Node) figuresView() FiguresView {
	v := FiguresView{
		Status: n.statusView(), Believed: map[string]int{}, Agreed: map[string]int{},
		Isolated: n.membership.Isolated(), Proposals: len(n.proposals.open), Reads: len(n.reads.waiting) + len(n.reads.asked) + len(n.reads.lagging), Requests: len(n.clients.open),
		Leaders: n.counted.leaders, Led: n.counted.led, Refused: maps.Clone(n.counted.refused), Stalled: n.disk.stalled(n.now),
		CertifiedUntil: n.admission.until, Keys: len(n.ledger.DatagramKeys()), Locks: len(n.ledger.Locks()), Schedules: len(n.ledger.Schedules()),
	}
	n.membership.Table().Each(func(r member.Row) bool {
		if _, was := n.ledger.Forgotten(r.ID); !was {
			v.Believed[n.believed(r.ID).String()]++
		}
		return true
	})
	for _, m := range n.ledger.Members() {
		if _, was := n.ledger.Forgotten(core.NodeID(m.Row.Id)); !was {
			v.Agreed[m.State]++
		}
	}
	if m, known := n.ledger.Member(n.self.id); known {
		v.Drained = m.Drained
	}
	return v
}

// States are those of Agreed.
func States() []string { return []string{ledger.Up, ledger.Down, ledger.Left} }
