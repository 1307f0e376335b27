package daemon

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/store"
	"hb/core/wire"
)

// fakeDisk notes what it is asked; its gate holds up a sync.
type fakeDisk struct {
	did  []string
	gate chan struct{} // each sync takes one; nil: syncs pass
	in   chan struct{} // told at the start of a sync
	fail map[string]error
}

func (f *fakeDisk) note(what string, n int) error {
	f.did = append(f.did, fmt.Sprintf("%s %d", what, n))
	err := f.fail[what]
	if errors.Is(err, store.ErrFull) {
		delete(f.fail, what) // there is room the next time
	}
	return err
}

func (f *fakeDisk) Write(r []*wire.Record) error { return f.note("write", len(r)) }
func (f *fakeDisk) Sync() error {
	if f.gate != nil {
		f.in <- struct{}{}
		<-f.gate
	}
	return f.note("sync", 0)
}
func (f *fakeDisk) WriteJournal(r []*wire.Record) error { return f.note("journal", len(r)) }
func (f *fakeDisk) SyncJournal() error                  { return f.note("sync journal", 0) }
func (f *fakeDisk) SaveSnapshot(s *raftpb.Snapshot, keep uint64, replace bool) error {
	return f.note("snapshot", int(s.GetMetadata().GetIndex()))
}
func (f *fakeDisk) SaveDraft(*store.Draft, uint64) error {
	return f.note("draft", 0)
}
func (f *fakeDisk) SaveIdentity(*wire.Identity) error { return f.note("identity", 0) }
func (f *fakeDisk) SetAside() error                   { return f.note("aside", 0) }
func (f *fakeDisk) Prepare() error                    { return store.ErrFull }
func (f *fakeDisk) Close() error                      { return nil }

func startWriter(t *testing.T, f *fakeDisk) (*diskWriter, <-chan node.Event, func()) {
	told := make(chan node.Event, 1000)
	w := &diskWriter{disk: f, figures: newFigures(), box: newMailbox[node.Effect](), retry: time.Nanosecond,
		tell: func(ev node.Event) bool { told <- ev; return true }, log: func(bool, string) {}}
	ended := make(chan struct{})
	go func() { defer close(ended); w.run() }()
	return w, told, func() {
		w.box.close()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("the writer did not end")
		}
	}
}

func entries(n int) []*wire.Record {
	out := make([]*wire.Record, n)
	for i := range out {
		out[i] = &wire.Record{Body: &wire.Record_Entry{Entry: []byte("x")}}
	}
	return out
}

func TestWhatQueuesUpDuringASyncGoesToDiskUnderTheNext(t *testing.T) {
	f := &fakeDisk{gate: make(chan struct{}), in: make(chan struct{})}
	w, told, end := startWriter(t, f)
	w.box.put(node.Append{Seq: 1, Records: entries(1)})
	await(t, f.in, "the first sync")
	for seq := uint64(2); seq <= 101; seq++ {
		w.box.put(node.Append{Seq: seq, Records: entries(2)})
	}
	f.gate <- struct{}{}
	if ev := awaitEvent[node.Synced](t, told); ev.Seq != 1 {
		t.Fatalf("first came %+v", ev)
	}
	await(t, f.in, "the second sync")
	f.gate <- struct{}{}
	if ev := awaitEvent[node.Synced](t, told); ev.Seq != 101 {
		t.Fatalf("then came %+v", ev)
	}
	end()
	if want := []string{"write 1", "sync 0", "write 200", "sync 0"}; !reflect.DeepEqual(f.did, want) {
		t.Fatalf("the disk was asked for %q, want %q", f.did, want)
	}
}

func TestAFrameIsBounded(t *testing.T) {
	f := &fakeDisk{}
	w, told, end := startWriter(t, f)
	big := []*wire.Record{{Body: &wire.Record_Entry{Entry: make([]byte, 3<<20)}}}
	w.box.mu.Lock() // all of them at once
	for seq := uint64(1); seq <= 9; seq++ {
		w.box.items = append(w.box.items, node.Append{Seq: seq, Records: big})
	}
	w.box.nudge()
	w.box.mu.Unlock()
	for awaitEvent[node.Synced](t, told).Seq != 9 {
	}
	end()
	if want := []string{"write 3", "sync 0", "write 3", "sync 0", "write 3", "sync 0"}; !reflect.DeepEqual(f.did, want) {
		t.Fatalf("the disk was asked for %q, want %q", f.did, want)
	}
}

