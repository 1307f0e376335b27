package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hb/core"
	"hb/core/wire"
)

func reopen(t testing.TB, s *Store, fsys FS) (*Store, *Restored) {
	t.Helper()
	must(t, s.Close())
	s, r := mustOpen(t, fsys)
	if r.Damaged != nil || r.Doubt != nil || r.JournalDamaged != nil || len(r.Remarks) > 0 {
		t.Fatalf("after an orderly end: %v, %v, %v, %q", r.Damaged, r.Doubt, r.JournalDamaged, r.Remarks)
	}
	return s, r
}

// positions tells a log as term.index words.
func positions(r *Restored) string {
	var words []string
	for _, e := range r.Entries {
		words = append(words, fmt.Sprintf("%d.%d", e.GetTerm(), e.GetIndex()))
	}
	return strings.Join(words, " ")
}

func codeOf(err error) core.Code {
	var f *core.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return 0
}

func TestANewDirectoryIsNobodysAndEveryStartIsCounted(t *testing.T) {
	m := newMemFS()
	for start := core.Instance(1); start < 4; start++ {
		s, r := mustOpen(t, m)
		if r.Identity != nil || r.Hard != nil || r.Snapshot != nil || r.Entries != nil || r.Journal != nil || len(r.Remarks) > 0 {
			t.Fatalf("start %d: %+v", start, r)
		}
		if r.Instance != start {
			t.Errorf("start %d counts as %d", start, r.Instance)
		}
		must(t, s.Close())
	}
}

func TestWhatWasWrittenComesBack(t *testing.T) {
	m, s := member(t)
	put(t, s, entryRecord(2, 2, "a"), entryRecord(2, 3, "b"), hardState(2, 77, 1))
	put(t, s, entryRecord(2, 4, "c"), hardState(2, 77, 3))
	_, r := reopen(t, s, m)
	if positions(r) != "2.2 2.3 2.4" || string(r.Entries[2].Data) != "c" {
		t.Errorf("entries %s", positions(r))
	}
	if r.Hard.GetTerm() != 2 || r.Hard.GetVote() != 77 || r.Hard.GetCommit() != 3 {
		t.Errorf("hard state %v", r.Hard)
	}
	if string(r.Snapshot.GetData()) != "genesis" || r.Snapshot.GetMetadata().GetConfState().Voters[0] != 1 {
		t.Errorf("snapshot %v", r.Snapshot)
	}
	if r.Identity.GetRaft() != 77 {
		t.Errorf("identity %v", r.Identity)
	}
}

func TestAnEntryReplacesTheOneAtItsIndexAndAllAfter(t *testing.T) {
	for _, c := range []struct {
		frames [][2]uint64 // term, index
		want   string
	}{
		{[][2]uint64{{2, 2}, {2, 3}, {2, 4}, {3, 3}}, "2.2 3.3"},
		{[][2]uint64{{2, 2}, {2, 3}, {3, 2}}, "3.2"},
		{[][2]uint64{{2, 2}, {2, 3}, {3, 3}, {3, 4}, {4, 4}}, "2.2 3.3 4.4"},
	} {
		m, s := member(t)
		for _, f := range c.frames {
			put(t, s, entryRecord(f[0], f[1], "data"))
		}
		if _, r := reopen(t, s, m); positions(r) != c.want {
			t.Errorf("%v gave %q, want %q", c.frames, positions(r), c.want)
		}
	}
}

func TestALogGoesOnOverManySegments(t *testing.T) {
	m, s := member(t)
	for i := uint64(2); i < 200; i++ {
		put(t, s, entryRecord(2, i, fmt.Sprint("entry ", i)))
		if i%3 == 0 {
			must(t, s.Prepare())
		}
		if i%50 == 0 {
			var r *Restored
			s, r = reopen(t, s, m)
			if n := uint64(len(r.Entries)); n != i-1 {
				t.Fatalf("%d entries after %d", n, i)
			}
		}
	}
	if names, _ := m.List(walDir); len(names) < 10 {
		t.Errorf("only %v", names)
	}
}

