package pki

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"hb/core"
)

// Fingerprint names an authority: the first half of the SHA-256 of its
// certificate.
type Fingerprint [16]byte

// FingerprintOf is that of a CA's certificate (DER).
func FingerprintOf(ca []byte) (f Fingerprint) {
	sum := sha256.Sum256(ca)
	copy(f[:], sum[:])
	return f
}

// String gives 32 hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// Token lets machines into one cluster until it expires.
type Token struct {
	// CA is the authority that the joiner must meet.
	CA Fingerprint
	// Secret is what proves that the joiner was given the token.
	Secret Secret
	// Expiry is when the cluster stops taking it, in whole seconds.
	Expiry time.Time
}

const (
	// TokenPrefix begins every token; its digit is the format's.
	TokenPrefix   = "hb1_"
	secretBytes   = 16
	tokenBytes    = 16 + secretBytes + 5 + 4
	tokenChars    = (tokenBytes*8 + 4) / 5
	longestToken  = 4096 // with line breaks, quotes and whatever else was copied
	latestSeconds = 1<<40 - 1
)

var tokenText = base32.HexEncoding.WithPadding(base32.NoPadding)

// MintToken makes a token of 16 random bytes.
func MintToken(random io.Reader, ca Fingerprint, expiry time.Time) (Token, error) {
	secret := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return Token{}, err
	}
	return Token{CA: ca, Secret: NewSecret(secret), Expiry: expiry.Truncate(time.Second).UTC()}, nil
}

// ID is what tells tokens apart without giving them away: ten hexadecimal digits.
func (t Token) ID() string { return hex.EncodeToString(t.RawID()) }

// RawID is the same as bytes.
func (t Token) RawID() []byte { return t.derive("hb token id")[:5] }

// Hash is what the cluster keeps of the secret.
func (t Token) Hash() []byte { return t.derive("hb token hash") }

func (t Token) derive(label string) []byte {
	sum := sha256.Sum256(append([]byte(label+"\n"), t.Secret.Reveal()...))
	return sum[:]
}

// Format prints the token's ID, whatever the verb; the secret only Reveal gives.
func (t Token) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s%s (%s)", TokenPrefix, hidden, t.ID())
}

// Reveal gives the text that ParseToken reads.
func (t Token) Reveal() string {
	b := make([]byte, 0, tokenBytes)
	b = append(b, t.CA[:]...)
	b = append(b, t.Secret.Reveal()...)
	var seconds [8]byte
	binary.BigEndian.PutUint64(seconds[:], uint64(min(max(t.Expiry.Unix(), 0), latestSeconds)))
	b = append(b, seconds[3:]...)
	b = binary.BigEndian.AppendUint32(b, castagnoli(b))
	return TokenPrefix + strings.ToLower(tokenText.EncodeToString(b))
}

// ParseToken reads what Reveal gave, in either case, and forgives white space
// around it and in it, as terminals and letters put there. The error is a
// *core.Fault of CodeBadInput, and does not repeat the text.
func ParseToken(text string) (Token, error) {
	if len(text) > longestToken {
		return Token{}, badToken("%d characters are no token", len(text))
	}
	if text = compact(text); len(text) <= 2*tokenChars { // or else it is none, whatever it says
		text = strings.ToLower(text)
	}
	if text == "" {
		return Token{}, badToken("the token is empty")
	}
	digits, is := strings.CutPrefix(text, TokenPrefix)
	if !is {
		if strings.HasPrefix(text, "hb") && strings.Contains(text, "_") {
			return Token{}, badToken("the token is of a format that this hb does not know").WithHint("install the version of hb that made it")
		}
		return Token{}, badToken("this is no token: one begins with %s", TokenPrefix)
	}
	if len(digits) != tokenChars {
		return Token{}, badToken("the token has %d characters, not %d: part of it is missing, or too much was copied",
			len(text), tokenChars+len(TokenPrefix))
	}
	b, err := tokenText.DecodeString(strings.ToUpper(digits))
	if err != nil || len(b) != tokenBytes {
		return Token{}, badToken("the token has a character that none has: they are made of 0-9 and a-v")
	}
	end := tokenBytes - 4
	if castagnoli(b[:end]) != binary.BigEndian.Uint32(b[end:]) {
		return Token{}, badToken("the token's checksum is wrong: a character of it was changed or swapped")
	}
	t := Token{Secret: NewSecret(b[16 : 16+secretBytes])}
	copy(t.CA[:], b)
	var seconds [8]byte
	copy(seconds[3:], b[16+secretBytes:end])
	t.Expiry = time.Unix(int64(binary.BigEndian.Uint64(seconds[:])), 0).UTC()
	if t.Reveal() != text {
		return Token{}, badToken("the token's last character is wrong")
	}
	return t, nil
}

// compact leaves out white space.
func compact(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for word := range strings.FieldsSeq(text) {
		b.WriteString(word)
	}
	return b.String()
}

func badToken(format string, args ...any) *core.Fault {
	return core.Faultf(core.CodeBadInput, "not a join token: %s", fmt.Sprintf(format, args...)).
		WithHint("hb token create, on a member, prints one")
}

// castagnoli makes its table when it is first needed: most processes have no token.
func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
