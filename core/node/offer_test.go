package node

import (
	"testing"

	"hb/core"
	"hb/core/wire"
)

func TestANodeTakesOverAnotherConfigurationWhileItRuns(t *testing.T) {
	s := found(t) // with two slots, for any command
	for n := byte(1); n <= 3; n++ {
		if v, ok := s.one(SubmitTask{Task: core.MintTaskID(int64(n), [10]byte{n}), Spec: &wire.Spec{Name: "true", Argv: []string{"true"}}}).(Submitted); !ok {
			t.Fatalf("submit was answered %+v", v)
		}
	}
	if len(s.execs) != 2 {
		t.Fatalf("%d run on two slots", len(s.execs))
	}
	s.tell(Reconfigured{Slots: 3, Offer: &wire.Offer{Tasks: []*wire.Definition{{Name: "greet", Digest: 1}}}})
	s.until("started the third", func() bool { return len(s.execs) == 3 })
	s.until("told the log what it runs", func() bool {
		m, _ := s.n.ledger.Member(s.n.self.id)
		return !m.Offer.GetFree() && len(m.Offer.GetTasks()) == 1 && m.Offer.Tasks[0].Name == "greet"
	})
	f := s.fault(SubmitTask{Task: core.MintTaskID(9, [10]byte{9}), Spec: &wire.Spec{Name: "true", Argv: []string{"true"}}}, core.CodeDenied)
	if len(s.execs) != 3 {
		t.Errorf("what is no longer allowed was started, and answered %v", f)
	}
}