func TestSegmentsGrowToTheirLength(t *testing.T) {
	m := newMemFS()
	s, _, err := OpenWith(m, Options{Segment: 1 << 20, Journal: 1 << 20})
	must(t, err)
	must(t, s.SaveSnapshot(snapshotAt(1, 1, "genesis"), 2, true))
	must(t, s.SaveIdentity(identity()))
	for i := uint64(2); len(s.wal.segs) < 5; i++ {
		put(t, s, entryRecord(1, i, strings.Repeat("x", 100_000)))
		if i%2 == 0 {
			must(t, s.Prepare())
		}
	}
	var sizes []int64
	for _, seg := range s.wal.segs {
		sizes = append(sizes, seg.size>>10)
	}
	if want := []int64{256, 512, 1024, 1024, 1024}; !slices.Equal(sizes, want) {
		t.Errorf("%d KiB, want %d", sizes, want)
	}
	must(t, s.Close())
	_, r, err := OpenWith(m, Options{Segment: 1 << 20, Journal: 1 << 20})
	if err != nil || r.Damaged != nil || len(r.Entries) < 20 {
		t.Errorf("%d entries came back, %v, %v", len(r.Entries), r.Damaged, err)
	}
}

func TestAFrameLargerThanASegmentGetsASegmentOfItsOwn(t *testing.T) {
	m, s := member(t)
	big := strings.Repeat("big ", 5000)
	put(t, s, entryRecord(2, 2, "small"))
	put(t, s, entryRecord(2, 3, big))
	put(t, s, entryRecord(2, 4, "small again"))
	_, r := reopen(t, s, m)
	if positions(r) != "2.2 2.3 2.4" || string(r.Entries[1].Data) != big {
		t.Errorf("entries %s", positions(r))
	}
}

func TestAGapInTheLogIsRefused(t *testing.T) {
	_, s := member(t)
	if err := s.Write([]*wire.Record{entryRecord(2, 3, "")}); codeOf(err) != core.CodeInternal {
		t.Errorf("entry 3 after 1: %v", err)
	}
	if err := s.Write([]*wire.Record{entryRecord(2, 1, "")}); codeOf(err) != core.CodeInternal {
		t.Errorf("entry 1 under the snapshot at 1: %v", err)
	}
	if err := s.Write([]*wire.Record{intent(3)}); codeOf(err) != core.CodeInternal {
		t.Errorf("an intent in the log: %v", err)
	}
	if err := s.WriteJournal([]*wire.Record{hardState(1, 1, 1)}); codeOf(err) != core.CodeInternal {
		t.Errorf("a hard state in the journal: %v", err)
	}
	put(t, s, entryRecord(2, 2, "it goes on"))
}

func TestASnapshotLetsOldSegmentsGo(t *testing.T) {
	m, s := member(t)
	put(t, s, hardState(7, 78, 1))
	for i := uint64(2); i < 60; i++ {
		put(t, s, entryRecord(7, i, "entry"))
	}
	before, _ := m.List(walDir)
	must(t, s.SaveSnapshot(snapshotAt(7, 50, "at 50"), 40, false))
	after, _ := m.List(walDir)
	if len(after) >= len(before) || after[0] == before[0] {
		t.Errorf("%d segments of %d are left", len(after), len(before))
	}
	s, r := reopen(t, s, m)
	if len(r.Entries) != 9 || r.Entries[0].GetIndex() != 51 || r.Hard.GetTerm() != 7 || r.Hard.GetCommit() != 50 {
		t.Errorf("entries %s, hard %v", positions(r), r.Hard)
	}
	if s.wal.first() > 40 {
		t.Errorf("the tail from 40 was asked for, it begins at %d", s.wal.first())
	}
}

