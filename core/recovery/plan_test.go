package recovery

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

func TestASurvivorTellsHowFarItsLogGoes(t *testing.T) {
	s := directory(t, 2, 5, 20, 17).look()
	if s.Name != "n2" || s.Term != 5 || s.Index != 20 || s.Commit != 17 || s.Snapshot != 10 || !s.Votes() || len(s.Remarks) != 0 {
		t.Fatalf("%+v", s)
	}
	if len(s.Voters) != 3 || s.Voters[0] != (Voter{101, "n1", "10.0.0.1:7117"}) {
		t.Errorf("%+v", s.Voters)
	}
	if s.Ledger.Applied() != 20 {
		t.Errorf("applied %d", s.Ledger.Applied())
	}
	if directory(t, 4, 5, 20, 17).look().Votes() {
		t.Error("member 4 votes")
	}
}

func TestLookingLeavesNoTrace(t *testing.T) {
	m := directory(t, 2, 5, 20, 17)
	before := content(t, m.dir)
	plan(t, m)
	if !maps.Equal(before, content(t, m.dir)) {
		t.Error("something was written")
	}
}

func TestTheFurthestLogOfAnySurvivorIsTaken(t *testing.T) {
	behind, longer, later := directory(t, 2, 5, 20, 17), directory(t, 4, 5, 25, 25), directory(t, 5, 6, 13, 12)
	for _, c := range []struct {
		what string
		all  []*machine
		best *machine
	}{
		{"alone", []*machine{behind}, behind},
		{"the longer of one term", []*machine{behind, longer}, longer},
		{"its own, in whatever order", []*machine{longer, behind}, longer},
		{"the later term before the greater length", []*machine{behind, longer, later}, later},
	} {
		p := plan(t, c.all...)
		if p.From.Where != c.best.dir || p.Own.Where != c.all[0].dir {
			t.Errorf("%s: %s from %s", c.what, p.Own.Where, p.From.Where)
		}
	}
}

func TestARecoveredNodeIsTheOnlyVoterOfANewEpochAndHasEveryEntry(t *testing.T) {
	own, far := directory(t, 2, 5, 20, 17), directory(t, 4, 5, 25, 22)
	p := plan(t, own, far)
	kept, err := p.Carry(own.files(), luck())
	must(t, err)
	r := own.restored()
	meta := r.Snapshot.GetMetadata()
	if r.Damaged != nil || r.Doubt != nil || len(r.Entries) != 0 || meta.GetIndex() != 25+1<<32 || meta.GetTerm() != 6 {
		t.Fatalf("%+v", r)
	}
	id := r.Identity
	if id.Node != 2 || id.Raft == 102 || core.Epoch(id.Epoch).Number() != 1 || id.Detector != "swim" || id.ClusterName != "lab" {
		t.Fatalf("%+v", id)
	}
	if voters := meta.GetConfState().GetVoters(); len(voters) != 1 || voters[0] != id.Raft {
		t.Errorf("the voters are %v", voters)
	}
	if r.Hard.GetVote() != 0 {
		t.Errorf("it has voted: %v", r.Hard)
	}
	s, err := ledger.Decode(r.Snapshot.Data)
	must(t, err)
	if s.Applied() != meta.GetIndex() || s.Epoch() != core.Epoch(id.Epoch) || s.Wall() != 1e18+25 {
		t.Errorf("applied %d, epoch %v, wall %d", s.Applied(), s.Epoch(), s.Wall())
	}
	for _, m := range s.Members() {
		if m.State != ledger.Down || m.Row.Id == 2 && m.Row.Raft != id.Raft {
			t.Errorf("%v", m)
		}
	}
	old := &machine{t, kept, 2}
	if was := old.look(); was.Index != 20 || was.Identity.Raft != 102 {
		t.Errorf("kept: %+v", was)
	}
}

