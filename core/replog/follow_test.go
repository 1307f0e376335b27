package replog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/alloctest"
	"hb/core/wire"

	"go.etcd.io/raft/v3/raftpb"
)

func TestMembersWithoutAVoteFollowByPulling(t *testing.T) {
	w := newWorld(t, 1)
	w.cluster(7)
	w.write("a", 50)
	w.until("all level", 3*time.Second, w.level)
	for _, s := range w.sites {
		if s.log.Role(s.raft) == "member" && s.log.engine != nil {
			t.Errorf("site %d has no vote, but an engine", s.n)
		}
	}
}

func TestAWaitingMemberHearsWithinMilliseconds(t *testing.T) {
	w := newWorld(t, 2)
	w.cluster(4)
	w.run(time.Second)
	var member *site
	for _, s := range w.sites {
		if s.log.Role(s.raft) == "member" {
			member = s
		}
	}
	w.step(member, Follow{On: true})
	w.run(time.Second)
	for i := range 20 {
		w.propose(w.leader(), fmt.Sprint(i))
		took := w.until("it is there", time.Second, func() bool { return slices.Contains(member.data, fmt.Sprint(i)) })
		if took > 30*time.Millisecond {
			t.Errorf("entry %d took %v", i, took)
		}
	}
	pulls := member.pulls
	w.run(60 * time.Second)
	if n := member.pulls - pulls; n > 30 {
		t.Errorf("%d pulls in an idle minute", n)
	}
	w.step(member, Follow{On: false})
	w.run(60 * time.Second)
	pulls = member.pulls
	w.run(60 * time.Second)
	if n := member.pulls - pulls; n > 0 {
		t.Errorf("%d pulls in an idle minute when nobody waits", n)
	}
}

func TestALateJoinerGetsASnapshotInPiecesAndTheRest(t *testing.T) {
	w := newWorld(t, 3)
	w.loss = 0.1
	w.opt.Limits = Limits{SnapshotEntries: 20, TailEntries: 5, MessageBytes: 64}
	w.cluster(4)
	w.write("some words to fill a snapshot", 60)
	s := w.join()
	w.until("all level", 2*time.Minute, w.level)
	if s.snaps == 0 {
		t.Errorf("no snapshot was installed")
	}
	if s.pages < 0 || len(s.data) != 60 {
		t.Errorf("%d entries", len(s.data))
	}
}

func TestAVoterFarBehindGetsASnapshotFromTheLeader(t *testing.T) {
	w := newWorld(t, 4)
	w.opt.Limits = Limits{SnapshotEntries: 10, TailEntries: 5}
	w.cluster(3)
	var away *site
	for _, s := range w.sites {
		if s != w.leader() {
			away = s
		}
	}
	w.crash(away, true)
	w.write("a", 60)
	w.start(away)
	w.until("all level", 10*time.Second, w.level)
	if away.snaps == 0 || away.log.Role(away.raft) != "voter" {
		t.Errorf("%d snapshots, role %s", away.snaps, away.log.Role(away.raft))
	}
	// It must also have kept all that: the promise is on its disk.
	w.crash(away, true)
	w.start(away)
	w.until("all level", 10*time.Second, w.level)
}

func TestALostSnapshotMessageIsSentAgain(t *testing.T) {
	w := newWorld(t, 5)
	w.opt.Limits = Limits{SnapshotEntries: 10, TailEntries: 5}
	w.cluster(3)
	leader := w.leader()
	var away *site
	for _, s := range w.sites {
		if s != leader {
			away = s
		}
	}
	w.crash(away, false)
	w.write("a", 60)
	w.start(away)
	w.until("the leader sends a snapshot", 5*time.Second, func() bool { return leader.log.lead.snapping != nil })
	w.cut = func(a, b int) bool { return a == away.n || b == away.n }
	w.run(500 * time.Millisecond)
	w.cut = nil
	w.until("all level", 15*time.Second, w.level)
}

