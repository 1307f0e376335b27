package swim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/wire"
)

// bench is one detector with its table, and nobody around it but the test.
type bench struct {
	t     *testing.T
	table *member.Table
	d     *swim
	now   core.Instant
	sent  []detect.Send
	notes []detect.Note
}

func addr(id core.NodeID) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(id >> 8), byte(id)}), 7117)
}

func row(id core.NodeID) member.Row {
	return member.Row{ID: id, Name: fmt.Sprintf("n%d", id), Addr: addr(id), Instance: 1, Status: core.Alive}
}

// underWay says whether the probe that began with a ping goes on.
func (b *bench) underWay(ping detect.Send) bool {
	return slices.ContainsFunc(b.d.probes, func(p *probe) bool { return p.nonce == ping.Packet.Nonce })
}

// later are mechanisms that have tests of their own and would disturb the others.
const later = detect.RingLane | detect.Persistence

// among makes the detector of member 1 of n.
func among(t *testing.T, n int) *bench {
	b := &bench{t: t, table: member.New(row(1)), now: core.Instant(time.Hour)}
	for id := 2; id <= n; id++ {
		b.table.Merge(b.now, member.Evidence{Row: row(core.NodeID(id))})
	}
	b.d = New(detect.Options{
		Table: b.table, Period: time.Second, Rand: rand.New(rand.NewPCG(1, uint64(n))), Now: b.now, Without: later,
	}).(*swim)
	return b
}

// tell steps the detector and does what core/membership would do.
func (b *bench) tell(ev detect.Event) {
	for _, e := range slices.Clone(b.d.Step(b.now, ev)) {
		switch e := e.(type) {
		case detect.Send:
			b.sent = append(b.sent, e)
		case detect.Note:
			b.notes = append(b.notes, e)
		case detect.Claim:
			b.learn(e.Evidence)
		}
	}
}

func (b *bench) learn(e member.Evidence) {
	if change, changed := b.table.Merge(b.now, e); changed {
		b.tell(detect.Changed{Change: change})
	} else if r, _ := b.table.Get(e.ID); e.Status == core.Suspect && e.SameRank(r) {
		b.tell(detect.Accused{Evidence: e})
	}
}

// run lets the time pass, with a tick whenever the detector wants one.
func (b *bench) run(d time.Duration) {
	end := b.now.Add(d)
	for {
		next := max(b.now, b.d.Next())
		if next > end {
			b.now = end
			return
		}
		b.now = next
		b.tell(detect.Tick{})
	}
}

// take gives and forgets what was sent, of one kind.
func (b *bench) take(kind wire.Kind) []detect.Send {
	var found []detect.Send
	b.sent = slices.DeleteFunc(b.sent, func(s detect.Send) bool {
		if s.Packet.Kind == kind {
			found = append(found, s)
		}
		return s.Packet.Kind == kind
	})
	return found
}

// firstPing runs to the next ping.
func (b *bench) firstPing() detect.Send {
	b.t.Helper()
	b.sent = nil
	for range 100 {
		b.run(50 * time.Millisecond)
		if pings := b.take(wire.KindPing); len(pings) > 0 {
			return pings[0]
		}
	}
	b.t.Fatal("it never pings")
	return detect.Send{}
}

func (b *bench) receive(from core.NodeID, p wire.Packet) {
	p.From, p.Instance = from, 1
	b.tell(detect.Received{From: addr(from), Packet: &p})
}

func (b *bench) ack(ping detect.Send) {
	b.receive(ping.To, wire.Packet{Kind: wire.KindAck, Nonce: ping.Packet.Nonce})
}

func (b *bench) status(id core.NodeID) core.Status {
	r, _ := b.table.Get(id)
	return r.Status
}

func (b *bench) accusation(id, accuser core.NodeID, why wire.Reason) {
	b.learn(member.Evidence{Bare: true, Row: member.Row{
		ID: id, Instance: 1, Status: core.Suspect, Accuser: accuser, Why: why,
	}})
}

func TestAPingIsAcked(t *testing.T) {
	b := among(t, 3)
	b.receive(2, wire.Packet{Kind: wire.KindPing, Nonce: 5, Target: 1})
	acks := b.take(wire.KindAck)
	if len(acks) != 1 || acks[0].To != 2 || acks[0].Addr != addr(2) || acks[0].Packet.Nonce != 5 {
		t.Errorf("acks %+v", acks)
	}
}

