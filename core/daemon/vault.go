package daemon

import (
	"crypto/rand"

	"hb/core/node"
	"hb/core/pki"
)

// vault is the node.Vault of a node with credentials: its keys, and the system's
// random source.
type vault struct{ keys *pki.Keys }

// vault gives one; nil without credentials.
func (c *credentials) vault() node.Vault {
	if c == nil {
		return nil
	}
	return vault{c.now.Load().Keys}
}

// Seal encrypts to a member's wrapping key.
func (v vault) Seal(wrap []byte, context string, plain []byte) ([]byte, error) {
	return pki.Seal(wrap, context, plain)
}

// Open is the way back.
func (v vault) Open(context string, sealed []byte) ([]byte, error) {
	secret, err := v.keys.Open(context, sealed)
	return secret.Reveal(), err
}

// Shared is the secret in common with whoever has a wrapping key.
func (v vault) Shared(wrap []byte) ([]byte, error) {
	secret, err := v.keys.Shared(wrap)
	return secret.Reveal(), err
}

// Secret draws bytes that nobody can guess.
func (v vault) Secret(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
