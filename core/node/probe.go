package node

import (
	"fmt"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/membership"
	"hb/core/wire"
)

const (
	// probeHelpers is how many other members are asked to probe, too.
	probeHelpers = 3
	// probeLimit is how long a stream may take to answer; datagrams have a
	// limit of their own.
	probeLimit = 2 * time.Second
)

// probing is one client's probe under way.
type probing struct {
	id      uint64
	ticket  uint64
	addr    netip.AddrPort
	view    ProbeView
	sent    core.Instant
	waiting int // ways not answered yet: the direct datagram, each helper, the stream
	stream  bool
}

// probe reaches for a node in every way there is.
func (n *Node) probe(id uint64, q Probe) {
	addr := q.Addr
	if q.Node != 0 {
		var ok bool
		if addr, ok = n.addrOf(q.Node); !ok {
			n.reply(id, core.Faultf(core.CodeUnheard, "no member %s", q.Node), true)
			return
		}
	}
	n.clients.tickets++
	p := &probing{id: id, ticket: n.clients.tickets, addr: addr, sent: n.now, waiting: 2, stream: true}
	p.view.Target = addr.String()
	if q.Node != 0 {
		p.view.Target = n.nameOf(q.Node)
		p.waiting += n.helpersFor(q.Node)
	}
	n.clients.probes = append(n.clients.probes, p)
	n.sendFrame(addr, &wire.Envelope{ReplyTo: n.opts.Addr.String(), Body: &wire.Envelope_Echo{Echo: &wire.Echo{Nonce: p.ticket}}})
	n.memberships.do(n.now, membership.Reach{Ticket: p.ticket, Target: q.Node, Addr: addr, Helpers: probeHelpers})
}

// helpersFor counts the members that can probe another one for this node.
func (n *Node) helpersFor(target core.NodeID) int {
	if target == n.self.id {
		return 0
	}
	count := 0
	for _, row := range n.membership.Table().Rows() {
		if row.ID != n.self.id && row.ID != target && row.Living() {
			count++
		}
	}
	return min(count, probeHelpers)
}

// reached is the answer of one way by datagrams.
func (n *Node) reached(f membership.Reached) {
	if n.filterHeard(f) {
		return
	}
	p := n.probing(f.Ticket)
	if p == nil {
		return
	}
	r := Reach{OK: f.OK, RTT: f.RTT, Node: n.nameOf(f.Via)}
	if !f.OK {
		r.Error = "no answer"
	}
	if f.Via == 0 {
		p.view.UDP = r
	} else {
		p.view.Via = append(p.view.Via, r)
	}
	n.probeWay(p)
}

// echo answers a probe over a stream, or is such an answer.
func (n *Node) echo(e *wire.Envelope, m *wire.Echo) {
	if !m.Reply {
		if to, err := netip.ParseAddrPort(e.ReplyTo); err == nil {
			n.answerFrame(to, &wire.Envelope{Body: &wire.Envelope_Echo{Echo: &wire.Echo{Nonce: m.Nonce, Reply: true}}})
		}
		return
	}
	if p := n.probing(m.Nonce); p != nil && p.stream {
		p.stream = false
		p.view.TCP = Reach{OK: true, RTT: n.now.Sub(p.sent)}
		n.probeWay(p)
	}
}

// probeLost ends the stream's part of probes of an address.
func (n *Node) probeLost(ev StreamLost) {
	why := "the connection broke, or could not be made"
	if ev.Refused {
		why = "connection refused"
	}
	for _, p := range append([]*probing(nil), n.clients.probes...) {
		if p.stream && p.addr == ev.To {
			n.streamFailed(p, why)
		}
	}
}

func (n *Node) streamFailed(p *probing, why string) {
	p.stream = false
	p.view.TCP = Reach{Error: why}
	n.probeWay(p)
}

// serveProbes ends the streams that took too long.
func (n *Node) serveProbes() {
	for _, p := range append([]*probing(nil), n.clients.probes...) {
		if n.now < p.sent.Add(probeLimit) {
			continue
		}
		if p.stream {
			n.streamFailed(p, fmt.Sprintf("no answer within %v", probeLimit))
		}
	}
}

// nextProbe is when serveProbes has something to do.
func (n *Node) nextProbe() core.Instant {
	next := core.Never
	for _, p := range n.clients.probes {
		if p.stream {
			next = core.Earlier(next, p.sent.Add(probeLimit))
		}
	}
	return next
}

// probeWay counts one way as answered; the last one answers the client.
func (n *Node) probeWay(p *probing) {
	if p.waiting--; p.waiting > 0 {
		return
	}
	n.reply(p.id, p.view, true)
	n.clients.probes = without(n.clients.probes, func(o *probing) bool { return o == p })
}

func (n *Node) probing(ticket uint64) *probing {
	for _, p := range n.clients.probes {
		if p.ticket == ticket {
			return p
		}
	}
	return nil
}
