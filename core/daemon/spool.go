package daemon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hb/core"
)

// A spool is the output of one attempt in a file: records of one byte stream
// (1 stdout, 2 stderr), three bytes length, big endian, and the bytes, in the
// order in which they were read from the pipes.
const (
	spoolHeader = 4
	maxRecord   = 32 << 10
	// spoolLimit bounds the file. Beyond it output is read and dropped; the
	// tails in the result still are the last bytes.
	spoolLimit = 64 << 20
	// spoolWait is how long a reader waits for output that is not there yet.
	spoolWait = 500 * time.Millisecond
)

// spool is the file of an attempt that runs. Its two writers and its readers
// share it.
type spool struct {
	path  string
	limit int64

	mu        sync.Mutex
	file      *os.File
	size      int64
	truncated bool
	ended     bool
	changed   chan struct{} // closed at the next change
}

func spoolPath(dir string, f core.Fence) string { return filepath.Join(dir, f.String()) }

// newSpool is a spool without a file yet, since the loop must not wait for one.
func newSpool(path string) *spool {
	return &spool{path: path, limit: spoolLimit, changed: make(chan struct{})}
}

// create makes the file; to be called before write.
func (s *spool) create() error {
	file, err := os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file = file
	return nil
}

// write appends output of at most maxRecord bytes. When the file is full, or
// the disk is, the rest is dropped: a task is not ended for its output.
func (s *spool) write(stream byte, data []byte) {
	record := make([]byte, spoolHeader, spoolHeader+len(data))
	binary.BigEndian.PutUint32(record, uint32(len(data)))
	record[0] = stream
	record = append(record, data...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.truncated {
		return
	}
	if s.size+int64(len(record)) > s.limit {
		s.truncated = true
		return
	}
	if _, err := s.file.WriteAt(record, s.size); err != nil {
		s.truncated = true
		_ = s.file.Truncate(s.size) // readers stop at s.size anyway
		return
	}
	s.size += int64(len(record))
	s.wake()
}

// end says that no more will come, and whether something was dropped.
func (s *spool) end() (truncated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.file != nil {
		s.file.Close()
	}
	s.wake()
	return s.truncated
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

// readSpool reads whole records of a spool file from a record's start on: about
// max bytes, but at least one record. Size is how far the file counts; negative
// means all of it. Eof says that nothing follows in it.
func readSpool(path string, from, size int64, max int) (data []byte, eof bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	if size < 0 {
		info, err := file.Stat()
		if err != nil {
			return nil, false, err
		}
		size = info.Size()
	}
	if from < 0 || from > size {
		return nil, false, fmt.Errorf("the output ends at byte %d; %d was asked for", size, from)
	}
	room := int64(maxRecord + spoolHeader)
	if int64(max) > room {
		room = int64(max)
	}
	data = make([]byte, min(room, size-from))
	if _, err := file.ReadAt(data, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	whole, err := wholeRecords(data, max)
	if err != nil {
		return nil, false, err
	}
	// What is left and is no whole record was torn by a crash, unless it was
	// only cut off by the limit.
	eof = from+int64(whole) == size || whole == 0
	return data[:whole], eof, nil
}

// wholeRecords is how many bytes of whole records data begins with, within max
// where that is possible.
func wholeRecords(data []byte, max int) (int, error) {
	n := 0
	for len(data)-n >= spoolHeader {
		stream, length := data[n], int(binary.BigEndian.Uint32(data[n:])&0xffffff)
		if stream != 1 && stream != 2 || length > maxRecord {
			return 0, errors.New("no record of output begins there")
		}
		end := n + spoolHeader + length
		if end > len(data) || n > 0 && end > max {
			break
		}
		n = end
	}
	return n, nil
}
