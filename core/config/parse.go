package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

const (
	// maxFile bounds what is read: far more than all keys together need, and
	// little enough that no nesting can exhaust the parser.
	maxFile = 64 << 10
	// maxSyntax bounds how many faults of syntax are looked for; a file with
	// more is hardly one of ours.
	maxSyntax = 20

	// maxFindings bounds what is said of one file.
	maxFindings = 100

	wantSyntax = `TOML, like key = "text", key = 3 or key = ["a", "b"]`
)

// Load reads and checks a file. The Config is never nil: what is faulty keeps
// its default. Whoever reads a default path that need not exist asks first
// whether it does; a file that cannot be read is a finding.
func Load(path string) (*Config, []Finding) {
	data, err := read(path)
	if err != nil {
		return New(), []Finding{{File: path, Problem: "cannot be read: " + reason(err), Want: "a file in TOML; hb config default prints one"}}
	}
	return Parse(path, data)
}

// read takes no more than Parse would accept, and one byte to tell.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// reason is an I/O error without the path, which the finding already names.
func reason(err error) string {
	var inner *os.PathError
	if errors.As(err, &inner) {
		return inner.Err.Error()
	}
	return err.Error()
}

// Parse checks the bytes of a file; name is only for the findings, which come
// in the order of the file, all at once.
func Parse(name string, data []byte) (*Config, []Finding) {
	if len(data) > maxFile {
		return New(), []Finding{{File: name, Problem: fmt.Sprintf("is longer than %d bytes", maxFile), Want: "a file in TOML; hb config default prints one"}}
	}
	if line := tangled(data); line > 0 {
		return New(), []Finding{{File: name, Line: line, Col: 1, Problem: fmt.Sprintf("has a key of more than %d parts, or as many brackets in each other", maxParts), Want: wantSyntax}}
	}
	r := &reader{file: name, config: New()}
	tree, data := r.parse(data)
	r.places = locate(data)
	r.tree(tree)
	if r.full() {
		r.findings = append(r.findings, Finding{File: name, Line: bytes.Count(data, []byte("\n")) + 1, Problem: "may have more problems", Want: "these put right first"})
	}
	slices.SortStableFunc(r.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Key, b.Key))
	})
	return r.config, r.findings
}

// reader collects what it finds in one file.
type reader struct {
	file     string
	places   map[string]place
	config   *Config
	findings []Finding
}

// full says that nothing more is looked for.
func (r *reader) full() bool { return len(r.findings) >= maxFindings }

// parse gives the keys of a file and the text they were read from, which is
// the file but for lines that are no TOML: those are reported and blanked.
func (r *reader) parse(data []byte) (map[string]any, []byte) {
	for range maxSyntax {
		var tree map[string]any
		_, err := toml.Decode(string(data), &tree)
		if err == nil {
			return tree, data
		}
		var fault toml.ParseError
		if !errors.As(err, &fault) {
			r.findings = append(r.findings, Finding{File: r.file, Problem: err.Error(), Want: wantSyntax})
			return nil, nil
		}
		finding := r.syntax(data, fault)
		r.findings = append(r.findings, finding)
		rest, ok := blank(data, finding.Line)
		if !ok {
			return nil, nil
		}
		data = rest
	}
	return nil, nil
}

// syntax words a fault of the library's. Its own line number is one too far
// when it stumbles over a line's end, so the offset tells the place.
func (r *reader) syntax(data []byte, fault toml.ParseError) Finding {
	before := data[:min(max(fault.Position.Start, 0), len(data))]
	begin := bytes.LastIndexByte(before, '\n') + 1
	f := Finding{
		File: r.file, Line: bytes.Count(before, []byte("\n")) + 1, Col: len(before) - begin + 1,
		Problem: oneLine(fault.Message), Want: wantSyntax,
	}
	line, _, _ := bytes.Cut(data[begin:], []byte("\n"))
	word := bytes.TrimLeft(line, " \t")
	// The last key it read may be that of a line before.
	if last := fault.LastKey[strings.LastIndex(fault.LastKey, ".")+1:]; last != "" && bytes.HasPrefix(word, []byte(last)) {
		f.Key = fault.LastKey
	}
	if strings.Contains(fault.Message, "already") {
		f.Col = len(line) - len(word) + 1
		f.Problem, f.Want = "is there twice", "one of the two"
		if _, quoted, ok := strings.Cut(fault.Message, "'"); ok {
			path, _, _ := strings.Cut(quoted, "'")
			if first, known := locate(data[:begin])[path]; known {
				f.Key, f.Problem = path, fmt.Sprintf("is there already, in line %d", first.line)
				f.Want = "one of the two"
				if isHeading(word) {
					f.Want = "what stands below it, under that heading"
				}
			}
		}
	}
	return f
}

// oneLine keeps what a library says on the line of its finding.
func oneLine(s string) string {
	s = strings.ReplaceAll(s, `'\n'`, "the end of the line")
	return strings.Join(strings.Fields(s), " ")
}

// blank empties one line (from 1), and when it was to be a heading, all lines
// to the next heading: keys of a section that is not known would only be
// reported as if they were of the one before. It is not ok when that changes
// nothing.
func blank(data []byte, line int) ([]byte, bool) {
	if line < 1 {
		return nil, false
	}
	rest := data
	for range line - 1 {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
	}
	kept := bytes.Clone(data[:len(data)-len(rest)])
	first, rest, _ := bytes.Cut(rest, []byte("\n"))
	if len(bytes.TrimSpace(first)) == 0 {
		return nil, false
	}
	for heading := isHeading(first); heading && len(rest) > 0 && !isHeading(rest); {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
		kept = append(kept, '\n')
	}
	return append(append(kept, '\n'), rest...), true
}

// isHeading says whether text begins with a heading.
func isHeading(line []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(line, " \t\r"), []byte("[")) }
