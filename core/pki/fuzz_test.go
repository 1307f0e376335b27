package pki

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"hb/core/alloctest"
)

// FuzzCertificate: what somebody shows as a certificate, or an authority seals, is
// refused, or says of its holder what a certificate made here would say.
func FuzzCertificate(f *testing.F) {
	t := &testing.T{}
	a := founded(t)
	c := credentialed(t, a, 7)
	sealed, err := a.SealFor(c.Keys.Public().Wrap)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{c.Certificate, a.Certificate(), sealed, {0x30, 0x82, 0xff, 0xff}} {
		f.Add(b)
	}
	token, err := MintToken(chance(3), FingerprintOf(a.Certificate()), today)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		alloctest.Within(t, 64<<10+8*len(der), func() {
			if got, err := NewCredentials(c.Keys, der, a.Certificate()); err == nil && got.Identity.Node != 7 {
				t.Errorf("the credentials of %v are taken for the key of 7", got.Identity)
			}
			OpenAuthority(a.Certificate(), der, c.Keys)
			FoundedAt(der)
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				return
			}
			if id, err := IdentityOf(cert); err == nil && id.uri().String() != cert.URIs[0].String() {
				t.Errorf("%q is read as %+v", cert.URIs[0], id)
			}
			if _, _, err := VerifyInvitation(token, []*x509.Certificate{cert, cert}, today); err == nil {
				t.Error("a stranger's certificate invites")
			}
		})
	})
}

// FuzzFiles: whatever stands in the files of a node's credentials, they are loaded
// or said to be damaged.
func FuzzFiles(f *testing.F) {
	t := &testing.T{}
	c := credentialed(t, founded(t), 7)
	dir := f.TempDir()
	if err := SaveKeys(dir, c.Keys); err != nil {
		f.Fatal(err)
	}
	if err := c.Save(dir); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{keyName, certName} {
		b, err := os.ReadFile(filepath.Join(dir, dirName, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name == keyName, b)
	}
	f.Fuzz(func(t *testing.T, keys bool, b []byte) {
		dir := t.TempDir()
		if err := SaveKeys(dir, c.Keys); err != nil {
			t.Fatal(err)
		}
		name := certName
		if keys {
			name = keyName
		}
		if err := os.WriteFile(filepath.Join(dir, dirName, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		alloctest.Within(t, 64<<10+16*len(b), func() {
			LoadKeys(dir)
			Load(dir)
		})
	})
}
