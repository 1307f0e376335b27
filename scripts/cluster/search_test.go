package cluster

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// search finds secrets in whatever bytes it is given, in all the forms in which a
// program lets them slip.
type search struct {
	names  []string // of the secrets, in order
	starts map[[4]byte][]needle
	seen   map[string]bool
}

// needle is one form of a piece of a secret.
type needle struct {
	secret, form string
	bytes        []byte
}

// piece is how much of a secret is enough to call it one: 96 bits are not there
// by chance.
const piece = 12

// add looks for a secret of random bytes, or for its first or its last half.
func (s *search) add(name string, secret []byte) {
	if len(secret) < piece || s.seen[string(secret)] {
		return
	}
	if s.starts == nil {
		s.starts, s.seen = map[[4]byte][]needle{}, map[string]bool{}
	}
	s.seen[string(secret)] = true
	s.names = append(s.names, name)
	for _, part := range [][]byte{secret[:piece], secret[len(secret)-piece:]} {
		for form, b := range forms(part) {
			s.needle(name, form, b)
		}
	}
}

// text looks for a secret that is text itself.
func (s *search) text(name, secret string) {
	s.add(name, []byte(secret))
	s.needle(name, "upper case", []byte(strings.ToUpper(secret)))
}

func (s *search) needle(name, form string, b []byte) {
	start := [4]byte(b)
	s.starts[start] = append(s.starts[start], needle{name, form, b})
}

// forms are what bytes look like in logs, in JSON and in dumps. In base64 they may
// begin at each of three places; what depends on the neighbours is left out.
func forms(b []byte) map[string][]byte {
	all := map[string][]byte{
		"raw": b, "hex": []byte(hex.EncodeToString(b)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(b))),
		"%v":  []byte(strings.Trim(fmt.Sprintf("%v", b), "[]")),
		"%#v": []byte(strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}")),
		"% x": fmt.Appendf(nil, "% x", b),
		"%q":  []byte(strings.Trim(fmt.Sprintf("%q", b), `"`)),
		"%+q": []byte(strings.Trim(fmt.Sprintf("%+q", b), `"`)),
	}
	reversed := bytes.Clone(b)
	for i := range reversed {
		reversed[i] = b[len(b)-1-i]
	}
	all["back to front"] = reversed
	for _, to := range []struct {
		name string
		*base64.Encoding
	}{{"base64", base64.StdEncoding}, {"base64url", base64.URLEncoding}} {
		for shift := range 3 {
			text := to.EncodeToString(append(make([]byte, shift), b...))
			text = text[(shift*8+5)/6 : (shift+len(b))*8/6] // the characters that depend on b alone
			all[fmt.Sprintf("%s, %d on", to.name, shift)] = []byte(text)
		}
	}
	return all
}

// in says which secrets are in something, and in which form.
func (s *search) in(haystack []byte) (found []string) {
	for i := 0; i+4 <= len(haystack); i++ {
		for _, n := range s.starts[[4]byte(haystack[i:])] {
			if bytes.HasPrefix(haystack[i:], n.bytes) {
				found = append(found, n.secret+" ("+n.form+")")
			}
		}
	}
	return found
}

// joined is text without the line breaks and blanks that a program puts into long
// values.
func joined(b []byte) []byte { return bytes.Join(bytes.Fields(b), nil) }

func TestTheSearchFindsASecretInEveryForm(t *testing.T) {
	luck := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(luck.Uint32())
		}
		return b
	}
	secret, other := random(32), random(32)
	var s search
	s.add("it", secret)
	s.text("words", "hb1_correcthorsebatterystaple")
	noise := random(100_000)
	for i := range 3 {
		long := append(append(random(i), secret...), random(40)...)
		for _, text := range []string{
			string(long), fmt.Sprintf("%x", long), fmt.Sprintf("%X", long), fmt.Sprintf("%v", long), fmt.Sprintf("%#v", long), fmt.Sprintf("%+q", long), fmt.Sprintf("%q", long),
			base64.StdEncoding.EncodeToString(long), base64.RawURLEncoding.EncodeToString(long), "token hb1_correcthorsebatterystaple", "HB1_CORRECTHORSEBATTERYSTAPLE",
			fmt.Sprintf("%x", secret[:20]), fmt.Sprintf("%x", secret[18:]),
		} {
			if got := s.in(append(append(bytes.Clone(noise), text...), noise...)); len(got) == 0 {
				t.Errorf("not found: %q", text)
			}
		}
	}
	for _, b := range [][]byte{noise, other, fmt.Appendf(nil, "%x %v", other, other), []byte(base64.StdEncoding.EncodeToString(other))} {
		if got := s.in(b); len(got) > 0 {
			t.Errorf("found %q where it is not", got)
		}
	}
}
