package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"sync/atomic"
	"time"

	"hb/core"
	"hb/core/pki"
	"hb/netutil"
)

// credentials are the node's, as they stand: they are renewed while it runs.
type credentials struct{ now atomic.Pointer[shown] }

// shown is what one set of credentials gives every handshake.
type shown struct {
	*pki.Credentials
	certificate tls.Certificate
	authority   *x509.CertPool
}

// loadCredentials finds those of a data directory; nil: it has none.
func loadCredentials(data string) (*credentials, *core.Fault) {
	found, err := pki.Load(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, faultOf(err)
	}
	if fault := found.Valid(time.Now()); fault != nil {
		return nil, fault
	}
	c := &credentials{}
	c.set(found)
	return c, nil
}

// set takes new ones for all handshakes from now on.
func (c *credentials) set(to *pki.Credentials) {
	c.now.Store(&shown{Credentials: to, certificate: to.TLS(), authority: to.Pool()})
}

// guard keeps everybody else off the streams; nil without credentials.
func (c *credentials) guard() *netutil.Guard {
	if c == nil {
		return nil
	}
	return netutil.NewGuard(pki.ProtoStream, pki.ProtoJoin, func() (netutil.Credentials, error) {
		s := c.now.Load()
		return netutil.Credentials{
			Certificate: s.certificate, Authority: s.authority,
			ServerName: pki.ServerName(s.Identity.Cluster, 0), Recognise: s.recognise,
		}, nil
	})
}

// recognise says which member of the cluster a certificate of its authority is of.
func (s *shown) recognise(leaf *x509.Certificate) (netutil.PeerID, error) {
	id, err := pki.IdentityOf(leaf)
	switch {
	case err != nil:
		return 0, err
	case id.Cluster != s.Identity.Cluster:
		return 0, errOtherCluster
	}
	return netutil.PeerID(id.Node), nil
}

var errOtherCluster = errors.New("its certificate is for another cluster")

// fits says why the credentials are not those of the node whose data directory
// they lie in.
func (c *credentials) fits(data string, node core.NodeID, cluster core.ClusterID) *core.Fault {
	id := c.now.Load().Identity
	if node == id.Node && cluster == id.Cluster {
		return nil
	}
	return core.Faultf(core.CodeConfig, "the credentials in %s are node %v's of cluster %v, but the node there is %v of cluster %v", data, id.Node, id.Cluster, node, cluster).
		WithHint("bring back the directory as a whole from a backup, or move it away and hb join as a new node")
}
