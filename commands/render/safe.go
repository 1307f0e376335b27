package render

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Safe makes a string of unknown origin harmless to a terminal, and one line:
// control characters, invisible direction marks and bytes that are no UTF-8
// become escapes (\n, \x1b, \u202e).
func Safe(s string) string {
	if isSafe(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + hex(s[0]))
		case harmless(r):
			b.WriteString(s[:n])
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

func isSafe(s string) bool {
	for _, r := range s {
		if !harmless(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// harmless says whether a character shows and does nothing else. Format
// characters (Cf) include those that turn the direction of writing.
func harmless(r rune) bool {
	if r < 0x7f {
		return r >= ' '
	}
	return !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) && r != '\u2028' && r != '\u2029'
}

func hex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}
