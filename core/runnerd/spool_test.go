package runnerd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"hb/core/alloctest"
)

// piece is one record of output.
type piece struct {
	stream byte
	data   string
}

func record(stream byte, data string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b[0] = stream
	return append(b, data...)
}

// pieces takes a spool's bytes apart.
func pieces(t interface{ Fatalf(string, ...any) }, b []byte) (out []piece) {
	for len(b) > 0 {
		n := int(binary.BigEndian.Uint32(b) & 0xffffff)
		if len(b) < spoolHeader+n {
			t.Fatalf("a torn record at the end: %x", b)
		}
		out = append(out, piece{b[0], string(b[spoolHeader : spoolHeader+n])})
		b = b[spoolHeader+n:]
	}
	return out
}

func TestASpoolGivesBackItsRecordsWhole(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "1")
		s := newSpool(path)
		s.write(1, nil)
		want := []piece{{1, ""}}
		for range rapid.IntRange(0, 20).Draw(t, "records") {
			p := piece{byte(rapid.IntRange(1, 2).Draw(t, "stream")), string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data"))}
			want = append(want, p)
			s.write(p.stream, []byte(p.data))
		}
		size, _, _ := s.state()
		s.end()
		max := rapid.IntRange(0, 2000).Draw(t, "max")
		var got []piece
		for from, eof := int64(0), false; !eof; {
			p, err := readSpool(path, from, size, max)
			if err != nil || p.skipped != 0 {
				t.Fatalf("at %d: %v, %d bytes are missing", from, err, p.skipped)
			}
			data := p.data
			eof = p.eof
			if len(data) == 0 && !eof {
				t.Fatalf("at %d: neither data nor the end", from)
			}
			more := pieces(t, data)
			if len(data) > max && len(more) > 1 {
				t.Fatalf("at %d: %d bytes in %d records, more than %d", from, len(data), len(more), max)
			}
			got = append(got, more...)
			from += int64(len(data))
		}
		if len(got) != len(want) {
			t.Fatalf("%d records of %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("record %d is %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

func TestASpoolTornByACrashEndsAtItsLastWholeRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1")
	whole := record(1, "whole")
	torn := append(append([]byte(nil), whole...), record(2, "torn")...)
	for cut := len(whole); cut < len(torn); cut++ {
		if err := os.WriteFile(path, torn[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := readSpool(path, 0, -1, 1000)
		if err != nil || !bytes.Equal(p.data, whole) {
			t.Fatalf("cut at %d: %q, %v", cut, p.data, err)
		}
		if p, err := readSpool(path, int64(len(whole)), -1, 1000); len(p.data) > 0 || !p.eof || err != nil {
			t.Fatalf("cut at %d, behind the whole: %q, %v, %v", cut, p.data, p.eof, err)
		}
	}
}

func TestAWrongPlaceInASpoolIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1")
	if err := os.WriteFile(path, record(1, "some output"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []int64{-1, -1 << 63, 2, 1000, 1<<63 - 1} {
		if p, err := readSpool(path, from, -1, 1000); err == nil {
			t.Errorf("from %d came %q", from, p.data)
		}
	}
}

func TestOfALongOutputTheFirstAndTheLastPartAreKept(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "1")
		if err := dropSpool(path); err != nil {
			t.Fatalf("%v", err)
		}
		s := newSpool(path)
		s.first, s.segment = int64(rapid.IntRange(1, 300).Draw(t, "first")), int64(rapid.IntRange(1, 60).Draw(t, "segment"))
		n := rapid.IntRange(1, 300).Draw(t, "records")
		var places []int64 // of each record
		for i := range n {
			size, _, _ := s.state()
			places = append(places, size)
			s.write(byte(1+i%2), fmt.Appendf(nil, "record %d", i))
		}
		size, _, _ := s.state()
		truncated, why := s.end()
		from, last, missing, bytes := int64(0), -1, int64(0), int64(0)
		for eof := false; !eof; {
			p, err := readSpool(path, from, size, 50)
			if err != nil {
				t.Fatalf("at %d of %d: %v", from, size, err)
			}
			from, missing, eof = from+p.skipped, missing+p.skipped, p.eof
			if p.skipped > 0 {
				bytes = p.at
			}
			for _, piece := range pieces(t, p.data) {
				i, _ := slices.BinarySearch(places, from)
				if piece.data != fmt.Sprint("record ", i) || p.skipped == 0 && i != last+1 {
					t.Fatalf("at %d of %d: %+v after record %d", from, size, piece, last)
				}
				if bytes != from-int64(spoolHeader*i) {
					t.Fatalf("%d bytes of output are said to come before record %d at %d", bytes, i, from)
				}
				from, bytes = from+int64(spoolHeader+len(piece.data)), bytes+int64(len(piece.data))
				last, p.skipped = i, 0
			}
		}
		if last != n-1 || from != size || truncated != (missing > 0) || why != nil {
			t.Fatalf("the last is %d of %d, truncated %t, %d bytes missing, %v", last, n, truncated, missing, why)
		}
		if kept := size - missing; kept > max(s.first, 16)+(lastSegments+1)*max(s.segment, 16) {
			t.Fatalf("%d bytes are kept", kept)
		}
	})
}

func TestAnOutputThatIsGoneIsGoneWhole(t *testing.T) {
	dir := t.TempDir()
	s := newSpool(filepath.Join(dir, "1"))
	s.first, s.segment = 30, 30
	for range 100 {
		s.write(1, []byte("ten bytes."))
	}
	s.end()
	for range 2 {
		if err := dropSpool(s.path); err != nil {
			t.Fatal(err)
		}
		if files, _ := os.ReadDir(dir); len(files) > 0 {
			t.Fatalf("%v is left", files)
		}
	}
	if _, err := readSpool(s.path, 0, -1, 100); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("read: %v", err)
	}
}

func TestWithAFullDiskTheRestIsDroppedAndTheReasonKept(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("SKIPPED: no device that is always full: an output that finds a full disk is NOT tested")
	}
	s := newSpool(filepath.Join(t.TempDir(), "1"))
	s.file = full
	s.write(1, []byte("x"))
	s.write(1, []byte("y"))
	if truncated, why := s.end(); !truncated || !errors.Is(why, syscall.ENOSPC) || s.size != 0 {
		t.Fatalf("truncated %t, %v, %d bytes", truncated, why, s.size)
	}
}

