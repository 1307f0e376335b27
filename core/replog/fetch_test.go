package replog

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"hb/core/wire"
)

// behind is a cluster of five voters of which one was away while the log went on
// and was compacted. Its snapshot takes many pieces.
func behind(t *testing.T, seed uint64) (w *world, away *site) {
	w = newWorld(t, seed)
	w.opt.Voters = 5
	w.opt.Limits = Limits{SnapshotEntries: 10, TailEntries: 5, MessageBytes: 100}
	w.cluster(5)
	for _, s := range w.sites {
		if s != w.leader() {
			away = s
		}
	}
	w.crash(away, true)
	w.write("some words to fill a snapshot", 60)
	return w, away
}

func TestAVotersSnapshotComesInPiecesFromAnybody(t *testing.T) {
	var givers int
	for seed := range uint64(5) {
		w, away := behind(t, seed)
		pages := map[int]int{}
		for _, s := range w.sites {
			pages[s.n] = s.pages
		}
		before := away.snaps
		w.start(away)
		w.until("all level", 20*time.Second, w.level)
		if away.snaps == before || away.log.Role(away.raft) != "voter" {
			t.Errorf("%d snapshots, role %s", away.snaps, away.log.Role(away.raft))
		}
		if away.pulls < 5 {
			t.Errorf("a snapshot of many pieces came with %d pulls", away.pulls)
		}
		for _, s := range w.sites {
			if s.pages > pages[s.n] && s != w.leader() {
				givers++
			}
		}
		// The promise that came with it is on its disk.
		w.crash(away, true)
		w.start(away)
		w.until("all level", 10*time.Second, w.level)
	}
	if givers == 0 {
		t.Error("in five clusters only leaders gave snapshots")
	}
}

// The leader's heartbeats go on beside a transfer, and a new leader does not
// make it begin anew.
func TestAVotersSnapshotOutlivesItsLeader(t *testing.T) {
	for seed := range uint64(5) {
		w, away := behind(t, seed)
		w.start(away)
		w.until("a piece came", 10*time.Second, func() bool { return away.log.follow.piece != nil })
		w.crash(w.leader(), true)
		w.until("another leads", 10*time.Second, func() bool { return w.leader() != nil })
		w.write("b", 5)
		w.until("all level", 20*time.Second, w.level)
		if away.log.engine == nil {
			t.Error("it votes no more")
		}
	}
}

// While a snapshot is pulled, the log goes on and newer ones are made.
func TestABusyLogDoesNotStarveWhoPullsASnapshot(t *testing.T) {
	w, away := behind(t, 9)
	w.start(away)
	for i, before := 0, away.snaps; away.snaps == before; i++ {
		if i == 100 {
			t.Fatalf("no snapshot came while 500 entries were written\n%s", w.describe())
		}
		w.write(fmt.Sprint("more", i), 5)
	}
	w.until("all level", 20*time.Second, w.level)
}

func TestASnapshotDamagedOnItsWayIsNotTaken(t *testing.T) {
	w, away := behind(t, 3)
	w.start(away)
	w.until("a piece came", 10*time.Second, func() bool { return away.log.follow.piece != nil })
	away.log.follow.piece.Data = bytes.ToUpper(away.log.follow.piece.Data)
	from, before := away.log.follow.pieceFrom, away.snaps
	w.until("the piece is dropped", 10*time.Second, func() bool {
		return away.log.follow.piece == nil || away.log.follow.pieceFrom != from
	})
	if away.snaps != before {
		t.Fatal("it was installed")
	}
	w.until("all level", 20*time.Second, w.level)
}

func TestWhoHasNoSnapshotAsNewAsWantedGivesNone(t *testing.T) {
	w, _ := behind(t, 4)
	s := w.leader()
	at := s.log.SnapshotIndex()
	for least, want := range map[uint64]bool{at - 1: true, at: true, at + 1: false} {
		for _, e := range s.log.Step(w.now, PullAsked{From: 99, Pull: &wire.Pull{From: 1, Least: least}}) {
			if p, is := e.(Page); is && (len(p.Page.SnapshotMeta) > 0) != want || is && len(p.Page.Entries) > 0 {
				t.Errorf("at least %d, where %d is the newest: %v", least, at, p.Page)
			}
		}
	}
}
