package netutil

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

func TestFramesComeBackAsTheyWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 3000)).Draw(t, "frames")
		var stream []byte
		for _, f := range frames {
			stream = AppendFrame(stream, f)
		}
		r := NewFrameReader(bytes.NewReader(stream))
		for _, f := range frames {
			if got, err := r.Next(); err != nil || !bytes.Equal(got, f) {
				t.Fatalf("got %x, %v; want %x", got, err, f)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("after the last frame: %v", err)
		}
	})
}

func TestALargeFrameArrivesWhole(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
	got, err := NewFrameReader(bytes.NewReader(AppendFrame(nil, want))).Next()
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(want), err)
	}
}

func TestACutFrameIsUnexpected(t *testing.T) {
	whole := AppendFrame(nil, []byte("twelve bytes"))
	for cut := 1; cut < len(whole); cut++ {
		_, err := NewFrameReader(bytes.NewReader(whole[:cut])).Next()
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

// A claim of many bytes by someone who sends few must not cost memory
// (memberlist#361).
func TestAClaimedLengthAllocatesNothing(t *testing.T) {
	for _, head := range [][]byte{{0xff, 0xff, 0xff, 0xff}, {0x01, 0, 0, 0}, {0x01, 0, 0, 1}} {
		spent := allocated(func() {
			if _, err := NewFrameReader(bytes.NewReader(append(head, 1, 2, 3))).Next(); err == nil {
				t.Fatalf("%x: no error", head)
			}
		})
		if spent > 1<<20 {
			t.Fatalf("%x: %d bytes allocated for 7 bytes of input", head, spent)
		}
	}
}

// allocated is how many bytes a call takes, and whoever else meanwhile.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func FuzzFrameReader(f *testing.F) {
	f.Add([]byte{})
	f.Add(AppendFrame(nil, nil))
	f.Add(AppendFrame(AppendFrame(nil, []byte("a")), []byte("b")))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		var again []byte
		spent := allocated(func() {
			r := NewFrameReader(bytes.NewReader(in))
			for {
				frame, err := r.Next()
				if err != nil {
					break
				}
				again = AppendFrame(again, frame)
			}
		})
		// Of a frame as long as it may be, most is believed only as it comes.
		if spent > 1<<20+16*uint64(len(in)) {
			t.Errorf("%d bytes are allocated for %d", spent, len(in))
		}
		if !bytes.HasPrefix(in, again) {
			t.Fatalf("%x was read as frames of %x", in, again)
		}
	})
}
