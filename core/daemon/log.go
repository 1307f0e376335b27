package daemon

import (
	"fmt"
	"io"
	"sync/atomic"
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
	if l.box.put(text+"\n") >= maxLines {
		l.dropped.Add(1)
	}
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
