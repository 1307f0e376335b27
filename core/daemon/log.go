package daemon

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
)

// maxLines bounds the lines that wait for a log nobody reads: it must not hold
// the node up, nor fill its memory.
const maxLines = 1000

// logger writes the operator's lines from a goroutine of its own.
type logger struct {
	box     *mailbox[string]
	dropped atomic.Int64
}

func newLogger() *logger { return &logger{box: newMailbox[string]()} }

// line queues one line.
func (l *logger) line(warn bool, text string) {
	if warn {
		text = "warning: " + text
	}
	if l.dropped.Load() > 0 {
		l.dropped.Add(1)
		return
	}
	if l.box.put(strings.Map(visible, strings.ToValidUTF8(text, "\uFFFD"))+"\n") >= maxLines {
		l.dropped.Add(1)
	}
}

// visible replaces what would do something to a terminal but show: names in a line
// are others', and one with a line break would look like a line of ours.
func visible(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
		return unicode.ReplacementChar
	}
	return r
}

// run writes until the box is closed and empty.
func (l *logger) run(w io.Writer) {
	for {
		lines, ok := l.box.take(nil)
		if !ok {
			return
		}
		for _, line := range lines {
			io.WriteString(w, line) // whom to tell that the log fails?
		}
		if n := l.dropped.Swap(0); n > 0 {
			fmt.Fprintf(w, "warning: %d lines of the log were dropped, since it is read too slowly\n", n)
		}
	}
}

// strangers remembers whose bad input was told already. One goroutine each.
type strangers map[string]bool

// first says whether nobody of that name was told of yet; beyond a thousand
// names nobody is told of any more, so that a flood cannot fill the log.
func (s strangers) first(name string) bool {
	const most = 1000
	if s[name] || len(s) >= most {
		return false
	}
	s[name] = true
	return true
}

// complaints brings what the HTTP server has to say to the log, each kind once.
type complaints struct {
	log func(warn bool, text string)

	mu   sync.Mutex
	told strangers
}

// Write takes one line.
func (c *complaints) Write(line []byte) (int, error) {
	text, _, _ := strings.Cut(strings.TrimSpace(string(line)), "\n")
	kind, _, _ := strings.Cut(text, "; retrying")
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told.first(kind) {
		c.log(true, "the local socket: "+kind)
	}
	return len(line), nil
}
