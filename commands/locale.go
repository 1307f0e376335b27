package commands

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// cutMark stands where a text was cut to fit, and asciiMark, as wide, where the locale
// has no such character.
const cutMark, asciiMark = "…", "~"

// isUTF8 says whether the locale is, as setlocale(3) reads it.
func isUTF8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			value = strings.ToUpper(value)
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return false
}

// asciiCuts is a terminal whose locale is not UTF-8.
type asciiCuts struct{ w io.Writer }

// Write passes on what such a terminal can show.
func (a asciiCuts) Write(b []byte) (int, error) {
	if _, err := a.w.Write(bytes.ReplaceAll(b, []byte(cutMark), []byte(asciiMark))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// cutsFor are the lines of a screen as the locale can show them.
func cutsFor(lines []string) []string {
	if isUTF8() {
		return lines
	}
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = strings.ReplaceAll(line, cutMark, asciiMark)
	}
	return out
}