func TestAPingForAnotherIsNotAcked(t *testing.T) {
	b := among(t, 3)
	b.receive(2, wire.Packet{Kind: wire.KindPing, Nonce: 5, Target: 3})
	if acks := b.take(wire.KindAck); len(acks) != 0 {
		t.Errorf("acks %+v", acks)
	}
}

func TestAnAckInTimeEndsTheProbe(t *testing.T) {
	b := among(t, 5)
	ping := b.firstPing()
	b.run(3 * time.Millisecond)
	b.ack(ping)
	if rtt, ok := b.d.RTT(ping.To); !ok || rtt < 3*time.Millisecond || rtt > 103*time.Millisecond {
		t.Errorf("round trip %s, %v", rtt, ok)
	}
	b.sent = nil
	b.run(600 * time.Millisecond)
	if reqs := b.take(wire.KindPingReq); len(reqs) != 0 {
		t.Errorf("helpers were asked: %+v", reqs)
	}
}

func TestAfterALostAckThreeOthersAreAsked(t *testing.T) {
	b := among(t, 10)
	ping := b.firstPing()
	b.run(340 * time.Millisecond)
	reqs := b.take(wire.KindPingReq)
	if len(reqs) != 3 {
		t.Fatalf("%d ping-reqs", len(reqs))
	}
	for _, r := range reqs {
		if r.To == ping.To || r.Packet.Target != ping.To || r.Packet.Addr != addr(ping.To) || r.Packet.Nonce != ping.Packet.Nonce {
			t.Errorf("ping-req %+v", r)
		}
		if budget := r.Packet.Budget; budget < 500 || budget > 1000 {
			t.Errorf("budget %d ms", budget)
		}
	}
	// An ack forwarded by any of them saves the target.
	b.receive(reqs[1].To, wire.Packet{Kind: wire.KindAck, Nonce: ping.Packet.Nonce, Target: ping.To})
	if p := b.d.probeOf(ping.To); p != nil {
		t.Error("the probe goes on")
	}
	if _, ok := b.d.Heard(ping.To); !ok {
		t.Error("a forwarded ack does not count as hearing the target")
	}
	if _, ok := b.d.RTT(ping.To); ok {
		t.Error("a forwarded ack was taken for a round trip")
	}
}

func TestAnAckOfTheWrongSenderOrNonceSavesNobody(t *testing.T) {
	b := among(t, 10)
	ping := b.firstPing()
	other := ping.To%9 + 2
	b.receive(other, wire.Packet{Kind: wire.KindAck, Nonce: ping.Packet.Nonce})
	b.receive(ping.To, wire.Packet{Kind: wire.KindAck, Nonce: ping.Packet.Nonce + 1})
	b.receive(other, wire.Packet{Kind: wire.KindAck, Nonce: ping.Packet.Nonce, Target: other})
	if b.d.probeOf(ping.To) == nil {
		t.Error("the probe was ended")
	}
}

func TestWhoAnswersNobodyIsSuspectedWhenThePeriodEnds(t *testing.T) {
	b := among(t, 10)
	ping := b.firstPing()
	began := b.d.probeOf(ping.To).sent
	for b.status(ping.To) == core.Alive && b.now.Sub(began) < 3*time.Second {
		// The others live, or the node would think itself isolated.
		b.receive(ping.To%9+2, wire.Packet{Kind: wire.KindPing, Nonce: 1, Target: 1})
		b.run(10 * time.Millisecond)
	}
	if r, _ := b.table.Get(ping.To); r.Status != core.Suspect || r.Accuser != 1 || r.Why != wire.ReasonSilent {
		t.Errorf("row %+v", r)
	}
	if took := b.now.Sub(began); took < time.Second || took > 1100*time.Millisecond {
		t.Errorf("suspected %s after the ping", took)
	}
}

func TestWithoutHelpersTheTargetIsPingedAgain(t *testing.T) {
	b := among(t, 2)
	ping := b.firstPing()
	b.run(340 * time.Millisecond)
	again := b.take(wire.KindPing)
	if len(again) != 1 || again[0].Packet.Nonce != ping.Packet.Nonce {
		t.Fatalf("sent %+v", again)
	}
	b.ack(ping)
	if _, ok := b.d.RTT(2); ok {
		t.Error("an ack that may answer either ping was taken for a round trip")
	}
}

