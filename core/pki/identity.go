package pki

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
	"time"

	"hb/core"
)

// What is agreed by ALPN: who a connection is for.
const (
	// ProtoStream is for members, both of whom show certificates.
	ProtoStream = "hb-stream/1"
	// ProtoJoin is for a machine without certificate that wants to be let in.
	ProtoJoin = "hb-join/1"
)

// Role is what a certificate lets its holder be.
type Role string

// RoleMember is the role of every node. Whoever shows no certificate has none.
const RoleMember Role = "member"

// Identity is what a certificate says of its holder.
type Identity struct {
	Cluster core.ClusterID // over all of its epochs
	Node    core.NodeID
	Role    Role
	Name    string    // for people; a label
	Expiry  time.Time // from then on the certificate is void
}

// hostSuffix ends the DNS names in certificates; nobody can own it (the IETF
// keeps .internal for private use).
const hostSuffix = ".hb.internal"

// ServerName is what a TLS client expects a node to be: any member of the cluster
// (node 0), or that one.
func ServerName(cluster core.ClusterID, node core.NodeID) string {
	if node == 0 {
		return cluster.String() + hostSuffix
	}
	return node.String() + "." + cluster.String() + hostSuffix
}

func (id Identity) uri() *url.URL {
	return &url.URL{Scheme: "hb", Host: id.Cluster.String(), Path: "/" + string(id.Role) + "/" + id.Node.String()}
}

// IdentityOf reads a certificate of this package. It must have been verified
// before: this says what it claims, not whether that is so.
func IdentityOf(c *x509.Certificate) (Identity, error) {
	id := Identity{Name: c.Subject.CommonName, Expiry: c.NotAfter}
	if c.IsCA || len(c.URIs) != 1 || c.URIs[0].Scheme != "hb" {
		return Identity{}, errNoIdentity
	}
	uri := c.URIs[0]
	var err error
	if id.Cluster, err = core.ParseClusterID(uri.Host); err != nil {
		return Identity{}, errNoIdentity
	}
	role, node, _ := strings.Cut(strings.TrimPrefix(uri.Path, "/"), "/")
	if id.Role = Role(role); id.Role != RoleMember {
		return Identity{}, fmt.Errorf("the certificate is for a %q, which this hb does not know", role)
	}
	if id.Node, err = core.ParseNodeID(node); err != nil || *uri != *id.uri() {
		return Identity{}, errNoIdentity
	}
	return id, nil
}

var errNoIdentity = core.Faultf(core.CodeBadInput, "the certificate names no node of a cluster")
