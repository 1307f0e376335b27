package node

import (
	"errors"
	"net/netip"

	"hb/core"
	"hb/core/seal"
	"hb/core/wire"
)

// This file is what a cluster with credentials does to its datagrams on their way
// out and in (core/seal). Two kinds of datagrams are never sealed: beacons and
// censuses, and what answers them, because they are for strangers. Every other
// one that is not sealed by a member gets no answer, and changes nothing.
//
// A sealed datagram proves that its sender is a member, not which one. Whatever
// must not be believed of just any member comes by streams, which prove that, or
// is checked: heartbeats of the engine are sealed for a pair, so that nobody else
// can have made them; that a member left, or was forgotten, is what the log says.

var (
	errPlain   = errors.New("datagram that no member has sealed")
	errNotPair = errors.New("heartbeat of the engine that another member may have sealed")
)

// forStrangers says whether a kind is never sealed.
func forStrangers(k wire.Kind) bool {
	return k == wire.KindBeacon || k == wire.KindBeaconAnswer || k == wire.KindCensus || k == wire.KindCensusAnswer
}

// sendDatagram sends a packet for one member (0: for whoever is there), with pair
// so that nobody else can have made it. False if it cannot be sealed so.
func (n *Node) sendDatagram(to netip.AddrPort, id core.NodeID, pair bool, plain []byte) bool {
	if n.opts.Vault == nil {
		n.put(SendDatagram{To: to, Data: plain})
		return true
	}
	data, ok := n.sealed(id, pair, plain)
	if ok {
		n.put(SendDatagram{To: to, Data: data, Plain: plain})
	}
	return ok
}

// cast sends a packet to everybody near.
func (n *Node) cast(plain []byte) {
	if n.opts.Vault == nil {
		n.put(SendBeacon{Data: plain})
		return
	}
	if data, ok := n.sealed(0, false, plain); ok {
		n.put(SendBeacon{Data: data})
	}
}

func (n *Node) sealed(id core.NodeID, pair bool, plain []byte) ([]byte, bool) {
	if n.keys.ring == nil {
		return nil, false
	}
	return n.keys.ring.Seal(n.now, make([]byte, 0, len(plain)+seal.Overhead), id, pair, plain)
}

// unseal opens a datagram that is sealed; false if it is not to be looked at any
// further.
func (n *Node) unseal(ev *Datagram) (h seal.Header, ok bool) {
	if n.opts.Vault == nil || !seal.IsSealed(ev.Data) {
		return h, true
	}
	if n.keys.ring == nil {
		return h, false // early: whoever let this node in speaks to it already
	}
	h, plain, err := n.keys.ring.Open(n.now, ev.Data)
	switch {
	case err == nil:
		ev.Data = plain
		return h, true
	case errors.Is(err, seal.ErrGeneration):
		n.countRefused(err)
		n.strangeGeneration(h)
	case errors.Is(err, seal.ErrOver):
		n.countRefused(err)
		n.fromEarlierStart(h.From, h.Instance, ev.From)
	case errors.Is(err, seal.ErrReplayed): // the network itself doubles some
		n.countRefused(err)
	default:
		n.complainOnce(ev.From.Addr(), err)
	}
	return h, false
}

// believable judges a decoded packet by who can have sent it. What members get
// for an answer goes to where they are known to be, wherever the question came
// from: so it is of no use to play a datagram to a node that has restarted since.
func (n *Node) believable(ev *Datagram, h seal.Header, p *wire.Packet) bool {
	engine := p.Kind == wire.KindEngineBeat || p.Kind == wire.KindEngineAnswer
	switch {
	case h.From == 0:
		if !forStrangers(p.Kind) {
			n.complainOnce(ev.From.Addr(), errPlain)
			return false
		}
		return true
	case p.From != h.From || p.Instance != h.Instance || forStrangers(p.Kind):
		n.complainOnce(ev.From.Addr(), wire.ErrMalformed)
		return false
	case engine && !h.Pair:
		n.complainOnce(ev.From.Addr(), errNotPair)
		return false
	}
	if row, known := n.membership.Table().Get(p.From); known && row.Instance == p.Instance && !ev.Beacon {
		ev.From = row.Addr
	}
	return true
}
