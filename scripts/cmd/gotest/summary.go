package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is one line of go test -json (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build
	Test       string
	Output     string
}

// who is a test, a package as a whole, or a build.
type who struct{ pkg, test string }

// summary holds what was said until it is known whether anybody wants to read it.
type summary struct {
	to   io.Writer
	said map[who][]string
}

// summarize reads events until their end.
func summarize(events io.Reader, to io.Writer) error {
	s := summary{to: to, said: map[who][]string{}}
	decoder := json.NewDecoder(events)
	for {
		var e event
		switch err := decoder.Decode(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("go test -json: %w", err)
		}
		s.take(e)
	}
}

func (s *summary) take(e event) {
	of := who{e.Package, e.Test}
	switch e.Action {
	case "output":
		s.said[of] = append(s.said[of], e.Output)
	case "build-output":
		fmt.Fprint(s.to, e.Output)
	case "skip":
		if e.Test != "" { // a package without tests is skipped, too
			fmt.Fprintf(s.to, "SKIPPED %s.%s: %s\n", e.Package, e.Test, reason(s.said[of]))
		}
		delete(s.said, of)
	case "pass":
		delete(s.said, of)
	case "fail":
		if e.Test == "" {
			s.unended(e.Package)
		}
		s.tell(of)
	}
}

// unended tells what those tests of a package said that never ended: it panicked,
// or its time was over.
func (s *summary) unended(pkg string) {
	var tests []string
	for of := range s.said {
		if of.pkg == pkg && of.test != "" {
			tests = append(tests, of.test)
		}
	}
	slices.Sort(tests)
	for _, test := range tests {
		s.tell(who{pkg, test})
	}
}

func (s *summary) tell(of who) {
	for _, line := range s.said[of] {
		fmt.Fprint(s.to, line)
	}
	delete(s.said, of)
}

// place is where go test says a line was logged.
var place = regexp.MustCompile(`^\s*\S+\.go:\d+: `)

// reason is what a test gave for being skipped: the last that it logged.
func reason(said []string) string {
	for _, line := range slices.Backward(said) {
		if at := place.FindString(line); at != "" {
			return strings.TrimSpace(strings.TrimPrefix(line[len(at):], "SKIPPED: "))
		}
	}
	return "without a reason"
}
