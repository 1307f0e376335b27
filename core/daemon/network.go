package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/netutil"
)

// freePortTries is how often another free port is looked for when one that TCP
// had free is taken on UDP.
const freePortTries = 32

// network is every socket but the local one.
type network struct {
	udp     []*netutil.UDP
	tcp     []net.Listener
	beacon  *netutil.Beacon // nil: neither sends nor hears beacons
	pool    *netutil.Pool
	answer  *netutil.Pool // to strangers
	queue   *queue
	figures *figures
	guard   *netutil.Guard // of all streams; nil: they are in the clear
	// stranger answers whoever has no certificate.
	stranger func(context.Context, netip.AddrPort, *tls.Conn) error
	log      func(warn bool, text string)
}

// listen opens UDP and TCP at each address. A port 0 is chosen with the first
// and kept for the others.
func (n *network) listen(bind []netip.AddrPort) *core.Fault {
	port := uint16(0)
	for _, at := range bind {
		if at.Port() == 0 {
			at = netip.AddrPortFrom(at.Addr(), port)
		}
		got, fault := n.listenOne(at)
		if fault != nil {
			return fault
		}
		port = got
	}
	return nil
}

func (n *network) listenOne(at netip.AddrPort) (port uint16, fault *core.Fault) {
	for try := 1; ; try++ {
		tcp, err := netutil.ListenTCP(at)
		if err != nil {
			return 0, bindFault("TCP", at, err)
		}
		real := netip.AddrPortFrom(at.Addr(), tcp.Addr().(*net.TCPAddr).AddrPort().Port())
		udp, err := netutil.ListenUDP(real)
		if err == nil {
			n.tcp, n.udp = append(n.tcp, tcp), append(n.udp, udp)
			return real.Port(), nil
		}
		tcp.Close()
		if at.Port() != 0 || !errors.Is(err, syscall.EADDRINUSE) || try == freePortTries {
			return 0, bindFault("UDP", real, err)
		}
	}
}

// bindFault says in one line why an address cannot be heard at.
func bindFault(protocol string, at netip.AddrPort, err error) *core.Fault {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return core.Faultf(core.CodeIO, "cannot listen on %s port %v: it is in use", protocol, at).
			WithHint("another node may run here; give another port with --bind, or find who has it: ss -lntup 'sport = %d'", at.Port())
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return core.Faultf(core.CodeConfig, "cannot listen on %v: this machine has no such address", at).
			WithHint("ip addr lists those it has")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return core.Faultf(core.CodeDenied, "cannot listen on %s port %v: %v", protocol, at, netutil.Reason(err)).
			WithHint("ports below 1024 need root; choose a higher one with --bind")
	}
	return core.Faultf(core.CodeIO, "cannot listen on %s port %v: %v", protocol, at, netutil.Reason(err))
}

// serve brings everything that arrives to the queue until the sockets close.
func (n *network) serve(ctx context.Context, spawn func(func())) {
	for _, udp := range n.udp {
		spawn(func() { n.read(udp.Read, false) })
	}
	if n.beacon != nil {
		spawn(func() { n.read(n.beacon.Read, true) })
	}
	for _, tcp := range n.tcp {
		told := strangers{}
		rejected := make(chan refusedStream, 16)
		spawn(func() {
			for r := range rejected {
				switch {
				case !told.first(r.from.Addr().String()):
				case r.from.IsValid():
					n.log(true, fmt.Sprintf("ended a stream from %v: %v (further ones from there are not told)", r.from, r.why))
				default:
					n.log(true, r.why.Error())
				}
			}
		})
		reject := func(from netip.AddrPort, why error) {
			if barred := (*netutil.Barred)(nil); errors.As(why, &barred) {
				n.queue.offer(node.Knocked{Peer: core.NodeID(barred.Peer)})
			}
			select {
			case rejected <- refusedStream{from, why}:
			default:
			}
		}
		spawn(func() {
			defer close(rejected)
			err := netutil.Serve(ctx, tcp, netutil.Incoming{
				Guard: n.guard,
				Stranger: func(ctx context.Context, from netip.AddrPort, conn *tls.Conn) {
					if err := n.stranger(ctx, from, conn); err != nil && ctx.Err() == nil {
						reject(from, err)
					}
				},
				Deliver: func(a netutil.Arrival) bool {
					n.figures.framesIn.add(len(a.Frame))
					return n.queue.put(input{ev: node.Frame{From: a.From, Peer: core.NodeID(a.Peer), Key: a.Key, Data: a.Frame}, done: a.Done})
				},
				Reject: reject,
			})
			if err != nil && ctx.Err() == nil {
				n.log(true, fmt.Sprintf("streams are not accepted any more: %v", err))
			}
		})
	}
}

