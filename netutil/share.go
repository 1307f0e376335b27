package netutil

import (
	"context"
	"sync"
	"sync/atomic"
)

const (
	// mostBytes bounds what all streams together have received of large frames
	// that are not whole yet, mostOfPeer what those of one peer have.
	mostBytes  = 4 * MaxFrame
	mostOfPeer = MaxFrame + MaxFrame/4
	// mostQueued is how many bytes of one peer's frames may wait to be taken in;
	// beyond that its streams are not read, until some were.
	mostQueued = 8 << 20
)

// budget bounds the bytes of large frames that are under way. The nil budget has
// no bound.
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

// share is what one peer may take of this process's memory, over all streams
// that it has opened. The nil share has no bound.
type share struct {
	unfinished budget
	streams    int // guarded by shares.mu

	mu     sync.Mutex
	queued int
	room   sync.Cond
}

// shares has the share of every peer that has streams.
type shares struct {
	mu sync.Mutex
	of map[PeerID]*share
}

// join gives a new stream its peer's share; nobody in particular has none.
func (s *shares) join(id PeerID) *share {
	if id == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.of[id]
	if sh == nil {
		sh = &share{unfinished: budget{most: mostOfPeer}}
		sh.room.L = &sh.mu
		s.of[id] = sh
	}
	sh.streams++
	return sh
}

// leave ends a stream's part in it.
func (s *shares) leave(id PeerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.of[id]; sh != nil {
		if sh.streams--; sh.streams == 0 {
			delete(s.of, id)
		}
	}
}

// queue counts a frame that is handed over.
func (sh *share) queue(n int) {
	if sh != nil {
		sh.mu.Lock()
		defer sh.mu.Unlock()
		sh.queued += n
	}
}

// done counts it off when it was taken in.
func (sh *share) done(n int) {
	if sh != nil {
		sh.mu.Lock()
		defer sh.mu.Unlock()
		sh.queued -= n
		sh.room.Broadcast()
	}
}

// wait waits until little enough of the peer's waits, or until ctx ends.
func (sh *share) wait(ctx context.Context) {
	if sh == nil {
		return
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.queued <= mostQueued {
		return
	}
	defer context.AfterFunc(ctx, func() {
		sh.mu.Lock()
		defer sh.mu.Unlock()
		sh.room.Broadcast()
	})()
	for sh.queued > mostQueued && ctx.Err() == nil {
		sh.room.Wait()
	}
}
