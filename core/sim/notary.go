package sim

import (
	"errors"
	"fmt"
	"time"

	"hb/core/node"
	"hb/core/wire"
)

const (
	// lifetime is how long a certificate holds, renewBefore how long before its
	// end the next is asked for: so short that a scenario sees several.
	lifetime    = 40 * time.Second
	renewBefore = 15 * time.Second
)

// notary is the node.Notary of a host: its vault opens the authority's key, and a
// certificate is a text that says whose it is.
type notary struct {
	vault *vault
	open  bool
}

// notaryOf is a host's; nil: the world lets nobody in.
func (h *host) notaryOf() node.Notary {
	if !h.w.options.Tokens {
		return nil
	}
	h.vaultOf()
	return &notary{vault: h.vault}
}

const notaryContext = "authority"

// Open takes the authority's key up.
func (n *notary) Open(_, sealed []byte) error {
	key, err := n.vault.Open(notaryContext, sealed)
	if err == nil && string(key) != authorityKey {
		err = errors.New("that is not the authority's key")
	}
	n.open = err == nil
	return err
}

// Close puts it away.
func (n *notary) Close() { n.open = false }

// Certify makes a certificate.
func (n *notary) Certify(c *wire.Credential, wall int64) ([]byte, int64, error) {
	if !n.open {
		return nil, 0, errors.New("this host does not hold the authority's key")
	}
	until := wall + int64(lifetime)
	return certificate(c.Node, until), until, nil
}

// SealFor seals the key to another voter.
func (n *notary) SealFor(wrap []byte) ([]byte, error) {
	return n.vault.Seal(wrap, notaryContext, []byte(authorityKey))
}

const authorityKey = "the authority's key"

func certificate(id uint64, until int64) []byte {
	return fmt.Appendf(nil, "certificate of %016x until %d", id, until)
}

// founder is the credential of the first host, who has the authority's key.
func (w *World) founder() *wire.Credential {
	h := w.hosts[0]
	own := h.notaryOf()
	sealed, err := own.SealFor(h.vault.public())
	if err != nil {
		panic(err)
	}
	id, until := w.identityOf(0, 0).Node, h.unix()+int64(lifetime)
	h.keeps(certificate(id, until))
	return &wire.Credential{
		Node: id, Name: h.name, SignKey: make([]byte, 32), WrapKey: h.vault.public(),
		Certificate: certificate(id, until), UntilNanos: until, Authority: sealed,
	}
}

// keeps has a host keep a certificate, its own or none.
func (h *host) keeps(text []byte) {
	var id uint64
	var until int64
	if _, err := fmt.Sscanf(string(text), "certificate of %x until %d", &id, &until); err != nil || until <= h.until {
		h.w.fail("a member gets its own next certificate", "%s: %q, after one until %d: %v", h.name, text, h.until, err)
	}
	h.until = until
}
