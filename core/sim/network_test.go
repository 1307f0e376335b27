package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hb/core/node"
)

func sendFrames(w *World, from, to, n, first int) {
	for i := range n {
		tell(w, from, node.SendFrame{To: addrOf(w, to), Data: fmt.Appendf(nil, "%04d", first+i)})
	}
}

func framesOf(m *toy) []string {
	var all []string
	for _, f := range of[node.Frame](m) {
		all = append(all, string(f.Data))
	}
	return all
}

func TestAStreamKeepsItsOrder(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 2, Net: Network{Jitter: 50 * time.Millisecond, Loss: 0.3}}, nil)
	for i := range 20 {
		sendFrames(w, 0, 1, 5, 5*i)
		pass(t, w, 10*time.Millisecond)
	}
	pass(t, w, time.Minute)
	got := framesOf(ms[1])
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Fatalf("%d frames: %v", len(got), got)
	}
}

func TestAShortCutOnlyDelaysAStream(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 2}, nil)
	w.Cut(0, 1)
	sendFrames(w, 0, 1, 3, 0)
	pass(t, w, time.Second)
	if got := framesOf(ms[1]); len(got) != 0 {
		t.Fatalf("%v came through a cut", got)
	}
	w.Heal()
	pass(t, w, resendMost)
	if got := framesOf(ms[1]); len(got) != 3 || len(of[node.StreamLost](ms[0])) != 0 {
		t.Fatalf("got %v, lost %v", got, of[node.StreamLost](ms[0]))
	}
}

func TestALongCutBreaksAStreamAndItsSenderHears(t *testing.T) {
	for name, cut := range map[string][2]int{"there": {0, 1}, "back": {1, 0}} {
		w, ms := toys(t, Options{Nodes: 2}, nil)
		w.Cut(cut[0], cut[1])
		sendFrames(w, 0, 1, 3, 0)
		pass(t, w, breakMost+resendMost)
		lost := of[node.StreamLost](ms[0])
		if len(lost) != 1 || lost[0].Refused || lost[0].To != addrOf(w, 1) {
			t.Fatalf("%s: %v", name, lost)
		}
		w.Heal()
		sendFrames(w, 0, 1, 1, 7)
		pass(t, w, time.Second)
		if got := framesOf(ms[1]); !slices.Equal(got, []string{"0007"}) {
			t.Fatalf("%s: %v", name, got)
		}
	}
}

func TestAnEndedProcessResetsItsStreams(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 2}, nil)
	sendFrames(w, 0, 1, 1, 0)
	pass(t, w, time.Second)
	w.Kill(1)
	pass(t, w, time.Second)
	if lost := of[node.StreamLost](ms[0]); len(lost) != 1 || !lost[0].Refused {
		t.Fatalf("after the end: %v", lost)
	}
	sendFrames(w, 0, 1, 1, 1)
	pass(t, w, time.Second)
	if lost := of[node.StreamLost](ms[0]); len(lost) != 2 || !lost[1].Refused {
		t.Fatalf("after the next frame: %v", lost)
	}
}

func TestAHostWithoutPowerIsSilent(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 2}, nil)
	w.PowerCut(1)
	sendFrames(w, 0, 1, 1, 0)
	tell(w, 0, node.SendDatagram{To: addrOf(w, 1), Data: []byte("ping")})
	pass(t, w, breakMost+resendMost)
	if lost := of[node.StreamLost](ms[0]); len(lost) != 1 || lost[0].Refused {
		t.Fatalf("%v", lost)
	}
	if got := of[node.Unreachable](ms[0]); len(got) != 0 {
		t.Fatalf("%v", got)
	}
}

func TestADatagramToAnEndedProcessComesBackRefused(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 2}, nil)
	w.Kill(1)
	tell(w, 0, node.SendDatagram{To: addrOf(w, 1), Data: []byte("ping")})
	pass(t, w, time.Second)
	if got := of[node.Unreachable](ms[0]); len(got) != 1 || got[0].To != addrOf(w, 1) {
		t.Fatalf("%v", got)
	}
}

func TestACutStopsOneDirectionOnly(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 2}, nil)
	w.Cut(0, 1)
	tell(w, 0, node.SendDatagram{To: addrOf(w, 1), Data: []byte("a")})
	tell(w, 1, node.SendDatagram{To: addrOf(w, 0), Data: []byte("b")})
	pass(t, w, time.Second)
	if there, back := of[node.Datagram](ms[1]), of[node.Datagram](ms[0]); len(there) != 0 || len(back) != 1 {
		t.Fatalf("%d there, %d back", len(there), len(back))
	}
}

func TestPartitionsOfHostsOverlapAndHeal(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 4}, nil)
	w.Partition([]int{0}, []int{1, 2})
	for to := range 4 {
		tell(w, 0, node.SendDatagram{To: addrOf(w, to), Data: []byte("x")})
	}
	pass(t, w, time.Second)
	for host, want := range []int{1, 0, 0, 1} {
		if got := of[node.Datagram](ms[host]); len(got) != want {
			t.Errorf("n%d got %d datagrams, want %d", host+1, len(got), want)
		}
	}
}

func TestDatagramsAreLostAndDoubledAsOften(t *testing.T) {
	const sent = 20_000
	w, ms := toys(t, Options{Nodes: 2, Net: Network{Loss: 0.2, Duplicate: 0.1}}, nil)
	for range sent {
		tell(w, 0, node.SendDatagram{To: addrOf(w, 1), Data: []byte("x")})
	}
	pass(t, w, time.Second)
	got, want := float64(len(of[node.Datagram](ms[1]))), sent*0.8*1.1
	if got < want*0.97 || got > want*1.03 {
		t.Fatalf("%v arrived, want about %v", got, want)
	}
}

func TestABeaconReachesEveryHostOfTheSegment(t *testing.T) {
	w, ms := toys(t, Options{Nodes: 5}, nil)
	tell(w, 2, node.SendBeacon{Data: []byte("here")})
	pass(t, w, time.Second)
	for i, m := range ms {
		got := of[node.Datagram](m)
		if len(got) != 1 || !got[0].Beacon || got[0].From.Port() != beaconPort {
			t.Errorf("n%d: %v", i+1, got)
		}
	}
}