func TestASnapshotFromAPeerSupersedesTheLog(t *testing.T) {
	m, s := member(t)
	put(t, s, entryRecord(2, 2, "lost"), entryRecord(2, 3, "lost"), hardState(3, 0, 1))
	must(t, s.SaveSnapshot(snapshotAt(3, 100, "at 100"), 101, true))
	put(t, s, entryRecord(3, 101, "after it"))
	s, r := reopen(t, s, m)
	if positions(r) != "3.101" || r.Hard.GetTerm() != 3 || r.Hard.GetCommit() != 100 {
		t.Errorf("entries %s, hard %v", positions(r), r.Hard)
	}
	if err := s.SaveSnapshot(snapshotAt(2, 50, "old"), 50, false); codeOf(err) != core.CodeInternal {
		t.Errorf("an older snapshot: %v", err)
	}
}

func TestADamagedSnapshotFallsBackToTheOneBeforeIfTheLogBridges(t *testing.T) {
	for _, c := range []struct {
		keep    uint64
		damaged bool
	}{{2, false}, {50, true}} {
		m, s := member(t)
		for i := uint64(2); i < 60; i++ {
			put(t, s, entryRecord(2, i, "entry"))
		}
		must(t, s.SaveSnapshot(snapshotAt(2, 50, "at 50"), c.keep, false))
		must(t, s.Close())
		name := snapName(position{2, 50})
		m.files[name].data[40] ^= 1
		_, r := mustOpen(t, m)
		if (r.Damaged != nil) != c.damaged {
			t.Fatalf("keep %d: damaged %v", c.keep, r.Damaged)
		}
		said := fmt.Sprint(r.Damaged, r.Remarks)
		if !strings.Contains(said, name) {
			t.Errorf("keep %d: %s is not named in %s", c.keep, name, said)
		}
		if !c.damaged && (len(r.Entries) != 58 || r.Snapshot.GetMetadata().GetIndex() != 1) {
			t.Errorf("%d entries after %v", len(r.Entries), r.Snapshot.GetMetadata())
		}
	}
}

func TestACrashBetweenASnapshotAndItsMarkIsFinishedAtTheNextStart(t *testing.T) {
	m, s := member(t)
	put(t, s, entryRecord(2, 2, "a"), entryRecord(2, 3, "b"), entryRecord(2, 4, "c"), hardState(2, 0, 2))
	must(t, saveSnapshot(m, snapshotAt(3, 3, "of another history"))) // no Mark follows
	s, r := reopen(t, s, m)
	if len(r.Entries) != 0 || r.Snapshot.GetMetadata().GetIndex() != 3 {
		t.Fatalf("entries %s after %v", positions(r), r.Snapshot.GetMetadata())
	}
	put(t, s, entryRecord(3, 4, "of that history"))
	if _, r = reopen(t, s, m); positions(r) != "3.4" {
		t.Errorf("entries %s", positions(r))
	}
}

func TestTheJournalKeepsIntentsUntilTheyAreForgotten(t *testing.T) {
	m, s := member(t)
	for f := uint64(1); f <= 300; f++ {
		putJournal(t, s, intent(f), started(f))
		if f > 3 {
			putJournal(t, s, ended(f-3), forgotten(f-3))
		}
	}
	putJournal(t, s, forgotten(4711))
	if names, _ := m.List(journalDir); len(names) != 1 {
		t.Errorf("it did not compact itself: %v", names)
	}
	_, r := reopen(t, s, m)
	want := []*wire.Record{intent(298), started(298), intent(299), started(299), intent(300), started(300)}
	if !sameRecords(r.Journal, want) {
		t.Errorf("journal %v", r.Journal)
	}
}

func TestAnIdentityIsWrittenOnce(t *testing.T) {
	m, s := member(t)
	must(t, s.SaveIdentity(identity()))
	other := identity()
	other.Cluster = []byte("another cluster.")
	if err := s.SaveIdentity(other); codeOf(err) != core.CodeBadInput {
		t.Errorf("another cluster: %v", err)
	}
	other = identity()
	other.Node = 8
	if err := s.SaveIdentity(other); codeOf(err) != core.CodeBadInput {
		t.Errorf("another node: %v", err)
	}
	if _, r := reopen(t, s, m); r.Identity.Node != 7 {
		t.Errorf("identity %v", r.Identity)
	}
}

