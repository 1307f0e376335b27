package sim

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// Somebody who has recorded what a member sent before it restarted plays it again,
// as if from an address of his own. He must not get the others to knock there, but
// for one time in a minute, since the member may have moved.
func TestADatagramOfAFormerStartGetsNobodyToKnockAtItsSource(t *testing.T) {
	w := sealed(t, 11, 5)
	s := &stranger{w: w, addr: netip.MustParseAddrPort("10.0.250.1:7117")}
	i := nonvoter(t, w, w.Leader())
	w.network.tap = func(from, to netip.AddrPort, data []byte) {
		if from == w.hosts[i].addr {
			s.hear(from, to, data)
		}
	}
	pass(t, w, 10*time.Second)
	w.network.tap = nil
	w.Shutdown(i)
	until(t, w, 30*time.Second, func() bool { return !w.hosts[i].up() })
	w.Restart(i)
	reach(t, w, 30*time.Second, node.Condition{Kind: "ready"}, node.Condition{Kind: "members", N: 5})
	pass(t, w, 2*time.Second)
	for range 55 {
		for _, r := range s.record {
			if h := w.hostAt(r.to); h != nil {
				w.Inject(h.i, s.addr, bytes.Clone(r.data)) // opened where it is
			}
		}
		pass(t, w, time.Second)
	}
	if n := w.network.strayed[s.addr]; n > len(others(w, i)) {
		t.Errorf("of %d datagrams came %d frames to their source", len(s.record), n)
	}
	if !w.everywhere(t, w.hosts[i].name, core.Alive) {
		t.Error("not everybody takes the member to be there")
	}
}
