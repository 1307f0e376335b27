package heartbeat

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/wire"
)

func TestADoubtedMemberIsAskedThreeTimesAndSuspectedAfterAPeriod(t *testing.T) {
	b := among(t, 5, 0)
	b.run(2*time.Second, b.beats(1), b.beats(4))
	b.tell(detect.Doubted{ID: 5}) // whom it neither tells nor watches
	b.tell(detect.Doubted{ID: 5})
	b.run(900*time.Millisecond, b.beats(1), b.beats(4))
	if n := b.packets(wire.KindPing, 5); n != asksPerPeriod || b.status(5) != core.Alive {
		t.Errorf("after 0.9 s it was asked %d times and is %s", n, b.status(5))
	}
	b.run(200*time.Millisecond, b.beats(1), b.beats(4))
	if b.status(5) != core.Suspect || len(b.d.doubts) > 0 {
		t.Errorf("after 1.1 s it is %s", b.status(5))
	}
}

func TestADoubtedMemberThatAnswersIsLeftAlone(t *testing.T) {
	b := among(t, 5, 0)
	b.run(2*time.Second, b.beats(1))
	b.tell(detect.Doubted{ID: 5})
	b.run(500*time.Millisecond, b.beats(1))
	b.receive(5, wire.Packet{Kind: wire.KindAck, Nonce: 1})
	b.run(2*time.Second, b.beats(1))
	if n := b.packets(wire.KindPing, 5); n != 2 || b.status(5) != core.Alive {
		t.Errorf("it was asked %d times and is %s", n, b.status(5))
	}
}

func TestWhoHearsNobodySuspectsNobodyForADoubt(t *testing.T) {
	b := among(t, 5, 0)
	b.run(3 * time.Second)
	b.tell(detect.Doubted{ID: 5})
	b.run(1500 * time.Millisecond)
	if b.status(5) != core.Alive || !b.d.gates.frozen() {
		t.Errorf("it is %s, isolated %v", b.status(5), b.d.gates.frozen())
	}
}

func TestADoubtOutlastsAPause(t *testing.T) {
	b := among(t, 5, 0)
	b.run(2*time.Second, b.beats(1))
	b.tell(detect.Doubted{ID: 5})
	b.now = b.now.Add(5 * time.Second)
	b.tell(detect.Tick{})
	if b.status(5) != core.Alive {
		t.Errorf("right after the pause it is %s", b.status(5))
	}
	b.run(1200*time.Millisecond, b.beats(1))
	if b.status(5) != core.Suspect {
		t.Errorf("a period later it is %s", b.status(5))
	}
}
