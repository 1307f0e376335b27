package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// smallLog is a directory with everything in it: several segments, an
// overwritten tail, two snapshots of which the log reaches back to the first,
// votes, and a journal that was compacted.
func smallLog(t testing.TB) *memFS {
	m, s := member(t)
	for i := uint64(2); i <= 9; i++ {
		put(t, s, entryRecord(2, i, fmt.Sprintf("entry %d", i)), hardState(2, 77, i-1))
	}
	put(t, s, entryRecord(3, 7, "another 7"), entryRecord(3, 8, "another 8"), hardState(3, 0, 6))
	must(t, s.SaveSnapshot(snapshotAt(2, 6, strings.Repeat("state ", 20)), 2, false))
	for i := uint64(9); i <= 11; i++ {
		put(t, s, entryRecord(3, i, "more"))
	}
	put(t, s, hardState(4, 78, 9))
	put(t, s, entryRecord(5, 12, "the last"), hardState(5, 79, 11))
	for f := uint64(1); f < 6; f++ {
		putJournal(t, s, intent(f), started(f))
		if f > 2 {
			putJournal(t, s, ended(f-1), forgotten(f-2))
		}
	}
	must(t, s.Close())
	return m
}

// verdict compares what a damaged directory gives with what is really in it.
// It returns "" when nothing is wrong or everything wrong was said.
func verdict(m *memFS, truth *Restored) (said string, silent string) {
	s, r, err := OpenWith(m, small)
	if err != nil {
		return "refused", ""
	}
	defer s.Close()
	last := truth.Entries[len(truth.Entries)-1]
	switch {
	case r.Identity == nil:
		if len(r.Remarks) == 0 || len(r.Entries) > 0 {
			return "", "identity lost"
		}
		return "set aside", ""
	case r.Instance != truth.Instance:
		return "", fmt.Sprintf("instance %d", r.Instance)
	case !proto.Equal(r.Identity, truth.Identity):
		return "", "another identity"
	}
	if !sameRecords(r.Journal, truth.Journal) && r.JournalDamaged == nil && len(r.Remarks) == 0 {
		return "", "the journal lost records"
	}
	index := func(i int) uint64 { return r.Snapshot.GetMetadata().GetIndex() + 1 + uint64(i) }
	for i, e := range r.Entries {
		if e.GetIndex() != index(i) {
			return "", fmt.Sprintf("entry %d stands at %d", e.GetIndex(), index(i))
		}
	}
	if r.Damaged != nil {
		return "damaged", ""
	}
	if n := len(r.Entries); n == 0 || !proto.Equal(r.Entries[n-1], last) {
		if r.Doubt == nil || r.Doubt.Index != last.GetIndex() || r.Doubt.Term != last.GetTerm() {
			return "", fmt.Sprintf("entries lost, doubt %v", r.Doubt)
		}
	}
	if !sameHard(r, truth) {
		return "", fmt.Sprintf("hard state %v", r.Hard)
	}
	if r.Doubt != nil {
		return "doubt", ""
	}
	tail := truth.Entries[max(0, len(truth.Entries)-len(r.Entries)):]
	if !sameEntries(r.Entries[max(0, len(r.Entries)-len(tail)):], tail) {
		return "", "other entries"
	}
	if len(r.Remarks) > 0 {
		return "remarked", ""
	}
	if r.JournalDamaged != nil {
		return "journal damaged", ""
	}
	if !proto.Equal(r.Snapshot, truth.Snapshot) {
		return "", "another snapshot"
	}
	return "whole", ""
}

// sameHard says whether the promises are kept: the same term and vote, or a
// vote for itself in a term in which it may have voted.
func sameHard(r, truth *Restored) bool {
	h, want := r.Hard, truth.Hard
	if h.GetTerm() == want.GetTerm() && h.GetVote() == want.GetVote() {
		return r.Doubt != nil || h.GetCommit() == want.GetCommit()
	}
	return r.Doubt != nil && h.GetTerm() == want.GetTerm() && h.GetVote() == r.Identity.GetRaft()
}

