package pki

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"hb/core"
)

// Keys are the private keys of one node.
type Keys struct {
	sign func() ed25519.PrivateKey // functions, as in Secret
	wrap func() *ecdh.PrivateKey
}

// Format prints *** whatever the verb.
func (k Keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// PublicKeys are what others need to know of a node's keys.
type PublicKeys struct {
	// Sign is the Ed25519 key that its certificate is of; 32 bytes.
	Sign []byte
	// Wrap is the X25519 key that secrets for it are sealed to (Seal); 32 bytes.
	Wrap []byte
}

// Valid says whether both could be keys.
func (p PublicKeys) Valid() bool {
	return len(p.Sign) == ed25519.PublicKeySize && len(p.Wrap) == x25519Bytes
}

// NodeID is the ID of a node that has these keys: eight bytes of the SHA-256 of
// the one that it signs with, so that it has the same however often it asks.
func (p PublicKeys) NodeID() core.NodeID {
	sum := sha256.Sum256(append([]byte("hb node id\n"), p.Sign...))
	return core.NodeID(binary.BigEndian.Uint64(sum[:])>>1 | 1) // never 0, nor what is reserved
}

const x25519Bytes = 32

// NewKeys makes keys of 64 random bytes.
func NewKeys(random io.Reader) (*Keys, error) {
	b := make([]byte, ed25519.SeedSize+x25519Bytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, err
	}
	wrap, err := ecdh.X25519().NewPrivateKey(b[ed25519.SeedSize:])
	if err != nil {
		return nil, err
	}
	return keysOf(ed25519.NewKeyFromSeed(b[:ed25519.SeedSize]), wrap), nil
}

func keysOf(sign ed25519.PrivateKey, wrap *ecdh.PrivateKey) *Keys {
	return &Keys{sign: hold(sign), wrap: hold(wrap)}
}

// hold hides a key from package fmt.
func hold[T any](key T) func() T {
	return func() T { return key }
}

// Public gives the public keys.
func (k *Keys) Public() PublicKeys {
	return PublicKeys{Sign: k.sign().Public().(ed25519.PublicKey), Wrap: k.wrap().PublicKey().Bytes()}
}

// Prove signs something that only whoever has the keys can sign. Context says
// what for, so that no signature serves two purposes.
func (k *Keys) Prove(context string, message []byte) []byte {
	return ed25519.Sign(k.sign(), proven(context, message))
}

// Proven says whether the keys with this public half signed the message.
func Proven(p PublicKeys, context string, message, proof []byte) bool {
	return p.Valid() && len(proof) == ed25519.SignatureSize && ed25519.Verify(p.Sign, proven(context, message), proof)
}

func proven(context string, message []byte) []byte {
	return append(append([]byte("hb: "+context), 0), message...)
}

// Derive gives n bytes that depend on the keys and the label, and that nobody
// without the keys can tell.
func (k *Keys) Derive(label string, n int) (Secret, error) {
	b, err := hkdf.Key(sha256.New, k.sign().Seed(), nil, "hb: "+label, n)
	return NewSecret(b), err
}

// Shared is the secret that these keys and another node's X25519 key have in
// common: nobody without either's private half can tell it. It is no key yet;
// derive one from it.
func (k *Keys) Shared(wrap []byte) (Secret, error) {
	public, err := ecdh.X25519().NewPublicKey(wrap)
	if err != nil {
		return Secret{}, err
	}
	b, err := k.wrap().ECDH(public)
	return NewSecret(b), err
}

// Seal encrypts something to the X25519 key of a node (HPKE base mode:
// DHKEM(X25519), HKDF-SHA256, ChaCha20-Poly1305). Only Open with the same context
// reads it. It says nothing about who sealed it: keep it where only members
// write, as in the log.
func Seal(wrap []byte, context string, plain []byte) ([]byte, error) {
	public, err := ecdh.X25519().NewPublicKey(wrap)
	if err != nil {
		return nil, err
	}
	to, err := hpke.NewDHKEMPublicKey(public)
	if err != nil {
		return nil, err
	}
	return hpke.Seal(to, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte("hb: "+context), plain)
}

// Open decrypts what Seal made for these keys.
func (k *Keys) Open(context string, sealed []byte) (Secret, error) {
	private, err := hpke.NewDHKEMPrivateKey(k.wrap())
	if err != nil {
		return Secret{}, err
	}
	plain, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte("hb: "+context), sealed)
	if err != nil {
		return Secret{}, core.Faultf(core.CodeBadInput, "%d bytes that were sealed for %q cannot be opened: they are for another key, or damaged", len(sealed), context)
	}
	return NewSecret(plain), nil
}
