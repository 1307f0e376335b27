package daemon

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
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
		err := s.create()
		if err != nil {
			t.Fatalf("%v", err)
		}
		var want []piece
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
			var data []byte
			if data, eof, err = readSpool(path, from, size, max); err != nil {
				t.Fatalf("at %d: %v", from, err)
			}
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
		data, _, err := readSpool(path, 0, -1, 1000)
		if err != nil || !bytes.Equal(data, whole) {
			t.Fatalf("cut at %d: %q, %v", cut, data, err)
		}
		if data, eof, err := readSpool(path, int64(len(whole)), -1, 1000); len(data) > 0 || !eof || err != nil {
			t.Fatalf("cut at %d, behind the whole: %q, %v, %v", cut, data, eof, err)
		}
	}
}

func TestAWrongPlaceInASpoolIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1")
	if err := os.WriteFile(path, record(1, "some output"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []int64{-1, -1 << 63, 2, 1000, 1<<63 - 1} {
		if data, _, err := readSpool(path, from, -1, 1000); err == nil {
			t.Errorf("from %d came %q", from, data)
		}
	}
}

func TestBeyondItsLimitASpoolDropsAndSaysSo(t *testing.T) {
	s := newSpool(filepath.Join(t.TempDir(), "1"))
	if err := s.create(); err != nil {
		t.Fatal(err)
	}
	s.limit = 100
	for range 30 {
		s.write(1, []byte("ten bytes."))
	}
	if size, _, _ := s.state(); size > 100 {
		t.Fatalf("%d bytes", size)
	}
	if !s.end() {
		t.Fatal("nobody was told")
	}
}

func TestAReaderWaitsForOutputOrTheEnd(t *testing.T) {
	s := newSpool(filepath.Join(t.TempDir(), "1"))
	if err := s.create(); err != nil {
		t.Fatal(err)
	}
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
		n, err := wholeRecords(data, max)
		if n < 0 || n > len(data) || err != nil && n != 0 {
			t.Fatalf("%d of %d bytes, %v", n, len(data), err)
		}
		pieces(t, data[:n])
	})
}