func TestAHelperForwardsTheAck(t *testing.T) {
	b := among(t, 3)
	b.receive(2, wire.Packet{Kind: wire.KindPingReq, Nonce: 5, Target: 3, Addr: addr(99), Budget: 600})
	pings := b.take(wire.KindPing)
	if len(pings) != 1 || pings[0].To != 3 || pings[0].Addr != addr(3) || pings[0].Packet.Nonce == 5 {
		t.Fatalf("pings %+v", pings)
	}
	b.ack(pings[0])
	acks := b.take(wire.KindAck)
	if len(acks) != 1 || acks[0].To != 2 || acks[0].Packet.Nonce != 5 || acks[0].Packet.Target != 3 {
		t.Errorf("acks %+v", acks)
	}
	b.run(time.Second)
	if nacks := b.take(wire.KindNack); len(nacks) != 0 {
		t.Errorf("and a nack: %+v", nacks)
	}
}

func TestAHelperSendsANackWhileItStillHelps(t *testing.T) {
	b := among(t, 3)
	b.receive(2, wire.Packet{Kind: wire.KindPingReq, Nonce: 5, Target: 3, Budget: 600})
	b.run(479 * time.Millisecond)
	if nacks := b.take(wire.KindNack); len(nacks) != 0 {
		t.Fatal("too early")
	}
	b.run(2 * time.Millisecond)
	if nacks := b.take(wire.KindNack); len(nacks) != 1 || nacks[0].To != 2 || nacks[0].Packet.Nonce != 5 {
		t.Errorf("nacks %+v", nacks)
	}
}

func TestAHelperAnswersForItself(t *testing.T) {
	b := among(t, 3)
	b.receive(2, wire.Packet{Kind: wire.KindPingReq, Nonce: 5, Target: 1, Budget: 600})
	if acks := b.take(wire.KindAck); len(acks) != 1 || acks[0].Packet.Nonce != 5 {
		t.Errorf("acks %+v", acks)
	}
}

func TestTwoPingsOfOneMemberAreAtMost2NMinus1PeriodsApart(t *testing.T) {
	for _, n := range []int{2, 3, 5, 10, 40} {
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		var r round
		for id := range n {
			r.add(core.NodeID(id+1), rng)
		}
		last := map[core.NodeID]int{}
		for period := range 200 * n {
			id, _ := r.pick(rng)
			if before, ok := last[id]; ok && period-before > 2*n-1 {
				t.Fatalf("n %d: %d periods apart", n, period-before)
			}
			last[id] = period
		}
		if len(last) != n {
			t.Errorf("n %d: only %d were ever pinged", n, len(last))
		}
	}
}

func TestARoundForgetsWhoIsRemovedAndFindsWhoIsAdded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var r round
	r.add(1, rng)
	r.add(2, rng)
	r.pick(rng)
	r.remove(1)
	r.remove(9)
	r.add(3, rng)
	seen := map[core.NodeID]bool{}
	for range 4 {
		id, _ := r.pick(rng)
		seen[id] = true
	}
	if len(seen) != 2 || !seen[2] || !seen[3] {
		t.Errorf("seen %v", seen)
	}
	r.remove(2)
	r.remove(3)
	if _, ok := r.pick(rng); ok {
		t.Error("it found somebody")
	}
}

func TestTheTimeoutFollowsTheRoundTrips(t *testing.T) {
	var r rtt
	const most = 333 * time.Millisecond
	if got := r.timeout(most); got != most {
		t.Errorf("unmeasured: %s", got)
	}
	for range 100 {
		r.sample(200 * time.Microsecond)
	}
	if got := r.timeout(most); got != minTimeout {
		t.Errorf("a near one: %s", got)
	}
	for range 100 {
		r.sample(40 * time.Millisecond)
	}
	if got := r.timeout(most); got < 40*time.Millisecond || got > 60*time.Millisecond {
		t.Errorf("a far one: %s", got)
	}
	for i := range 100 {
		r.sample(time.Duration(i%2+1) * 200 * time.Millisecond)
	}
	if got := r.timeout(most); got != most {
		t.Errorf("an erratic one: %s", got)
	}
}
