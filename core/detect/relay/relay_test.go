package relay_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/relay"
	"hb/core/member"
	"hb/core/wire"
)

func addr(id core.NodeID) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), 7117)
}

const start = core.Instant(time.Hour)

// among makes the relay of member 1 of five.
func among() *relay.Relay { return amongWithout(0) }

func amongWithout(without detect.Extras) *relay.Relay {
	row := func(id core.NodeID) member.Row {
		return member.Row{ID: id, Name: "n", Instance: 1, Status: core.Alive, Addr: addr(id)}
	}
	t := member.New(row(1))
	for id := core.NodeID(2); id <= 5; id++ {
		t.Merge(start, member.Evidence{Row: row(id)})
	}
	return relay.New(t, rand.New(rand.NewPCG(1, 1)), without)
}

// only gives the one packet among effects.
func only(t *testing.T, effects []detect.Effect) detect.Send {
	t.Helper()
	if len(effects) != 1 {
		t.Fatalf("effects %+v", effects)
	}
	return effects[0].(detect.Send)
}

func request(target core.NodeID) *wire.Packet {
	return &wire.Packet{Kind: wire.KindPingReq, From: 2, Nonce: 77, Target: target, Addr: addr(target), Budget: 500}
}

func TestAPingIsAckedToWhereItCameFrom(t *testing.T) {
	from := addr(99) // not where the table has member 2
	s := only(t, among().Received(start, from, &wire.Packet{Kind: wire.KindPing, From: 2, Nonce: 7, Target: 1}))
	if s.To != 2 || s.Addr != from || s.Packet.Kind != wire.KindAck || s.Packet.Nonce != 7 || s.Packet.Target != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAPingForAnotherThatHadThisAddressIsIgnored(t *testing.T) {
	if out := among().Received(start, addr(2), &wire.Packet{Kind: wire.KindPing, From: 2, Nonce: 7, Target: 3}); len(out) > 0 {
		t.Errorf("%+v", out)
	}
}

func TestAPingReqIsCarriedOutAndItsAckForwarded(t *testing.T) {
	r := among()
	req := request(3)
	req.Addr = addr(33) // an old one: the table knows better
	ping := only(t, r.Received(start, addr(2), req))
	if ping.To != 3 || ping.Addr != addr(3) || ping.Packet.Kind != wire.KindPing || ping.Packet.Target != 3 || ping.Packet.Nonce == 77 {
		t.Fatalf("%+v", ping)
	}
	foreign := &wire.Packet{Kind: wire.KindAck, From: 4, Nonce: ping.Packet.Nonce}
	if out := r.Received(start, addr(4), foreign); len(out) > 0 {
		t.Errorf("an ack of somebody else is forwarded: %+v", out)
	}
	ack := only(t, r.Received(start, addr(3), &wire.Packet{Kind: wire.KindAck, From: 3, Nonce: ping.Packet.Nonce}))
	if ack.To != 2 || ack.Packet.Kind != wire.KindAck || ack.Packet.Nonce != 77 || ack.Packet.Target != 3 {
		t.Errorf("%+v", ack)
	}
	if r.Next() != core.Never {
		t.Error("the errand is not over")
	}
}

func TestWithoutAnAckTheAskerGetsANackInTime(t *testing.T) {
	r := among()
	r.Received(start, addr(2), request(3))
	end := start.Add(400 * time.Millisecond) // 80 % of its budget
	if r.Next() != end {
		t.Errorf("due in %s", r.Next().Sub(start))
	}
	if out := r.Tick(end - 1); len(out) > 0 {
		t.Errorf("too early: %+v", out)
	}
	nack := only(t, r.Tick(end))
	if nack.To != 2 || nack.Addr != addr(2) || nack.Packet.Kind != wire.KindNack || nack.Packet.Nonce != 77 || nack.Packet.Target != 3 {
		t.Errorf("%+v", nack)
	}
	if out := r.Tick(end.Add(time.Hour)); len(out) > 0 {
		t.Errorf("once more: %+v", out)
	}
}

func TestAPingReqForTheHelperItselfIsAPing(t *testing.T) {
	ack := only(t, among().Received(start, addr(2), request(1)))
	if ack.To != 2 || ack.Packet.Kind != wire.KindAck || ack.Packet.Nonce != 77 {
		t.Errorf("%+v", ack)
	}
}

func TestAStrangerIsPingedWhereTheAskerSays(t *testing.T) {
	r := among()
	if ping := only(t, r.Received(start, addr(2), request(42))); ping.To != 42 || ping.Addr != addr(42) {
		t.Errorf("%+v", ping)
	}
	nowhere := request(43)
	nowhere.Addr = netip.AddrPort{}
	if out := r.Received(start, addr(2), nowhere); len(out) > 0 {
		t.Errorf("%+v", out)
	}
}

func TestOthersCanMakeItKeep256ErrandsOnly(t *testing.T) {
	r := among()
	for range 256 {
		only(t, r.Received(start, addr(2), request(3)))
	}
	if out := r.Received(start, addr(2), request(3)); len(out) > 0 {
		t.Error("one more")
	}
	if out := r.Tick(start.Add(time.Second)); len(out) != 256 {
		t.Errorf("%d nacks", len(out))
	}
	only(t, r.Received(start, addr(2), request(3)))
}

func TestARefusalNeedNotBeWaitedFor(t *testing.T) {
	r := among()
	r.Received(start, addr(2), request(3))
	r.Received(start, addr(2), request(4))
	if nack := only(t, r.Refused(4)); nack.To != 2 || nack.Packet.Target != 4 {
		t.Errorf("%+v", nack)
	}
	only(t, r.Tick(start.Add(time.Second))) // that of 3
}

func TestAPauseGivesErrandsMoreTime(t *testing.T) {
	r := among()
	r.Received(start, addr(2), request(3))
	r.Postpone(time.Second)
	if r.Next() != start.Add(1400*time.Millisecond) {
		t.Errorf("due in %s", r.Next().Sub(start))
	}
}

func TestNobodyIsSentANackThatNobodyCounts(t *testing.T) {
	r := amongWithout(detect.LocalHealth)
	r.Received(start, addr(2), request(3))
	if out := r.Tick(start.Add(time.Second)); len(out) > 0 || r.Next() != core.Never {
		t.Errorf("%+v", out)
	}
}
