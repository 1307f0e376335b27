package enroll

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"

	"hb/core"
	"hb/core/pki"
	"hb/core/store"
	"hb/core/wire"
)

// Joining says how a machine is to join.
type Joining struct {
	// Data is the data directory.
	Data    string
	Name    string
	Token   pki.Token
	Replace bool
	Program string
	Random  io.Reader
	Now     func() time.Time
	// Find gives the addresses of members to ask, HOST:PORT. It is asked again,
	// while ctx lasts, if some of them may let the machine in later.
	Find func(ctx context.Context) ([]string, error)
}

// Join gets credentials for a machine and keeps them in its data directory. What
// is already a member of the token's cluster stays what it is: then Admitted has
// neither ClusterName, Detector nor By. The error is a *core.Fault.
func Join(ctx context.Context, j Joining) (*Admitted, error) {
	own, err := pki.Load(j.Data)
	switch {
	case err == nil && pki.FingerprintOf(own.CA) != j.Token.CA:
		return nil, core.Faultf(core.CodeBadInput, "%s belongs to the cluster %v, the token is for another", j.Data, own.Identity.Cluster).
			WithHint("leave that one first (hb leave), or give another directory with --data")
	case err == nil && own.Valid(j.Now()) == nil:
		return &Admitted{Credentials: own}, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	a := Application{Token: j.Token, Name: j.Name, Replace: j.Replace, Program: j.Program, Now: j.Now}
	if a.Keys, a.Node, err = prepare(j.Data, j.Random, own != nil); err != nil {
		return nil, err
	}
	got, err := askAll(ctx, j, a)
	if err != nil {
		return nil, err
	}
	return got, got.Credentials.Save(j.Data)
}

// prepare gives the keys and the ID under which a machine asks; they are on disk
// before it does.
func prepare(data string, random io.Reader, was bool) (*pki.Keys, core.NodeID, error) {
	id, err := identityIn(data)
	if err != nil {
		return nil, 0, err
	}
	if id != nil && !was {
		return nil, 0, core.Faultf(core.CodeBadInput, "%s belongs to the cluster %q, which has no credentials, or they are lost", data, id.ClusterName).
			WithHint("give another directory with --data, or move it away")
	}
	keys, err := pki.LoadKeys(data)
	if errors.Is(err, fs.ErrNotExist) {
		if keys, err = pki.NewKeys(random); err == nil {
			err = pki.SaveKeys(data, keys)
		}
	}
	if err != nil {
		return nil, 0, err
	}
	if id != nil {
		return keys, core.NodeID(id.Node), nil
	}
	return keys, keys.Public().NodeID(), nil
}

// identityIn reads who the node of a data directory is, if it is a member; a node
// that runs there is an error of CodeBusy.
func identityIn(data string) (*wire.Identity, error) {
	st, found, err := store.OpenDir(data)
	if err != nil {
		return nil, err
	}
	return found.Identity, st.Close()
}

// askAll asks one member after the other, until one lets the machine in or says
// that none will. Those who could not at the moment are asked again.
func askAll(ctx context.Context, j Joining, a Application) (*Admitted, error) {
	for {
		addrs, err := j.Find(ctx)
		if err != nil {
			return nil, err
		}
		if len(addrs) == 0 {
			return nil, core.Faultf(core.CodeNoNode, "nobody answers: no member of any cluster was found on the local network").
				WithHint("name one: hb join TOKEN HOST:PORT; 7117 (UDP and TCP) and 7118 (UDP) must be open between the machines; hb doctor tells what is wrong")
		}
		var round refusals
		for _, addr := range addrs {
			got, final, err := Ask(ctx, addr, a)
			if err == nil {
				got.By = addr
				return got, nil
			}
			if final {
				return nil, err
			}
			round.add(addr, asFault(err))
		}
		why := round.fault()
		if !passing(why.Code) || !pause(ctx) {
			return nil, why
		}
	}
}

// refusals are why none of several members let a machine in.
type refusals struct {
	why   *core.Fault // of those, the one that tells most
	addrs []string    // who said just that
}

// add takes one in: that somebody belongs to another cluster tells least, and what
// may be gone in a moment most.
func (r *refusals) add(addr string, f *core.Fault) {
	switch {
	case r.why != nil && r.why.Message == f.Message:
		r.addrs = append(r.addrs, addr)
	case r.why == nil, r.why.Code == core.CodeBadInput, passing(f.Code) && !passing(r.why.Code):
		r.why, r.addrs = f, []string{addr}
	}
}

// fault is all of it in one line.
func (r *refusals) fault() *core.Fault {
	r.why.Message = strings.Join(r.addrs, ", ") + ": " + r.why.Message
	if r.why.Code == core.CodeNoNode && r.why.Hint == "" {
		r.why.Hint = "hb doctor " + r.addrs[0] + " tells where the way there ends, and what to do"
	}
	return r.why
}

// passing says whether a fault may be gone in a moment.
func passing(c core.Code) bool {
	return c == core.CodeBusy || c == core.CodeNoQuorum || c == core.CodeTimeout
}

// pause waits a second, unless ctx ends before.
func pause(ctx context.Context) bool {
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case <-late.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// asFault is a fault of its own, that may be changed.
func asFault(err error) *core.Fault {
	var f *core.Fault
	if errors.As(err, &f) {
		own := *f
		return &own
	}
	return core.Faultf(core.CodeInternal, "%v", err)
}
