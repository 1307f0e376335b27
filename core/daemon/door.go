package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/enroll"
	"hb/core/node"
	"hb/core/wire"
)

// stranger answers a machine without a certificate the one question that it may
// ask.
func (d *daemon) stranger(ctx context.Context, from netip.AddrPort, conn *tls.Conn) error {
	desk := enroll.Desk{Program: d.options.Version}
	desk.Try = func(ctx context.Context, a *wire.Admit) error {
		f, is := d.door(ctx, node.TryEnroll{Admit: a, Unread: d.knocks.tooMany(from.Addr(), time.Now())}).(*core.Fault)
		if !is {
			return nil
		}
		d.turnAway(from.Addr(), fmt.Sprintf("would not let in who asked from %v: %v", from.Addr(), f))
		return f
	}
	desk.Admit = func(ctx context.Context, a *wire.Admit) (*wire.Enrolled, error) {
		switch v := d.door(ctx, node.Enroll{Admit: a, Unread: d.knocks.tooMany(from.Addr(), time.Now())}).(type) {
		case *core.Fault:
			d.turnAway(from.Addr(), fmt.Sprintf("not let in from %v, as %.63q: %v", from.Addr(), a.Name, v))
			return nil, v
		case node.EnrolledView:
			d.logger.line(false, fmt.Sprintf("let in %s (%v), from %v", a.Name, core.NodeID(a.Node), from.Addr()))
			return &wire.Enrolled{Certificate: v.Certificate, Cluster: v.Cluster.ID[:], ClusterName: v.Cluster.Name, Detector: v.Detector}, nil
		default:
			panic(fmt.Sprintf("an Enroll was answered %T", v))
		}
	}
	return desk.Serve(ctx, conn, time.Now())
}

// turnAway counts a machine that was not let in, and says so now and then.
func (d *daemon) turnAway(from netip.Addr, text string) {
	for _, line := range d.knocks.refused(from, time.Now(), text) {
		d.logger.line(false, line)
	}
}

// door has the node answer what a stranger asks.
func (d *daemon) door(ctx context.Context, q node.Request) any {
	reply, ok := <-d.Ask(ctx, q)
	if !ok {
		return core.Faultf(core.CodeBusy, "the member that was asked is stopping").WithHint("ask another")
	}
	return reply.Body
}
