package sim

import (
	"net/netip"
	"time"

	"hb/core"
	"hb/core/node"
)

const (
	// resend is how long a lost piece of a stream takes to be sent again; the
	// wait doubles up to resendMost, as TCP's does.
	resend     = 200 * time.Millisecond
	resendMost = 2 * time.Second
	// breakAfter is the least time for which a stream stalls before its sender
	// gives it up, breakMost the longest: from the limit of a dial to that of a
	// connection on which nothing is acknowledged.
	breakAfter = 2 * time.Second
	breakMost  = 10 * time.Second
	// idleLimit closes a stream that nobody uses, without a word to anybody.
	idleLimit = 2 * time.Minute
)

// stream is the connection from one host to another, as TCP makes it: frames in
// order, stalled while the way is cut, broken when that lasts or a process ends.
type stream struct {
	from, to *host
	life     [2]int         // of the two processes it connects
	ids      [2]core.NodeID // as their certificates say
	frames   [][]byte
	used     moment        // when the last frame was sent
	moving   bool          // the first frame is under way
	stalled  moment        // since when nothing passes; never: it does
	patience time.Duration // how long that may last
}

// frame sends one frame. A connection is made at the first, and lasts until it
// breaks, or until nobody has used it for long.
func (n *network) frame(from *host, e node.SendFrame) {
	addr, to := e.To, n.w.hostAt(e.To)
	if to == nil {
		n.strayed[addr]++
	}
	if to == nil || n.silent[from.i] || n.silent[to.i] {
		from.later(time.Millisecond, node.StreamLost{To: addr, Refused: to == nil})
		return
	}
	key := [2]int{from.i, to.i}
	s := n.streams[key]
	if s == nil || s.forgotten(n.w.now) {
		s = &stream{from: from, to: to, life: [2]int{from.life, to.life}, ids: [2]core.NodeID{from.identity(), to.identity()}, stalled: never}
		if !s.lets(e.Stranger) {
			return
		}
		n.streams[key] = s
	}
	s.frames, s.used = append(s.frames, e.Data), n.w.now
	if !s.moving {
		s.moving = true
		n.w.after(n.delay(), func() { n.arrive(s) })
	}
}

// forgotten says that a stream has been closed because nobody used it.
func (s *stream) forgotten(now moment) bool { return !s.moving && now-s.used > idleLimit }

// arrive is the moment at which the first frame of a stream reaches its host.
func (n *network) arrive(s *stream) {
	if n.streams[[2]int{s.from.i, s.to.i}] != s {
		return // broken meanwhile
	}
	if !n.moves(s) {
		return
	}
	data := s.frames[0]
	s.frames = s.frames[1:]
	if s.moving = len(s.frames) > 0; s.moving {
		// The rest follows closely; what was sent together arrives together.
		n.w.after(time.Duration(n.luck.Int64N(int64(20*time.Microsecond))), func() { n.arrive(s) })
	}
	s.to.deliver(s.life[1], node.Frame{From: ephemeral(s.from), Peer: s.ids[0], Data: data})
}

// moves says whether the first frame arrives now; else it has seen to what
// happens instead.
func (n *network) moves(s *stream) bool {
	lost := n.loses(s.from, s.to)
	switch {
	case s.to.powered && !lost && n.passes(s.from, s.to) && n.passes(s.to, s.from):
		if s.to.up() && s.to.life == s.life[1] {
			s.stalled = never
			return true
		}
		n.lose(s, n.delay(), true) // reset: no such process
		return false
	case s.stalled == never:
		s.stalled = n.w.now
		s.patience = breakAfter + time.Duration(n.luck.Int64N(int64(breakMost-breakAfter)))
	case n.w.now-s.stalled > s.patience:
		n.lose(s, 0, false)
		return false
	}
	n.w.after(min(max(resend, n.w.now-s.stalled), resendMost), func() { n.arrive(s) })
	return false
}

// lose ends a stream with all that is under way in it, and tells its sender.
func (n *network) lose(s *stream, after time.Duration, refused bool) {
	delete(n.streams, [2]int{s.from.i, s.to.i})
	to, life := s.to.addr, s.life[0]
	n.w.after(after, func() { s.from.deliver(life, node.StreamLost{To: to, Refused: refused}) })
}

// reset breaks the streams of a process that ended. Its peers see it at once if
// the host still has power and the way is open, else when they next send.
func (n *network) reset(h *host) {
	for i := range n.w.hosts {
		delete(n.streams, [2]int{h.i, i})
		s := n.streams[[2]int{i, h.i}]
		if s != nil && !s.forgotten(n.w.now) && h.powered && n.passes(h, s.from) {
			n.lose(s, n.delay(), true)
		}
	}
}

// ephemeral is the address from which a host's connections come.
func ephemeral(h *host) netip.AddrPort {
	return netip.AddrPortFrom(h.addr.Addr(), uint16(32768+h.life%16384))
}
