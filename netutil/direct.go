package netutil

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// directLimit bounds what Flush writes to one address at once, in bytes: it
// copies it, and whoever calls it has more to do.
const directLimit = 64 << 10

// direct is the way around a stream's goroutine: while a stream is open and
// takes what it is given, Flush writes to it without waking anybody. What would
// make it wait is the goroutine's.
type direct struct {
	lent  syscall.RawConn // nil while the goroutine writes, or has no stream
	seal  *sealed         // of the stream that is lent; nil: it has no TLS
	stale time.Time       // as the stream's
	rest  []byte          // what a write of Flush left of the frames it began
	used  bool            // since the goroutine last looked
}

// Flush sends what Queue has gathered. It never waits for a peer.
func (p *Pool) Flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, o := range p.queued {
		o.listed, p.queued[i] = false, nil
		if !p.writeNow(o) {
			o.nudge()
		}
	}
	p.queued = p.queued[:0]
}

// writeNow writes all that waits for one address, if that can be done at once;
// else the goroutine finds what is left.
func (p *Pool) writeNow(o *outgoing) bool {
	if o.direct.lent == nil || len(o.direct.rest) > 0 || o.overflow || o.bytes > directLimit || p.closing || p.guard.past(o.direct.stale) {
		return false
	}
	p.joined = p.joined[:0]
	for _, frame := range o.queue {
		p.joined = AppendFrame(p.joined, frame)
	}
	out := p.joined
	if o.direct.seal != nil {
		var err error
		if out, err = o.direct.seal.seal(p.joined); err != nil {
			return false // the stream has ended, as the goroutine sees
		}
	}
	n := max(writeAtOnce(o.direct.lent, out), 0)
	if n == 0 && o.direct.seal == nil {
		return false
	}
	if n < len(out) { // what was sealed must be sent, and in this order
		o.direct.rest = append([]byte(nil), out[n:]...)
	}
	o.queue, o.bytes, o.direct.used = nil, 0, true
	return n == len(out)
}

// writeAtOnce is a write that does not wait, with what it took.
func writeAtOnce(c syscall.RawConn, b []byte) (n int) {
	err := c.Write(func(fd uintptr) bool {
		n, _ = unix.Write(int(fd), b)
		return true
	})
	if err != nil {
		return 0
	}
	return n
}

// lend lets Flush write to a stream.
func (p *Pool) lend(o *outgoing, s *stream) {
	if s.tcp.SetWriteDeadline(time.Time{}) != nil {
		return // then it is the goroutine's alone
	}
	raw, err := s.tcp.SyscallConn()
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o.direct.lent, o.direct.seal, o.direct.stale = raw, s.sealed, s.stale
}

// usedDirectly says whether Flush has written since this was last asked.
func (p *Pool) usedDirectly(o *outgoing) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	used := o.direct.used
	o.direct.used = false
	return used
}

// close ends a stream, and what was begun on it.
func (p *Pool) close(o *outgoing, s *stream) {
	p.mu.Lock()
	o.direct = direct{used: o.direct.used}
	p.mu.Unlock()
	s.close(p.guard)
}
