package discover_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/discover"
	"hb/core/wire"
)

var (
	ours   = wire.Tag{1}
	theirs = wire.Tag{2}
	start  = core.Instant(time.Hour)
)

func addr(n byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), 7117)
}

func machine(n byte, cluster wire.Tag, seeds, beacons bool) *discover.Machine {
	return discover.New(discover.Options{
		ID: core.NodeID(n), Instance: 1, Addr: addr(n), Cluster: cluster, Seeds: seeds, Beacons: beacons,
		Rand: rand.New(rand.NewPCG(uint64(n), 1)),
	})
}

// of filters the effects of one kind.
func of[E discover.Effect](effects []discover.Effect) []E {
	var found []E
	for _, e := range effects {
		if e, ok := e.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

// drive ticks a machine whenever it wants, and collects what it does and when.
func drive(m *discover.Machine, from core.Instant, d time.Duration) (effects []discover.Effect, when []core.Instant) {
	now := from
	for {
		now = max(now, m.Next())
		if now > from.Add(d) {
			return effects, when
		}
		step := m.Step(now, discover.Tick{})
		if len(step) == 0 && m.Next() <= now {
			panic("the machine spins")
		}
		for _, e := range step {
			effects, when = append(effects, e), append(when, now)
		}
	}
}

func packet(t *testing.T, data []byte) *wire.Packet {
	t.Helper()
	var p wire.Packet
	if err := wire.DecodePacket(&p, data); err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestANodeWithoutClusterCallsWithGrowingPauses(t *testing.T) {
	m := machine(1, wire.Tag{}, false, true)
	effects, when := drive(m, start, 2*time.Minute)
	if len(of[discover.Beacon](effects)) != len(effects) {
		t.Fatalf("something else than beacons: %v", effects)
	}
	if when[0] != start {
		t.Errorf("the first call is at %s", when[0].Sub(start))
	}
	for i := 1; i < len(when); i++ {
		pause := when[i].Sub(when[i-1])
		want := min(150*time.Millisecond<<min(i-1, 20), 10*time.Second)
		if pause < want*3/4 || pause > want*5/4 {
			t.Errorf("pause %d is %s, want about %s", i, pause, want)
		}
	}
}

func TestACallIsAnsweredAtOnceAndLeadsToAJoin(t *testing.T) {
	joiner, member := machine(1, wire.Tag{}, false, true), machine(2, ours, false, true)
	effects, _ := drive(joiner, start, 0)
	call := of[discover.Beacon](effects)[0].Data
	answers := of[discover.Answer](member.Step(start, discover.Heard{From: addr(1), P: packet(t, call)}))
	if len(answers) != 1 || answers[0].To != addr(1) {
		t.Fatalf("answers: %v", answers)
	}
	if len(answers[0].Data) > len(call) {
		t.Errorf("the answer has %d bytes, the call %d", len(answers[0].Data), len(call))
	}
	asks := of[discover.AskJoin](joiner.Step(start, discover.Heard{From: addr(2), P: packet(t, answers[0].Data)}))
	if len(asks) != 1 || asks[0].To != addr(2) {
		t.Fatalf("asks: %v", asks)
	}
	joiner.Step(start, discover.Joined{Cluster: ours})
	if effects, _ := drive(joiner, start, time.Hour); len(effects) != 0 {
		t.Errorf("a member that does not lead still does %v", effects)
	}
}

func TestTheLeaderAnnouncesItselfEveryTenSeconds(t *testing.T) {
	m := machine(1, ours, false, true)
	m.Step(start, discover.Leading{Yes: true, Members: 1})
	effects, when := drive(m, start, time.Minute)
	if n := len(of[discover.Beacon](effects)); n < 5 || n > 8 {
		t.Errorf("%d beacons in a minute: %v", n, when)
	}
	stranger := machine(2, wire.Tag{}, false, true)
	heard := discover.Heard{From: addr(1), P: packet(t, of[discover.Beacon](effects)[0].Data)}
	if asks := of[discover.AskJoin](stranger.Step(start, heard)); len(asks) != 1 {
		t.Errorf("a stranger that hears the leader asks %v", asks)
	}
	follower := machine(3, ours, false, true)
	if answers := of[discover.Answer](follower.Step(start, heard)); len(answers) != 0 {
		t.Errorf("a member answers its own leader: %v", answers)
	}
}

func TestInALargeClusterAboutFourAnswer(t *testing.T) {
	call := wire.Packet{Kind: wire.KindBeacon, From: 9999, Addr: addr(9)}
	answers := 0
	for n := range 200 {
		m := discover.New(discover.Options{
			ID: core.NodeID(n + 1), Addr: addr(1), Cluster: ours, Beacons: true, Rand: rand.New(rand.NewPCG(uint64(n), 3)),
		})
		m.Step(start, discover.Leading{Members: 200})
		answers += len(of[discover.Answer](m.Step(start, discover.Heard{From: addr(9), P: &call})))
	}
	if answers < 1 || answers > 12 {
		t.Errorf("%d of 200 answered", answers)
	}
}

func TestSeedsAreAskedInTurnUntilOneWelcomes(t *testing.T) {
	m := machine(1, wire.Tag{}, true, false)
	effects, _ := drive(m, start, 0)
	if len(of[discover.ResolveSeeds](effects)) != 1 {
		t.Fatalf("at first: %v", effects)
	}
	// Its own address among the seeds is no seed.
	asks := of[discover.AskJoin](m.Step(start, discover.Seeds{Addrs: []netip.AddrPort{addr(1), addr(2), addr(3)}}))
	if len(asks) != 1 || asks[0].To != addr(2) {
		t.Fatalf("first: %v", asks)
	}
	asks = of[discover.AskJoin](m.Step(start, discover.Refused{Addr: addr(2), Reason: "connection refused"}))
	if len(asks) != 1 || asks[0].To != addr(3) {
		t.Fatalf("after a refusal: %v", asks)
	}
	// The second one never answers: a new pass begins, names resolved anew.
	effects, _ = drive(m, start, 10*time.Second)
	if len(of[discover.ResolveSeeds](effects)) < 3 {
		t.Fatalf("silence: %v", effects)
	}
	asks = of[discover.AskJoin](m.Step(start.Add(10*time.Second), discover.Seeds{Addrs: []netip.AddrPort{addr(2), addr(3)}}))
	if len(asks) != 1 || asks[0].To != addr(2) {
		t.Fatalf("the next pass: %v", asks)
	}
}

func TestAFinalRefusalIsSaidAndNotAskedForAMinute(t *testing.T) {
	m := machine(1, wire.Tag{}, true, false)
	seeds := discover.Seeds{Addrs: []netip.AddrPort{addr(2)}}
	m.Step(start, seeds)
	notes := of[discover.Note](m.Step(start, discover.Refused{Addr: addr(2), Final: true, Reason: "the name is taken"}))
	if len(notes) != 1 || !strings.Contains(notes[0].Text, "the name is taken") {
		t.Fatalf("notes: %v", notes)
	}
	if asks := of[discover.AskJoin](m.Step(start.Add(30*time.Second), seeds)); len(asks) != 0 {
		t.Errorf("asked again after half a minute")
	}
	if asks := of[discover.AskJoin](m.Step(start.Add(61*time.Second), seeds)); len(asks) != 1 {
		t.Errorf("never asked again")
	}
}

func TestAnotherClusterAndAnotherVersionAreSaidOnce(t *testing.T) {
	m := machine(1, ours, false, true)
	foreign := wire.Packet{Kind: wire.KindBeacon, From: 9, Addr: addr(9), Cluster: theirs, Log: wire.LogHint{Leader: 9}}
	said := 0
	for range 3 {
		said += len(of[discover.Note](m.Step(start, discover.Heard{From: addr(9), P: &foreign})))
		said += len(of[discover.Note](m.Step(start, discover.OtherVersion{From: addr(8), What: errors.New("version 9")})))
	}
	if said != 2 {
		t.Errorf("said %d times", said)
	}
}

func TestOfTwoClustersNearTheFirstHeardIsAskedAndTheOtherNamed(t *testing.T) {
	m := machine(1, wire.Tag{}, false, true)
	first := wire.Packet{Kind: wire.KindBeaconAnswer, From: 2, Addr: addr(2), Cluster: ours}
	second := wire.Packet{Kind: wire.KindBeaconAnswer, From: 3, Addr: addr(3), Cluster: theirs}
	m.Step(start, discover.Heard{From: addr(2), P: &first})
	effects := slices.Clone(m.Step(start, discover.Heard{From: addr(3), P: &second}))
	m.Step(start, discover.Refused{Addr: addr(2)})
	if len(of[discover.Note](effects)) != 1 || len(of[discover.AskJoin](m.Step(start, discover.Tick{}))) != 0 {
		t.Errorf("the second cluster: %v", effects)
	}
}

func TestAMemberThatHearsNobodyCallsItsOwn(t *testing.T) {
	lost, other, foreign := machine(1, ours, false, true), machine(2, ours, false, true), machine(3, theirs, false, true)
	beacons := of[discover.Beacon](lost.Step(start, discover.Alone{Yes: true}))
	if len(beacons) != 1 {
		t.Fatal("it does not call")
	}
	call := packet(t, beacons[0].Data)
	if call.Cluster != ours {
		t.Errorf("it calls for %s", call.Cluster)
	}
	if a := of[discover.Answer](foreign.Step(start, discover.Heard{From: addr(1), P: call})); len(a) != 0 {
		t.Errorf("another cluster answers: %v", a)
	}
	answers := of[discover.Answer](other.Step(start, discover.Heard{From: addr(1), P: call}))
	if len(answers) != 1 {
		t.Fatal("its own cluster does not answer")
	}
	asks := of[discover.AskJoin](lost.Step(start, discover.Heard{From: addr(2), P: packet(t, answers[0].Data)}))
	if len(asks) != 1 {
		t.Errorf("it does not ask")
	}
	lost.Step(start, discover.Alone{Yes: false})
	if effects, _ := drive(lost, start, time.Hour); len(effects) != 0 {
		t.Errorf("heard again, it still does %v", effects)
	}
}

func TestAMemberIsNotConcernedByBrokenStreams(t *testing.T) {
	m := machine(1, ours, true, true)
	if effects := m.Step(start, discover.Refused{Addr: addr(2), Reason: "no answer from there"}); len(effects) != 0 {
		t.Errorf("it does %v", effects)
	}
}

func TestANodeWithNeitherSeedsNorBeaconsIsSilent(t *testing.T) {
	m := machine(1, wire.Tag{}, false, false)
	if effects, _ := drive(m, start, time.Hour); len(effects) != 0 || m.Next() != core.Never {
		t.Errorf("it does %v", effects)
	}
}

// Behind a firewall that takes datagrams only, members answer over streams and nobody
// is heard all the same.
func TestAMemberThatIsWelcomedAndHearsNobodyAsksMoreAndMoreSeldom(t *testing.T) {
	m, now, asked := machine(1, ours, true, true), start, 0
	events := []discover.Event{discover.Alone{Yes: true}}
	for now < start.Add(10*time.Minute) && asked < 1000 {
		if len(events) == 0 {
			now = max(now.Add(time.Millisecond), m.Next())
			events = append(events, discover.Tick{})
		}
		next := events[0]
		events = events[1:]
		for _, e := range m.Step(now, next) {
			switch e.(type) {
			case discover.ResolveSeeds:
				events = append(events, discover.Seeds{Addrs: []netip.AddrPort{addr(2)}})
			case discover.AskJoin:
				asked++
				events = append(events, discover.Joined{Cluster: ours}, discover.Alone{Yes: true})
			}
		}
	}
	if asked < 30 || asked > 200 {
		t.Errorf("it asked %d times in ten minutes", asked)
	}
}
