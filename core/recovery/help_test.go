package recovery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/ledger"
	"hb/core/store"
	"hb/core/wire"
)

// machine is one node's data directory in a test; node n has the raft ID 100+n.
type machine struct {
	t   *testing.T
	dir string
	n   uint64
}

var lab = core.ClusterID{1, 2, 3}

// directory makes the directory of a member: three voters, 1 to 3, and members 4
// and 5, with a snapshot at 10 and entries up to last, of which those up to
// commit are known to be agreed. Each entry is a note that says its index and
// term.
func directory(t *testing.T, n, term, last, commit uint64) *machine {
	t.Helper()
	m := &machine{t, filepath.Join(t.TempDir(), fmt.Sprintf("n%d", n)), n}
	m.open(func(st *store.Store, _ *store.Restored) {
		must(t, st.SaveSnapshot(groundSnapshot(t), 11, true))
		must(t, st.SaveIdentity(&wire.Identity{Format: 1, Cluster: lab[:], ClusterName: "lab", Node: n, Raft: 100 + n, Detector: "swim"}))
	})
	m.add(term, 11, last, commit)
	return m
}

func groundSnapshot(t *testing.T) *raftpb.Snapshot {
	t.Helper()
	s := ledger.New(lab, "lab")
	up := &wire.MemberUp{}
	for n := uint64(1); n <= 5; n++ {
		up.Rows = append(up.Rows, &wire.Row{Id: n, Name: fmt.Sprintf("n%d", n), Addr: fmt.Sprintf("10.0.0.%d:7117", n), Instance: 1, Raft: 100 + n})
	}
	out := s.Apply(10, &wire.Entry{WallNanos: 1e18, Commands: []*wire.Command{{Body: &wire.Command_MemberUp{MemberUp: up}}}})
	if out[0].Verdict != nil {
		t.Fatal(out[0].Verdict)
	}
	index, term := uint64(10), uint64(2)
	return &raftpb.Snapshot{Data: s.Encode(), Metadata: &raftpb.SnapshotMetadata{
		Index: &index, Term: &term, ConfState: &raftpb.ConfState{Voters: []uint64{101, 102, 103}},
	}}
}

func (m *machine) files() store.FS {
	m.t.Helper()
	files, err := store.OS(m.dir)
	must(m.t, err)
	return files
}

func (m *machine) open(do func(*store.Store, *store.Restored)) {
	m.t.Helper()
	st, found, err := store.Open(m.files())
	must(m.t, err)
	do(st, found)
	must(m.t, st.Close())
}

// add writes notes of one term.
func (m *machine) add(term, first, last, commit uint64) {
	m.t.Helper()
	var records []*wire.Record
	for i := first; i <= last; i++ {
		data := wire.EncodeEntry(&wire.Entry{WallNanos: int64(1e18 + i), Commands: []*wire.Command{
			{Body: &wire.Command_Note{Note: &wire.Note{Text: fmt.Appendf(nil, "%d of %d", i, term)}}},
		}})
		records = append(records, entry(term, i, raftpb.EntryNormal, data))
	}
	hard := &raftpb.HardState{Term: &term, Commit: &commit}
	records = append(records, &wire.Record{Body: &wire.Record_HardState{HardState: wire.Marshal(hard)}})
	m.write(records...)
}

func (m *machine) write(records ...*wire.Record) {
	m.t.Helper()
	m.open(func(st *store.Store, _ *store.Restored) {
		must(m.t, st.Write(records))
		must(m.t, st.Sync())
	})
}

func entry(term, index uint64, kind raftpb.EntryType, data []byte) *wire.Record {
	e := &raftpb.Entry{Term: &term, Index: &index, Type: &kind, Data: data}
	return &wire.Record{Body: &wire.Record_Entry{Entry: wire.Marshal(e)}}
}

func (m *machine) look() *Survivor {
	m.t.Helper()
	s, err := m.tryLook()
	must(m.t, err)
	return s
}

func (m *machine) tryLook() (*Survivor, error) {
	files, err := store.ReadOnly(m.dir)
	if err != nil {
		return nil, err
	}
	copied, err := store.Copy(files)
	if err != nil {
		return nil, err
	}
	return Look(copied)
}

// restored is what a node that starts on the directory finds.
func (m *machine) restored() (found *store.Restored) {
	m.t.Helper()
	m.open(func(_ *store.Store, r *store.Restored) { found = r })
	return found
}

func plan(t *testing.T, all ...*machine) *Plan {
	t.Helper()
	p, err := tryPlan(false, all...)
	must(t, err)
	return p
}

func tryPlan(force bool, all ...*machine) (*Plan, error) {
	var found []*Survivor
	for _, m := range all {
		found = append(found, m.look())
	}
	return NewPlan(found, force, luck())
}

func luck() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func codeOf(err error) core.Code {
	var f *core.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return 0
}

// content is every file of a directory but those that a start changes.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			b, e := os.ReadFile(path)
			all[path], err = string(b), e
		}
		return err
	}))
	return all
}

// file is a snapshot as people have it.
func file(t *testing.T) []byte {
	t.Helper()
	return wire.EncodeSnapshot(groundSnapshot(t))
}
