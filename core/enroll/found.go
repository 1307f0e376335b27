package enroll

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/pki"
	"hb/core/store"
	"hb/core/wire"
)

// FirstToken is how long the token is good for that comes with a cluster.
const FirstToken = 24 * time.Hour

// Founding says which cluster to found.
type Founding struct {
	// Data is the data directory of its first member, Name that one's label.
	Data, Name string
	// Cluster is the cluster's label.
	Cluster string
	// Voters is how many members shall vote; 0: the default.
	Voters int
	Random io.Reader
	Now    time.Time
}

// Founded is a cluster as its founder has it.
type Founded struct {
	// Token is its first; Credentials are its founder's.
	Token       pki.Token
	Credentials *pki.Credentials
	// Before says that this is not the first time.
	Before bool
}

// Found founds a cluster, whose first member is the node of the data directory.
// The same directory again gives the same cluster and token. The error is a
// *core.Fault, CodeBadInput if the directory belongs to a cluster that was not
// founded there.
func Found(f Founding) (*Founded, error) {
	own, err := pki.Load(f.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	st, found, err := store.OpenDir(f.Data)
	var busy *core.Fault
	running := errors.As(err, &busy) && busy.Code == core.CodeBusy && own != nil
	switch {
	case running:
		return again(f, own)
	case err != nil:
		return nil, err
	}
	defer st.Close()
	switch {
	case found.Identity != nil && own != nil:
		return again(f, own)
	case found.Identity != nil:
		return nil, core.Faultf(core.CodeBadInput, "%s belongs to the cluster %q, which has no credentials, or they are lost", f.Data, found.Identity.ClusterName).
			WithHint("give another directory with --data, or move it away")
	case own != nil && !pki.FoundedHere(f.Data):
		return nil, joinedElsewhere(f.Data, own)
	}
	return f.begin(st)
}

func joinedElsewhere(data string, own *pki.Credentials) *core.Fault {
	return core.Faultf(core.CodeBadInput, "%s belongs to the cluster %v, which was founded on another machine", data, own.Identity.Cluster).
		WithHint("hb node runs its node; hb token create makes a token; for another cluster give another directory with --data")
}

// again gives what the first time gave.
func again(f Founding, own *pki.Credentials) (*Founded, error) {
	if !pki.FoundedHere(f.Data) {
		return nil, joinedElsewhere(f.Data, own)
	}
	token, err := firstToken(own.Keys, own.CA)
	return &Founded{Token: token, Credentials: own, Before: true}, err
}

// firstToken is the token of the cluster that these keys' holder founded.
func firstToken(keys *pki.Keys, ca []byte) (pki.Token, error) {
	made, err := pki.FoundedAt(ca)
	if err != nil {
		return pki.Token{}, err
	}
	fingerprint := pki.FingerprintOf(ca)
	secret, err := keys.Derive("first token of "+fingerprint.String(), 16)
	if err != nil {
		return pki.Token{}, err
	}
	return pki.MintToken(bytes.NewReader(secret.Reveal()), fingerprint, made.Add(FirstToken))
}

// begin makes everything anew, and the identity last: that makes the directory a
// member's. Until then the next attempt begins at the beginning.
func (f Founding) begin(st *store.Store) (*Founded, error) {
	keys, err := pki.NewKeys(f.Random)
	if err != nil {
		return nil, err
	}
	var seed [16]byte
	if _, err := io.ReadFull(f.Random, seed[:]); err != nil {
		return nil, err
	}
	luck := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
	out := &Founded{}
	var failed error
	id, snap := node.FoundBy(node.Mint(keys.Public().NodeID(), luck), f.Cluster, f.Voters, luck, func(s *ledger.State) {
		failed = f.charter(s, keys, out)
	})
	for _, step := range []func() error{
		func() error { return failed },
		func() error { return pki.SaveKeys(f.Data, keys) },
		func() error { return out.Credentials.Save(f.Data) },
		func() error { return pki.MarkFounded(f.Data) },
		func() error { return st.SaveSnapshot(snap, snap.GetMetadata().GetIndex(), true) },
		func() error { return st.SaveIdentity(id) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// charter writes authority, founder and first token into the ledger.
func (f Founding) charter(s *ledger.State, keys *pki.Keys, out *Founded) error {
	authority, err := pki.Found(f.Random, s.Cluster(), f.Cluster, f.Now)
	if err != nil {
		return err
	}
	public := keys.Public()
	id := pki.Identity{Cluster: s.Cluster(), Node: public.NodeID(), Role: pki.RoleMember, Name: f.Name}
	cert, err := authority.Sign(id, public, f.Now)
	if err != nil {
		return err
	}
	sealed, err := authority.SealFor(public.Wrap)
	if err != nil {
		return err
	}
	if out.Credentials, err = pki.NewCredentials(keys, cert, authority.Certificate()); err != nil {
		return err
	}
	if out.Token, err = firstToken(keys, authority.Certificate()); err != nil {
		return err
	}
	s.Trust(authority.Certificate(), &wire.Credential{
		Node: uint64(id.Node), Name: f.Name, SignKey: public.Sign, WrapKey: public.Wrap,
		Certificate: cert, UntilNanos: out.Credentials.Identity.Expiry.UnixNano(), Authority: sealed,
	}, &wire.JoinToken{
		Id: out.Token.RawID(), Hash: out.Token.Hash(), CreatedNanos: f.Now.UnixNano(), ExpiresNanos: out.Token.Expiry.UnixNano(),
	})
	return nil
}
