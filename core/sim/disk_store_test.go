package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"pgregory.net/rapid"

	"hb/core/store"
	"hb/core/wire"
)

func logEntry(term, index uint64) *wire.Record {
	return logData(term, index, fmt.Sprint("entry ", index, " of term ", term))
}

func logData(term, index uint64, data string) *wire.Record {
	e := &raftpb.Entry{Term: &term, Index: &index, Data: []byte(data)}
	return &wire.Record{Body: &wire.Record_Entry{Entry: wire.Marshal(e)}}
}

func logHard(h hard) *wire.Record {
	b := wire.Marshal(&raftpb.HardState{Term: &h.term, Vote: &h.vote, Commit: &h.commit})
	return &wire.Record{Body: &wire.Record_HardState{HardState: b}}
}

type hard struct{ term, vote, commit uint64 }

type at struct{ term, index uint64 }

func (a at) before(b at) bool { return a.term < b.term || a.term == b.term && a.index < b.index }

// image is what a directory may hold.
type image struct {
	snap    at
	log     []at // after snap
	hard    hard
	id      uint64 // raft ID; 0: none
	journal string
}

func (m image) last() at {
	if n := len(m.log); n > 0 {
		return m.log[n-1]
	}
	return m.snap
}

func (m image) append(es []at) image {
	m.log = slices.Clone(m.log)
	for _, e := range es {
		if keep := int(e.index - m.snap.index - 1); keep < len(m.log) {
			m.log = m.log[:keep]
		}
		m.log = append(m.log, e)
	}
	return m
}

// cover is the image after a snapshot.
func (m image) cover(snap at, replace bool) image {
	rest := []at{}
	if n := int(snap.index) - int(m.snap.index); !replace && n <= len(m.log) && (n == 0 || m.log[n-1] == snap) {
		rest = slices.Clone(m.log[n:])
	}
	m.snap, m.log = snap, rest
	return m
}

// model drives a store, and knows which images a crash may leave: more than one
// while something is not synced.
type model struct {
	t       *rapid.T
	disk    *Disk
	store   *store.Store
	images  []image // the last is what the living store has
	journal map[uint64]int
	sizes   store.Options
	doubt   at
	started uint64
	torn    int
}

func (m *model) now() image { return m.images[len(m.images)-1] }

// crash is the end of the process and, unless it was only a sync that failed,
// of the power.
func (m *model) crash() {
	m.store.Close()
	if m.disk.dark || rapid.Bool().Draw(m.t, "the power goes too") {
		m.disk.Crash()
	}
	m.open()
}

// open opens the store until it succeeds, and checks what it gives.
func (m *model) open() {
	for tries := 0; ; tries++ {
		if rapid.IntRange(0, 3).Draw(m.t, "power goes at the start") == 0 {
			m.disk.CutAfter(rapid.IntRange(0, 30).Draw(m.t, "after"))
		}
		failing := m.disk.failSync
		s, r, err := store.OpenWith(m.disk, m.sizes)
		if err != nil {
			if !m.disk.dark && !failing {
				m.t.Fatalf("a start fails on an honest disk: %v", err)
			}
			if m.disk.dark {
				m.disk.Crash()
			}
			continue
		}
		m.disk.CutAfter(-1)
		m.store = s
		m.check(r, tries > 0)
		return
	}
}

// check compares what is restored with the images. A vote is guarded by the
// start that says so, or already by one before it that the power cut short.
func (m *model) check(r *store.Restored, again bool) {
	if r.Damaged != nil || r.JournalDamaged != nil {
		m.t.Fatalf("an honest disk is called damaged: %v %v", r.Damaged, r.JournalDamaged)
	}
	if uint64(r.Instance) <= m.started {
		m.t.Fatalf("instance %d after %d", r.Instance, m.started)
	}
	m.started = uint64(r.Instance)
	got := seen(r)
	for _, want := range slices.Backward(m.images) {
		if want.id == 0 {
			want = image{journal: got.journal} // all else is set aside
		}
		if fmt.Sprint(got) == fmt.Sprint(want) || (again || r.Doubt != nil) && m.guarded(got, want) {
			m.settleDoubt(r, got)
			m.images = []image{got}
			m.recount(r)
			return
		}
	}
	m.t.Fatalf("found  %v, doubt %v\nof     %v\nremarks %q", got, r.Doubt, m.images, r.Remarks)
}

