package netutil

import (
	"crypto/x509"
	"errors"
	"time"
)

// This file has streams end with the certificates that they began with. The side
// that accepted one cuts it on the dot: a handshake shows who somebody was, and a
// stream that lasts for ever would let him be so for ever. The side that dialled
// opens another long enough before that, under the certificates of that day, so
// that no honest stream is ever cut, which would look as if a process had died.

// staleBefore is how long before its end a stream is given up by whoever dialled
// it. One that is open by then, and still is at its end, would have to rest for
// longer than any may that Pool has not closed (idleLimit, twice when Flush has
// used it).
const staleBefore = 3 * idleLimit

var errExpired = errors.New("a certificate that it began with has ended")

// peer is who is at the other end of a stream, and until when that counts as
// shown: the zero peer is nobody, for ever.
type peer struct {
	id    PeerID
	key   PeerKey
	until time.Time
}

// earlier is the end of two certificates, one of which may be missing.
func earlier(end time.Time, own *x509.Certificate) time.Time {
	if own != nil && own.NotAfter.Before(end) {
		return own.NotAfter
	}
	return end
}

// expired says whether a certificate of a peer's stream has ended.
func (g *Guard) expired(who peer) bool { return g.past(who.until) }

// past says whether a time has come; the zero time never does.
func (g *Guard) past(when time.Time) bool {
	return g != nil && !when.IsZero() && !g.now().Before(when)
}

// stale is when a stream that was just dialled is to be replaced: of what is left
// it never takes more than half, so that one whose certificate is about to end,
// because nobody has renewed it, is not dialled for each frame.
func (g *Guard) stale(who peer) time.Time {
	left := who.until.Sub(g.now())
	return who.until.Add(-min(staleBefore, left/2))
}

// replace ends a stream that is stale, in order, behind what was begun on it.
func (p *Pool) replace(o *outgoing, s *stream, rest []byte) {
	if len(rest) > 0 {
		if err := s.write(rest, nil); err != nil {
			p.lost(o.to.addr, isRefusal(err))
		}
	}
	p.close(o, s)
}
