package replog

import (
	"slices"
	"testing"
	"time"
)

func TestTheDeathOfALeaderWhoseHostRefusesIsFollowedByAnElectionAtOnce(t *testing.T) {
	var times []time.Duration
	for seed := range uint64(51) {
		w := newWorld(t, seed)
		w.cluster(3)
		w.write("a", 3)
		old := w.leader()
		w.crash(old, true)
		times = append(times, w.until("another leads", 5*time.Second, func() bool { return w.leader() != nil && w.leader() != old }))
		w.commit("after")
	}
	slices.Sort(times)
	median, worst := times[len(times)/2], times[len(times)-1]
	t.Logf("median %v, worst %v", median, worst)
	if median > 150*time.Millisecond || worst > 1500*time.Millisecond {
		t.Errorf("median %v, worst %v", median, worst)
	}
}

func TestASilentLeaderIsReplacedWithinAFewElectionTimeouts(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, seed)
		w.cluster(3)
		old := w.leader()
		w.crash(old, false)
		took := w.until("another leads", 8*time.Second, func() bool { return w.leader() != nil && w.leader() != old })
		if took > 4*time.Second {
			t.Errorf("seed %d: it took %v", seed, took)
		}
		w.write("after", 3)
		w.start(old)
		w.until("the old leader follows", 5*time.Second, w.level)
	}
}

func TestAMinorityCommitsNothingAndConfirmsNoRead(t *testing.T) {
	w := newWorld(t, 3)
	w.cluster(5)
	w.write("a", 5)
	old := w.leader()
	// The leader and one member that has no vote, against the rest.
	with := 0
	for _, s := range w.sites {
		if s.log.Role(s.raft) == "member" {
			with = s.n
		}
	}
	alone := func(n int) bool { return n == old.n || n == with }
	w.cut = func(a, b int) bool { return alone(a) != alone(b) }
	w.propose(old, "lost")
	read := w.read(old)
	w.until("the others elect", 5*time.Second, func() bool { return w.leader() != old && w.leader() != nil })
	w.commit("kept")
	w.until("the old leader steps down", 3*time.Second, func() bool { return !old.log.Leading() })
	if w.acked["lost"] != 0 || w.answers[read] != "failed" {
		t.Errorf("lost at %d, the read %q", w.acked["lost"], w.answers[read])
	}
	ticket := w.propose(old, "refused")
	late := w.read(old)
	if _, ok := w.dropped[ticket]; !ok || w.dropped[ticket].Busy {
		t.Errorf("a proposal to a follower: %v", w.dropped[ticket])
	}
	if w.answers[late] != "failed" {
		t.Errorf("a read of a follower: %q", w.answers[late])
	}
	w.cut = nil
	w.until("all agree", 5*time.Second, w.level)
	if w.acked["lost"] != 0 {
		t.Errorf("what was never committed came back")
	}
}

func TestReadsSeeWhatWasAcknowledgedBefore(t *testing.T) {
	w := newWorld(t, 4)
	w.cluster(3)
	for range 20 {
		w.propose(w.leader(), "x")
		ticket := w.read(w.leader())
		w.until("the read is confirmed", time.Second, func() bool { return w.answers[ticket] == "ok" })
	}
}

func TestARestartedOnlyVoterDoesNotReadBehindWhatItAcknowledged(t *testing.T) {
	w := newWorld(t, 5)
	s := w.found()
	w.until("it leads", time.Second, func() bool { return s.led != 0 })
	for i := range 20 {
		w.commit(string(rune('a' + i))) // its commit index is not on disk yet
		w.crash(s, false)
		w.start(s)
		w.until("it is elected", time.Second, s.log.Leading)
		if s.led != 0 {
			t.Fatal("it is ready at once: the case is missed")
		}
		ticket := w.read(s)
		w.until("an answer", time.Second, func() bool { return w.answers[ticket] == "ok" })
	}
}

func TestARestartOfAllKeepsEverything(t *testing.T) {
	w := newWorld(t, 6)
	w.opt.Limits = Limits{SnapshotEntries: 7, TailEntries: 3}
	w.cluster(5)
	for round := range 5 {
		w.write(string(rune('a'+round)), 10)
		for _, s := range w.sites {
			w.crash(s, false)
		}
		w.run(100 * time.Millisecond)
		for _, s := range w.sites {
			w.start(s)
		}
		w.until("a leader", 5*time.Second, func() bool { return w.leader() != nil })
		w.until("all level", 10*time.Second, w.level)
	}
	for _, s := range w.sites {
		if len(s.data) != 50 {
			t.Errorf("site %d has %d of 50", s.n, len(s.data))
		}
	}
}

func TestATransferGoesToTheNamedOrTheBestVoter(t *testing.T) {
	w := newWorld(t, 7)
	w.cluster(3)
	old := w.leader()
	w.step(old, Transfer{})
	took := w.until("another leads", time.Second, func() bool { return w.leader() != old && w.leader() != nil })
	if took > 50*time.Millisecond {
		t.Errorf("a handover took %v", took)
	}
	w.step(w.leader(), Transfer{To: old.raft})
	w.until("the first leads again", time.Second, func() bool { return w.leader() == old && old.led == old.log.Term() })
	w.step(old, Transfer{To: old.raft}) // to itself: nothing
	w.run(time.Second)
	if w.leader() != old {
		t.Errorf("a transfer to the leader itself changed it")
	}
}

func TestALeaderWithAStalledDiskYields(t *testing.T) {
	w := newWorld(t, 8)
	w.cluster(3)
	old := w.leader()
	old.stall = true
	w.propose(old, "stuck here")
	w.until("another leads", 6*time.Second, func() bool { return w.leader() != old && w.leader() != nil && w.leader().led > 0 && !old.log.Leading() })
	w.commit("elsewhere")
	w.unstall(old)
	w.until("all level", 5*time.Second, w.level)
}

func TestAFrozenMachineHearsFirstAndCampaignsLater(t *testing.T) {
	w := newWorld(t, 9)
	w.cluster(3)
	_, term := w.leader().log.Leader()
	var follower *site
	for _, s := range w.sites {
		if s != w.leader() {
			follower = s
		}
	}
	// An hour passes at once for one voter: a single tick, not thousands.
	effects := follower.log.Step(w.now.Add(time.Hour), Tick{})
	for _, e := range effects {
		if s, ok := e.(Send); ok {
			t.Errorf("it sent %v", s.Msg)
		}
	}
	if _, now := follower.log.Leader(); now != term {
		t.Errorf("the term went from %d to %d", term, now)
	}
}

func TestTooMuchUncommittedIsBusyAndTooLargeIsRefused(t *testing.T) {
	w := newWorld(t, 10)
	w.opt.Limits = Limits{EntryBytes: 100, UncommittedBytes: 300}
	w.cluster(3)
	s := w.leader()
	w.cut = func(a, b int) bool { return true }
	var last uint64
	for range 5 {
		last = w.propose(s, string(make([]byte, 90)))
	}
	if d, ok := w.dropped[last]; !ok || !d.Busy {
		t.Errorf("the fifth: %v", d)
	}
	ticket := w.propose(s, string(make([]byte, 101)))
	if d, ok := w.dropped[ticket]; !ok || d.Busy {
		t.Errorf("the large one: %v", d)
	}
}