// guarded says whether the images differ only by a vote that was lost in a torn
// frame, and is now one for the node itself.
func (m *model) guarded(got, want image) bool {
	for _, i := range m.images {
		if got.hard.term == i.hard.term && got.hard.vote == got.id {
			want.hard = got.hard
			return fmt.Sprint(got) == fmt.Sprint(want)
		}
	}
	return false
}

// settleDoubt checks that a doubt is what it should be: kept until reached.
func (m *model) settleDoubt(r *store.Restored, got image) {
	if m.doubt != (at{}) && got.last().before(m.doubt) {
		if r.Doubt == nil || (at{r.Doubt.Term, r.Doubt.Index}).before(m.doubt) && r.Doubt.Index != 0 {
			m.t.Fatalf("doubt %v became %v at %v", m.doubt, r.Doubt, got.last())
		}
	} else {
		m.doubt = at{}
	}
	if r.Doubt != nil {
		m.torn++
		if d := (at{r.Doubt.Term, r.Doubt.Index}); m.doubt.before(d) {
			m.doubt = d
		}
	}
}

func (m *model) recount(r *store.Restored) {
	m.journal = map[uint64]int{}
	for _, rec := range r.Journal {
		if i := rec.GetIntent(); i != nil {
			m.journal[i.Grant.Fence]++
		}
	}
}

// seen turns what was restored into an image.
func seen(r *store.Restored) image {
	m := image{id: r.Identity.GetRaft(), log: []at{}}
	meta := r.Snapshot.GetMetadata()
	m.snap = at{meta.GetTerm(), meta.GetIndex()}
	for _, e := range r.Entries {
		m.log = append(m.log, at{e.GetTerm(), e.GetIndex()})
	}
	m.hard = hard{r.Hard.GetTerm(), r.Hard.GetVote(), 0}
	for _, rec := range r.Journal {
		m.journal += describeRecord(rec)
	}
	if m.id == 0 {
		m.log = nil
	}
	return m
}

func describeRecord(r *wire.Record) string {
	switch b := r.Body.(type) {
	case *wire.Record_Intent:
		return fmt.Sprintf("i%d ", b.Intent.Grant.Fence)
	case *wire.Record_Started:
		return fmt.Sprintf("s%d ", b.Started.Fence)
	}
	return fmt.Sprintf("%T ", r.Body)
}

// write writes a frame of entries and perhaps a hard state, and may sync it.
func (m *model) write(t *rapid.T) {
	now := m.now()
	if now.id == 0 {
		return
	}
	next, records := now, []*wire.Record{}
	term := now.last().term + rapid.Uint64Range(0, 1).Draw(t, "newer term")
	from := now.last().index + 1
	if back := from - 1 - now.snap.index; back > 0 && term > now.last().term && rapid.Bool().Draw(t, "overwrite") {
		from -= rapid.Uint64Range(1, back).Draw(t, "back")
	}
	for i := range rapid.Uint64Range(0, 5).Draw(t, "entries") {
		size := rapid.SampledFrom([]int{10, 300, 1500}).Draw(t, "size")
		records = append(records, logData(term, from+i, strings.Repeat("x", size)))
		next = next.append([]at{{term, from + i}})
	}
	if rapid.Bool().Draw(t, "hard") {
		next.hard.term = max(next.hard.term, term) + rapid.Uint64Range(0, 1).Draw(t, "ahead")
		next.hard.vote = rapid.Uint64Range(0, 3).Draw(t, "vote")
		if next.hard.term == now.hard.term && now.hard.vote != 0 {
			next.hard.vote = now.hard.vote // a vote is never taken back
		}
		records = append(records, logHard(next.hard))
	}
	before := m.images
	if !m.ok(m.store.Write(records), append(slices.Clone(before), next)) {
		return
	}
	m.images = []image{now, next}
	if rapid.IntRange(0, 9).Draw(t, "sync") > 0 {
		m.ok(m.store.Sync(), m.images)
		m.images = m.images[len(m.images)-1:]
	}
}

// ok goes on after success; after an error each of the images is possible.
func (m *model) ok(err error, possible []image) bool {
	if err == nil {
		return true
	}
	m.images = possible
	m.crash()
	return false
}

