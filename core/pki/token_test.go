package pki

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/alloctest"
)

func minted(t testing.TB) Token {
	t.Helper()
	token, err := MintToken(chance(5), Fingerprint{1, 2, 3}, today.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenIsReadAsItWasWritten(t *testing.T) {
	token := minted(t)
	text := token.Reveal()
	if len(text) != 70 || strings.ContainsFunc(strings.TrimPrefix(text, TokenPrefix), func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'v')
	}) {
		t.Errorf("%q is no text to double-click", text)
	}
	for _, way := range []string{text, strings.ToUpper(text), "  " + text + "\r\n", text[:30] + "\n  " + text[30:]} {
		got, err := ParseToken(way)
		if err != nil || got.Reveal() != text || !got.Expiry.Equal(token.Expiry) || got.CA != token.CA || got.ID() != token.ID() {
			t.Errorf("%q gives %v, %v", way, got, err)
		}
	}
}

func TestIDAndHashTellNothingOfEachOther(t *testing.T) {
	token := minted(t)
	if bytes.Equal(token.Hash(), []byte(token.ID())) || strings.HasPrefix(string(token.Hash()), token.ID()) || !bytes.Equal(token.Hash(), token.Hash()) {
		t.Error("they do")
	}
}

func TestWhatIsWrongWithATokenIsSaid(t *testing.T) {
	text := minted(t).Reveal()
	swapped := []byte(text)
	for i := 10; swapped[10] == swapped[11]; i++ {
		swapped[11] = text[i]
	}
	swapped[10], swapped[11] = swapped[11], swapped[10]
	for bad, want := range map[string]string{
		"":                                "is empty",
		"swordfish":                       "begins with hb1_",
		"hb2_" + text[4:]:                 "a format that this hb does not know",
		text[:69]:                         "69 characters, not 70",
		text + "0":                        "71 characters, not 70",
		text[:40] + "z" + text[41:]:       "a character that none has",
		string(swapped):                   "checksum is wrong",
		strings.Repeat("x", longestToken): "begins with",
		strings.Repeat("x", 1<<20):        "1048576 characters are no token",
	} {
		_, err := ParseToken(bad)
		var fault *core.Fault
		if !errors.As(err, &fault) || fault.Code != core.CodeBadInput || !strings.Contains(fault.Message, want) || fault.Hint == "" {
			t.Errorf("%.80q: %v, wanted %q", bad, err, want)
		}
		if len(bad) > 40 && err != nil && strings.Contains(err.Error(), bad[10:30]) {
			t.Errorf("the error repeats the token: %v", err)
		}
	}
}

func TestAnyOneCharacterThatChangedIsNoticed(t *testing.T) {
	text := minted(t).Reveal()
	for i := len(TokenPrefix); i < len(text); i++ {
		for _, c := range "0123456789abcdefghijklmnopqrstuv" {
			if other := text[:i] + string(c) + text[i+1:]; other != text {
				if _, err := ParseToken(other); err == nil {
					t.Fatalf("%c at %d passes", c, i)
				}
			}
		}
	}
}

func FuzzParseToken(f *testing.F) {
	text := minted(f).Reveal()
	for _, seed := range []string{text, strings.ToUpper(text), text[:40], "hb2_x", "", "hb1_" + strings.Repeat("0", 66)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var token Token
		var err error
		alloctest.Within(t, longestToken, func() { token, err = ParseToken(s) })
		if err != nil {
			var fault *core.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("%v is no fault", err)
			}
			return
		}
		again, err := ParseToken(token.Reveal())
		if err != nil || again.Reveal() != token.Reveal() {
			t.Fatalf("%q is read as %v, and that as %v, %v", s, token, again, err)
		}
	})
}
