package swim

import (
	"math/rand/v2"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// tuned makes the detector of member 1 of n as an experiment would.
func tuned(t *testing.T, n int, tuning Tuning, without detect.Extras) *bench {
	b := among(t, n)
	b.d = tuning.New(detect.Options{
		Table: b.table, Period: time.Second, Rand: rand.New(rand.NewPCG(1, uint64(n))), Now: b.now, Without: without,
	}).(*swim)
	return b
}

// silentProbe runs until the first probe of a period has failed, and says how
// many helpers were asked.
func (b *bench) silentProbe() (target core.NodeID, helpers int) {
	ping := b.firstPing()
	for b.underWay(ping) {
		b.run(10 * time.Millisecond)
		b.receive(ping.To%9+2, wire.Packet{Kind: wire.KindPing, Nonce: 1, Target: 1})
		helpers += len(b.take(wire.KindPingReq))
	}
	return ping.To, helpers
}

func TestAsManyHelpersAreAskedAsTuned(t *testing.T) {
	for k := range 5 {
		tuning := Standard()
		tuning.Helpers = k
		b := tuned(t, 10, tuning, later)
		if _, asked := b.silentProbe(); asked != k {
			t.Errorf("%d instead of %d", asked, k)
		}
	}
}

func TestInStepAllPeriodsBeginAtWholeMultiples(t *testing.T) {
	tuning := Standard()
	tuning.InStep = true
	b := tuned(t, 10, tuning, 0)
	for range 5 {
		next := b.d.next
		if next%core.Instant(time.Second) != 0 {
			t.Fatalf("a period begins at %d", next)
		}
		b.run(time.Second)
	}
}

func TestRandomTargetsAreDrawnAnew(t *testing.T) {
	tuning := Standard()
	tuning.RandomTargets = true
	b := tuned(t, 10, tuning, later)
	hits := map[core.NodeID]int{}
	for range 9000 {
		id, ok := b.d.target()
		if !ok || id == 1 {
			t.Fatalf("it chose %d, %v", id, ok)
		}
		hits[id]++
	}
	for id := core.NodeID(2); id <= 10; id++ {
		if n := hits[id]; n < 850 || n > 1150 { // five deviations
			t.Errorf("member %d was chosen %d times of 9000", id, n)
		}
	}
}

func TestWhatIsLeftOutDoesNotHappen(t *testing.T) {
	cases := []struct {
		without detect.Extras
		happens func(b *bench) bool
	}{
		{detect.LocalHealth, func(b *bench) bool { b.silentProbe(); return b.d.health > 0 }},
		{detect.AdaptedTimeout, func(b *bench) bool {
			b.d.peer(2).rtt.sample(time.Millisecond)
			return b.d.directTimeout(2) < b.d.period/3
		}},
		{detect.Confirmation, func(b *bench) bool {
			b.accusation(5, 2, wire.ReasonSilent)
			c := b.d.suspicionOf(5)
			return c.ends() != c.begun.Add(c.min)
		}},
		{detect.IsolationGate, func(b *bench) bool { b.run(5 * time.Second); return b.d.Isolated() }},
		{detect.PauseGate, func(b *bench) bool {
			before := b.d.next
			b.now = b.now.Add(5 * time.Second)
			b.tell(detect.Refused{ID: 99})
			return b.d.next != before
		}},
		{detect.SilenceGate, func(b *bench) bool {
			for accuser := core.NodeID(3); accuser <= 9; accuser++ {
				b.accusation(5, accuser%2+9, wire.ReasonSilent)
			}
			b.receive(5, wire.Packet{Kind: wire.KindPing, Nonce: 1, Target: 1})
			c := b.d.suspicionOf(5)
			c.begun -= core.Instant(time.Minute)
			return b.d.verdict(c) > b.now
		}},
		{detect.Refusal, func(b *bench) bool {
			b.tell(detect.Refused{ID: 5})
			return len(b.take(wire.KindPing)) > 0
		}},
		{detect.Verification, func(b *bench) bool {
			probing := false
			for id := core.NodeID(2); id <= 10; id++ {
				b.accusation(id, id%9+2, wire.ReasonSilent)
				probing = probing || b.d.probeOf(id) != nil
			}
			return probing
		}},
		{detect.SecondLook, func(b *bench) bool { return len(b.refutedInTime()) > 0 }},
	}
	for _, c := range cases {
		if !c.happens(tuned(t, 10, Standard(), 0)) {
			t.Errorf("%s: not even with all extras", c.without)
		}
		if c.happens(tuned(t, 10, Standard(), c.without)) {
			t.Errorf("%s happens", c.without)
		}
	}
}

func TestTheTargetIsPingedTwiceIfTuned(t *testing.T) {
	tuning := Standard()
	tuning.PingTwice = true
	b := tuned(t, 10, tuning, later)
	ping := b.firstPing()
	b.run(400 * time.Millisecond)
	if again := b.take(wire.KindPing); len(again) != 1 || again[0].Packet.Nonce != ping.Packet.Nonce {
		t.Errorf("%+v", again)
	}
	b.learn(member.Evidence{Row: row(11)}) // and it goes on with newcomers
	if b.d.Next() == core.Never {
		t.Error("it stands still")
	}
}
