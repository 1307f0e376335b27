package swim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// whole makes the detector of one of n members with every mechanism.
func whole(t *testing.T, self core.NodeID, n int) *bench {
	b := &bench{t: t, table: member.New(row(self)), now: core.Instant(time.Hour)}
	for id := core.NodeID(1); id <= core.NodeID(n); id++ {
		b.table.Merge(b.now, member.Evidence{Row: row(id)})
	}
	b.d = New(detect.Options{
		Table: b.table, Period: time.Second, Rand: rand.New(rand.NewPCG(2, uint64(self))), Now: b.now,
	}).(*swim)
	return b
}

// answering runs while everybody who is asked answers, but one; heard are those
// from whom a ping comes now and then.
func (b *bench) answering(d time.Duration, but core.NodeID, heard ...core.NodeID) (pinged []core.NodeID) {
	for end := b.now.Add(d); b.now < end; {
		b.run(50 * time.Millisecond)
		for _, id := range heard {
			b.receive(id, wire.Packet{Kind: wire.KindPing, Nonce: 1, Target: b.d.self})
		}
		for _, ping := range b.take(wire.KindPing) {
			pinged = append(pinged, ping.To)
			if ping.To != but {
				b.ack(ping)
			}
		}
	}
	return pinged
}

func TestNeighboursOnTheRingAreThoseOfEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 9
		var all [n + 1]*bench
		for id := core.NodeID(1); id <= n; id++ {
			all[id] = whole(nil, id, n)
		}
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) member.Row {
			r := row(core.NodeID(rapid.IntRange(1, n).Draw(t, "id")))
			r.Incarnation = core.Incarnation(rapid.IntRange(0, 5).Draw(t, "incarnation"))
			r.Status, r.Accuser = rapid.SampledFrom([]core.Status{core.Alive, core.Suspect, core.Dead}).Draw(t, "status"), 1
			return r
		}), 0, 12).Draw(t, "steps")
		for _, r := range steps {
			for id := 1; id <= n; id++ {
				all[id].learn(member.Evidence{Row: r})
			}
		}
		for id := core.NodeID(1); id <= n; id++ {
			next, prev := all[id].d.lane.next, all[id].d.lane.prev
			if next != 0 && all[id].status(id) == core.Alive && all[next].d.lane.prev != id {
				t.Errorf("after %d comes %d, before which is %d", id, next, all[next].d.lane.prev)
			}
			if next != 0 && all[id].status(next) != core.Alive || prev != 0 && all[id].status(prev) != core.Alive {
				t.Errorf("the neighbours of %d are %s and %s", id, all[id].status(next), all[id].status(prev))
			}
		}
	})
}

func TestEverySecondPingGoesToTheNextOnTheRing(t *testing.T) {
	b := whole(t, 1, 20)
	next, prev := b.d.lane.next, b.d.lane.prev
	pinged := b.answering(40*time.Second, 0, prev)
	lane := 0
	for i, id := range pinged {
		if id == next {
			lane++
		}
		if i > 1 && i < len(pinged)-1 && !slices.Contains(pinged[i-1:i+1], next) {
			t.Errorf("two pings in a row pass it by: %v", pinged)
		}
	}
	if len(pinged) < 39 || len(pinged) > 41 || lane < 19 || lane > 23 {
		t.Errorf("%d of %d", lane, len(pinged))
	}
}

func TestTheOneBeforeIsAskedWhenItFallsSilent(t *testing.T) {
	b := whole(t, 1, 20)
	prev := b.d.lane.prev
	b.answering(3*time.Second, 0, prev)
	silent := b.now
	for b.d.probeOf(prev) == nil && b.now.Sub(silent) < 3*time.Second {
		b.answering(50*time.Millisecond, prev, 7)
	}
	if after := b.now.Sub(silent); after > 2100*time.Millisecond {
		t.Errorf("asked after %s", after)
	}
	b.answering(1100*time.Millisecond, prev, 7)
	if b.status(prev) != core.Suspect || b.d.lane.prev == prev {
		t.Errorf("a period later it is %s, and before this member is %d", b.status(prev), b.d.lane.prev)
	}
}

func TestWhoHearsNobodyDoubtsNobodyOnTheRing(t *testing.T) {
	b := whole(t, 1, 20)
	b.run(10 * time.Second)
	if !b.d.Isolated() || b.d.nextDoubt() != core.Never {
		t.Errorf("isolated %v, the next doubt at %d", b.d.Isolated(), b.d.nextDoubt())
	}
}

func TestASilentTargetIsAskedAgainAsLongAsThereIsTime(t *testing.T) {
	tuning := Standard()
	b := tuned(t, 20, tuning, detect.RingLane|detect.LocalHealth)
	ping := b.firstPing()
	pings, helpers, when := 0, map[core.NodeID]int{}, []time.Duration{}
	began := b.d.probeOf(ping.To).sent
	for b.underWay(ping) {
		b.run(5 * time.Millisecond)
		b.receive(2, wire.Packet{Kind: wire.KindPing, Nonce: 1, Target: 1})
		for _, p := range b.take(wire.KindPing) {
			if p.To == ping.To {
				pings++
			}
		}
		asked := b.take(wire.KindPingReq)
		if len(asked) > 0 {
			when = append(when, b.now.Sub(began).Round(100*time.Millisecond))
		}
		for _, r := range asked {
			helpers[r.To]++
		}
	}
	// At 1/3 the target, at 1/3 + 1/4 and 1/3 + 2/4 helpers, too.
	if want := []time.Duration{600 * time.Millisecond, 800 * time.Millisecond}; !slices.Equal(when, want) {
		t.Errorf("helpers were asked after %v, want %v", when, want)
	}
	if pings != 3 || len(helpers) != 6 {
		t.Errorf("%d more pings, %d helpers: %v", pings, len(helpers), helpers)
	}
}

func TestAFailedProbeIsThisNodesFaultUntilAnotherFindsTheSame(t *testing.T) {
	b := among(t, 10)
	ping := b.firstPing()
	for b.underWay(ping) {
		b.run(10 * time.Millisecond)
		b.receive(ping.To%9+2, wire.Packet{Kind: wire.KindPing, Nonce: 1, Target: 1})
		for _, r := range b.take(wire.KindPingReq) {
			b.receive(r.To, wire.Packet{Kind: wire.KindNack, Nonce: r.Packet.Nonce, Target: ping.To})
		}
	}
	if b.d.health != 1 {
		t.Fatalf("health %d after a failed probe", b.d.health)
	}
	b.accusation(ping.To, ping.To%9+2, wire.ReasonSilent)
	if b.d.health != 0 {
		t.Errorf("health %d when another has found the same", b.d.health)
	}
}
