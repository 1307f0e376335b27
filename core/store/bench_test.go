package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hb/core/wire"
)

// BenchmarkAppendSync appends and syncs batches of 256-byte entries, and, in
// the same run, the same bytes to a bare preallocated file, turn by turn so
// that both meet the same disk. "raw" is how many times as long the bare file
// took: 1 is as fast as the disk goes. The store's own time includes making new
// segments; with "prepared" that is left to a driver's idle moments.
func BenchmarkAppendSync(b *testing.B) {
	for _, c := range []struct {
		batch    int
		prepared bool
	}{{1, false}, {1, true}, {64, false}, {64, true}} {
		batch := c.batch
		b.Run(fmt.Sprintf("batch=%d/prepared=%v", batch, c.prepared), func(b *testing.B) {
			fsys, err := OS(b.TempDir())
			must(b, err)
			s, _, err := Open(fsys)
			must(b, err)
			defer s.Close()
			raw := newRawFile(b)
			data := strings.Repeat("d", 256)
			bare := make([]byte, batch*(256+16))
			index, ours, its := uint64(1), time.Duration(0), time.Duration(0)
			for b.Loop() {
				var records []*wire.Record
				for range batch {
					records = append(records, entryRecord(1, index, data))
					index++
				}
				if c.prepared {
					must(b, s.Prepare())
				}
				t0 := time.Now()
				must(b, s.Write(records))
				must(b, s.Sync())
				t1 := time.Now()
				raw.append(b, bare)
				ours, its = ours+t1.Sub(t0), its+time.Since(t1)
			}
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs/sync")
			b.ReportMetric(float64(its.Microseconds())/float64(b.N), "raw-µs/sync")
			b.ReportMetric(float64(its)/float64(ours), "raw/ours")
		})
	}
}

// rawFile is written like a segment, without anything that makes it a log.
type rawFile struct {
	f   *os.File
	off int64
}

const rawSize = 8 << 20

func newRawFile(b *testing.B) *rawFile {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	must(b, err)
	b.Cleanup(func() { f.Close() })
	_, err = f.Write(make([]byte, rawSize))
	must(b, err)
	must(b, f.Sync())
	return &rawFile{f: f}
}

func (r *rawFile) append(b *testing.B, p []byte) {
	if r.off+int64(len(p)) > rawSize {
		r.off = 0
	}
	_, err := r.f.WriteAt(p, r.off)
	must(b, err)
	must(b, unix.Fdatasync(int(r.f.Fd())))
	r.off += int64(len(p))
}

func BenchmarkOpen(b *testing.B) {
	fsys, err := OS(b.TempDir())
	must(b, err)
	s, _, err := Open(fsys)
	must(b, err)
	must(b, s.SaveIdentity(identity()))
	for i := uint64(1); i < 100_000; {
		var records []*wire.Record
		for range 500 {
			records = append(records, entryRecord(1, i, "an entry of thirty-two bytes ..."))
			i++
		}
		must(b, s.Write(records))
	}
	must(b, s.Close())
	for b.Loop() {
		s, r, err := Open(fsys)
		must(b, err)
		if len(r.Entries) < 100_000 {
			b.Fatal(len(r.Entries))
		}
		must(b, s.Close())
	}
}