func TestTheNextSegmentIsMadeInPiecesAndInTime(t *testing.T) {
	const step = 100_000
	m := newMemFS()
	s, _, err := OpenWith(m, Options{Segment: 4 << 20})
	must(t, err)
	must(t, s.SaveSnapshot(snapshotAt(1, 1, "genesis"), 2, true))
	must(t, s.SaveIdentity(identity()))
	pieces := 0
	for i := uint64(2); len(s.wal.segs) < 7; i++ {
		was, segments := s.wal.spare, len(s.wal.segs)
		put(t, s, entryRecord(1, i, strings.Repeat("x", step)))
		if begun := len(s.wal.segs) > segments; begun && s.wal.segs[segments].size == 4<<20 && !was.whole() {
			t.Errorf("segment %d was needed when %d of %d bytes were made", segments, was.filled, was.size)
		}
		before := s.wal.spare.filled
		must(t, s.Prepare())
		if made := s.wal.spare.filled - before; made > 4*step+2*piece {
			t.Errorf("%d bytes were made at once", made)
		} else if made > 0 {
			pieces++
		}
	}
	if pieces < 9 {
		t.Errorf("only %d pieces", pieces)
	}
}

func TestADirectorySetAsideIsNewAndNothingOfItIsDeleted(t *testing.T) {
	m, s := member(t)
	put(t, s, entryRecord(2, 2, "precious"))
	putJournal(t, s, intent(1))
	must(t, s.SetAside())
	must(t, s.Close())
	must(t, s.Prepare())
	if err := s.Write(nil); err == nil {
		t.Error("a closed store takes writes")
	}
	s, r := mustOpen(t, m)
	if r.Identity != nil || r.Snapshot != nil || len(r.Entries) > 0 || r.Instance != 2 {
		t.Fatalf("not new: %+v", r)
	}
	all := ""
	for _, name := range m.names() {
		if strings.HasPrefix(name, "aside-1/") {
			all += name + string(m.files[name].data)
		}
	}
	if !strings.Contains(all, "precious") || !strings.Contains(all, "genesis") || !strings.Contains(all, "aside-1/id") {
		t.Errorf("only %v is left", m.names())
	}
	must(t, s.SaveSnapshot(snapshotAt(1, 1, "another"), 2, true))
	must(t, s.Close())
	// A founding that did not get as far as its identity is set aside too.
	if _, r = mustOpen(t, m); len(r.Remarks) != 1 || !strings.Contains(r.Remarks[0], "aside-2") || r.Snapshot != nil {
		t.Errorf("remarks %q", r.Remarks)
	}
}

func TestAFullDiskIsSaidAndPasses(t *testing.T) {
	m, s := member(t)
	i, err := uint64(2), error(nil)
	for ; !s.wal.spare.whole(); i++ {
		put(t, s, entryRecord(2, i, "entry"))
		must(t, s.Prepare())
	}
	used := 0
	for _, f := range m.files {
		used += len(f.data)
	}
	m.room = used
	for ; err == nil; i++ {
		if err = s.Write([]*wire.Record{entryRecord(2, i, "entry")}); err == nil {
			must(t, s.Sync())
		}
	}
	if !errors.Is(err, ErrFull) || i < 10 || s.wal.spare.whole() {
		t.Fatalf("entry %d: %v", i, err)
	}
	if err := s.Prepare(); !errors.Is(err, ErrFull) {
		t.Errorf("prepare: %v", err)
	}
	if err := s.SaveSnapshot(snapshotAt(2, i-2, strings.Repeat("x", 5000)), 2, false); !errors.Is(err, ErrFull) {
		t.Errorf("snapshot: %v", err)
	}
	m.room = 0
	put(t, s, entryRecord(2, i-1, "there is room again"))
	if _, r := reopen(t, s, m); uint64(len(r.Entries)) != i-2 {
		t.Errorf("%d entries, want %d", len(r.Entries), i-2)
	}
}

