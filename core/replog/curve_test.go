package replog

import (
	"fmt"
	"testing"
	"time"
)

// crowd is a cluster of so many members, of which three vote.
func (w *world) crowd(members int) {
	w.t.Helper()
	w.cluster(3)
	w.silent = true
	for len(w.sites) < members {
		w.join()
	}
	w.silent = false
	w.tellPeers(0)
	w.run(5 * time.Second)
}

// What a leader gives away must not grow with the number of those who follow:
// whoever has an entry passes it on. Each line of the curve is ten seconds with
// ten entries a second.
func TestTheLeadersLoadDoesNotGrowWithTheMembers(t *testing.T) {
	const seconds, rate = 10, 10
	share := map[int]int{}
	for _, members := range []int{10, 100, 1000} {
		w := newWorld(t, uint64(members))
		w.crowd(members)
		leader := w.leader()
		before, all := leader.pages, 0
		for i := range seconds * rate {
			w.propose(leader, fmt.Sprint("entry ", i))
			w.run(time.Second / rate)
		}
		share[members] = leader.pages - before
		w.run(5 * time.Second)
		for _, s := range w.sites {
			all += s.pages
			if s.at != w.sites[0].at {
				t.Errorf("of %d members, number %d is at %d, the leader at %d", members, s.n, s.at, w.sites[0].at)
			}
		}
		t.Logf("%4d members: the leader answered %3d pulls in %d s, all together %d", members, share[members], seconds, all)
	}
	if share[1000] > 4*share[10] {
		t.Errorf("a hundred times as many members make the leader answer %d pulls instead of %d", share[1000], share[10])
	}
}