func TestARecoveryRunTwiceDoesNothingTheSecondTime(t *testing.T) {
	own := directory(t, 2, 5, 20, 17)
	_, err := plan(t, own).Carry(own.files(), luck())
	must(t, err)
	before := content(t, own.dir)
	again := plan(t, own)
	if again.Needless == "" || !strings.Contains(again.Words(time.Now())[0], "only voter") {
		t.Fatalf("%+v", again)
	}
	if !maps.Equal(before, content(t, own.dir)) {
		t.Error("something was written")
	}
}

func TestARecoveryThatACrashCutShortIsFinishedByAnother(t *testing.T) {
	own := directory(t, 2, 5, 20, 17)
	id := own.look().Identity
	id.Raft, id.Epoch = 999, uint64(core.Epoch(0).Next(7))
	st := own
	st.saveIdentity(id)
	s := own.look()
	if s.Epoch() != 0 || len(s.Remarks) != 1 || !strings.Contains(s.Remarks[0], "not finished") || s.Index != 20 {
		t.Fatalf("%+v", s)
	}
	_, err := plan(t, own).Carry(own.files(), luck())
	must(t, err)
	if s := own.look(); s.Epoch().Number() != 2 || core.Epoch(s.Identity.Epoch) != s.Epoch() || !s.alone() {
		t.Fatalf("%+v", s)
	}
}

func TestWhatChangedSinceItWasLookedAtIsNotRecovered(t *testing.T) {
	own := directory(t, 2, 5, 20, 17)
	p := plan(t, own)
	id := proto.CloneOf(p.Own.Identity)
	id.Raft = 999
	own.saveIdentity(id)
	if _, err := p.Carry(own.files(), luck()); codeOf(err) != core.CodeBusy {
		t.Fatal(err)
	}
}

func TestAMajorityOfTheVotersNeedsNoRecovery(t *testing.T) {
	a, b := directory(t, 1, 5, 20, 17), directory(t, 2, 5, 21, 17)
	_, err := tryPlan(false, a, b)
	if codeOf(err) != core.CodeNo || !strings.Contains(err.Error(), "2 of the 3 voters are here (n1, n2)") {
		t.Fatal(err)
	}
	p, err := tryPlan(true, a, b)
	must(t, err)
	if p.From.Where != b.dir {
		t.Errorf("from %s", p.From.Where)
	}
}

func TestLogsOfOtherClustersAndEpochsAreNotCompared(t *testing.T) {
	own := directory(t, 2, 5, 20, 17)
	stranger := directory(t, 4, 5, 20, 17)
	stranger.relabel(func(id *wire.Identity, s *ledger.State) *ledger.State {
		id.Cluster[0] = 9
		return ledger.New(core.ClusterID(id.Cluster), "other")
	})
	if _, err := tryPlan(false, own, stranger); codeOf(err) != core.CodeBadInput || !strings.Contains(err.Error(), "nothing to compare") {
		t.Error(err)
	}
	first, second := directory(t, 1, 5, 20, 17), directory(t, 3, 5, 20, 17)
	for i, m := range []*machine{first, second} {
		p := plan(t, m)
		p.Epoch = core.Epoch(0).Next(uint64(i) + 1)
		_, err := p.Carry(m.files(), luck())
		must(t, err)
	}
	if _, err := tryPlan(false, first, second); codeOf(err) != core.CodeBadInput || !strings.Contains(err.Error(), "recovered twice, apart") {
		t.Error(err)
	}
	p := plan(t, first, own)
	if len(p.Older) != 1 || p.Older[0].Where != own.dir || p.Needless == "" {
		t.Errorf("%+v", p)
	}
}

