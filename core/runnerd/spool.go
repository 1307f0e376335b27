package runnerd

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hb/core"
)

// A spool is the output of one attempt: records of one byte stream (1 stdout, 2
// stderr), three bytes length, big endian, and the bytes, in the order in which
// they were read from the pipes. A place in it is counted in bytes from the
// first record on, whether those before it are still kept or not.
//
// Its first part is a file named after the fence; what comes when that is full
// goes into segments, FENCE.PLACE-BYTES, of which the newest are kept. So a reader
// finds, without asking anybody, what there is and what is missing.
const (
	spoolHeader = 4
	maxRecord   = 32 << 10
	// firstPart and lastPart bound what is kept, 64 MiB together. The last part
	// is lastSegments whole segments and the one that grows.
	firstPart    = 32 << 20
	lastSegments = 7
	lastPart     = 32 << 20
	// spoolWait is how long a reader waits for output that is not there yet.
	spoolWait = 500 * time.Millisecond
)

// spool is the output of an attempt that runs. Its two writers and its readers
// share it.
type spool struct {
	path           string
	first, segment int64 // how long the first part, and a segment, may be

	mu       sync.Mutex
	file     *os.File
	start    int64 // the place at which the file begins
	size     int64 // the place at which the next record begins
	bytes    int64 // of output in the records before it
	segments []segment
	dropped  bool  // something is missing in the middle
	failed   error // why nothing is kept any more
	ended    bool
	changed  chan struct{} // closed at the next change
}

func spoolPath(dir string, f core.Fence) string { return filepath.Join(dir, f.String()) }

// newSpool is a spool without a file yet.
func newSpool(path string) *spool {
	return &spool{path: path, first: firstPart, segment: lastPart / (lastSegments + 1), changed: make(chan struct{})}
}

func createFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// write appends output of at most maxRecord bytes. When the disk is full, the
// rest is dropped: a task is not ended for its output.
func (s *spool) write(stream byte, data []byte) {
	record := make([]byte, spoolHeader, spoolHeader+len(data))
	binary.BigEndian.PutUint32(record, uint32(len(data)))
	record[0] = stream
	record = append(record, data...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return
	}
	if s.file == nil { // most tasks print nothing, and need none
		if s.file, s.failed = createFile(s.path); s.failed != nil {
			return
		}
	}
	if s.failed = s.makeRoom(int64(len(record))); s.failed != nil {
		return
	}
	if _, err := s.file.WriteAt(record, s.size-s.start); err != nil {
		s.failed = err
		_ = s.file.Truncate(s.size - s.start) // readers stop at s.size anyway
		return
	}
	s.size, s.bytes = s.size+int64(len(record)), s.bytes+int64(len(data))
	s.wake()
}

// makeRoom begins a segment when the present file is full, and drops the oldest
// one beyond what is kept.
func (s *spool) makeRoom(more int64) error {
	most := s.segment
	if s.start == 0 {
		most = s.first
	}
	if s.size-s.start+more <= most || s.size == s.start {
		return nil
	}
	if len(s.segments) > lastSegments {
		s.dropped = true
		_ = os.Remove(s.segments[0].path(s.path))
		s.segments = s.segments[1:]
	}
	next := segment{s.size, s.bytes}
	file, err := createFile(next.path(s.path))
	if err != nil {
		return err
	}
	s.file.Close()
	s.file, s.start = file, s.size
	s.segments = append(s.segments, next)
	return nil
}

// end says that no more will come; whether something was dropped, and why.
func (s *spool) end() (truncated bool, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.file != nil {
		s.file.Close()
	}
	s.wake()
	return s.dropped || s.failed != nil, s.failed
}

// empty says whether nothing was written, and nothing lost.
func (s *spool) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size == 0 && s.failed == nil
}

func (s *spool) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *spool) state() (size int64, ended bool, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size, s.ended, s.changed
}

// await waits until there is more than the first bytes, or no more will come,
// or the time is up; it gives how far whole records reach.
func (s *spool) await(from int64, quit <-chan struct{}) (size int64, ended bool) {
	late := time.NewTimer(spoolWait)
	defer late.Stop()
	for {
		size, ended, changed := s.state()
		if size > from || ended {
			return size, ended
		}
		select {
		case <-changed:
		case <-late.C:
			return size, ended
		case <-quit:
			return size, ended
		}
	}
}

// spoolsKept is how long output is kept at most. The runner drops it earlier;
// this is for what it has forgotten.
const spoolsKept = 24 * time.Hour

// openSpools makes the directory of the spools, and clears it of old ones.
func openSpools(dataDir string, now time.Time) (string, error) {
	dir := filepath.Join(dataDir, "spool")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, file := range files {
		if info, err := file.Info(); err == nil && now.Sub(info.ModTime()) > spoolsKept {
			_ = os.Remove(filepath.Join(dir, file.Name()))
		}
	}
	return dir, nil
}