func (m *model) writeJournal(t *rapid.T) {
	now := m.now()
	if now.id == 0 {
		return
	}
	fence := rapid.Uint64Range(1, 12).Draw(t, "fence")
	next, records := now, []*wire.Record{}
	if m.journal[fence] == 0 {
		next.journal += fmt.Sprintf("i%d s%d ", fence, fence)
		g := &wire.Grant{Fence: fence, Spec: &wire.Spec{Argv: []string{strings.Repeat("y", 200)}}}
		records = append(records, &wire.Record{Body: &wire.Record_Intent{Intent: &wire.Intent{Grant: g}}},
			&wire.Record{Body: &wire.Record_Started{Started: &wire.Started{Fence: fence}}})
	} else {
		next.journal = strings.Replace(next.journal, fmt.Sprintf("i%d s%d ", fence, fence), "", 1)
		records = append(records, &wire.Record{Body: &wire.Record_Forgotten{Forgotten: fence}})
	}
	// The log's own last frame may still be unsynced: any mixture is possible.
	possible := slices.Clone(m.images)
	for _, i := range m.images {
		i.journal = next.journal
		possible = append(possible, i)
	}
	err := m.store.WriteJournal(records)
	if err == nil {
		err = m.store.SyncJournal()
	}
	if !m.ok(err, possible) {
		return
	}
	for i := range m.images {
		m.images[i].journal = next.journal
	}
	m.journal[fence] ^= 1
}

func (m *model) snapshot(t *rapid.T) {
	now := m.now()
	if now.id == 0 || len(now.log) == 0 {
		return
	}
	snap := now.log[rapid.IntRange(0, len(now.log)-1).Draw(t, "at")]
	replace := false
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		snap, replace = at{now.last().term + 1, now.last().index + rapid.Uint64Range(0, 9).Draw(t, "ahead")}, true
	case 1:
		snap.term, replace = snap.term+1, true // what the log has there is superseded
	}
	if !now.last().before(m.doubt) {
		m.doubt = at{} // a snapshot makes durable what was reached
	}
	next := now.cover(snap, replace)
	keep := rapid.Uint64Range(now.snap.index, snap.index+1).Draw(t, "keep")
	possible := slices.Clone(m.images)
	for _, i := range m.images {
		possible = append(possible, i.cover(snap, false), i.cover(snap, true))
	}
	s := &raftpb.Snapshot{Data: []byte("state"), Metadata: &raftpb.SnapshotMetadata{Term: &snap.term, Index: &snap.index}}
	if m.ok(m.store.SaveSnapshot(s, keep, replace), append(possible, next)) {
		m.images = []image{next}
	}
}

func (m *model) found(t *rapid.T) {
	if m.now().id != 0 {
		return
	}
	snap := at{1, 1}
	s := &raftpb.Snapshot{Data: []byte("genesis"), Metadata: &raftpb.SnapshotMetadata{Term: &snap.term, Index: &snap.index}}
	none := image{}
	member := image{snap: snap, log: []at{}, id: 77}
	if !m.ok(m.store.SaveSnapshot(s, 2, true), []image{none}) {
		return
	}
	id := &wire.Identity{Format: 1, Cluster: []byte("a cluster of 16."), Node: 7, Raft: 77}
	if m.ok(m.store.SaveIdentity(id), []image{none, member}) {
		m.images = []image{member}
	}
}

func TestAStoreOnADiskThatLosesPowerKeepsWhatItPromised(t *testing.T) {
	crashes, torn := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := &model{t: t, disk: newTestDisk(rapid.Uint64().Draw(t, "seed")), images: []image{{}}, journal: map[uint64]int{}}
		m.sizes = store.Options{
			Segment: rapid.SampledFrom([]int64{1024, 4096, 16384}).Draw(t, "segment"),
			Journal: rapid.SampledFrom([]int64{1024, 4096}).Draw(t, "journal"),
		}
		m.open()
		t.Repeat(map[string]func(*rapid.T){
			"found":    m.found,
			"write":    m.write,
			"journal":  m.writeJournal,
			"snapshot": m.snapshot,
			"prepare": func(*rapid.T) {
				m.ok(m.store.Prepare(), m.images)
			},
			"power goes soon": func(t *rapid.T) {
				m.disk.CutAfter(rapid.IntRange(0, 40).Draw(t, "operations"))
			},
			"a sync fails soon": func(*rapid.T) { m.disk.FailSync() },
			"power goes": func(*rapid.T) {
				crashes++
				m.store.Close()
				m.disk.Crash()
				m.open()
			},
			"process ends": func(*rapid.T) {
				if m.store.Close(); m.disk.dark {
					m.disk.Crash()
				}
				m.open()
			},
		})
		torn += m.torn
	})
	t.Logf("%d power cuts between operations, %d torn frames", crashes, torn)
}
