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
	return enroll.Serve(ctx, conn, time.Now(), func(ctx context.Context, a *wire.Admit) (*wire.Enrolled, error) {
		got, err := d.admit(ctx, a)
		if err != nil {
			d.logger.line(false, fmt.Sprintf("not let in from %v, as %.63q: %v", from.Addr(), a.Name, err))
			return nil, err
		}
		d.logger.line(false, fmt.Sprintf("let in %s (%v), from %v", a.Name, core.NodeID(a.Node), from.Addr()))
		return got, nil
	})
}

// admit asks the node, and through it the cluster.
func (d *daemon) admit(ctx context.Context, a *wire.Admit) (*wire.Enrolled, error) {
	reply, ok := <-d.Ask(ctx, node.Enroll{Admit: a})
	if !ok {
		return nil, core.Faultf(core.CodeBusy, "the member that was asked is stopping").WithHint("ask another")
	}
	switch v := reply.Body.(type) {
	case *core.Fault:
		return nil, v
	case node.EnrolledView:
		return &wire.Enrolled{Certificate: v.Certificate, Cluster: v.Cluster.ID[:], ClusterName: v.Cluster.Name, Detector: v.Detector}, nil
	}
	panic(fmt.Sprintf("an Enroll was answered %T", reply.Body))
}
