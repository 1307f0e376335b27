package config

import "bytes"

// maxParts bounds how many parts a dotted key has, and how deep brackets are in
// each other: hb.toml needs three parts and one bracket. The TOML library takes
// minutes, and tens of gigabytes, for one key of 30,000 parts.
const maxParts = 8

// tangled finds the first line that has a longer key or deeper brackets; 0: none
// has. It knows of TOML what text and comments are.
func tangled(data []byte) int {
	line, dots, depth := 1, 0, 0
	for i := 0; i < len(data); i++ {
		switch c := data[i]; c {
		case '"', '\'':
			n := quoted(data[i:])
			line += bytes.Count(data[i:i+n], []byte("\n"))
			i += n - 1
		case '#':
			if n := bytes.IndexByte(data[i:], '\n'); n >= 0 {
				i += n - 1
			} else {
				i = len(data)
			}
		case '\n':
			line++
			dots = 0
		case '=', ',':
			dots = 0
		case '.':
			dots++
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		}
		if dots >= maxParts || depth > maxParts {
			return line
		}
	}
	return 0
}

// quoted is how long the text is that begins here, with its quotes. Text that does
// not end goes to the end of its line, or if it may have lines, of the file.
func quoted(b []byte) int {
	quote := b[:1]
	if long := bytes.Repeat(quote, 3); bytes.HasPrefix(b, long) {
		quote = long
	}
	for i := len(quote); i < len(b); i++ {
		switch {
		case b[i] == '\\' && quote[0] == '"':
			i++
		case bytes.HasPrefix(b[i:], quote):
			return i + len(quote)
		case b[i] == '\n' && len(quote) == 1:
			return i
		}
	}
	return len(b)
}
