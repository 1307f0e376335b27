package swim

import (
	"math"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

func TestASuspicionShrinksFromMaxToMinWithConfirmations(t *testing.T) {
	b := among(t, 10)
	b.accusation(5, 2, wire.ReasonSilent)
	c := b.d.suspicionOf(5)
	var ends []time.Duration
	for accuser := core.NodeID(2); accuser <= 7; accuser++ {
		if accuser != 5 {
			b.accusation(5, accuser, wire.ReasonSilent)
			ends = append(ends, c.ends().Sub(b.now))
		}
	}
	// max − (max−min)·ln(c+1)/ln(k+1) with min 2.5 s, max 15 s, k 3.
	want := []float64{15, 15 - 12.5*math.Log(2)/math.Log(4), 15 - 12.5*math.Log(3)/math.Log(4), 2.5, 2.5}
	for i := range want {
		if got := ends[i].Seconds(); math.Abs(got-want[i]) > 1e-6 {
			t.Errorf("with %d confirmations %.3f s, want %.3f", i, got, want[i])
		}
	}
}

func TestTheSameAccuserConfirmsNothing(t *testing.T) {
	b := among(t, 10)
	for range 5 {
		b.accusation(5, 2, wire.ReasonSilent)
	}
	if got := b.d.Accusers(5); len(got) != 1 || got[0] != 2 {
		t.Errorf("accusers %v", got)
	}
}

func TestAnAccusationOfAnOlderIncarnationConfirmsNothing(t *testing.T) {
	b := among(t, 10)
	refuted := row(5)
	refuted.Incarnation = 3
	b.learn(member.Evidence{Row: refuted})
	b.learn(member.Evidence{Bare: true, Row: member.Row{ID: 5, Instance: 1, Incarnation: 3, Status: core.Suspect, Accuser: 2}})
	b.tell(detect.Accused{Evidence: member.Evidence{Row: member.Row{ID: 5, Instance: 1, Status: core.Suspect, Accuser: 3}}})
	if got := b.d.Accusers(5); len(got) != 1 {
		t.Errorf("accusers %v", got)
	}
}

func TestARefutationEndsTheSuspicion(t *testing.T) {
	b := among(t, 10)
	b.accusation(5, 2, wire.ReasonSilent)
	refuted := row(5)
	refuted.Incarnation = 1
	b.learn(member.Evidence{Row: refuted})
	if b.d.suspicionOf(5) != nil || b.status(5) != core.Alive {
		t.Error("it is suspected still")
	}
}

// refutedInTime has this node probe a member, which refutes another's accusation
// before that has come to anything, and gives the pings that leave for that.
func (b *bench) refutedInTime() []detect.Send {
	member5, _ := b.table.Get(5)
	b.d.probe(b.now, member5)
	b.accusation(5, 2, wire.ReasonSilent)
	b.take(wire.KindPing)
	member5.Incarnation, member5.Status = 1, core.Alive
	b.learn(member.Evidence{Row: member5})
	return b.take(wire.KindPing)
}

func TestWhoRefutesWhileItIsProbedIsProbedOnceMoreAsWhatItIsNow(t *testing.T) {
	b := among(t, 10)
	if pings := b.refutedInTime(); len(pings) != 1 || pings[0].To != 5 {
		t.Fatalf("pings: %v", pings)
	}
	b.keepHearing(b.d.period + 10*time.Millisecond)
	if again, _ := b.table.Get(5); again.Status != core.Suspect || again.Incarnation != 1 || again.Accuser != 1 {
		t.Errorf("silent again, it is %+v", again)
	}
}

func TestWhoRefutesAndThenAnswersIsLeftAlone(t *testing.T) {
	b := among(t, 10)
	b.ack(b.refutedInTime()[0])
	if b.d.probeOf(5) != nil || b.status(5) != core.Alive {
		t.Errorf("it is %s, and probed: %t", b.status(5), b.d.probeOf(5) != nil)
	}
}

func TestWhoeverAccusedLooksAgainAndNobodyElse(t *testing.T) {
	for accuser, want := range map[core.NodeID]int{1: 1, 2: 0} {
		b := among(t, 10)
		b.accusation(5, accuser, wire.ReasonSilent)
		b.d.dropProbe(5)
		b.take(wire.KindPing)
		refuted := row(5)
		refuted.Incarnation = 1
		b.learn(member.Evidence{Row: refuted})
		if got := len(b.take(wire.KindPing)); got != want {
			t.Errorf("accused by %d it is pinged %d times", accuser, got)
		}
	}
}

// keepHearing runs while member 2 is heard, so that nobody is isolated.
func (b *bench) keepHearing(d time.Duration) {
	for end := b.now.Add(d); b.now < end; {
		b.run(100 * time.Millisecond)
		b.receive(2, wire.Packet{Kind: wire.KindPing, Nonce: 1, Target: 1})
	}
}

func TestNobodyIsCalledDeadWhomTheJudgeHasHeardLately(t *testing.T) {
	b := among(t, 10)
	for accuser := core.NodeID(3); accuser <= 9; accuser++ {
		if accuser != 5 {
			b.accusation(5, accuser, wire.ReasonSilent)
		}
	}
	b.keepHearing(2 * time.Second)
	b.receive(5, wire.Packet{Kind: wire.KindPing, Nonce: 1, Target: 1})
	b.keepHearing(3300 * time.Millisecond)
	if got := b.status(5); got != core.Suspect {
		t.Errorf("it is %s", got)
	}
	b.keepHearing(300 * time.Millisecond)
	if got := b.status(5); got != core.Dead {
		t.Errorf("at last it is %s", got)
	}
}

func TestOneRefusalIsNotBelievedAndTwoOfOneMemberAreNotEnough(t *testing.T) {
	b := among(t, 10)
	b.keepHearing(time.Second)
	b.sent = nil
	b.tell(detect.Refused{ID: 5})
	if pings := b.take(wire.KindPing); len(pings) != 1 || pings[0].To != 5 || b.status(5) != core.Alive {
		t.Fatalf("after the first: %+v, %s", pings, b.status(5))
	}
	b.tell(detect.Refused{ID: 5})
	if r, _ := b.table.Get(5); r.Status != core.Suspect || r.Why != wire.ReasonRefused {
		t.Fatalf("after the second: %+v", r)
	}
	b.keepHearing(time.Second)
	if got := b.status(5); got != core.Suspect {
		t.Errorf("on one member's word it is %s", got)
	}
	b.accusation(5, 3, wire.ReasonRefused)
	b.run(0)
	if got := b.status(5); got != core.Dead {
		t.Errorf("refused by two, it is %s", got)
	}
}

func TestWithNobodyElseHeardOneMembersRefusalsDecide(t *testing.T) {
	b := among(t, 2)
	b.tell(detect.Refused{ID: 2})
	b.tell(detect.Refused{ID: 2})
	b.run(0)
	if r, _ := b.table.Get(2); r.Status != core.Dead || r.Why != wire.ReasonRefused {
		t.Errorf("row %+v", r)
	}
}

func TestASilentSecondMemberIsDeadAfterTheLongestSuspicion(t *testing.T) {
	b := among(t, 2)
	b.firstPing()
	b.run(15 * time.Second)
	if got := b.status(2); got != core.Suspect {
		t.Errorf("after 15 s it is %s", got)
	}
	b.run(3 * time.Second)
	if got := b.status(2); got != core.Dead {
		t.Errorf("after 18 s it is %s", got)
	}
}

func TestThreeObserversVerifyASuspicionAtOnce(t *testing.T) {
	const n = 20
	probing := 0
	for self := core.NodeID(1); self <= n; self++ {
		table := member.New(row(self))
		for id := core.NodeID(1); id <= n; id++ {
			table.Merge(1, member.Evidence{Row: row(id)})
		}
		b := &bench{t: t, table: table, now: core.Instant(time.Hour)}
		b.d = New(detect.Options{Table: table, Period: time.Second, Rand: among(t, 2).d.rand, Now: b.now}).(*swim)
		if self == 5 || self == 2 {
			continue
		}
		b.accusation(5, 2, wire.ReasonSilent)
		probing += len(b.take(wire.KindPing))
	}
	if probing != observers {
		t.Errorf("%d members probe", probing)
	}
}

func TestLocalHealthFollowsAllFourEvents(t *testing.T) {
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
		t.Errorf("a failed probe whose helpers sent nacks: %d", b.d.health)
	}
	next := b.take(wire.KindPing)
	if len(next) == 0 {
		next = append(next, b.firstPing())
	}
	b.ack(next[len(next)-1])
	if b.d.health != 0 {
		t.Errorf("a successful one: %d", b.d.health)
	}
	ping = b.firstPing()
	for b.underWay(ping) {
		b.run(10 * time.Millisecond)
	}
	if b.d.health != 4 {
		t.Errorf("a failed probe, and three nacks missing: %d", b.d.health)
	}
	b.d.health = 0
	b.tell(detect.Accused{Evidence: member.Evidence{Row: member.Row{ID: 1, Instance: 1, Status: core.Suspect, Accuser: 2}}})
	if b.d.health != 1 {
		t.Errorf("a refutation: %d", b.d.health)
	}
	b.d.health.worse(100)
	if b.d.health != maxHealth {
		t.Errorf("at worst: %d", b.d.health)
	}
}

