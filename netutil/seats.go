package netutil

import (
	"container/list"
	"errors"
	"net"
	"sync"
	"sync/atomic"
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

// errEvicted is why a stream that had nothing to say was ended.
var errEvicted = errors.New("it had nothing to say, and another needed its place")

// seats bounds the streams. When all are taken, the one that has waited longest
// without a whole frame gives way to the newcomer, or else one that has long
// said nothing more: whoever only holds connections open keeps nobody out who
// has something to say, and whose stream is ended in error dials again.
type seats struct {
	mu     sync.Mutex
	free   int
	silent list.List // of *seat: nothing came yet, the oldest first
	spoken list.List // of *seat: frames came, the longest quiet first
}

// seat is one stream's place.
type seat struct {
	all  *seats
	conn net.Conn
	in   *list.List // silent or spoken; nil when it gave way
	at   *list.Element
	last time.Time // when it spoke
}

func newSeats(most int) *seats { return &seats{free: most} }

// take gives a stream a place; nil when all belong to streams that are used.
func (s *seats) take(conn net.Conn) *seat {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 && !s.makeRoom() {
		return nil
	}
	s.free--
	t := &seat{all: s, conn: conn}
	t.move(&s.silent)
	return t
}

func (s *seats) makeRoom() bool {
	oldest := s.silent.Front()
	if oldest == nil {
		oldest = s.spoken.Front()
		if oldest == nil || time.Since(oldest.Value.(*seat).last) < quietLimit {
			return false
		}
	}
	t := oldest.Value.(*seat)
	t.move(nil)
	s.free++
	t.conn.Close()
	return true
}

// move puts the seat at the end of a list.
func (t *seat) move(to *list.List) {
	if t.in != nil {
		t.in.Remove(t.at)
	}
	if t.in = to; to != nil {
		t.at = to.PushBack(t)
	}
}

// spoke says that a whole frame has come.
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

// budget bounds the bytes of large frames that are under way on all streams
// together. The nil budget has no bound.
type budget struct {
	most int64
	used atomic.Int64
}

func (b *budget) take(n int) bool {
	if b == nil || b.used.Add(int64(n)) <= b.most {
		return true
	}
	b.used.Add(int64(-n))
	return false
}

func (b *budget) give(n int) {
	if b != nil {
		b.used.Add(int64(-n))
	}
}
