package enroll

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"time"

	"hb/core"
	"hb/core/config"
	"hb/core/pki"
	"hb/core/wire"
	"hb/netutil"
)

// mostSaid is the most that either side may say, in bytes: a frame of the other
// is well below 2 KiB.
const mostSaid = 16 << 10

// Admit asks the cluster to let a machine in whose proof holds. The error is a
// *core.Fault, for the machine to read.
type Admit func(ctx context.Context, a *wire.Admit) (*wire.Enrolled, error)

// Serve answers the one question that a machine without certificate may ask. The
// error says what was wrong with what it said, if it was answered nothing.
func Serve(ctx context.Context, conn *tls.Conn, now time.Time, admit Admit) error {
	frame, err := netutil.NewFrameReader(io.LimitReader(conn, mostSaid)).Next()
	if err != nil {
		return err
	}
	said := &wire.Enroll{}
	if err := wire.Unmarshal(frame, said); err != nil {
		return err
	}
	state := conn.ConnectionState()
	bound, err := state.ExportKeyingMaterial(exporter, nil, 32)
	if err != nil {
		return err
	}
	_, err = conn.Write(netutil.AppendFrame(nil, wire.Marshal(answer(ctx, said, bound, now, admit))))
	return err
}

// answer is what a machine is told.
func answer(ctx context.Context, said *wire.Enroll, bound []byte, now time.Time, admit Admit) *wire.Enrolled {
	var e *wire.Enrolled
	err := check(said, bound)
	if err == nil {
		token := pki.Token{Secret: pki.NewSecret(said.Secret)}
		e, err = admit(ctx, &wire.Admit{
			Token: token.RawID(), Hash: token.Hash(), Node: said.Node, Name: said.Name,
			SignKey: said.SignKey, WrapKey: said.WrapKey, Replace: said.Replace,
		})
	}
	if err != nil {
		e = &wire.Enrolled{Refused: verdict(err)}
	}
	e.Version, e.WallNanos = version, now.UnixNano()
	return e
}

// check judges what needs no cluster.
func check(said *wire.Enroll, bound []byte) error {
	public := pki.PublicKeys{Sign: said.SignKey, Wrap: said.WrapKey}
	switch {
	case said.Version != version:
		return core.Faultf(core.CodeConfig, "joining has version %d here, and %d in hb %.40q", version, said.Version, said.Program).
			WithHint("install the version of hb that the cluster runs")
	case !pki.Proven(public, proving, bound, said.Proof):
		return core.Faultf(core.CodeBadInput, "the machine does not prove that it holds its key")
	}
	if err := config.New().Set("node.name", said.Name); err != nil || said.Name == "" {
		return core.Faultf(core.CodeBadInput, "%.80q is no name for a node", said.Name).WithHint("give it another with --name")
	}
	return nil
}

func verdict(err error) *wire.Verdict {
	f := &core.Fault{Code: core.CodeInternal, Message: err.Error()}
	errors.As(err, &f)
	return &wire.Verdict{Code: uint32(f.Code), Message: f.Message, Hint: f.Hint}
}