// relabel makes a directory one of another cluster.
func (m *machine) relabel(change func(*wire.Identity, *ledger.State) *ledger.State) {
	m.t.Helper()
	id := m.look().Identity
	state := change(id, nil)
	m.dir += "-other"
	index, term := uint64(10), uint64(2)
	st, _, err := openStore(m)
	must(m.t, err)
	must(m.t, st.SaveSnapshot(&raftpb.Snapshot{Data: state.Encode(), Metadata: &raftpb.SnapshotMetadata{
		Index: &index, Term: &term, ConfState: &raftpb.ConfState{Voters: []uint64{101}},
	}}, 11, true))
	must(m.t, st.SaveIdentity(id))
	must(m.t, st.Close())
}

func TestDirectoriesWithoutALogAreNamed(t *testing.T) {
	empty := &machine{t, t.TempDir(), 1}
	if _, err := empty.tryLook(); codeOf(err) != core.CodeBadInput || !strings.Contains(err.Error(), "no member's data directory") {
		t.Error(err)
	}
	if _, err := (&machine{t, t.TempDir() + "/none", 1}).tryLook(); codeOf(err) != core.CodeUnheard {
		t.Error(err)
	}
	own := directory(t, 2, 5, 20, 17)
	st, _, err := openStore(own)
	must(t, err)
	defer st.Close()
	if _, err := own.tryLook(); codeOf(err) != core.CodeBusy {
		t.Error(err)
	}
}

func TestAMemberThatHasJustJoinedHasNothingToRecover(t *testing.T) {
	fresh := &machine{t, t.TempDir(), 5}
	fresh.saveIdentity(&wire.Identity{Format: 1, Cluster: lab[:], ClusterName: "lab", Node: 5, Raft: 105})
	if _, err := tryPlan(false, fresh); codeOf(err) != core.CodeBadInput || !strings.Contains(err.Error(), "nothing to recover") {
		t.Error(err)
	}
	far := directory(t, 4, 5, 25, 22)
	p := plan(t, fresh, far)
	if _, err := p.Carry(fresh.files(), luck()); err != nil || p.From.Where != far.dir {
		t.Fatal(err)
	}
	if s := fresh.look(); !s.alone() || s.Index != 25+1<<32 {
		t.Errorf("%+v", s)
	}
}

func TestACommandOfANewerHbIsNotRecovered(t *testing.T) {
	own := directory(t, 2, 5, 20, 20)
	unknown := []byte{0x12, 0x04, 0xfa, 0x3e, 0x01, 0x00} // a command with field 1007
	own.write(entry(5, 21, raftpb.EntryNormal, unknown))
	if _, err := own.tryLook(); codeOf(err) != core.CodeConfig {
		t.Error(err)
	}
}

func TestTheWordsSayWhenWhatAndWhatMayBeMissing(t *testing.T) {
	p := plan(t, directory(t, 2, 5, 20, 17), directory(t, 4, 5, 25, 22))
	words := strings.Join(p.Words(time.Unix(0, 1e18).Add(3*time.Hour)), "\n")
	for _, want := range []string{
		"majority of the 3 voters is gone for good", "Not here: n1 10.0.0.1:7117, n3 10.0.0.3:7117",
		"makes n2 the only voter of cluster lab, with the log of n4", "up to entry 25 of term 5", "epoch 1, at entry 4294967321",
		"after entry 25", "3h0m ago", "Entries 23 to 25 were not known here to be agreed", "hb recover --rejoin",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not in\n%s", want, words)
		}
	}
	if strings.Contains(words, "Tasks:") {
		t.Error("there are no tasks")
	}
}

func TestALogOfAVoterThatWasNotYetMadeOneCountsToo(t *testing.T) {
	own := directory(t, 2, 5, 20, 20)
	id := uint64(104)
	change := &raftpb.ConfChangeV2{Changes: []*raftpb.ConfChangeSingle{
		{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: &id}, {Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: proto.Uint64(101)},
	}}
	own.write(entry(5, 21, raftpb.EntryConfChangeV2, wire.Marshal(change)))
	var names []string
	for _, v := range own.look().Voters {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "n1 n2 n3 n4" { // both sides of the change
		t.Error(got)
	}
}
