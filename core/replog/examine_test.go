package replog

import (
	"math/rand/v2"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/wire"
)

// offered is a member that has pulled the whole snapshot of member 2, and what it
// asks about it.
func offered(t *testing.T) (*Log, *raftpb.Snapshot) {
	l := New(Options{Self: 1, Node: 1, Rand: rand.New(rand.NewPCG(1, 1))}, Restored{Snapshot: Genesis(7, nil)})
	now := core.Instant(1)
	l.Step(now, Tick{})
	page := &wire.Page{Commit: 8, SnapshotSize: 3, SnapshotData: []byte("abc"), SnapshotSum: wire.Checksum([]byte("abc"))}
	index, term := uint64(8), uint64(3)
	page.SnapshotMeta = marshal(&raftpb.SnapshotMetadata{Index: &index, Term: &term, ConfState: Genesis(7, nil).Metadata.ConfState})
	for _, e := range l.Step(now, Heard{Node: 2, Commit: 8}) {
		if p, ok := e.(Pull); ok {
			page.Nonce = p.Pull.GetNonce()
		}
	}
	var asked *raftpb.Snapshot
	for _, e := range l.Step(now, PageCame{From: 2, Page: page}) {
		switch e := e.(type) {
		case Examine:
			asked = e.Snapshot
		case Install:
			t.Fatal("it is installed before it was examined")
		}
	}
	if asked == nil || string(asked.Data) != "abc" {
		t.Fatalf("it asks about %v", asked)
	}
	return l, asked
}

func TestASnapshotThatIsNoneOfThisLogIsRefusedAndSoughtElsewhere(t *testing.T) {
	l, s := offered(t)
	words := ""
	for _, e := range l.Step(2, Examined{Index: 8, Term: 3, Why: "it is of another cluster"}) {
		switch e := e.(type) {
		case Install:
			t.Fatal("it is installed")
		case Note:
			words += e.Text
		case Pull:
			if e.To == 2 {
				t.Fatal("the same member is asked again at once")
			}
		}
	}
	if !strings.Contains(words, "the snapshot of member") || !strings.Contains(words, "it is of another cluster") {
		t.Errorf("it says %q", words)
	}
	if l.Commit() != 1 || l.Applied() != 1 {
		t.Errorf("it has come to %d and %d", l.Commit(), l.Applied())
	}
	asked := core.NodeID(0)
	for _, e := range l.Step(3, Heard{Node: 3, Commit: 8}) {
		if p, ok := e.(Pull); ok {
			asked = p.To
		}
	}
	if asked != 3 {
		t.Errorf("member %v is asked next", asked)
	}
	if late := l.Step(4, Examined{Index: 8, Term: 3}); len(late) > 0 || s == nil {
		t.Errorf("an answer that nobody waits for brings %v", late)
	}
}

func TestASoundSnapshotIsInstalledAndLentOn(t *testing.T) {
	l, _ := offered(t)
	installed := false
	for _, e := range l.Step(2, Examined{Index: 8, Term: 3}) {
		if i, ok := e.(Install); ok {
			installed = string(i.Snapshot.Data) == "abc"
		}
	}
	if !installed || l.Applied() != 8 {
		t.Fatalf("installed: %t, applied %d", installed, l.Applied())
	}
	l.Step(3, Saved{Index: 8})
	for _, e := range l.Step(4, PullAsked{From: 3, Pull: &wire.Pull{Nonce: 5, From: 1, MaxBytes: 2}}) {
		if p, ok := e.(Page); ok && (string(p.Page.SnapshotData) != "ab" || p.Page.SnapshotSize != 3 || p.Page.SnapshotSum != wire.Checksum([]byte("abc"))) {
			t.Errorf("it lends %v", p.Page)
		}
	}
}
