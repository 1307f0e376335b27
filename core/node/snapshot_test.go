package node

import (
	"strings"
	"testing"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

func TestASnapshotOfANewerHbStopsTheNodeInWords(t *testing.T) {
	s := found(t)
	var l wire.Ledger
	if err := wire.Unmarshal(ledger.New(s.n.self.cluster, "test").Encode(), &l); err != nil {
		t.Fatal(err)
	}
	l.Format = ledger.Format + 1
	s.tell(DecodeSnapshot{Index: 9, Term: 9, Body: wire.Marshal(&l)}.Decode())
	if s.stopped == nil || s.stopped.Fault.Code != core.CodeConfig || !strings.Contains(s.stopped.Fault.Message, "a newer hb") || s.stopped.Fault.Hint == "" {
		t.Fatalf("it stopped with %+v", s.stopped)
	}
}

func TestWhatAPeerGivesIsNoReasonToStop(t *testing.T) {
	for name, body := range map[string][]byte{
		"nothing that can be read": []byte("rubbish"),
		"another cluster's ledger": ledger.New(core.ClusterID{9}, "other").Encode(),
	} {
		s := found(t)
		at := s.n.ledger.Applied()
		s.tell(DecodeSnapshot{Index: at + 5, Term: 9, Body: body}.Decode())
		if s.stopped != nil || s.n.ledger.Applied() != at || !s.n.leading {
			t.Errorf("%s: it stopped with %+v", name, s.stopped)
		}
	}
}
