package recovery

import (
	"bytes"
	"strings"
	"testing"

	"hb/core"
	"hb/core/ledger"
	"hb/core/store"
	"hb/core/wire"
)

func openStore(m *machine) (*store.Store, *store.Restored, error) { return store.Open(m.files()) }

func (m *machine) saveIdentity(id *wire.Identity) {
	m.t.Helper()
	m.open(func(st *store.Store, _ *store.Restored) { must(m.t, st.SaveIdentity(id)) })
}

func TestASnapshotTellsWhatItIs(t *testing.T) {
	s, err := Inspect("f", file(t))
	must(t, err)
	if s.Index != 10 || s.Term != 2 || len(s.Voters) != 3 || s.Voters[2].Name != "n3" || s.Ledger.Cluster() != lab {
		t.Fatalf("%+v", s)
	}
}

func TestASnapshotThatIsNoneIsRefusedInWords(t *testing.T) {
	whole := file(t)
	newer := bytes.Clone(whole)
	newer[12] = 9
	for name, c := range map[string]struct {
		file []byte
		code core.Code
		says string
	}{
		"empty":   {nil, core.CodeBadInput, "does not begin as a snapshot"},
		"another": {[]byte(strings.Repeat("x", 200)), core.CodeBadInput, "does not begin as a snapshot"},
		"cut":     {whole[:len(whole)-7], core.CodeBadInput, "its header asks for"},
		"flipped": {append(bytes.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1), core.CodeBadInput, "bad hash"},
		"header":  {newer, core.CodeBadInput, "bad header"},
		"body":    {withBody(t, []byte("no ledger")), core.CodeBadInput, "cannot be read"},
		"newer":   {withBody(t, wire.Marshal(&wire.Ledger{Format: 99, Cluster: lab[:]})), core.CodeConfig, "newer hb"},
	} {
		if _, err := Inspect("f", c.file); codeOf(err) != c.code || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "f ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func withBody(t *testing.T, body []byte) []byte {
	s := groundSnapshot(t)
	s.Data = body
	return wire.EncodeSnapshot(s)
}

func restore(t *testing.T, m *machine) (*Restored, error) {
	t.Helper()
	s, err := Inspect("f", file(t))
	must(t, err)
	return s.Restore(m.files(), luck())
}

func TestASnapshotIsRestoredIntoAnEmptyDirectory(t *testing.T) {
	m := &machine{t, t.TempDir(), 0}
	done, err := restore(t, m)
	must(t, err)
	s := m.look()
	if done.Kept != "" || done.Index != 10+1<<32 || s.Index != done.Index || !s.alone() || s.Epoch() != done.Epoch || s.Epoch().Number() != 1 {
		t.Fatalf("%+v of %+v", s, done)
	}
	if _, ok := s.Ledger.Member(4); !ok || s.Identity.ClusterName != "lab" {
		t.Errorf("%+v", s.Identity)
	}
}

func TestARestoredMemberGoesOnBehindAllThatItKnew(t *testing.T) {
	m := directory(t, 2, 7, 30, 30)
	done, err := restore(t, m)
	must(t, err)
	s := m.look()
	if done.Node != 2 || s.Index != 30+1<<32 || s.Term != 8 || s.Identity.Raft == 102 || s.Ledger.Wall() != 1e18 {
		t.Fatalf("%+v", s)
	}
	if old := (&machine{t, done.Kept, 2}).look(); old.Index != 30 {
		t.Errorf("kept: %+v", old)
	}
	// Once more: again further on, and another epoch.
	done, err = restore(t, m)
	must(t, err)
	if s := m.look(); s.Index != 30+2<<32 || s.Epoch().Number() != 2 {
		t.Errorf("%+v of %+v", s, done)
	}
}

func TestASnapshotOfAnotherClusterIsRefused(t *testing.T) {
	m := directory(t, 2, 7, 30, 30)
	m.relabel(func(id *wire.Identity, _ *ledger.State) *ledger.State {
		id.Cluster[0], id.ClusterName = 9, "other"
		return ledger.New(core.ClusterID(id.Cluster), "other")
	})
	before := content(t, m.dir)
	_, err := restore(t, m)
	if codeOf(err) != core.CodeBadInput || !strings.Contains(err.Error(), "cluster lab") || !strings.Contains(err.Error(), "belongs to other") {
		t.Fatal(err)
	}
	after := content(t, m.dir)
	for name, was := range before {
		if after[name] != was && !strings.HasSuffix(name, "/instance") && !strings.HasSuffix(name, "/lock") {
			t.Errorf("%s was changed", name)
		}
	}
}

func TestARejoiningNodeKeepsItsIDAndPutsTheRestAside(t *testing.T) {
	m := directory(t, 4, 7, 30, 30)
	instance := m.restored().Instance
	id, err := Rejoin(m.files(), luck())
	must(t, err)
	r := m.restored()
	if id.Node != 4 || r.Identity.Node != 4 || r.Identity.Raft == 104 || len(r.Identity.Cluster) != 0 || r.Snapshot != nil || len(r.Entries) != 0 {
		t.Fatalf("%+v", r)
	}
	if r.Instance <= instance {
		t.Errorf("instance %d after %d", r.Instance, instance)
	}
	if _, err := Rejoin(m.files(), luck()); codeOf(err) != core.CodeBadInput {
		t.Errorf("again: %v", err)
	}
	// It may be restored into, too.
	done, err := restore(t, m)
	must(t, err)
	if s := m.look(); done.Node != 4 || !s.alone() {
		t.Errorf("%+v", s)
	}
}