func TestARestartedMemberGoesOnFromItsDisk(t *testing.T) {
	w := newWorld(t, 6)
	w.cluster(4)
	w.write("a", 20)
	w.until("all level", 3*time.Second, w.level)
	w.run(time.Second) // the commit index rides on a tick
	for _, s := range w.sites {
		if s.log.Role(s.raft) == "member" {
			was := s.at
			w.crash(s, false)
			w.start(s)
			if s.at != was {
				t.Errorf("it had applied %d, and %d after the restart", was, s.at)
			}
		}
	}
}

func TestAStrangePageIsDroppedAndItsSenderAvoided(t *testing.T) {
	entry := func(term, index uint64) []byte {
		return marshal(&raftpb.Entry{Term: &term, Index: &index, Data: []byte("x")})
	}
	change := func(term, index uint64, data string) []byte {
		return marshal(&raftpb.Entry{Term: &term, Index: &index, Type: raftpb.EntryConfChangeV2.Enum(), Data: []byte(data)})
	}
	for name, page := range map[string]*wire.Page{
		"a gap":                  {Commit: 9, First: 3, Entries: [][]byte{entry(1, 3)}},
		"rubbish":                {Commit: 9, First: 2, Entries: [][]byte{[]byte("rubbish")}},
		"falling terms":          {Commit: 9, First: 2, Entries: [][]byte{entry(3, 2), entry(2, 3)}},
		"what is not committed":  {Commit: 2, First: 2, Entries: [][]byte{entry(2, 2), entry(2, 3)}},
		"an impossible change":   {Commit: 9, First: 2, Entries: [][]byte{change(2, 2, "")}},
		"an unreadable change":   {Commit: 9, First: 2, Entries: [][]byte{change(2, 2, "\xff")}},
		"an unreadable snapshot": {Commit: 9, SnapshotMeta: []byte("\xff")},
		"a snapshot of nothing":  {Commit: 9, SnapshotMeta: []byte{}, SnapshotSize: 1},
		"half a snapshot":        {Commit: 9, SnapshotMeta: marshal(Genesis(7, nil).Metadata), SnapshotOffset: 5, SnapshotSize: 9},
	} {
		t.Run(name, func(t *testing.T) {
			l, nonce := pulling(t)
			page.Nonce = nonce
			effects := l.Step(1, PageCame{From: 5, Page: page})
			for _, e := range effects {
				switch e.(type) {
				case Append, Apply, Install:
					t.Errorf("it led to %T", e)
				}
			}
			if l.Commit() != 1 {
				t.Errorf("commit is %d", l.Commit())
			}
		})
	}
}

// pulling is a member with nothing but the genesis snapshot that has just asked
// member 5.
func pulling(t testing.TB) (*Log, uint64) {
	l := New(Options{Self: 1, Node: 1, Rand: rand.New(rand.NewPCG(1, 1))}, Restored{Snapshot: Genesis(7, nil)})
	for _, e := range l.Step(1, Heard{Node: 5, Commit: 9}) {
		if p, ok := e.(Pull); ok {
			return l, p.Pull.GetNonce()
		}
	}
	t.Fatal("it does not pull")
	return nil, 0
}

func FuzzPage(f *testing.F) {
	term, index := uint64(2), uint64(2)
	e := marshal(&raftpb.Entry{Term: &term, Index: &index, Data: []byte("x")})
	for _, p := range []*wire.Page{
		{Commit: 9, First: 2, Entries: [][]byte{e}},
		{Commit: 9, SnapshotMeta: marshal(Genesis(7, nil).Metadata), SnapshotSize: 4, SnapshotData: []byte("ab")},
		{Commit: 1},
	} {
		f.Add(marshal(p))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &wire.Page{}
		if wire.Unmarshal(b, p) != nil {
			return
		}
		l, nonce := pulling(t)
		p.Nonce = nonce
		seq := uint64(0)
		var effects []Effect
		alloctest.Within(t, 1<<20, func() { effects = append(effects, l.Step(1, PageCame{From: 5, Page: p})...) })
		for _, e := range effects {
			if a, ok := e.(Append); ok {
				seq = a.Seq
			}
		}
		l.Step(2, Synced{seq})
		l.Step(3, Tick{})
	})
}

