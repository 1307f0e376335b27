package pki

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"time"

	"hb/core"
)

const (
	// Lifetime is how long a certificate holds. A node that was off for longer
	// needs a new token; one that runs renews it long before.
	Lifetime = 90 * 24 * time.Hour
	// RenewBefore is how long before its end a node renews its certificate.
	RenewBefore = Lifetime / 3
	// BackDate is how long before it was made a certificate begins to hold.
	BackDate = 24 * time.Hour
)

// sealContext is what an authority's key is sealed for.
const sealContext = "authority"

// Authority is a cluster's certificate authority, with its private key.
type Authority struct {
	cert *x509.Certificate
	key  func() ed25519.PrivateKey // a function, as in Secret
}

// Found makes the authority of a new cluster, of 32 random bytes.
func Found(random io.Reader, cluster core.ClusterID, name string, now time.Time) (*Authority, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{Organization: []string{"hb"}, CommonName: "cluster " + name},
		NotBefore:    now.Add(-BackDate),
		// RFC 5280, 4.1.2.5: of a certificate that has no end.
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true, // it signs nodes, no further authorities
		KeyUsage:              x509.KeyUsageCertSign,
		URIs:                  []*url.URL{{Scheme: "hb", Host: cluster.String()}},
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{cert: cert, key: hold(key)}, err
}

// FoundedAt is when the authority of a CA's certificate (DER) was founded.
func FoundedAt(ca []byte) (time.Time, error) {
	cert, err := parseCA(ca)
	if err != nil {
		return time.Time{}, err
	}
	return cert.NotBefore.Add(BackDate), nil
}

// Certificate is the CA's (DER). It is no secret.
func (a *Authority) Certificate() []byte { return a.cert.Raw }

// Format names the authority, whatever the verb; its key is not shown.
func (a Authority) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "authority %v", FingerprintOf(a.cert.Raw))
}

// Sign makes the certificate (DER) of a node's key: for Lifetime from now, or
// until id.Expiry if that is not zero. The same arguments give the same bytes.
func (a *Authority) Sign(id Identity, public PublicKeys, now time.Time) ([]byte, error) {
	if !public.Valid() {
		return nil, core.Faultf(core.CodeBadInput, "these are no keys of a node")
	}
	if id.Expiry.IsZero() {
		id.Expiry = now.Add(Lifetime)
	}
	template := &x509.Certificate{
		SerialNumber:          serial(id, public, now),
		Subject:               pkix.Name{Organization: []string{"hb"}, CommonName: id.Name},
		NotBefore:             now.Add(-BackDate),
		NotAfter:              id.Expiry,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:                  []*url.URL{id.uri()},
		DNSNames:              []string{ServerName(id.Cluster, 0), ServerName(id.Cluster, id.Node)},
	}
	return x509.CreateCertificate(nil, template, a.cert, ed25519.PublicKey(public.Sign), a.key())
}

// serial is a number that no other certificate of the authority has.
func serial(id Identity, public PublicKeys, now time.Time) *big.Int {
	b := binary.BigEndian.AppendUint64(append([]byte(nil), public.Sign...), uint64(id.Node))
	b = binary.BigEndian.AppendUint64(b, uint64(now.UnixNano()))
	sum := sha256.Sum256(b)
	sum[0] = sum[0]&0x7f | 0x40 // positive, and never short
	return new(big.Int).SetBytes(sum[:16])
}

// SealFor encrypts the private key to a voter's X25519 key.
func (a *Authority) SealFor(wrap []byte) ([]byte, error) {
	return Seal(wrap, sealContext, a.key().Seed())
}

// OpenAuthority is the way back: of the CA's certificate and what SealFor made
// for these keys.
func OpenAuthority(ca, sealed []byte, keys *Keys) (*Authority, error) {
	seed, err := keys.Open(sealContext, sealed)
	if err != nil {
		return nil, err
	}
	cert, err := parseCA(ca)
	if err != nil {
		return nil, err
	}
	if len(seed.Reveal()) != ed25519.SeedSize {
		return nil, core.Faultf(core.CodeBadInput, "the authority's key has %d bytes", len(seed.Reveal()))
	}
	key := ed25519.NewKeyFromSeed(seed.Reveal())
	if !cert.PublicKey.(ed25519.PublicKey).Equal(key.Public()) {
		return nil, core.Faultf(core.CodeBadInput, "the authority's key is not the one of its certificate")
	}
	return &Authority{cert: cert, key: hold(key)}, nil
}

// parseCA reads a CA's certificate.
func parseCA(der []byte) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, core.Faultf(core.CodeBadInput, "the authority's certificate cannot be read: %v", err)
	}
	if _, is := cert.PublicKey.(ed25519.PublicKey); !is || !cert.IsCA || cert.CheckSignatureFrom(cert) != nil {
		return nil, core.Faultf(core.CodeBadInput, "the certificate is not of an authority of hb")
	}
	return cert, nil
}
