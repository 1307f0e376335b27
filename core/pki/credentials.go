package pki

import (
	"crypto"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"io"
	"time"

	"hb/core"
)

// Credentials are all that a node needs to prove who it is, and to see who
// others are.
type Credentials struct {
	// Keys are the node's own.
	Keys *Keys
	// Identity is what Certificate (DER) says; CA (DER) signed it.
	Identity    Identity
	Certificate []byte
	CA          []byte
	leaf, ca    *x509.Certificate
}

// NewCredentials puts credentials together, and checks that the parts belong to
// each other: the certificate is of these keys, and of this authority. It does not
// ask whether the certificate holds today; Valid does. The error is a *core.Fault.
func NewCredentials(keys *Keys, certificate, ca []byte) (*Credentials, error) {
	c := &Credentials{Keys: keys, Certificate: certificate, CA: ca}
	var err error
	if c.ca, err = parseCA(ca); err != nil {
		return nil, err
	}
	if c.leaf, err = x509.ParseCertificate(certificate); err != nil {
		return nil, core.Faultf(core.CodeBadInput, "the node's certificate cannot be read: %v", err)
	}
	if err := c.leaf.CheckSignatureFrom(c.ca); err != nil {
		return nil, core.Faultf(core.CodeBadInput, "the node's certificate is not of the cluster's authority: %v", err)
	}
	if c.Identity, err = IdentityOf(c.leaf); err != nil {
		return nil, err
	}
	if public, is := c.leaf.PublicKey.(ed25519.PublicKey); !is || !public.Equal(keys.sign().Public()) {
		return nil, core.Faultf(core.CodeBadInput, "the node's certificate is not of its own key")
	}
	return c, nil
}

// TLS is what a TLS configuration shows of the node: its certificate, followed by
// the CA's, which a joiner needs to see.
func (c *Credentials) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.Certificate, c.CA}, PrivateKey: signer{c.Keys.sign}, Leaf: c.leaf}
}

// signer signs for TLS, and does not show the key to whoever prints a
// configuration.
type signer struct{ key func() ed25519.PrivateKey }

func (s signer) Public() crypto.PublicKey { return s.key().Public() }

func (s signer) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.key().Sign(random, message, opts)
}

// Pool holds the CA alone: what a peer's certificate is to be verified with.
func (c *Credentials) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.ca)
	return pool
}

// Begin is from when on the certificate holds.
func (c *Credentials) Begin() time.Time { return c.leaf.NotBefore }

// Valid says why the certificate does not hold at a time, and whose clock it is
// that says so; nil if it does. A fault has CodeConfig.
func (c *Credentials) Valid(now time.Time) *core.Fault {
	switch {
	case now.Before(c.leaf.NotBefore):
		return core.Faultf(core.CodeConfig, "this machine's clock says %s, but its certificate begins at %s", stamp(now), stamp(c.leaf.NotBefore)).
			WithHint("set the clock: a wrong one is likelier than a certificate from the future")
	case now.After(c.leaf.NotAfter):
		return core.Faultf(core.CodeConfig, "this node's certificate ended at %s, and this machine's clock says %s", stamp(c.leaf.NotAfter), stamp(now)).
			WithHint("hb join TOKEN, with a token of a member's hb token create, renews it under the same ID; or the clock is wrong")
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// VerifyInvitation is a joiner's check of whom it has reached, before it says its
// token's secret: the CA shown behind the server's certificate has the token's
// fingerprint, and signed that certificate, which is of a member. It gives the
// CA's certificate (DER) and who the server is. The error is a *core.Fault:
// CodeBadInput when it is another cluster, CodeConfig when the clocks differ by
// more than certificates allow for.
func VerifyInvitation(t Token, shown []*x509.Certificate, now time.Time) (ca []byte, server Identity, err error) {
	if len(shown) < 2 || FingerprintOf(shown[len(shown)-1].Raw) != t.CA {
		return nil, Identity{}, core.Faultf(core.CodeBadInput, "another cluster than the token is for").
			WithHint("use a token of its own cluster, or name a member of the token's: hb join TOKEN HOST:PORT")
	}
	root, err := parseCA(shown[len(shown)-1].Raw)
	if err != nil {
		return nil, Identity{}, err
	}
	leaf := shown[0]
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return nil, Identity{}, core.Faultf(core.CodeConfig, "this machine's clock says %s, but the certificate of the member that answers holds from %s to %s",
			stamp(now), stamp(leaf.NotBefore), stamp(leaf.NotAfter)).WithHint("set this machine's clock, or the other's")
	}
	if server, err = IdentityOf(leaf); err != nil {
		return nil, Identity{}, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, DNSName: ServerName(server.Cluster, server.Node)})
	if err != nil {
		return nil, Identity{}, core.Faultf(core.CodeBadInput, "whoever answers shows a certificate that the cluster's authority did not make: %v", err)
	}
	return root.Raw, server, nil
}