// brokenFS fails the sync of files once it is told to.
type brokenFS struct {
	*memFS
	broken bool
}

type brokenFile struct {
	File
	fs *brokenFS
}

func (b *brokenFS) Create(name string) (File, error) { return b.wrap(b.memFS.Create(name)) }
func (b *brokenFS) Open(name string) (File, error)   { return b.wrap(b.memFS.Open(name)) }

func (b *brokenFS) wrap(f File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return brokenFile{f, b}, nil
}

func (f brokenFile) Sync() error {
	if f.fs.broken {
		return errors.New("input/output error")
	}
	return nil
}

func TestAFailedSyncIsFinal(t *testing.T) {
	b := &brokenFS{memFS: newMemFS()}
	s, _ := mustOpen(t, b)
	must(t, s.SaveIdentity(identity()))
	must(t, s.Write([]*wire.Record{entryRecord(1, 1, "a")}))
	b.broken = true
	first := s.Sync()
	b.broken = false
	if codeOf(first) != core.CodeIO || !strings.Contains(first.Error(), "input/output error") {
		t.Fatalf("sync: %v", first)
	}
	for what, err := range map[string]error{
		"sync":  s.Sync(),
		"write": s.Write([]*wire.Record{entryRecord(1, 2, "b")}),
	} {
		if err != first {
			t.Errorf("%s after it: %v", what, err)
		}
	}
}

func TestFilesOfANewerFormatAreLeftAlone(t *testing.T) {
	m := smallLog(t)
	for _, name := range m.names() {
		data := bytes.Clone(m.files[name].data)
		switch {
		case strings.HasPrefix(name, snapDir):
			data[12] = 9
			sum := castagnoli(data[4:32])
			copy(data, []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
		case strings.Contains(name, "/"):
			data[12] = 9
			sum := castagnoli(data[4:sector])
			copy(data, []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
		default:
			n := int(data[12]) // the content is short
			for at := 0; at < len(data); at += len(data) / 2 {
				c := data[at:]
				c[11] = 9
				sum := castagnoli(c[4 : sealHead+n])
				copy(c, []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
			}
		}
		c := m.with(name, data)
		_, _, err := OpenWith(c, small)
		if strings.HasPrefix(name, snapDir) && err == nil {
			continue // an older snapshot, which nobody needs
		}
		if codeOf(err) != core.CodeConfig || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "format 9") {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(c.files[name].data, data) {
			t.Errorf("%s was touched", name)
		}
	}
}

func TestARecordOfAKindUnknownHereStopsTheStart(t *testing.T) {
	m, s := member(t)
	w := &s.wal
	must(t, w.open(100, 0))
	unknown := []byte{3, 0xfa, 0x01, 0x00} // field 31, empty
	must(t, w.chain.write(head{kind: kindData, last: w.last}, unknown))
	must(t, s.Close())
	if _, _, err := OpenWith(m, small); codeOf(err) != core.CodeConfig {
		t.Errorf("opened: %v", err)
	}
}

func TestGroupCommitIsOneFrame(t *testing.T) {
	m, s := member(t)
	seq := s.wal.seq
	put(t, s, entryRecord(2, 2, "of one"), hardState(2, 0, 1), entryRecord(2, 3, "of another"), hardState(2, 0, 2))
	if s.wal.seq != seq+1 {
		t.Errorf("%d frames", s.wal.seq-seq)
	}
	if _, r := reopen(t, s, m); positions(r) != "2.2 2.3" || r.Hard.GetCommit() != 2 {
		t.Errorf("%s, %v", positions(r), r.Hard)
	}
}
