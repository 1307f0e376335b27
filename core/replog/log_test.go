package replog

import (
	"testing"
	"time"
)

func TestAFounderLeadsAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	s := w.found()
	if took := w.until("the founder leads", time.Second, func() bool { return s.led != 0 }); took > 20*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	w.commit("a", "b")
	if s.log.Role(s.raft) != "leader" || len(s.log.Voters()) != 1 {
		t.Errorf("role %s, voters %v", s.log.Role(s.raft), s.log.Voters())
	}
}

func TestTwoMembersHaveOneVoterAndThreeGrowInOneStep(t *testing.T) {
	w := newWorld(t, 2)
	w.found()
	second := w.join()
	w.run(5 * time.Second)
	if !w.votersAre(1)() || !w.level() {
		t.Fatalf("two members:\n%s", w.describe())
	}
	third := w.join()
	took := w.until("three voters", 5*time.Second, func() bool {
		for _, s := range w.sites {
			if n := len(s.log.Voters()); n == 2 {
				t.Fatalf("rests at two voters")
			}
		}
		return w.votersAre(3)()
	})
	t.Logf("three voters after %v", took)
	if took > 2*time.Second {
		t.Errorf("growth took %v", took)
	}
	w.commit("x")
	w.until("all level", time.Second, w.level)
	for _, s := range []*site{second, third} {
		if s.log.Role(s.raft) != "voter" {
			t.Errorf("site %d is a %s", s.n, s.log.Role(s.raft))
		}
	}
}
