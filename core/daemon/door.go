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
	desk := enroll.Desk{Program: d.options.Version, Try: d.try}
	desk.Admit = func(ctx context.Context, a *wire.Admit) (*wire.Enrolled, error) {
		got, err := d.admit(ctx, a)
		if err != nil {
			d.logger.line(false, fmt.Sprintf("not let in from %v, as %.63q: %v", from.Addr(), a.Name, err))
			return nil, err
		}
		d.logger.line(false, fmt.Sprintf("let in %s (%v), from %v", a.Name, core.NodeID(a.Node), from.Addr()))
		return got, nil
	}
	return desk.Serve(ctx, conn, time.Now())
}

// admit asks the node, and through it the cluster.
func (d *daemon) admit(ctx context.Context, a *wire.Admit) (*wire.Enrolled, error) {
	switch v := d.door(ctx, node.Enroll{Admit: a}).(type) {
	case *core.Fault:
		return nil, v
	case node.EnrolledView:
		return &wire.Enrolled{Certificate: v.Certificate, Cluster: v.Cluster.ID[:], ClusterName: v.Cluster.Name, Detector: v.Detector}, nil
	default:
		panic(fmt.Sprintf("an Enroll was answered %T", v))
	}
}

// try asks whether it would let a machine in.
func (d *daemon) try(ctx context.Context, a *wire.Admit) error {
	if f, is := d.door(ctx, node.TryEnroll{Admit: a}).(*core.Fault); is {
		return f
	}
	return nil
}

// door has the node answer what a stranger asks.
func (d *daemon) door(ctx context.Context, q node.Request) any {
	reply, ok := <-d.Ask(ctx, q)
	if !ok {
		return core.Faultf(core.CodeBusy, "the member that was asked is stopping").WithHint("ask another")
	}
	return reply.Body
}
