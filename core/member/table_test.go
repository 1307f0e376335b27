package member

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/wire"
)

func row(id core.NodeID) Row {
	return Row{
		ID: id, Name: fmt.Sprintf("n%d", id), Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), 7117),
		Instance: 1, Status: core.Alive, Version: "1", Raft: core.RaftID(id),
	}
}

// claim is labelled evidence of a rank.
func claim(id core.NodeID, instance core.Instance, incarnation core.Incarnation, status core.Status) Evidence {
	r := row(id)
	r.Instance, r.Incarnation, r.Status = instance, incarnation, status
	return Evidence{Row: r}
}

func TestEvidenceOverridesByInstanceThenIncarnationThenStatus(t *testing.T) {
	type rank struct {
		instance    core.Instance
		incarnation core.Incarnation
		status      core.Status
	}
	ascending := []rank{
		{1, 0, core.Alive}, {1, 0, core.Suspect}, {1, 0, core.Dead}, {1, 0, core.Left},
		{1, 1, core.Alive}, {1, 1, core.Dead},
		{1, math.MaxUint32, core.Alive}, {1, math.MaxUint32, core.Left},
		{2, 0, core.Alive}, {math.MaxUint32, 0, core.Alive}, {math.MaxUint32, math.MaxUint32, core.Left},
	}
	for i, a := range ascending {
		for j, b := range ascending {
			table := New(row(1))
			table.Merge(1, claim(2, a.instance, a.incarnation, a.status))
			_, changed := table.Merge(2, claim(2, b.instance, b.incarnation, b.status))
			if changed != (j > i) {
				t.Errorf("%v over %v: %v", b, a, changed)
			}
		}
	}
}

func drawEvidence(t *rapid.T) Evidence {
	e := claim(
		core.NodeID(rapid.Uint64Range(2, 4).Draw(t, "id")),
		core.Instance(rapid.SampledFrom([]uint32{1, 2, math.MaxUint32}).Draw(t, "instance")),
		core.Incarnation(rapid.SampledFrom([]uint32{0, 1, math.MaxUint32}).Draw(t, "incarnation")),
		core.Status(rapid.IntRange(int(core.Alive), int(core.Left)).Draw(t, "status")),
	)
	e.Name = fmt.Sprintf("n%d-%d-%d", e.ID, e.Instance, e.Incarnation)
	return e
}

// verdicts is what a table decided, without when and by whom.
func verdicts(t *Table) map[core.NodeID]string {
	out := map[core.NodeID]string{}
	for _, r := range t.Rows() {
		out[r.ID] = fmt.Sprint(r.Instance, r.Incarnation, r.Status, r.Name)
	}
	return out
}

func mergeAll(evidence []Evidence) *Table {
	t := New(row(1))
	for i, e := range evidence {
		t.Merge(core.Instant(i+1), e)
	}
	return t
}

func TestMergingIsCommutativeAssociativeAndIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		evidence := rapid.SliceOfN(rapid.Custom(drawEvidence), 1, 12).Draw(t, "evidence")
		want := mergeAll(evidence)

		shuffled := rapid.Permutation(evidence).Draw(t, "other order")
		again := mergeAll(append(shuffled, shuffled...))
		if !maps.Equal(verdicts(want), verdicts(again)) || want.Hash() != again.Hash() {
			t.Fatalf("another order, twice, gives %v, not %v", verdicts(again), verdicts(want))
		}

		// Merging what two others have merged is the same as merging it all.
		cut := rapid.IntRange(0, len(evidence)).Draw(t, "cut")
		joined := mergeAll(evidence[:cut])
		for _, r := range mergeAll(evidence[cut:]).Rows() {
			if r.ID != 1 {
				joined.Merge(99, Evidence{Row: r})
			}
		}
		if !maps.Equal(verdicts(want), verdicts(joined)) {
			t.Fatalf("merged halves give %v, not %v", verdicts(joined), verdicts(want))
		}
	})
}

func TestCountHashAndOrderStayTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := New(row(1))
		now := core.Instant(1)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			now = now.Add(time.Hour)
			table.Merge(now, drawEvidence(t))
			if rapid.Bool().Draw(t, "forget") {
				table.Forget(now, 3*time.Hour)
			}
		}
		living, hash := 0, uint64(0)
		for _, r := range table.Rows() {
			if r.Living() {
				living++
				s := store(r, nil)
				hash ^= s.fingerprint()
			}
		}
		if living != table.Living() || hash != table.Hash() {
			t.Fatalf("counted %d living and hash %x; the table says %d and %x", living, hash, table.Living(), table.Hash())
		}
		if !slices.IsSortedFunc(table.Rows(), func(a, b Row) int { return int(a.ID) - int(b.ID) }) {
			t.Fatal("rows are not sorted")
		}
	})
}

func TestBareEvidenceKeepsLabelsAndSaysNothingOfStrangers(t *testing.T) {
	table := New(row(1))
	table.Merge(1, claim(2, 1, 0, core.Alive))
	bare := Evidence{Bare: true, Row: Row{ID: 2, Instance: 1, Incarnation: 3, Status: core.Suspect, Accuser: 1, Why: wire.ReasonSilent}}
	change, changed := table.Merge(2, bare)
	if !changed || change.After.Name != "n2" || change.After.Addr != row(2).Addr || change.After.Accuser != 1 {
		t.Errorf("after bare evidence: %+v", change.After)
	}
	bare.ID = 9
	if _, changed := table.Merge(3, bare); changed || table.Len() != 2 {
		t.Error("bare evidence made a row of a stranger")
	}
}

func TestLabelsChangeOnlyWithTheIncarnation(t *testing.T) {
	table := New(row(1))
	table.Merge(1, claim(2, 1, 0, core.Alive))
	e := claim(2, 1, 0, core.Suspect)
	e.Addr = netip.MustParseAddrPort("10.9.9.9:1")
	table.Merge(2, e)
	if r, _ := table.Get(2); r.Addr != row(2).Addr || r.Status != core.Suspect {
		t.Errorf("an accuser moved the member: %+v", r)
	}
	e = claim(2, 1, 1, core.Alive)
	e.Addr = netip.MustParseAddrPort("10.9.9.9:1")
	table.Merge(3, e)
	if r, _ := table.Get(2); r.Addr != e.Addr {
		t.Errorf("the member could not move: %+v", r)
	}
}

func TestSinceIsWhenTheStatusChanged(t *testing.T) {
	table := New(row(1))
	table.Merge(10, claim(2, 1, 0, core.Alive))
	table.Merge(20, claim(2, 1, 1, core.Alive))
	if r, _ := table.Get(2); r.Since != 10 {
		t.Errorf("a refutation moved since to %d", r.Since)
	}
	table.Merge(30, claim(2, 1, 1, core.Suspect))
	if r, _ := table.Get(2); r.Since != 30 {
		t.Errorf("suspected since %d", r.Since)
	}
	table.Merge(40, claim(2, 2, 0, core.Suspect))
	if r, _ := table.Get(2); r.Since != 40 {
		t.Errorf("a restart left since at %d", r.Since)
	}
}

func TestTombstonesKeepTheirAgeWhenTheyTravel(t *testing.T) {
	now := core.Instant(100 * time.Hour)
	a, b := New(row(1)), New(row(3))
	dead := claim(2, 1, 0, core.Dead)
	a.Merge(now, dead)
	now = now.Add(50 * time.Hour)
	for _, w := range a.ToWire(now) {
		e, err := FromWire(now, w)
		if err != nil {
			t.Fatal(err)
		}
		b.Merge(now, e)
	}
	now = now.Add(23 * time.Hour)
	a.Forget(now, 72*time.Hour)
	b.Forget(now, 72*time.Hour)
	if _, ok := a.Get(2); ok {
		t.Error("the first table still has the tombstone")
	}
	if _, ok := b.Get(2); ok {
		t.Error("travelling renewed the tombstone")
	}
	if b.Len() != 2 {
		t.Errorf("%d rows are left", b.Len())
	}
}

