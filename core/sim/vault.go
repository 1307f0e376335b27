package sim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// vault is a host's private keys (node.Vault). It does with X25519, HKDF and
// AES-GCM what the production's does with HPKE, but its chance is the seed's.
type vault struct {
	luck *rand.Rand
	key  *ecdh.PrivateKey
}

func newVault(luck *rand.Rand) *vault {
	v := &vault{luck: luck}
	v.key = v.fresh()
	return v
}

// Secret draws bytes.
func (v *vault) Secret(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(v.luck.Uint32())
	}
	return b
}

func (v *vault) fresh() *ecdh.PrivateKey {
	key, err := ecdh.X25519().NewPrivateKey(v.Secret(32))
	if err != nil {
		panic(err)
	}
	return key
}

func (v *vault) public() []byte { return v.key.PublicKey().Bytes() }

// Shared is the secret in common with a public key.
func (v *vault) Shared(wrap []byte) ([]byte, error) {
	public, err := ecdh.X25519().NewPublicKey(wrap)
	if err != nil {
		return nil, err
	}
	return v.key.ECDH(public)
}

// Seal encrypts to a public key, under a key that is used once.
func (v *vault) Seal(wrap []byte, context string, plain []byte) ([]byte, error) {
	once := &vault{luck: v.luck, key: v.fresh()}
	shared, err := once.Shared(wrap)
	if err != nil {
		return nil, err
	}
	return onceCipher(shared, context).Seal(once.public(), make([]byte, 12), plain, nil), nil
}

// Open is the way back.
func (v *vault) Open(context string, sealed []byte) ([]byte, error) {
	if len(sealed) < 32 {
		return nil, fmt.Errorf("%d bytes", len(sealed))
	}
	shared, err := v.Shared(sealed[:32])
	if err != nil {
		return nil, err
	}
	return onceCipher(shared, context).Open(nil, make([]byte, 12), sealed[32:], nil)
}

func onceCipher(shared []byte, context string) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, shared, nil, context, 32)
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// lives is how many data directories of one host the cluster lets in.
const lives = 16

// identityOf is who a host is with its n-th data directory, before it is in a
// cluster: in a world with credentials that must be known when it begins.
func (w *World) identityOf(i, n int) *wire.Identity {
	luck := w.chance(fmt.Sprintf("identity %d of host %d", n, i))
	return &wire.Identity{Format: 1, Node: luck.Uint64()>>1 | 1, Raft: luck.Uint64()>>1 | 1}
}

// vaultOf are a host's keys; nil: the world is one without credentials.
func (h *host) vaultOf() node.Vault {
	if !h.w.options.Sealed {
		return nil
	}
	if h.vault == nil {
		h.vault = newVault(h.w.chance(fmt.Sprintf("vault %d", h.i)))
	}
	return h.vault
}

// letIn makes a founding ledger that of a cluster with credentials, in which all
// hosts have theirs; in a world with tokens the first host alone.
func (w *World) letIn(body []byte) []byte {
	l := &wire.Ledger{}
	if err := wire.UnmarshalLong(body, l); err != nil {
		panic(err)
	}
	l.Authority, l.Features = []byte("a certificate"), uint32(core.FeaturesNow)
	if w.options.Tokens {
		l.Credentials = []*wire.Credential{w.founder()}
		return wire.Marshal(l)
	}
	for i, h := range w.hosts {
		h.vaultOf()
		for n := range lives {
			l.Credentials = append(l.Credentials, &wire.Credential{
				Node: w.identityOf(i, n).Node, Name: h.name, SignKey: make([]byte, 32), WrapKey: h.vault.public(),
			})
		}
	}
	return wire.Marshal(l)
}
