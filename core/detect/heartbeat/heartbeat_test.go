package heartbeat

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

const start = core.Instant(time.Hour)

func row(id core.NodeID) member.Row {
	return member.Row{ID: id, Name: fmt.Sprint(id), Instance: 1, Status: core.Alive,
		Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), 7117)}
}

// pair is a scheme in which everybody tells the next one and watches the one
// before, as far as there is one: 1 → 2 → 3.
func pair() Scheme {
	place := func(m Members, by int) []core.NodeID {
		if i := slices.Index(m.Living, m.Self) + by; i >= 0 && i < len(m.Living) {
			return []core.NodeID{m.Living[i]}
		}
		return nil
	}
	return Scheme{
		Targets: func(m Members) []core.NodeID { return place(m, +1) },
		Watched: func(m Members) []core.NodeID { return place(m, -1) },
		Silence: Four,
	}
}

// bench is the detector of member 2 of n; it tells 3 and watches 1.
type bench struct {
	t     *testing.T
	d     *detector
	table *member.Table
	now   core.Instant
	sent  []detect.Send
	seen  []detect.Effect // the rest
}

func among(t *testing.T, n int, without detect.Extras) *bench {
	b := &bench{t: t, table: member.New(row(2)), now: start}
	for id := 1; id <= n; id++ {
		if id != 2 {
			b.table.Merge(start, member.Evidence{Row: row(core.NodeID(id))})
		}
	}
	b.d = New(detect.Options{
		Table: b.table, Period: time.Second, Rand: rand.New(rand.NewPCG(1, 1)), Now: start, Without: without,
	}, pair()).(*detector)
	return b
}

// tell gives the detector an event, and does with its claims what membership
// does.
func (b *bench) tell(ev detect.Event) {
	for _, e := range slices.Clone(b.d.Step(b.now, ev)) {
		switch e := e.(type) {
		case detect.Send:
			b.sent = append(b.sent, e)
		case detect.Claim:
			b.seen = append(b.seen, e)
			b.learn(e.Evidence)
		default:
			b.seen = append(b.seen, e)
		}
	}
}

func (b *bench) learn(e member.Evidence) {
	if c, ok := b.table.Merge(b.now, e); ok {
		b.tell(detect.Changed{Change: c})
	}
}

// run lets time pass; keep, if any, is called every 100 ms.
func (b *bench) run(d time.Duration, keep ...func()) {
	for end := b.now.Add(d); b.now < end; {
		stop := b.now.Add(100 * time.Millisecond)
		for b.d.Next() <= stop {
			b.now = max(b.now, b.d.Next())
			b.tell(detect.Tick{})
		}
		b.now = stop
		for _, k := range keep {
			k()
		}
	}
}

func (b *bench) receive(from core.NodeID, p wire.Packet) {
	p.From, p.Instance = from, 1
	b.tell(detect.Received{From: row(from).Addr, Packet: &p})
}

// beats brings heartbeats of a member with growing sequence numbers.
func (b *bench) beats(from core.NodeID) func() {
	seq := uint64(0)
	return func() {
		seq++
		b.receive(from, wire.Packet{Kind: wire.KindHeartbeat, Nonce: seq})
	}
}

// packets counts what was sent to a member, of a kind.
func (b *bench) packets(kind wire.Kind, to core.NodeID) int {
	n := 0
	for _, s := range b.sent {
		if s.Packet.Kind == kind && s.To == to {
			n++
		}
	}
	return n
}

func (b *bench) status(id core.NodeID) core.Status {
	r, _ := b.table.Get(id)
	return r.Status
}

func TestAHeartbeatGoesToTheTargetEachPeriodWithTheNextNumber(t *testing.T) {
	b := among(t, 5, 0)
	b.run(10*time.Second, b.beats(1))
	var numbers []uint64
	for _, s := range b.sent {
		if s.Packet.Kind != wire.KindHeartbeat || s.To != 3 {
			t.Fatalf("it sends %+v", s)
		}
		numbers = append(numbers, s.Packet.Nonce)
	}
	if !slices.Equal(numbers, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) {
		t.Errorf("numbers %v", numbers)
	}
}

func TestALateOrDoubledHeartbeatIsNoSignOfLife(t *testing.T) {
	b := among(t, 5, detect.AllExtras)
	b.receive(1, wire.Packet{Kind: wire.KindHeartbeat, Nonce: 5})
	old := func() {
		b.receive(1, wire.Packet{Kind: wire.KindHeartbeat, Nonce: 5})
		b.receive(1, wire.Packet{Kind: wire.KindHeartbeat, Nonce: 4})
	}
	b.run(4500*time.Millisecond, old)
	if got := b.status(1); got != core.Dead {
		t.Errorf("it is %s", got)
	}
}