func TestClearLeavesOnlyTheNodeItself(t *testing.T) {
	table := New(row(1))
	alone := table.Hash()
	table.Merge(1, claim(2, 1, 0, core.Alive))
	table.Clear()
	if table.Len() != 1 || table.Living() != 1 || table.Self().ID != 1 || table.Hash() != alone {
		t.Errorf("after clearing: %v", table.Rows())
	}
}

func TestRowsComeBackFromStreamsAndDatagrams(t *testing.T) {
	now := core.Instant(1000 * time.Second)
	for _, status := range []core.Status{core.Alive, core.Suspect, core.Dead, core.Left} {
		r := row(2)
		r.Status, r.Incarnation, r.Tags = status, 7, map[string]string{"disk": "big"}
		if status == core.Suspect || status == core.Dead {
			r.Accuser, r.Why = 3, wire.ReasonRefused
		}
		want := r
		if !r.Living() {
			want.Since = now
		}
		r.Since = now
		if e, err := FromWire(now, ToWire(now, r)); err != nil || !reflect.DeepEqual(e.Row, want) {
			t.Errorf("stream: %+v, %v\nwant    %+v", e.Row, err, want)
		}
		n := ToNews(r)
		e, err := FromNews(&n)
		if err != nil || !e.SameRank(r) || e.Accuser != r.Accuser || e.Bare != (status != core.Alive) {
			t.Errorf("datagram: %+v, %v", e, err)
		}
		if !e.Bare && (e.Name != r.Name || !maps.Equal(e.Tags, r.Tags) || e.Addr != r.Addr) {
			t.Errorf("datagram: labels %+v", e)
		}
	}
}

func TestABadRowOfAStreamIsNamed(t *testing.T) {
	good := func() *wire.Row { return ToWire(0, row(2)) }
	for name, spoil := range map[string]func(*wire.Row){
		"no address":  func(w *wire.Row) { w.Addr = "" },
		"host name":   func(w *wire.Row) { w.Addr = "web1:80" },
		"unspecified": func(w *wire.Row) { w.Addr = "0.0.0.0:7117" },
		"no ID":       func(w *wire.Row) { w.Id = 0 },
		"no status":   func(w *wire.Row) { w.Status = 0 },
		"status 261":  func(w *wire.Row) { w.Status = 261 },
		"no name":     func(w *wire.Row) { w.Name = "" },
		"long name":   func(w *wire.Row) { w.Name = string(make([]byte, 64)) },
	} {
		w := good()
		spoil(w)
		if _, err := FromWire(0, w); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := FromWire(0, good()); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestPickIsFairAndNeverRepeats(t *testing.T) {
	for _, size := range []int{3, 10, 200} {
		table := New(row(1))
		for id := 2; id <= size; id++ {
			table.Merge(1, claim(core.NodeID(id), 1, 0, core.Alive))
		}
		r := rand.New(rand.NewPCG(1, uint64(size)))
		counts := map[core.NodeID]int{}
		const rounds = 20000
		for range rounds {
			picked := table.Pick(r, 3, func(r Row) bool { return r.ID != 1 })
			if want := min(3, size-1); len(picked) != want {
				t.Fatalf("size %d: picked %d", size, len(picked))
			}
			seen := map[core.NodeID]bool{}
			for _, p := range picked {
				if p.ID == 1 || seen[p.ID] {
					t.Fatalf("size %d: picked %v", size, picked)
				}
				seen[p.ID] = true
				counts[p.ID]++
			}
		}
		mean := float64(rounds*min(3, size-1)) / float64(size-1)
		for id, n := range counts {
			if math.Abs(float64(n)-mean) > 6*math.Sqrt(mean) {
				t.Errorf("size %d: %s was picked %d times, expected %.0f", size, id, n, mean)
			}
		}
	}
}
