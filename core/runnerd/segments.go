package runnerd

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// segment is one file of a spool: the place at which it begins, and how many
// bytes of output come before. Both are in its name.
type segment struct{ start, at int64 }

func (s segment) path(spool string) string {
	if s.start == 0 {
		return spool
	}
	return fmt.Sprintf("%s.%d-%d", spool, s.start, s.at)
}

// pieceOf is what a reader gets of a spool.
type pieceOf struct {
	data []byte
	// skipped is how many bytes of the spool before the data are not kept, and
	// at, then, how many bytes of output come before the data.
	skipped, at int64
	// eof says that nothing follows.
	eof bool
}

// readSpool reads whole records of a spool from a record's start on: about max
// bytes, but at least one record. Size is how far the spool counts; negative
// means all of it.
func readSpool(path string, from, size int64, max int) (p pieceOf, err error) {
	for range 3 { // a segment may be dropped between the look and the reading
		if p, err = readOnce(path, from, size, max); !errors.Is(err, errDropped) {
			return p, err
		}
	}
	return p, err
}

var errDropped = errors.New("the output was dropped meanwhile")

func readOnce(path string, from, size int64, max int) (p pieceOf, err error) {
	files, err := segmentsOf(path)
	if err != nil {
		return p, err
	}
	at, next := 0, -1 // the file with the place, and the one after it
	for i, file := range files {
		if file.start <= from {
			at = i
		} else if next < 0 {
			next = i
		}
	}
	end, err := endOf(path, files[at])
	if err != nil {
		return p, err
	}
	if next >= 0 && from >= end { // the place is in the gap
		p.skipped, p.at = files[next].start-from, files[next].at
		from, at = files[next].start, next
		if end, err = endOf(path, files[at]); err != nil {
			return p, err
		}
	}
	last := at == len(files)-1
	if last && size >= 0 {
		end = min(end, size)
	}
	if from < 0 || from > end {
		return p, fmt.Errorf("the output ends at byte %d; %d was asked for", end, from)
	}
	var torn bool
	if p.data, torn, err = readRecords(files[at].path(path), from-files[at].start, end-files[at].start, max); err != nil {
		return p, err
	}
	p.eof = last && (torn || from+int64(len(p.data)) == end)
	return p, nil
}

// segmentsOf are the files of a spool, sorted.
func segmentsOf(path string) ([]segment, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	files := []segment{{}}
	names, err := filepath.Glob(path + ".*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var s segment
		if n, err := fmt.Sscanf(name[len(path):], ".%d-%d", &s.start, &s.at); n == 2 && err == nil {
			files = append(files, s)
		}
	}
	slices.SortFunc(files, func(a, b segment) int { return cmp.Compare(a.start, b.start) })
	return files, nil
}

// endOf is the place at which a file of a spool ends.
func endOf(path string, s segment) (int64, error) {
	info, err := os.Stat(s.path(path))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, errDropped
	}
	if err != nil {
		return 0, err
	}
	return s.start + info.Size(), nil
}

// readRecords reads whole records of one file. Torn says that what is left of
// it is no whole record: a crash did that.
func readRecords(path string, from, end int64, max int) (data []byte, torn bool, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, errDropped
	}
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	room := int64(maxRecord + spoolHeader)
	if int64(max) > room {
		room = int64(max)
	}
	data = make([]byte, min(room, end-from))
	n, err := file.ReadAt(data, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	data = data[:n]
	whole, err := wholeRecords(data, max)
	if err != nil {
		return nil, false, err
	}
	return data[:whole], whole == 0, nil
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

// dropSpool deletes a spool.
func dropSpool(path string) error {
	files, err := segmentsOf(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, file := range slices.Backward(files) { // the first file last: with it the spool is found
		if err := os.Remove(file.path(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
