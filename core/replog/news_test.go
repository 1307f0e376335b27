package replog

import (
	"fmt"
	"testing"
	"time"
)

func TestABatchCostsOneMessageToEachVoter(t *testing.T) {
	w := newWorld(t, 1)
	w.cluster(3)
	w.run(time.Second)
	s := w.leader()
	before, last := s.apps, s.log.LastIndex()
	var batch [][]byte
	for i := range 50 {
		data := fmt.Sprintf("entry %d", i)
		s.mine[data] = true
		batch = append(batch, []byte(data))
	}
	w.step(s, Propose{Data: batch})
	if n := s.apps - before; n != 2 {
		t.Errorf("%d messages", n)
	}
	if n := s.log.LastIndex() - last; n != 50 {
		t.Errorf("%d entries", n)
	}
	w.until("all of it is committed", time.Second, func() bool { return w.acked["entry 49"] != 0 })
}

func TestABatchIsTakenWholeOrNotAtAll(t *testing.T) {
	w := newWorld(t, 1)
	w.cluster(3)
	s := w.leader()
	last := s.log.LastIndex()
	w.step(s, Propose{Ticket: 7, Data: [][]byte{[]byte("fits"), make([]byte, s.log.opt.Limits.EntryBytes+1)}})
	if d, is := w.dropped[7]; !is || d.Busy || s.log.LastIndex() != last {
		t.Errorf("dropped %v (%+v), the log grew from %d to %d", is, d, last, s.log.LastIndex())
	}
}

func TestNewsOfACommitRidesOnTheNextEntries(t *testing.T) {
	w := newWorld(t, 1)
	w.cluster(3)
	w.delay, w.sync = 50*time.Microsecond, 50*time.Microsecond
	s := w.leader()
	before := s.apps
	const commits = 200
	w.write("a", commits)
	// One message to each of two for the entry; sometimes a tick's news between.
	if n := s.apps - before; n > 2*commits+commits/5 {
		t.Errorf("%d messages for %d commits", n, commits)
	}
}

func TestNewsOfTheLastCommitDoesNotWaitForATick(t *testing.T) {
	w := newWorld(t, 1)
	w.cluster(3)
	w.until("all are level", time.Second, w.level)
	w.commit("last")
	if took := w.until("all are level", time.Second, w.level); took > newsDelay+2*w.delay {
		t.Errorf("the others learned of it after %v", took)
	}
}
