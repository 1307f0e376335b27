package store

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"hb/core"
	"hb/core/alloctest"
	"hb/core/wire"
)

// FuzzFrame: whatever bytes stand where a frame should be, reading them neither
// panics nor takes them for another frame than was written.
func FuzzFrame(f *testing.F) {
	for _, payload := range []string{"", "x", strings.Repeat("payload ", 100)} {
		h := head{kind: kindData, seq: 7, last: position{2, 9}, hardTerm: 3}
		f.Add(appendFrame(nil, 42, h, []byte(payload)), uint64(42))
	}
	f.Add(make([]byte, 200), uint64(0))
	f.Add([]byte("short"), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, salt uint64) {
		var h head
		var payload []byte
		var known, whole bool
		alloctest.Within(t, 1024, func() { h, payload, known, whole = readFrame(b, salt) })
		if !known || !whole {
			return
		}
		again := appendFrame(nil, salt, h, payload)
		end := frameSize(h.length)
		if !bytes.Equal(again[24:28], b[24:28]) || !bytes.Equal(again[headSize:end-headSize], b[headSize:end-headSize]) {
			t.Errorf("read %+v with %d bytes, which is written otherwise", h, len(payload))
		}
	})
}

// FuzzOpen: a directory in which one file was overwritten at one place opens,
// or says why not; and what it gives can be gone on from.
func FuzzOpen(f *testing.F) {
	m := smallLog(f)
	names := m.names()
	f.Add(uint8(0), uint16(0), []byte{0})
	for i := range names {
		f.Add(uint8(i), uint16(sector), bytes.Repeat([]byte{0xff}, 8))
		f.Add(uint8(i), uint16(8), make([]byte, 600))
	}
	for i, name := range names { // one segment over another
		for _, other := range names {
			if strings.HasSuffix(name, ".wal") && strings.HasSuffix(other, ".wal") && name != other {
				f.Add(uint8(i), uint16(0), slices.Clone(m.files[other].data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint16, patch []byte) {
		name := names[int(which)%len(names)]
		data := slices.Clone(m.files[name].data)
		if int(at) > len(data) {
			return
		}
		data = append(data[:at], append(patch, data[min(int(at)+len(patch), len(data)):]...)...)
		c := m.with(name, data)
		var s *Store
		var r *Restored
		var err error
		alloctest.Within(t, 1<<20, func() { s, r, err = OpenWith(c, small) })
		if err != nil {
			if codeOf(err) == 0 || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: not one clear line: %v", name, err)
			}
			return
		}
		next := r.Snapshot.GetMetadata().GetIndex()
		for _, e := range r.Entries {
			if next++; e.GetIndex() != next {
				t.Fatalf("entry %d stands at %d", e.GetIndex(), next)
			}
		}
		if r.Damaged != nil {
			id := identity()
			id.Raft = 1234
			must(t, s.SaveIdentity(id))
		}
		goOn(t, s, c, next)
	})
}

// goOn writes on and expects to find it.
func goOn(t *testing.T, s *Store, fsys FS, last uint64) {
	put(t, s, entryRecord(1000, last+1, "on"))
	putJournal(t, s, intent(1000))
	must(t, s.Close())
	s, r, err := OpenWith(fsys, small)
	must(t, err)
	defer s.Close()
	if r.Damaged != nil || r.JournalDamaged != nil {
		t.Fatalf("damaged once more: %v, %v", r.Damaged, r.JournalDamaged)
	}
	if n := len(r.Entries); n == 0 || r.Entries[n-1].GetIndex() != last+1 || !hasIntent(r.Journal, 1000) {
		t.Errorf("what was written after the damage is lost: %d entries, %v", n, r.Journal)
	}
}

// FuzzPayload: a frame with a good checksum around any payload, in the log or
// in the journal, is read, or said to be damaged or newer.
func FuzzPayload(f *testing.F) {
	for _, r := range []*wire.Record{
		entryRecord(2, 2, "data"), entryRecord(2, 9, "too far"), entryRecord(2, 1, "too low"),
		hardState(3, 1, 99), markRecord(position{4, 9}), intent(3), forgotten(3), {},
	} {
		f.Add(appendRecord(nil, r), true, uint64(2), uint64(2))
		f.Add(appendRecord(nil, r), false, uint64(0), uint64(0))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 1}, true, uint64(1), uint64(1))
	f.Fuzz(func(t *testing.T, payload []byte, log bool, term, index uint64) {
		m, s := member(t)
		c := &s.wal.chain
		if !log {
			c = &s.journal.chain
		}
		must(t, c.open(len(payload), 0))
		must(t, c.write(head{kind: kindData, last: position{term, index}}, payload))
		must(t, s.Close())
		s, r, err := OpenWith(m, small)
		if err != nil {
			if codeOf(err) != core.CodeConfig && codeOf(err) != core.CodeIO {
				t.Fatal(err)
			}
			return
		}
		next := r.Snapshot.GetMetadata().GetIndex() + uint64(len(r.Entries))
		if r.Damaged != nil {
			id := identity()
			id.Raft = 1234
			must(t, s.SaveIdentity(id))
		} else if next != s.wal.last.index {
			return // a mark without its snapshot
		}
		goOn(t, s, m, next)
	})
}

func hasIntent(records []*wire.Record, fence uint64) bool {
	return slices.ContainsFunc(records, func(r *wire.Record) bool { return r.GetIntent().GetGrant().GetFence() == fence })
}

// FuzzSealed: a sealed file gives back what was written, or nothing.
func FuzzSealed(f *testing.F) {
	m := newMemFS()
	must(f, writeSealed(m, "file", []byte("content")))
	f.Add(m.files["file"].data)
	f.Add([]byte("hb-seal"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMemFS()
		m.files["file"] = &memFile{m, b}
		var content []byte
		var err error
		alloctest.Within(t, 1024+len(b), func() { content, _, err = readSealed(m, "file") })
		if err == nil && !bytes.Contains(b, content) {
			t.Errorf("read %q", content)
		}
	})
}
