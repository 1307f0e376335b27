package config

import "bytes"

// place is where a key begins; both count from 1, col in bytes.
type place struct{ line, col int }

// locate finds where each key and heading of a file stands, by its full path
// ("node.bind"). The text is known to be TOML; of anything else locate only
// promises to end. A key that stands twice (as dotted keys may) is located
// where it stands first.
func locate(data []byte) map[string]place {
	s := &scanner{data: data, line: 1, places: map[string]place{}}
	heading := ""
	for s.at < len(s.data) {
		s.skip(" \t\r\n")
		switch s.peek() {
		case 0:
			return s.places
		case '#':
			s.toLineEnd()
		case '[':
			at := s.here()
			s.skip("[")
			heading = s.path("")
			s.note(heading, at)
			s.toLineEnd()
		default:
			at := s.here()
			s.note(s.path(heading), at)
			s.value()
		}
	}
	return s.places
}

// scanner walks over a file, knowing only as much TOML as keys take.
type scanner struct {
	data   []byte
	at     int
	line   int
	begin  int // of the line
	places map[string]place
}

func (s *scanner) here() place { return place{s.line, s.at - s.begin + 1} }

// note keeps the place of a path and of all it stands under.
func (s *scanner) note(path string, at place) {
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '.' {
			continue
		}
		if _, ok := s.places[path[:i]]; !ok {
			s.places[path[:i]] = at
		}
	}
}

// peek is the next byte, or 0 at the end (a zero byte is no TOML).
func (s *scanner) peek() byte {
	if s.at >= len(s.data) {
		return 0
	}
	return s.data[s.at]
}

// next steps over one byte.
func (s *scanner) next() {
	if s.peek() == '\n' {
		s.line++
		s.begin = s.at + 1
	}
	s.at++
}

func (s *scanner) skip(set string) {
	for s.at < len(s.data) && bytes.IndexByte([]byte(set), s.data[s.at]) >= 0 {
		s.next()
	}
}

func (s *scanner) toLineEnd() {
	for s.at < len(s.data) && s.data[s.at] != '\n' {
		s.next()
	}
}

// path reads a key, bare, quoted or dotted, up to its "=" or "]".
func (s *scanner) path(prefix string) string {
	path := []byte(prefix)
	if prefix != "" {
		path = append(path, '.')
	}
	for s.at < len(s.data) {
		switch c := s.peek(); c {
		case '=', ']', '\n':
			return string(path)
		case '"', '\'':
			begin := s.at + 1
			s.quoted(c)
			path = append(path, s.data[begin:max(begin, s.at-1)]...)
		case ' ', '\t':
			s.next()
		default:
			path = append(path, c)
			s.next()
		}
	}
	return string(path)
}

// value steps over "= value" to the end of its last line: brackets keep a value
// going over lines, and neither they nor "#" count inside quotes.
func (s *scanner) value() {
	depth := 0
	for s.at < len(s.data) {
		switch c := s.peek(); c {
		case '"', '\'':
			s.quoted(c)
			continue
		case '#':
			s.toLineEnd()
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '\n':
			if depth <= 0 {
				return
			}
		}
		s.next()
	}
}

// quoted steps over a string, of one quote or of three.
func (s *scanner) quoted(q byte) {
	end := []byte{q}
	if three := []byte{q, q, q}; bytes.HasPrefix(s.data[s.at:], three) {
		end = three
	}
	for range end {
		s.next()
	}
	for s.at < len(s.data) && !bytes.HasPrefix(s.data[s.at:], end) {
		if len(end) == 1 && s.peek() == '\n' {
			return
		}
		if q == '"' && s.peek() == '\\' {
			s.next()
		}
		s.next()
	}
	for range end {
		s.next()
	}
	// Three quotes may be followed by two more that belong to the text.
	for i := 0; len(end) == 3 && i < 2 && s.peek() == q; i++ {
		s.next()
	}
}
