package netutil

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// mostStreams bounds the incoming streams: two for each of a few thousand
	// members.
	mostStreams = 4096
	// fewestStreams is the bound of a process that may open next to nothing.
	fewestStreams = 16
	// quietLimit is how long a stream must have said nothing before it gives
	// way to a newcomer. Streams that matter to somebody speak every few
	// seconds.
	quietLimit = 30 * time.Second
)

// OpenFiles is how many files this process may have open at once. What a
// process needs for itself must be left to it, so that whoever serves others
// serves a fraction of this many at a time.
func OpenFiles() int {
	var limit unix.Rlimit
	const usual = 1024
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > 1<<30 {
		return usual
	}
	return int(limit.Cur)
}

// strangersPart is the part of the places that may be held by streams of which
// nobody knows yet whose they are.
const strangersPart = 4

// errEvicted is why a stream that had nothing to say was ended.
var errEvicted = errors.New("it had nothing to say, and another needed its place")

// seats bounds the streams. When all are taken, or too many by streams of unknown
// owners, one of those gives way to the newcomer: the oldest of the network
// address that holds most of them, so that a flood from one neighbour ends its own
// streams first. Only if there is none of them, one that has long said nothing
// more does. So whoever only holds connections open keeps nobody out who has
// something to say, and whose stream is ended in error dials again.
type seats struct {
	mu      sync.Mutex
	free    int
	strange int                // of which so many may be silent
	silent  list.List          // of *seat: nobody knows whose, the oldest first
	from    map[netip.Addr]int // how many silent ones each network address has
	spoken  list.List          // of *seat: known or heard, the longest quiet first
}

// seat is one stream's place.
type seat struct {
	all  *seats
	conn net.Conn
	addr netip.Addr // for fairness: an IPv6 network counts as one
	in   *list.List // silent or spoken; nil when it gave way
	at   *list.Element
	last time.Time // when it spoke
}

func newSeats(most int) *seats {
	return &seats{free: most, strange: max(most/strangersPart, 1), from: map[netip.Addr]int{}}
}

// take gives a stream a place; nil when all belong to streams that are used.
func (s *seats) take(conn net.Conn) *seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent.Len() >= s.strange {
		s.evict(s.mostPresent())
	}
	if s.free == 0 && !s.makeRoom() {
		return nil
	}
	s.free--
	t := &seat{all: s, conn: conn, addr: neighbourhood(remote(conn).Addr())}
	t.move(&s.silent)
	return t
}

// neighbourhood is what one neighbour may have at will: an IPv4 address, or the
// network that an IPv6 host chooses its addresses in.
func neighbourhood(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64)
		return p.Addr()
	}
	return a
}

func (s *seats) makeRoom() bool {
	t := s.mostPresent()
	if oldest := s.spoken.Front(); t == nil && oldest != nil && time.Since(oldest.Value.(*seat).last) >= quietLimit {
		t = oldest.Value.(*seat)
	}
	if t == nil {
		return false
	}
	s.evict(t)
	return true
}

// mostPresent is the oldest silent stream of the address that has most of them.
func (s *seats) mostPresent() (found *seat) {
	for e := s.silent.Front(); e != nil; e = e.Next() {
		if t := e.Value.(*seat); found == nil || s.from[t.addr] > s.from[found.addr] {
			found = t
		}
	}
	return found
}

func (s *seats) evict(t *seat) {
	t.move(nil)
	s.free++
	abort(t.conn)
}

// move puts the seat at the end of a list.
func (t *seat) move(to *list.List) {
	if t.in != nil {
		t.in.Remove(t.at)
	}
	if t.in == &t.all.silent {
		if t.all.from[t.addr]--; t.all.from[t.addr] == 0 {
			delete(t.all.from, t.addr)
		}
	}
	if t.in = to; to != nil {
		t.at = to.PushBack(t)
	}
	if to == &t.all.silent {
		t.all.from[t.addr]++
	}
}

// spoke says that a whole frame has come, or that its owner is known.
func (t *seat) spoke() {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	if t.in != nil {
		t.last = time.Now()
		t.move(&t.all.spoken)
	}
}

// leave gives the place back, and says whether it was taken away before.
func (t *seat) leave() (evicted bool) {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	if t.in == nil {
		return true
	}
	t.move(nil)
	t.all.free++
	return false
}
