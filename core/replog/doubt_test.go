package replog

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hb/core"

	"go.etcd.io/raft/v3/raftpb"
)

// tear cuts entries off the end of a site's disk, as a torn last frame does,
// which claims to have held them. Promised or not: that is the question.
func (s *site) tear(entries int) {
	last := s.disk.entries[len(s.disk.entries)-1]
	s.disk.doubt = positionOf(last)
	s.disk.entries = slices.Clip(s.disk.entries[:len(s.disk.entries)-entries])
}

func (w *world) said(what string) bool {
	return slices.ContainsFunc(w.notes, func(n string) bool { return strings.Contains(n, what) })
}

func TestAVoterInDoubtIsBroughtUpByTheLeader(t *testing.T) {
	w := newWorld(t, 1)
	w.cluster(3)
	w.write("a", 10)
	w.until("all level", time.Second, w.level)
	s := w.follower()
	w.crash(s, false)
	s.tear(2)
	w.start(s)
	w.until("no doubt any more", 20*time.Second, func() bool { return s.log.doubt.held == position{} })
	w.until("all level", 20*time.Second, w.level)
	w.write("b", 3)
	// It votes and leads like any other.
	w.crash(w.leader(), true)
	w.until("another leads", 5*time.Second, func() bool { return w.leader() != nil })
	w.write("c", 3)
}

func TestAVoterInDoubtDoesNotElectWhoeverLacksWhatItMayHavePromised(t *testing.T) {
	w := newWorld(t, 2)
	w.cluster(3)
	w.write("a", 5)
	w.until("all level", time.Second, w.level)
	w.run(time.Second)
	// One voter is away while the two others commit more.
	away := w.follower()
	w.crash(away, false)
	w.write("b", 5)
	w.run(time.Second)
	// The leader dies for good with its disk, the other had its last frame torn:
	// it had acknowledged the entry in it.
	leader, torn := w.leader(), w.follower()
	w.crash(leader, true)
	w.crash(torn, true)
	torn.tear(1)
	w.start(torn)
	w.start(away)
	w.run(time.Minute)
	if w.leader() != nil {
		t.Fatalf("site %d leads without what was acknowledged:\n%s", w.leader().n, w.describe())
	}
	// Not so once the leader is back.
	w.start(leader)
	w.until("somebody leads", 20*time.Second, func() bool { return w.leader() != nil })
	w.until("all level", 20*time.Second, w.level)
	for _, s := range w.sites {
		if !slices.Contains(s.data, "b-4") {
			t.Errorf("site %d has lost b-4", s.n)
		}
	}
}

func TestWhenAllVotersAreInDoubtTheBestLogWins(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, seed)
		w.cluster(3)
		w.write("a", 10)
		w.until("all level", time.Second, w.level)
		w.run(time.Second)
		keep := w.rng.IntN(3)
		for i, s := range w.sites {
			w.crash(s, false)
			if i != keep {
				s.tear(1 + w.rng.IntN(3))
			}
		}
		if seed%2 == 0 { // nobody holds the last entry whole
			w.sites[keep].tear(1)
			delete(w.agreed, w.acked["a-9"])
		}
		for _, s := range w.sites {
			w.start(s)
		}
		w.until("somebody leads", time.Minute, func() bool { return w.leader() != nil })
		w.until("all level", time.Minute, func() bool {
			at := w.leader().at
			return !slices.ContainsFunc(w.sites, func(s *site) bool { return s.at != at || s.log.doubts() })
		})
		want := "a-9"
		if seed%2 == 0 {
			want = "a-8"
			if !w.said("none holds what") {
				t.Errorf("seed %d: nothing was said", seed)
			}
		}
		for _, s := range w.sites {
			if !slices.Contains(s.data, want) {
				t.Errorf("seed %d: site %d has lost %s:\n%s", seed, s.n, want, w.describe())
			}
		}
		w.commit("after")
	}
}

func TestTheCensusGivesUpNothingThatAVoterHoldsWhole(t *testing.T) {
	w := newWorld(t, 7)
	w.cluster(3)
	w.write("a", 10)
	w.until("all level", time.Second, w.level)
	w.run(time.Second)
	best := w.sites[0]
	for _, s := range w.sites {
		w.crash(s, false)
		s.tear(4)
		if s == best { // it holds a-8, the others end at a-5
			s.disk.entries = append(s.disk.entries, w.entry(s, "a-6"), w.entry(s, "a-7"), w.entry(s, "a-8"))
		}
	}
	delete(w.agreed, w.acked["a-9"])
	for _, s := range w.sites {
		w.start(s)
	}
	w.until("the others know what to wait for", time.Minute, func() bool {
		end := best.log.tail.lastPosition()
		return w.sites[1].log.doubt.held == end && w.sites[2].log.doubt.held == end
	})
	w.cut = func(a, b int) bool { return a == best.n || b == best.n }
	w.run(30 * time.Second)
	if w.leader() != nil {
		t.Fatalf("elected without the best log:\n%s", w.describe())
	}
	w.cut = nil
	w.until("somebody leads", time.Minute, func() bool { return w.leader() != nil })
	w.commit("after")
	w.until("all have it", time.Minute, func() bool {
		return !slices.ContainsFunc(w.sites, func(s *site) bool { return !slices.Contains(s.data, "a-8") || !slices.Contains(s.data, "after") })
	})
}