func TestAReaderWaitsForOutputOrTheEnd(t *testing.T) {
	s := newSpool(filepath.Join(t.TempDir(), "1"))
	type state struct {
		size  int64
		ended bool
	}
	came := make(chan state)
	look := func(from int64) {
		for { // a look alone gives up after half a second
			size, ended := s.await(from, nil)
			if size > from || ended {
				came <- state{size, ended}
				return
			}
		}
	}
	go look(0)
	s.write(1, []byte("x"))
	if got := await(t, came, "output"); got != (state{5, false}) {
		t.Fatalf("got %+v", got)
	}
	go look(5)
	s.end()
	if got := await(t, came, "the end"); got != (state{5, true}) {
		t.Fatalf("got %+v", got)
	}
}

func FuzzWholeRecords(f *testing.F) {
	f.Add([]byte{}, 0)
	f.Add(record(1, "out"), 100)
	f.Add(append(record(1, "out"), record(2, "err")...), 7)
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0}, 1)
	f.Fuzz(func(t *testing.T, data []byte, max int) {
		var n int
		var err error
		alloctest.Within(t, 1024, func() { n, err = wholeRecords(data, max) })
		if n < 0 || n > len(data) || err != nil && n != 0 {
			t.Fatalf("%d of %d bytes, %v", n, len(data), err)
		}
		pieces(t, data[:n])
	})
}
