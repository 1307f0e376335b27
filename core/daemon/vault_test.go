package daemon

import (
	"bytes"
	"crypto/rand"
	"testing"

	"hb/core/pki"
)

func vaultOf(t *testing.T) (vault, pki.PublicKeys) {
	t.Helper()
	keys, err := pki.NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return vault{keys}, keys.Public()
}

func TestAVaultKeepsSecretsForWhomTheyAreMeant(t *testing.T) {
	a, _ := vaultOf(t)
	b, public := vaultOf(t)
	secret := a.Secret(32)
	sealed, err := a.Seal(public.Wrap, "generation 1", secret)
	if err != nil || bytes.Contains(sealed, secret) {
		t.Fatalf("%x, %v", sealed, err)
	}
	if got, err := b.Open("generation 1", sealed); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("%x, %v", got, err)
	}
	if _, err := b.Open("generation 2", sealed); err == nil {
		t.Error("opened for another purpose")
	}
	if _, err := a.Open("generation 1", sealed); err == nil {
		t.Error("opened by another")
	}
}

func TestTwoVaultsShareOneSecretAndNoThirdDoes(t *testing.T) {
	a, publicA := vaultOf(t)
	b, publicB := vaultOf(t)
	c, _ := vaultOf(t)
	ab, err := a.Shared(publicB.Wrap)
	ba, back := b.Shared(publicA.Wrap)
	ca, third := c.Shared(publicA.Wrap)
	if err != nil || back != nil || third != nil || !bytes.Equal(ab, ba) || bytes.Equal(ab, ca) {
		t.Fatal(err, back, third)
	}
	if _, err := a.Shared([]byte("short")); err == nil {
		t.Error("a key of 5 bytes is none")
	}
}

func TestWithoutCredentialsThereIsNoVault(t *testing.T) {
	if v := (*credentials)(nil).vault(); v != nil {
		t.Fatal(v)
	}
}
