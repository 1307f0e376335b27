package sim

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/cespare/xxhash/v2"

	"hb/core/node"
)

// remembered is how many lines of the trace are kept for a violation.
const remembered = 256

// line is one thing that happened. It is kept as it was and turned to text only
// when somebody reads it, because most never are.
type line struct {
	at   moment
	host int
	what any    // a node.Event, a node.Effect, or nil
	note string // when what is nil
}

// trace hashes everything that happens, remembers the last of it and writes it
// if anybody listens.
type trace struct {
	digest digest
	out    io.Writer
	ring   [remembered]line
	n      int
}

func newTrace(out io.Writer) *trace {
	return &trace{out: out, digest: digest{hash: xxhash.New()}}
}

func (t *trace) sum() uint64 {
	t.digest.flush()
	return t.digest.hash.Sum64()
}

func (t *trace) event(h *host, ev node.Event) {
	t.digest.mark(h, '>')
	t.digest.event(ev)
	t.keep(line{at: h.w.now, host: h.i, what: ev})
}

func (t *trace) effect(h *host, eff node.Effect) {
	t.digest.mark(h, '<')
	t.digest.effect(eff)
	t.keep(line{at: h.w.now, host: h.i, what: eff})
}

// note adds a line of the simulator's own.
func (t *trace) note(h *host, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	t.digest.mark(h, '#')
	t.digest.text(text)
	t.keep(line{at: h.w.now, host: h.i, note: text})
}

func (t *trace) keep(l line) {
	t.ring[t.n%remembered] = l
	t.n++
	if t.out != nil {
		fmt.Fprintln(t.out, l)
	}
}

// tail is the last n lines, oldest first.
func (t *trace) tail(n int) string {
	var b strings.Builder
	for i := max(0, t.n-min(n, remembered)); i < t.n; i++ {
		fmt.Fprintln(&b, t.ring[i%remembered])
	}
	return b.String()
}

// String is the line as people read it: time, host, direction, what.
func (l line) String() string {
	head := fmt.Sprintf("%12.6f n%d ", l.at.Seconds(), l.host+1)
	switch what := l.what.(type) {
	case nil:
		return head + "## " + l.note
	case node.Event:
		return head + ">> " + describeEvent(what)
	case node.Effect:
		return head + "<< " + describeEffect(what)
	}
	return head + fmt.Sprintf("%T", l.what)
}

// clip shortens what people read.
func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

func printable(data []byte) string {
	if bytes.IndexFunc(data, func(r rune) bool { return r < ' ' }) >= 0 {
		return fmt.Sprintf("%d bytes", len(data))
	}
	return fmt.Sprintf("%q", data)
}