// refusedStream is an incoming stream that was ended, and why.
type refusedStream struct {
	from netip.AddrPort
	why  error
}

// read moves datagrams to the queue; with no room there they are lost, as they
// would be in the kernel.
func (n *network) read(next func() (netutil.Received, error), beacon bool) {
	for {
		got, err := next()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			n.log(true, fmt.Sprintf("datagrams are not heard any more: %v", err))
			return
		case got.Refused:
			n.queue.offer(node.Unreachable{To: got.From})
		default:
			n.figures.datagramsIn.add(len(got.Data))
			if !n.queue.offer(node.Datagram{From: got.From, Data: got.Data, Beacon: beacon}) {
				n.figures.lost.Add(1)
			}
		}
	}
}

// mostStrangers is how many strangers are answered on streams at a time.
const mostStrangers = 64

// openPools makes the outgoing side of streams.
func (n *network) openPools() {
	lost := func(to netip.AddrPort, refused bool) { n.queue.tell(node.StreamLost{To: to, Refused: refused}) }
	n.pool, n.answer = netutil.NewPool(n.guard, lost), netutil.NewAnswers(n.guard, mostStrangers, lost)
}

// bar ends the streams of a node that was forgotten, and lets none begin.
func (n *network) bar(id core.NodeID) {
	if n.guard != nil {
		n.guard.Bar(netutil.PeerID(id))
	}
}

// closePools lets what is queued leave, within the grace given.
func (n *network) closePools(grace time.Duration) {
	n.answer.Close(0)
	n.pool.Close(grace)
}

// sendFrame queues a frame; one for a peer leaves with the next flush.
func (n *network) sendFrame(f node.SendFrame) {
	n.figures.framesOut.add(len(f.Data))
	if f.Stranger {
		n.answer.Send(f.To, f.Data)
		return
	}
	n.pool.Queue(f.To, f.Key, f.Data)
}

// send sends a datagram. What this machine cannot send is lost like what the
// network loses: the protocols live with that.
func (n *network) send(to netip.AddrPort, data []byte) {
	if from := n.source(to.Addr()); from != nil {
		n.figures.datagramsOut.add(len(data))
		_ = from.Write(data, to)
	}
}

// source chooses the socket to send from: one that can reach the address's
// kind, if there is a choice.
func (n *network) source(to netip.Addr) *netutil.UDP {
	var best *netutil.UDP
	for _, udp := range n.udp {
		at := udp.Addr().Addr()
		switch {
		case at.Is4() != to.Is4() && !at.IsUnspecified():
		case at.IsLoopback() == to.IsLoopback():
			return udp
		case best == nil || at.IsUnspecified():
			best = udp
		}
	}
	return best
}

// sendBeacon calls on every chosen interface.
func (n *network) sendBeacon(data []byte) {
	if n.beacon != nil {
		n.figures.datagramsOut.add(len(data))
		_ = n.beacon.Send(data) // an interface may be down for a while
	}
}

// close ends the sockets; the pool is closed before.
func (n *network) close() {
	for _, tcp := range n.tcp {
		tcp.Close()
	}
	for _, udp := range n.udp {
		udp.Close()
	}
	if n.beacon != nil {
		n.beacon.Close()
	}
}
