package pki

import "fmt"

// hidden is what is seen of every secret.
const hidden = "***"

// Secret is bytes that must not be seen: every format verb, JSON and TOML print
// it as ***. Reveal is the only way to its content.
type Secret struct {
	// A function, because fmt looks into the fields of a struct around it,
	// without asking any method, where they are not exported.
	reveal func() []byte
}

// NewSecret hides bytes; they belong to the secret from then on.
func NewSecret(bytes []byte) Secret { return Secret{func() []byte { return bytes }} }

// Reveal gives the bytes themselves; nil of the zero value.
func (s Secret) Reveal() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// IsZero says whether there is nothing to hide.
func (s Secret) IsZero() bool { return len(s.Reveal()) == 0 }

// Format prints *** whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// String gives ***.
func (s Secret) String() string { return hidden }

// MarshalText gives ***, for TOML, JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