// entry finds an entry by its data in what was agreed.
func (w *world) entry(s *site, data string) *raftpb.Entry {
	index, term := w.acked[data], s.disk.hard.GetTerm()
	return &raftpb.Entry{Index: &index, Term: &term, Data: []byte(data)}
}

func TestAnOnlyVoterTruncatesItsTornEndAndSaysSo(t *testing.T) {
	w := newWorld(t, 3)
	s := w.found()
	w.until("it leads", time.Second, func() bool { return s.led != 0 })
	w.write("a", 5)
	w.crash(s, false)
	s.tear(1)
	delete(w.agreed, s.disk.entries[len(s.disk.entries)-1].GetIndex()+1)
	w.start(s)
	w.until("it leads", time.Second, func() bool { return s.led != 0 })
	if !w.said("was torn by the crash") {
		t.Errorf("it said only %v", w.notes)
	}
}

func TestAVoterInDoubtDoesNotVoteInTheTermOfItsTornFrame(t *testing.T) {
	term, vote, commit := uint64(3), uint64(0), uint64(1)
	snap := Genesis(1, nil)
	snap.Metadata.ConfState.Voters = []uint64{1, 2, 3}
	l := New(Options{Self: 1, Node: 1, Rand: newWorld(t, 1).rng}, Restored{
		Snapshot: snap, Hard: &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}, DoubtTerm: 5, DoubtIndex: 9})
	from, to, at, logTerm, index := uint64(2), uint64(1), uint64(5), uint64(5), uint64(20)
	ask := &raftpb.Message{Type: raftpb.MsgVote.Enum(), From: &from, To: &to, Term: &at, LogTerm: &logTerm, Index: &index}
	seq := uint64(0)
	granted := func(effects []Effect) bool {
		yes := false
		for _, e := range effects {
			switch e := e.(type) {
			case Append:
				seq = e.Seq
			case Send:
				yes = yes || e.Msg.GetType() == raftpb.MsgVoteResp && !e.Msg.GetReject()
			}
		}
		return yes
	}
	if granted(l.Step(1, Received{ask})) || granted(l.Step(2, Synced{seq})) {
		t.Errorf("it voted in term 5")
	}
	at = 6
	if granted(l.Step(3, Received{ask})) {
		t.Errorf("it voted before that was on disk")
	}
	if !granted(l.Step(4, Synced{seq})) {
		t.Errorf("it did not vote in term 6")
	}
}

func TestADamagedMemberFollowsUnderANewID(t *testing.T) {
	w := newWorld(t, 4)
	w.cluster(3)
	w.write("a", 10)
	w.run(time.Second)
	s := w.follower()
	old := s.raft
	w.crash(s, true)
	s.disk.entries, s.disk.damaged = s.disk.entries[:3:3], true
	s.raft = core.RaftID(200)
	w.start(s)
	w.until("it follows", 10*time.Second, w.level)
	// Once the old ID has been gone for long enough, the new one votes.
	w.until("it votes again", 30*time.Second, func() bool {
		return w.votersAre(3)() && w.leader().log.Role(s.raft) == "voter" && w.leader().log.Role(old) == "member"
	})
	w.commit("x")
}

func TestADamagedMemberWhoseIDVotesRunsNoEngine(t *testing.T) {
	snap := Genesis(1, nil)
	l := New(Options{Self: 1, Node: 1, Rand: newWorld(t, 1).rng}, Restored{Snapshot: snap, Damaged: true})
	for i := range core.Instant(100) {
		for _, e := range l.Step(1+i*core.Instant(200*time.Millisecond), Tick{}) {
			if _, ok := e.(Send); ok || l.Leading() {
				t.Fatalf("it takes part: %v", e)
			}
		}
	}
}

func TestAVoterThatLostWhatItHadConfirmedFetchesItAgain(t *testing.T) {
	w := newWorld(t, 5)
	w.cluster(3)
	w.write("a", 10)
	w.until("all level", time.Second, w.level)
	w.run(time.Second)
	s := w.follower()
	w.crash(s, false)
	// Nothing tells it that its log is short: a lie of the disk.
	s.disk.entries = s.disk.entries[: len(s.disk.entries)-3 : len(s.disk.entries)-3]
	w.start(s)
	w.until("all level", 10*time.Second, w.level)
	w.until("it votes again", 10*time.Second, func() bool { return s.log.engine != nil })
	w.write("b", 3)
	w.until("all level", 10*time.Second, w.level)
	if !w.said("fetching what was lost") {
		t.Errorf("it said only %v", w.notes)
	}
}