func TestAVoterAstrayForgetsNothingThatItMayHavePromised(t *testing.T) {
	term, vote, commit := uint64(2), uint64(0), uint64(5)
	snap := Genesis(1, nil)
	snap.Metadata.ConfState.Voters = []uint64{1, 2, 3}
	entry := func(term, index uint64) *raftpb.Entry {
		return &raftpb.Entry{Term: &term, Index: &index, Data: []byte("x")}
	}
	later := func(index, term uint64) *raftpb.SnapshotMetadata {
		return &raftpb.SnapshotMetadata{Index: &index, Term: &term, ConfState: snap.Metadata.ConfState}
	}
	for name, c := range map[string]struct {
		page *wire.Page
		last position
	}{
		"entries that agree":      {&wire.Page{Commit: 7, First: 6, Entries: [][]byte{marshal(entry(2, 6)), marshal(entry(2, 7))}}, position{2, 10}},
		"entries that differ":     {&wire.Page{Commit: 7, First: 6, Entries: [][]byte{marshal(entry(2, 6)), marshal(entry(3, 7))}}, position{3, 7}},
		"a snapshot that agrees":  {&wire.Page{Commit: 8, SnapshotMeta: marshal(later(8, 2)), SnapshotSize: 3, SnapshotData: []byte("abc")}, position{2, 10}},
		"a snapshot that differs": {&wire.Page{Commit: 8, SnapshotMeta: marshal(later(8, 3)), SnapshotSize: 3, SnapshotData: []byte("abc")}, position{3, 8}},
	} {
		t.Run(name, func(t *testing.T) {
			var entries []*raftpb.Entry
			for i := uint64(2); i <= 10; i++ {
				entries = append(entries, entry(2, i))
			}
			l := New(Options{Self: 1, Node: 1, Rand: rand.New(rand.NewPCG(1, 1))}, Restored{
				Snapshot: snap, Entries: entries, Hard: &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}})
			now := core.Instant(1)
			l.Step(now, Tick{})
			l.goAstray(7)
			for _, e := range l.Step(now, Heard{Node: 2, Commit: 8}) {
				if p, ok := e.(Pull); ok {
					c.page.Nonce = p.Pull.GetNonce()
				}
			}
			for _, e := range l.Step(now, PageCame{From: 2, Page: c.page}) {
				if x, ok := e.(Examine); ok {
					at := x.Snapshot.GetMetadata()
					l.Step(now, Examined{Index: at.GetIndex(), Term: at.GetTerm()})
				}
			}
			if l.tail.lastPosition() != c.last {
				t.Errorf("the log ends at %v, not at %v", l.tail.lastPosition(), c.last)
			}
		})
	}
}

func TestPullsAreAnsweredWithWhatIsAppliedWithinTheLimit(t *testing.T) {
	w := newWorld(t, 11)
	s := w.found()
	w.until("it leads", time.Second, func() bool { return s.led != 0 })
	w.write("word", 20)
	page := func(p *wire.Pull) *wire.Page {
		for _, e := range s.log.Step(w.now, PullAsked{From: core.NodeID(99), Pull: p}) {
			if page, ok := e.(Page); ok {
				return page.Page
			}
		}
		return nil
	}
	if p := page(&wire.Pull{From: 3, MaxBytes: 30}); len(p.Entries) == 0 || len(p.Entries) > 3 || p.First != 3 {
		t.Errorf("30 bytes: %v", p)
	}
	if p := page(&wire.Pull{From: 3, MaxBytes: 1}); len(p.Entries) != 1 {
		t.Errorf("one byte: %v", p)
	}
	if p := page(&wire.Pull{From: s.at + 1}); len(p.Entries) != 0 || p.Commit != s.at {
		t.Errorf("nothing new: %v", p)
	}
	if p := page(&wire.Pull{From: s.at + 1, WaitMillis: 1000}); p != nil {
		t.Errorf("it did not wait: %v", p)
	}
	if p := page(&wire.Pull{From: 1}); len(p.SnapshotMeta) == 0 {
		t.Errorf("from the beginning: %v", p)
	}
	if p := page(&wire.Pull{}); len(p.Entries) != 0 || len(p.SnapshotMeta) != 0 {
		t.Errorf("from nowhere: %v", p)
	}
}
