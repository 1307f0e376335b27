package node

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/replog"
	"hb/core/wire"
)

// A data directory may be copied, and the copy started beside the original: then
// two processes vote under one raft ID, and each counts the other's promises for
// its own. Before long everybody would know of the later start and the earlier
// process would stop; but two halves of a cluster may have elected two leaders by
// then. So a voter that starts elsewhere than the log last had it first asks at
// that address, and says nothing to anybody meanwhile. Where nobody answers, or
// somebody else, the machine has moved.

// wakeLimit is how long the answer may take: a round trip and a connection's first
// packet lost, and not more, for it is time in which a voter that moved is missing.
const wakeLimit = 2 * time.Second

// waking is a node that has not begun yet.
type waking struct {
	old   netip.AddrPort // zero: it has, or need not ask
	nonce uint64
	until core.Instant // zero: it has not asked yet
	held  []Event
}

// wakesElsewhere says where the log last had this voter, if that is elsewhere.
func (n *Node) wakesElsewhere(from Restored) netip.AddrPort {
	none := netip.AddrPort{}
	if !n.self.joined || from.Snapshot == nil || from.Damaged != nil {
		return none
	}
	conf, err := replog.ConfAfter(from.Snapshot, from.Entries)
	votes := func(ids []uint64) bool { return slices.Contains(ids, uint64(n.self.raft)) }
	if err != nil || !votes(conf.GetVoters()) && !votes(conf.GetVotersOutgoing()) || len(conf.GetVoters()) < 2 {
		return none
	}
	at := ""
	if m, ok := n.ledger.Member(n.self.id); ok {
		at = m.Row.Addr
	}
	if at == n.opts.Addr.String() {
		return none
	}
	for _, raw := range from.Entries {
		at = n.addrIn(raw, at)
	}
	old, err := netip.ParseAddrPort(at)
	if err != nil || old == n.opts.Addr {
		return none
	}
	return old
}

// addrIn is the address that an entry gives this node, else the one before.
func (n *Node) addrIn(raw *raftpb.Entry, before string) string {
	if raw.GetType() != raftpb.EntryNormal {
		return before
	}
	e, err := wire.DecodeEntry(raw.Data)
	if err != nil {
		return before // whoever applies it says so
	}
	for _, c := range e.GetCommands() {
		for _, row := range c.GetMemberUp().GetRows() {
			if core.NodeID(row.Id) == n.self.id {
				before = row.Addr
			}
		}
	}
	return before
}

// wake takes an event of a node that has not begun, and says whether it may.
func (n *Node) wake(now core.Instant, ev Event) bool {
	w := &n.waking
	n.now = now
	if w.until == 0 {
		w.until, w.nonce = now.Add(wakeLimit), nonzero(n.opts.Rand)
		n.log(false, fmt.Sprintf("the log has this voter at %v, not at %v: asking there whether it was copied", w.old, n.opts.Addr))
		n.sendFrame(w.old, &wire.Envelope{ReplyTo: n.opts.Addr.String(), Body: &wire.Envelope_Echo{Echo: &wire.Echo{Nonce: w.nonce}}})
	}
	moved := now >= w.until
	switch ev := ev.(type) {
	case Frame:
		answered, twin := n.answeredBy(ev)
		if twin {
			n.started = now
			n.stop(core.Faultf(core.CodeBadInput, "%s (%v) runs at %v already: this data directory is a copy of its", n.opts.Name, n.self.id, w.old).
				WithHint("stop the one or the other; a machine of its own needs an empty directory"))
			return false
		}
		moved = moved || answered
	case StreamLost:
		moved = moved || ev.To == w.old
	case Tick, Datagram, Unreachable:
	default:
		w.held = append(w.held, ev)
	}
	return moved
}

// answeredBy says whether a frame is the answer, and whether it is this very node's.
func (n *Node) answeredBy(ev Frame) (answered, twin bool) {
	e, err := wire.DecodeEnvelope(ev.Data)
	if err != nil || !e.GetEcho().GetReply() || e.GetEcho().GetNonce() != n.waking.nonce {
		return false, false
	}
	return true, core.NodeID(e.From) == n.self.id && string(e.Cluster) == string(n.self.cluster[:])
}
