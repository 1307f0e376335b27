package daemon

import (
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/pki"
	"hb/core/wire"
)

// notary is the node.Notary of a node with credentials. The loop alone uses it.
type notary struct {
	keys      *pki.Keys
	cluster   core.ClusterID
	authority *pki.Authority // nil: this node does not hold its key
}

// notary gives one; nil without credentials.
func (c *credentials) notary() node.Notary {
	if c == nil {
		return nil
	}
	own := c.now.Load()
	return &notary{keys: own.Keys, cluster: own.Identity.Cluster}
}

// Open takes the authority's key up.
func (n *notary) Open(authority, sealed []byte) (err error) {
	n.authority, err = pki.OpenAuthority(authority, sealed, n.keys)
	return err
}

// Close puts it away.
func (n *notary) Close() { n.authority = nil }

// Certify signs.
func (n *notary) Certify(c *wire.Credential, wall int64) ([]byte, int64, error) {
	if n.authority == nil {
		return nil, 0, errNoKey
	}
	id := pki.Identity{
		Cluster: n.cluster, Node: core.NodeID(c.Node), Role: pki.RoleMember, Name: c.Name,
		Expiry: time.Unix(0, wall).Add(pki.Lifetime).Truncate(time.Second), // as the certificate says it
	}
	cert, err := n.authority.Sign(id, pki.PublicKeys{Sign: c.SignKey, Wrap: c.WrapKey}, time.Unix(0, wall))
	return cert, id.Expiry.UnixNano(), err
}

// SealFor seals the key to another voter.
func (n *notary) SealFor(wrap []byte) ([]byte, error) {
	if n.authority == nil {
		return nil, errNoKey
	}
	return n.authority.SealFor(wrap)
}

var errNoKey = core.Faultf(core.CodeInternal, "this node does not hold the authority's key")

// until is when the node's certificate ends, in Unix time; 0 without one.
func (c *credentials) until() int64 {
	if c == nil {
		return 0
	}
	return c.now.Load().Identity.Expiry.UnixNano()
}

// renew keeps the node's next certificate, and shows it from now on.
func (c *credentials) renew(data string, certificate []byte) error {
	own := c.now.Load()
	next, err := pki.NewCredentials(own.Keys, certificate, own.CA)
	if err != nil {
		return err
	}
	if err := next.Save(data); err != nil {
		return err
	}
	c.set(next)
	return nil
}

// drop deletes the credentials of a node that has left: they are void, and it can
// only join again as another.
func (c *credentials) drop(data string, log func(bool, string)) {
	if c == nil {
		return
	}
	if err := pki.Remove(data); err != nil {
		log(true, "the node's credentials, which are void, cannot be deleted: "+err.Error())
	}
}