// tally counts what was said, and fails for what was not.
func tally(t *testing.T, counts map[string]int, m *memFS, truth *Restored, what string) {
	t.Helper()
	said, silent := verdict(m, truth)
	if silent != "" {
		t.Fatalf("%s: %s", what, silent)
	}
	counts[said]++
}

func readTruth(t *testing.T, m *memFS) *Restored {
	s, truth := mustOpen(t, m.with("", []byte{}))
	if truth.Damaged != nil || truth.Doubt != nil || len(truth.Remarks) > 0 || truth.JournalDamaged != nil {
		t.Fatalf("a whole log is not called whole: %+v", truth)
	}
	if len(truth.Entries) != 6 || truth.Snapshot.GetMetadata().GetIndex() != 6 || len(truth.Journal) != 5 {
		t.Fatalf("%d entries, snapshot %v, journal %v", len(truth.Entries), truth.Snapshot.GetMetadata(), truth.Journal)
	}
	must(t, s.Close())
	return truth
}

func TestNoFlippedBitLosesAnythingInSilence(t *testing.T) {
	m := smallLog(t)
	truth := readTruth(t, m)
	counts := map[string]int{}
	for _, name := range m.names() {
		whole := m.files[name].data
		for bit := 0; bit < len(whole)*8; bit += stride {
			data := slices.Clone(whole)
			data[bit/8] ^= 1 << (bit % 8)
			tally(t, counts, m.with(name, data), truth, fmt.Sprintf("%s byte %d bit %d", name, bit/8, bit%8))
		}
	}
	t.Logf("%d files: %v", len(m.files), counts)
	if counts["damaged"] == 0 || counts["doubt"] == 0 || counts["whole"] > 0 && counts["remarked"] == 0 {
		t.Error("the test damages nothing")
	}
}

func TestNoCutByteLosesAnythingInSilence(t *testing.T) {
	m := smallLog(t)
	truth := readTruth(t, m)
	counts := map[string]int{}
	for _, name := range m.names() {
		whole := m.files[name].data
		for n := 0; n < len(whole); n += stride {
			tally(t, counts, m.with(name, slices.Clone(whole[:n])), truth, fmt.Sprintf("%s cut to %d bytes", name, n))
		}
	}
	t.Logf("%d files: %v", len(m.files), counts)
}

func TestNoMissingFileIsTakenForAnEmptyOne(t *testing.T) {
	m := smallLog(t)
	truth := readTruth(t, m)
	counts := map[string]int{}
	for _, name := range m.names() {
		said, silent := verdict(m.with(name, nil), truth)
		if silent == "another snapshot" && strings.HasPrefix(name, snapDir) {
			said, silent = "whole", "" // the log reaches back to the older one
		}
		if silent != "" {
			t.Errorf("without %s: %s", name, silent)
		}
		counts[said]++
	}
	t.Logf("%d files: %v", len(m.files), counts)
}

func TestDamageAndDoubtAreSaidAgainAtEveryStart(t *testing.T) {
	m := smallLog(t)
	segments := slices.DeleteFunc(m.names(), func(n string) bool { return !strings.HasPrefix(n, walDir) })
	for _, name := range []string{segments[0], segments[len(segments)-1]} {
		// The last frame of the segment that is not a seal.
		data := slices.Clone(m.files[name].data)
		var seg segment
		seg, _, _ = decodeSegment(data, "hb-wal\n\n", 0)
		at := lastFrame(data, seg.salt)
		data[at+headSize] ^= 4
		c := m.with(name, data)
		for start := range 3 {
			s, r := mustOpen(t, c)
			if r.Damaged == nil && r.Doubt == nil {
				t.Errorf("%s: start %d says nothing", name, start)
			}
			if r.Doubt != nil && *r.Doubt != (Doubt{5, 12}) {
				t.Errorf("%s: start %d: doubt %v", name, start, r.Doubt)
			}
			must(t, s.Close())
		}
	}
}

