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

// Desk is what a member does about machines that want in.
type Desk struct {
	// Program is the version of its hb.
	Program string
	// Admit lets a machine in, Try asks only whether it would be. Their errors are
	// *core.Faults, for the machine to read.
	Admit func(ctx context.Context, a *wire.Admit) (*wire.Enrolled, error)
	Try   func(ctx context.Context, a *wire.Admit) error
}

// Serve answers the one question that a machine without certificate may ask. The
// error says what was wrong with what it said, if it was answered nothing.
func (d Desk) Serve(ctx context.Context, conn *tls.Conn, now time.Time) error {
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
	_, err = conn.Write(netutil.AppendFrame(nil, wire.Marshal(d.answer(ctx, said, bound, now))))
	return err
}

// answer is what a machine is told.
func (d Desk) answer(ctx context.Context, said *wire.Enroll, bound []byte, now time.Time) *wire.Enrolled {
	var e *wire.Enrolled
	var err error
	switch {
	case said.Trial:
		e, err = d.try(ctx, said)
	default:
		if err = check(said, bound); err == nil {
			e, err = d.Admit(ctx, admission(said))
		}
	}
	if err != nil {
		e = &wire.Enrolled{Refused: verdict(err)}
	}
	e.Version, e.WallNanos = version, now.UnixNano()
	if said.Trial {
		e.Program = d.Program
	}
	return e
}

// try asks whether a machine would be let in. Who shows no token asks only for
// the time.
func (d Desk) try(ctx context.Context, said *wire.Enroll) (*wire.Enrolled, error) {
	if said.Version != version {
		return nil, otherVersion(said)
	}
	if len(said.Secret) == 0 {
		return &wire.Enrolled{}, nil
	}
	return &wire.Enrolled{}, d.Try(ctx, admission(said))
}

// admission is what the cluster is asked; the token's secret stays here.
func admission(said *wire.Enroll) *wire.Admit {
	token := pki.Token{Secret: pki.NewSecret(said.Secret)}
	return &wire.Admit{
		Token: token.RawID(), Hash: token.Hash(), Node: said.Node, Name: said.Name,
		SignKey: said.SignKey, WrapKey: said.WrapKey, Replace: said.Replace,
	}
}

func otherVersion(said *wire.Enroll) *core.Fault {
	return core.Faultf(core.CodeConfig, "joining has version %d here, and %d in hb %.40q", version, said.Version, said.Program).
		WithHint("install the version of hb that the cluster runs")
}

// check judges what needs no cluster.
func check(said *wire.Enroll, bound []byte) error {
	public := pki.PublicKeys{Sign: said.SignKey, Wrap: said.WrapKey}
	switch {
	case said.Version != version:
		return otherVersion(said)
	case !pki.Proven(public, proving, bound, said.Proof):
		return core.Faultf(core.CodeBadInput, "the machine does not prove that it holds its key")
	}
	if !config.ValidName(said.Name) {
		return core.Faultf(core.CodeBadInput, "%.80q is no name for a node", said.Name).WithHint("give it another with --name")
	}
	return nil
}

func verdict(err error) *wire.Verdict {
	f := &core.Fault{Code: core.CodeInternal, Message: err.Error()}
	errors.As(err, &f)
	return wire.VerdictOf(f)
}