// A snapshot of the node's own comes to the writer when it is encoded; meanwhile
// one from a peer, or the end, may have come.
func TestAnOwnSnapshotThatWasOvertakenIsNotWritten(t *testing.T) {
	f := &fakeDisk{}
	w, told, end := startWriter(t, f)
	own := ledger.New(core.ClusterID{1}, "test").Version()
	files, err := store.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := files.MkdirAll("snap"); err != nil {
		t.Fatal(err)
	}
	draft := func(index uint64) drafted {
		d, err := store.NewDraft(files, &raftpb.SnapshotMetadata{Index: &index, Term: &index}, own)
		if err != nil {
			t.Fatal(err)
		}
		return drafted{node.SaveSnapshot{Index: index, Ledger: own}, d}
	}
	w.box.put(draft(5))
	w.box.put(node.SaveSnapshot{Index: 9, Body: []byte("of a peer"), Replace: true})
	w.box.put(draft(7))
	w.box.put(node.SaveSnapshot{Index: 11, Ledger: own}) // the draft did not fit
	w.box.put(node.SetAside{})
	w.box.put(draft(13))
	for _, want := range []node.SnapshotSaved{{Index: 5}, {Index: 9}, {Index: 11}} {
		if ev := await(t, told, "an event"); !reflect.DeepEqual(ev, node.Event(want)) {
			t.Fatalf("got %+v, want %+v", ev, want)
		}
	}
	end()
	if len(told) > 0 {
		t.Fatalf("then came %+v", <-told)
	}
	if left, err := files.List("snap"); err != nil || len(left) != 1 {
		t.Fatalf("of the drafts are left %q (%v), not that of 5 alone", left, err)
	}
}

func TestSnapshotsAndIdentityKeepTheirPlaceAmongAppends(t *testing.T) {
	f := &fakeDisk{}
	w, told, end := startWriter(t, f)
	w.box.mu.Lock()
	w.box.items = []node.Effect{
		node.Append{Seq: 1, Records: entries(1)},
		node.Journal{Seq: 1, Records: entries(3)},
		node.Append{Seq: 2, Records: entries(1)},
		node.SaveSnapshot{Index: 7},
		node.SaveIdentity{Identity: &wire.Identity{}},
		node.Append{Seq: 3, Records: entries(5)},
		node.SetAside{},
	}
	w.box.nudge()
	w.box.mu.Unlock()
	want := []node.Event{
		node.Synced{Seq: 2}, node.Journaled{Seq: 1}, node.SnapshotSaved{Index: 7}, node.IdentitySaved{}, node.Synced{Seq: 3},
	}
	for i, w := range want {
		if ev := await(t, told, "an event"); !reflect.DeepEqual(ev, w) {
			t.Fatalf("event %d is %+v, want %+v", i, ev, w)
		}
	}
	end()
	did := []string{"write 2", "sync 0", "journal 3", "sync journal 0", "snapshot 0", "identity 0", "write 5", "sync 0", "aside 0"}
	if !reflect.DeepEqual(f.did, did) {
		t.Fatalf("the disk was asked for %q, want %q", f.did, did)
	}
}

func TestADiskThatFailsIsReportedAndNotUsedAgain(t *testing.T) {
	broken := errors.New("input/output error")
	for _, what := range []string{"write", "sync", "journal", "sync journal", "snapshot", "identity", "aside"} {
		f := &fakeDisk{fail: map[string]error{what: broken}}
		w, told, end := startWriter(t, f)
		w.box.mu.Lock()
		w.box.items = []node.Effect{
			node.Append{Seq: 1, Records: entries(1)}, node.Journal{Seq: 1, Records: entries(1)},
			node.SaveSnapshot{Index: 7}, node.SaveIdentity{Identity: &wire.Identity{}}, node.SetAside{}, node.Append{Seq: 2, Records: entries(1)},
		}
		w.box.nudge()
		w.box.mu.Unlock()
		if ev := awaitEvent[node.DiskFailed](t, told); ev.Err != broken {
			t.Fatalf("%s: %+v", what, ev)
		}
		end()
		if last := f.did[len(f.did)-1]; last[:len(what)] != what {
			t.Fatalf("after %s failed the disk was asked for %q", what, f.did)
		}
	}
}

func TestAFullDiskIsWaitedFor(t *testing.T) {
	f := &fakeDisk{fail: map[string]error{"write": fmt.Errorf("segment 3: %w", store.ErrFull)}}
	w, told, end := startWriter(t, f)
	w.box.put(node.Append{Seq: 1, Records: entries(1)})
	if ev := awaitEvent[node.Synced](t, told); ev.Seq != 1 {
		t.Fatalf("got %+v", ev)
	}
	end()
	if want := []string{"write 1", "write 1", "sync 0"}; !reflect.DeepEqual(f.did, want) {
		t.Fatalf("the disk was asked for %q, want %q", f.did, want)
	}
}