func lastFrame(data []byte, salt uint64) int {
	at := 0
	for off := sector; off < len(data); {
		h, _, _, whole := readFrame(data[off:], salt)
		if !whole {
			break
		}
		if h.kind != kindSeal {
			at = off
		}
		off += frameSize(h.length)
	}
	return at
}

func TestADoubtEndsWhenTheLogHasWhatWasClaimed(t *testing.T) {
	m, s := member(t)
	put(t, s, entryRecord(2, 2, "two"), hardState(2, 0, 1))
	put(t, s, entryRecord(2, 3, "three"), hardState(2, 78, 1))
	must(t, s.Close())
	damageLast(t, m)
	s, r := mustOpen(t, m)
	if r.Doubt == nil || *r.Doubt != (Doubt{2, 3}) || len(r.Entries) != 1 {
		t.Fatalf("doubt %v, %d entries", r.Doubt, len(r.Entries))
	}
	if r.Hard.GetTerm() != 2 || r.Hard.GetVote() != 77 {
		t.Errorf("the vote that may have been given is not guarded: %v", r.Hard)
	}
	put(t, s, hardState(4, 0, 1))
	must(t, s.Close())
	s, r = mustOpen(t, m)
	if r.Doubt == nil || r.Hard.GetTerm() != 4 {
		t.Fatalf("a restart ended the doubt: %v, %v", r.Doubt, r.Hard)
	}
	put(t, s, entryRecord(4, 3, "the leader's three"))
	must(t, s.Close())
	_, r = mustOpen(t, m)
	if r.Doubt != nil || len(r.Entries) != 2 || r.Damaged != nil {
		t.Errorf("doubt %v, damaged %v, %d entries", r.Doubt, r.Damaged, len(r.Entries))
	}
}

// damageLast flips a bit in the payload of the last frame of the last segment.
func damageLast(t *testing.T, m *memFS) {
	name := ""
	for _, n := range m.names() {
		if strings.HasPrefix(n, walDir) {
			name = n
		}
	}
	data := m.files[name].data
	seg, _, damage := decodeSegment(data, "hb-wal\n\n", 1)
	if damage != "" {
		t.Log(damage)
	}
	data[lastFrame(data, seg.salt)+headSize] ^= 1
}

func TestANewRaftIDEndsDamageAndVoidsTheVotes(t *testing.T) {
	m := smallLog(t)
	name := m.names()[slices.IndexFunc(m.names(), func(n string) bool { return strings.HasPrefix(n, walDir) })+1]
	m.files[name].data[sector+headSize] ^= 1
	s, r := mustOpen(t, m)
	if r.Damaged == nil || !strings.Contains(r.Damaged.Error(), name) || !strings.Contains(r.Damaged.Error(), "byte 512") {
		t.Fatalf("damage is not located: %v", r.Damaged)
	}
	if err := s.Write(nil); err == nil {
		t.Fatal("a damaged log takes writes under its old raft ID")
	}
	id := proto.CloneOf(r.Identity)
	id.Raft = 99
	must(t, s.SaveIdentity(id))
	next := r.Snapshot.GetMetadata().GetIndex() + uint64(len(r.Entries)) + 1
	put(t, s, entryRecord(9, next, "from a peer"), hardState(9, 0, next))
	must(t, s.Close())
	s, again := mustOpen(t, m)
	if again.Damaged != nil || again.Identity.Raft != 99 || again.Hard.GetTerm() != 9 {
		t.Fatalf("damaged %v, identity %v, hard %v", again.Damaged, again.Identity, again.Hard)
	}
	want := append(slices.Clone(r.Entries), &raftpb.Entry{Term: proto.Uint64(9), Index: &next, Data: []byte("from a peer")})
	if !sameEntries(again.Entries, want) {
		t.Errorf("%d entries, want %d", len(again.Entries), len(want))
	}
	must(t, s.SaveSnapshot(snapshotAt(9, next, "state"), next+1, true))
	must(t, s.Close())
	if _, last := mustOpen(t, m); last.Damaged != nil || last.Snapshot.GetMetadata().GetIndex() != next {
		t.Errorf("after a snapshot: %v, %v", last.Damaged, last.Snapshot.GetMetadata())
	}
}