func TestInTheLastPeriodOfItsSilenceAMemberIsAsked(t *testing.T) {
	b := among(t, 5, 0)
	b.run(2900*time.Millisecond, b.beats(4))
	if n := b.packets(wire.KindPing, 1); n > 0 {
		t.Fatalf("asked %d times too early", n)
	}
	b.run(200*time.Millisecond, b.beats(5))
	if n := b.packets(wire.KindPing, 1); n != 1 {
		t.Fatalf("asked %d times", n)
	}
	b.receive(1, wire.Packet{Kind: wire.KindAck, Nonce: b.sent[len(b.sent)-1].Packet.Nonce})
	b.run(2900*time.Millisecond, b.beats(4))
	if got := b.status(1); got != core.Alive {
		t.Errorf("it answered and is %s", got)
	}
}

func TestSilenceIsSuspicionAtFourPeriodsAndDeathAtSixAndAHalf(t *testing.T) {
	b := among(t, 5, 0)
	b.run(3900*time.Millisecond, b.beats(4))
	if got := b.status(1); got != core.Alive {
		t.Fatalf("after 3.9 s it is %s", got)
	}
	b.run(200*time.Millisecond, b.beats(5))
	if got := b.status(1); got != core.Suspect {
		t.Fatalf("after 4.1 s it is %s", got)
	}
	if r, _ := b.table.Get(1); r.Accuser != 2 || r.Why != wire.ReasonMissed {
		t.Errorf("accused by %s: %s", r.Accuser, r.Why)
	}
	b.run(2300*time.Millisecond, b.beats(4))
	if got := b.status(1); got != core.Suspect {
		t.Fatalf("after 6.4 s it is %s", got)
	}
	b.run(200*time.Millisecond, b.beats(5))
	if got := b.status(1); got != core.Dead {
		t.Fatalf("after 6.6 s it is %s", got)
	}
}

func TestASuspectThatIsHeardIsToldAndNotCalledDead(t *testing.T) {
	b := among(t, 5, 0)
	b.run(4200*time.Millisecond, b.beats(4))
	before := b.packets(wire.KindPing, 1)
	b.run(10*time.Second, b.beats(1), b.beats(5))
	if got := b.status(1); got != core.Suspect {
		t.Errorf("it is %s", got)
	}
	if n := b.packets(wire.KindPing, 1) - before; n < 9 || n > 11 {
		t.Errorf("it was told %d times in ten periods", n)
	}
}

func TestBystandersWaitAPeriodLonger(t *testing.T) {
	b := among(t, 5, 0)
	accused := row(4)
	accused.Status, accused.Accuser = core.Suspect, 5
	b.learn(member.Evidence{Row: accused})
	b.run(3400*time.Millisecond, b.beats(1))
	if got := b.status(4); got != core.Suspect {
		t.Fatalf("after 3.4 s it is %s", got)
	}
	b.run(200*time.Millisecond, b.beats(3))
	if got := b.status(4); got != core.Dead {
		t.Errorf("after 3.6 s it is %s", got)
	}
}

func TestANewTargetIsToldAtOnceAndANewWardGrantedASilence(t *testing.T) {
	b := among(t, 5, 0)
	b.run(3*time.Second, b.beats(1))
	b.sent = nil
	for _, gone := range []core.NodeID{1, 3} {
		r := row(gone)
		r.Status = core.Left
		b.learn(member.Evidence{Row: r})
	}
	if n := b.packets(wire.KindHeartbeat, 4); n != 1 {
		t.Errorf("4 is told %d times", n)
	}
	if len(b.d.watched) != 0 {
		t.Errorf("it watches %v", b.d.watched)
	}
	back := row(1)
	back.Instance = 2
	b.learn(member.Evidence{Row: back})
	b.run(3900*time.Millisecond, b.beats(4))
	if got := b.status(1); got != core.Alive {
		t.Errorf("it is %s before it had four periods", got)
	}
}

func TestWhoHearsNobodyAsksThreeBeforeItDoubtsItself(t *testing.T) {
	b := among(t, 8, 0)
	b.run(1400 * time.Millisecond)
	if len(b.sent) > b.packets(wire.KindHeartbeat, 3) {
		t.Fatalf("it asks too early: %+v", b.sent)
	}
	b.run(300 * time.Millisecond)
	asked := 0
	for _, s := range b.sent {
		if s.Packet.Kind == wire.KindPing {
			asked++
		}
	}
	if asked != witnesses {
		t.Errorf("it asks %d", asked)
	}
	b.receive(7, wire.Packet{Kind: wire.KindAck, Nonce: 1})
	b.run(1500 * time.Millisecond)
	if b.d.Isolated() {
		t.Error("somebody answered, and it takes itself to be isolated")
	}
	b.run(600 * time.Millisecond)
	if !b.d.Isolated() {
		t.Error("nobody answers, and it does not")
	}
	b.run(20 * time.Second)
	if got := b.status(1); got != core.Alive {
		t.Errorf("isolated it calls 1 %s", got)
	}
	b.receive(7, wire.Packet{Kind: wire.KindAck, Nonce: 1})
	b.run(500*time.Millisecond, b.beats(7))
	if got := b.status(1); b.d.Isolated() || got != core.Alive {
		t.Errorf("isolated %v, and it calls 1 %s", b.d.Isolated(), got)
	}
}