func TestAnUnhealthyNodeProbesSlowerAndWaitsLonger(t *testing.T) {
	b := among(t, 10)
	b.d.health = 3
	ping := b.firstPing()
	p := b.d.probeOf(ping.To)
	if wait := p.ask.Sub(p.sent); wait.Round(time.Millisecond) != 1333*time.Millisecond {
		t.Errorf("direct timeout %s", wait)
	}
	if length := p.end.Sub(p.sent); length != 4*time.Second {
		t.Errorf("the probe lasts %s", length)
	}
	if next := b.d.next.Sub(p.sent); next != 4*time.Second {
		t.Errorf("the next one begins after %s", next)
	}
}

func TestRefutingGoesAboveBothIncarnationsAndOncePerAccusation(t *testing.T) {
	b := among(t, 3)
	accuse := func(incarnation core.Incarnation) core.Incarnation {
		b.tell(detect.Accused{Evidence: member.Evidence{Row: member.Row{
			ID: 1, Instance: 1, Incarnation: incarnation, Status: core.Suspect, Accuser: 2,
		}}})
		return b.table.Self().Incarnation
	}
	if got := accuse(0); got != 1 {
		t.Errorf("accused at 0, now at %d", got)
	}
	if got := accuse(0); got != 1 {
		t.Errorf("the old accusation again, now at %d", got)
	}
	if got := accuse(7); got != 8 {
		t.Errorf("accused at 7, now at %d", got)
	}
	if got := accuse(math.MaxUint32); got != 8 || len(b.notes) != 1 {
		t.Errorf("accused at the highest, now at %d, notes %v", got, b.notes)
	}
	b.tell(detect.Accused{Evidence: member.Evidence{Row: member.Row{
		ID: 1, Instance: 2, Status: core.Suspect, Accuser: 2,
	}}})
	if got := b.table.Self(); got.Incarnation != 8 || got.Instance != 1 {
		t.Errorf("an accusation of another start was refuted: %+v", got)
	}
}

func TestTheDetectorOfOneWaitsForNothing(t *testing.T) {
	b := among(t, 1)
	if next := b.d.Next(); next != core.Never {
		t.Errorf("it wants a tick at %d", next)
	}
	b.learn(member.Evidence{Row: row(2)})
	if next := b.d.Next(); next < b.now || next > b.now.Add(time.Second) {
		t.Errorf("with company it wants a tick after %s", next.Sub(b.now))
	}
}
