package store

import (
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"hb/core/wire"
)

// memFS is a file system in memory that loses nothing: for tests which damage
// the files themselves.
type memFS struct {
	files  map[string]*memFile
	locked bool
	salt   uint64
	room   int // bytes that fit in all; 0: no limit
}

type memFile struct {
	fs   *memFS
	data []byte
}

func newMemFS() *memFS { return &memFS{files: map[string]*memFile{}} }

// with gives a copy in which one file has other content; nil takes it away.
func (m *memFS) with(name string, data []byte) *memFS {
	c := newMemFS()
	c.salt = m.salt
	for n, f := range m.files {
		c.files[n] = &memFile{c, slices.Clone(f.data)}
	}
	if data == nil {
		delete(c.files, name)
	} else if name != "" {
		c.files[name].data = data
	}
	return c
}

func (m *memFS) names() []string { return slices.Sorted(maps.Keys(m.files)) }

func (m *memFS) Path(name string) string { return name }

func (m *memFS) Lock() (func() error, error) {
	return func() error { return nil }, nil
}

func (m *memFS) Random() uint64 {
	m.salt++
	return m.salt * 0x9e3779b97f4a7c15
}

func (m *memFS) List(dir string) ([]string, error) {
	var found []string
	for _, name := range m.names() {
		if d := path.Dir(name); d == dir || d == "." && dir == "" {
			found = append(found, path.Base(name))
		} else if path.Dir(d) == "." && dir == "" && !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	return found, nil
}

func (m *memFS) MkdirAll(string) error { return nil }

func (m *memFS) Create(name string) (File, error) {
	m.files[name] = &memFile{fs: m}
	return m.files[name], nil
}

func (m *memFS) Open(name string) (File, error) {
	if f, ok := m.files[name]; ok {
		return f, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (m *memFS) Rename(from, to string) error {
	m.files[to] = m.files[from]
	delete(m.files, from)
	return nil
}

func (m *memFS) Remove(name string) error {
	delete(m.files, name)
	return nil
}

func (m *memFS) SyncDir(string) error { return nil }

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if end := int(off) + len(p); end > len(f.data) {
		used := end - len(f.data)
		for _, other := range f.fs.files {
			used += len(other.data)
		}
		if f.fs.room > 0 && used > f.fs.room {
			return 0, ErrFull
		}
		f.data = append(f.data, make([]byte, end-len(f.data))...)
	}
	return copy(f.data[off:], p), nil
}

func (f *memFile) Sync() error          { return nil }
func (f *memFile) Size() (int64, error) { return int64(len(f.data)), nil }
func (f *memFile) Close() error         { return nil }

// ---- what the tests write -------------------------------------------------

var small = Options{Segment: 1536, Journal: 1024}

func entryRecord(term, index uint64, data string) *wire.Record {
	e := &raftpb.Entry{Term: &term, Index: &index, Data: []byte(data)}
	return &wire.Record{Body: &wire.Record_Entry{Entry: wire.Marshal(e)}}
}

func hardState(term, vote, commit uint64) *wire.Record {
	return hardRecord(&raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit})
}

func snapshotAt(term, index uint64, data string) *raftpb.Snapshot {
	return &raftpb.Snapshot{Data: []byte(data), Metadata: &raftpb.SnapshotMetadata{
		Term: &term, Index: &index, ConfState: &raftpb.ConfState{Voters: []uint64{1}},
	}}
}

func identity() *wire.Identity {
	return &wire.Identity{Format: 1, Cluster: []byte("a cluster of 16."), ClusterName: "test", Node: 7, Raft: 77}
}

func intent(fence uint64) *wire.Record {
	g := &wire.Grant{Fence: fence, Spec: &wire.Spec{Name: "true", Argv: []string{"/bin/true"}}}
	return &wire.Record{Body: &wire.Record_Intent{Intent: &wire.Intent{Grant: g}}}
}

func started(fence uint64) *wire.Record {
	return &wire.Record{Body: &wire.Record_Started{Started: &wire.Started{Fence: fence, Pid: 4711}}}
}

func ended(fence uint64) *wire.Record {
	return &wire.Record{Body: &wire.Record_Ended{Ended: &wire.Done{Fence: fence, Result: &wire.Result{Exit: 3}}}}
}

func forgotten(fence uint64) *wire.Record {
	return &wire.Record{Body: &wire.Record_Forgotten{Forgotten: fence}}
}

func mustOpen(t testing.TB, fsys FS) (*Store, *Restored) {
	t.Helper()
	s, r, err := OpenWith(fsys, small)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s, r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s *Store, records ...*wire.Record) {
	t.Helper()
	must(t, s.Write(records))
	must(t, s.Sync())
}

func putJournal(t testing.TB, s *Store, records ...*wire.Record) {
	t.Helper()
	must(t, s.WriteJournal(records))
	must(t, s.SyncJournal())
}

// member makes a directory of a member with a snapshot and an identity.
func member(t testing.TB) (*memFS, *Store) {
	t.Helper()
	m := newMemFS()
	s, _ := mustOpen(t, m)
	must(t, s.SaveSnapshot(snapshotAt(1, 1, "genesis"), 2, true))
	must(t, s.SaveIdentity(identity()))
	return m, s
}

func sameEntries(a, b []*raftpb.Entry) bool {
	return slices.EqualFunc(a, b, func(x, y *raftpb.Entry) bool { return proto.Equal(x, y) })
}

func sameRecords(a, b []*wire.Record) bool {
	return slices.EqualFunc(a, b, func(x, y *wire.Record) bool { return proto.Equal(x, y) })
}