func TestAPauseIsTakenOffEverybodysSilence(t *testing.T) {
	b := among(t, 5, 0)
	b.run(3500*time.Millisecond, b.beats(4))
	b.now = b.now.Add(time.Minute)
	b.tell(detect.Tick{})
	if got := b.status(1); got != core.Alive {
		t.Errorf("after the pause it is %s", got)
	}
	b.run(time.Second, b.beats(4))
	if got := b.status(1); got != core.Suspect {
		t.Errorf("a second later it is %s", got)
	}
}

func TestAnAckedTargetThatFallsSilentIsUnreachableAndNoMore(t *testing.T) {
	s := pair()
	s.Answered = true
	b := among(t, 5, 0)
	b.d = New(detect.Options{Table: b.table, Period: time.Second, Rand: rand.New(rand.NewPCG(1, 1)), Now: start}, s).(*detector)
	heard := b.beats(1)
	b.run(3900*time.Millisecond, heard)
	if b.d.Unreachable(3) {
		t.Fatal("too early")
	}
	if n := b.packets(wire.KindAck, 1); n != 39 {
		t.Errorf("of 39 heartbeats %d were acked", n)
	}
	b.run(time.Minute, heard)
	if !b.d.Unreachable(3) || b.status(3) != core.Alive || len(b.seen) != 1 || b.seen[0] != (detect.Unreachable{ID: 3}) {
		t.Errorf("unreachable %v, %s, said %v", b.d.Unreachable(3), b.status(3), b.seen)
	}
	b.receive(3, wire.Packet{Kind: wire.KindAck, Nonce: uint64(b.d.seq)})
	if b.d.Unreachable(3) || len(b.seen) != 2 || b.seen[1] != (detect.Unreachable{ID: 3, Again: true}) {
		t.Errorf("unreachable %v, said %v", b.d.Unreachable(3), b.seen)
	}
	if rtt, ok := b.d.RTT(3); !ok || rtt != b.now.Sub(b.d.sent) {
		t.Errorf("round trip %s, %v", rtt, ok)
	}
}

func TestWhoIsWatchedByOthersWasHeardWhenAnybodyWas(t *testing.T) {
	b := among(t, 5, 0)
	if _, ever := b.d.Heard(5); ever {
		t.Error("nobody was heard yet")
	}
	b.receive(1, wire.Packet{Kind: wire.KindHeartbeat, Nonce: 1})
	if at, ever := b.d.Heard(5); !ever || at != b.now {
		t.Errorf("%v, %v", at, ever)
	}
	b.now = b.now.Add(time.Second)
	b.receive(4, wire.Packet{Kind: wire.KindAck, Nonce: 1})
	if at, ever := b.d.Heard(1); !ever || at == b.now {
		t.Errorf("1 is watched here, and was not heard now: %v, %v", at, ever)
	}
}

func TestAnAccusationAgainstThisNodeIsRefuted(t *testing.T) {
	b := among(t, 5, 0)
	e := member.Evidence{Bare: true, Row: member.Row{ID: 2, Instance: 1, Incarnation: 4, Status: core.Suspect, Accuser: 3}}
	b.tell(detect.Accused{Evidence: e})
	if own := b.table.Self(); own.Incarnation != 5 || own.Status != core.Alive {
		t.Errorf("%+v", own)
	}
}

func TestAccusersAreKeptForPeopleAndNotForEver(t *testing.T) {
	b := among(t, 9, 0)
	e := row(9)
	e.Status, e.Accuser = core.Suspect, 3
	b.learn(member.Evidence{Row: e})
	for id := core.NodeID(3); id <= 8; id++ {
		e.Accuser = id
		b.tell(detect.Accused{Evidence: member.Evidence{Row: e}})
	}
	if got := b.d.Accusers(9); !slices.Equal(got, []core.NodeID{3, 4, 5, 6}) {
		t.Errorf("%v", got)
	}
	if got := b.d.Accusers(8); got != nil {
		t.Errorf("of somebody else: %v", got)
	}
}

func TestWhoIsIsolatedEndsNoSuspicionEither(t *testing.T) {
	b := among(t, 8, 0)
	b.run(4100*time.Millisecond, b.beats(4))
	b.run(30 * time.Second) // now it hears nobody
	if got := b.status(1); got != core.Suspect || !b.d.Isolated() {
		t.Fatalf("isolated %v, and 1 is %s", b.d.Isolated(), got)
	}
	b.run(2300*time.Millisecond, b.beats(5))
	if got := b.status(1); got != core.Suspect {
		t.Errorf("2.3 s after it heard again it is %s", got)
	}
	b.run(2*time.Second, b.beats(6))
	if got := b.status(1); got != core.Dead {
		t.Errorf("4.3 s after it heard again it is %s", got)
	}
}
