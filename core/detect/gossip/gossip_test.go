package gossip_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/gossip"
	"hb/core/member"
	"hb/core/wire"
)

const start = core.Instant(time.Hour)

// bench is the detector of member 1 of n.
type bench struct {
	t     *testing.T
	d     detect.Detector
	table *member.Table
	now   core.Instant
}

func among(t *testing.T, n int) *bench {
	row := func(id core.NodeID) member.Row {
		return member.Row{ID: id, Name: fmt.Sprint(id), Instance: 1, Status: core.Alive,
			Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(id >> 8), byte(id)}), 7117)}
	}
	b := &bench{t: t, table: member.New(row(1)), now: start}
	for id := 2; id <= n; id++ {
		b.table.Merge(start, member.Evidence{Row: row(core.NodeID(id))})
	}
	b.d = gossip.New(detect.Options{Table: b.table, Period: time.Second, Rand: rand.New(rand.NewPCG(1, 1)), Now: start, Without: detect.AllExtras})
	return b
}

// hear brings a heartbeat of a member, with those of others.
func (b *bench) hear(from core.NodeID, seq uint64, beats ...wire.Beat) {
	b.d.Step(b.now, detect.Received{Packet: &wire.Packet{Kind: wire.KindHeartbeat, From: from, Instance: 1, Nonce: seq, Beats: beats}})
}

// period lets one period pass, and gives the heartbeats sent.
func (b *bench) period() (sent []detect.Send) {
	end := b.now.Add(time.Second)
	for b.d.Next() <= end {
		b.now = max(b.now, b.d.Next())
		for _, e := range b.d.Step(b.now, detect.Tick{}) {
			if s, ok := e.(detect.Send); ok && s.Packet.Kind == wire.KindHeartbeat {
				sent = append(sent, s)
			}
		}
	}
	b.now = end
	return sent
}

func TestTheTableGoesToThreeRandomMembersEachPeriod(t *testing.T) {
	b := among(t, 20)
	counts := map[core.NodeID]int{}
	for i := range 40 {
		for id := core.NodeID(2); id <= 20; id++ {
			b.hear(id, uint64(i+1))
		}
		sent := b.period()
		if len(sent) != 3 {
			t.Fatalf("%d heartbeats in a period", len(sent))
		}
		for _, s := range sent {
			counts[s.To]++
			if len(s.Packet.Beats) != 19 {
				t.Fatalf("%d rows", len(s.Packet.Beats))
			}
		}
	}
	if len(counts) < 18 || counts[1] > 0 {
		t.Errorf("sent to %v", counts)
	}
}

func TestATableOfManyGoesInSeveralDatagrams(t *testing.T) {
	b := among(t, 150)
	for id := core.NodeID(2); id <= 150; id++ {
		b.hear(id, 1)
	}
	rows := 0
	for _, s := range b.period() {
		if len(s.Packet.Beats) > wire.MaxBeats {
			t.Errorf("%d rows in a datagram", len(s.Packet.Beats))
		}
		rows += len(s.Packet.Beats)
	}
	if rows != 3*149 {
		t.Errorf("%d rows to three members", rows)
	}
}

func TestTheLoadIsThreeDatagramsForEach64Members(t *testing.T) {
	for n, want := range map[int]float64{1: 0, 2: 1, 3: 2, 4: 3, 65: 3, 66: 6, 150: 9, 1000: 48} {
		if got := gossip.Load(n); got != want {
			t.Errorf("%d members: %v, want %v", n, got, want)
		}
	}
}

func TestOnlyALargerSequenceIsNews(t *testing.T) {
	b := among(t, 5)
	b.hear(2, 1, wire.Beat{ID: 3, Instance: 1, Seq: 10})
	first, _ := b.d.Heard(3)
	b.now = b.now.Add(300 * time.Millisecond)
	b.hear(4, 1, wire.Beat{ID: 3, Instance: 1, Seq: 10})
	b.hear(5, 1, wire.Beat{ID: 3, Instance: 1, Seq: 9})
	if again, _ := b.d.Heard(3); again != first {
		t.Error("an old sequence was taken for life")
	}
	b.hear(5, 2, wire.Beat{ID: 3, Instance: 1, Seq: 11})
	if again, _ := b.d.Heard(3); again != b.now {
		t.Error("a larger sequence was not taken for life")
	}
	b.hear(5, 3, wire.Beat{ID: 77, Instance: 1, Seq: 1})
	if _, known := b.d.Heard(77); known {
		t.Error("a stranger was taken up")
	}
}

func TestRowsOfTheFailedAreNotGossiped(t *testing.T) {
	b := among(t, 3)
	b.hear(2, 1)
	b.hear(3, 1)
	fail := time.Duration(gossip.Fail(3) * float64(time.Second))
	b.now = start.Add(fail - 100*time.Millisecond)
	b.hear(2, 2)
	b.now = start.Add(fail + 100*time.Millisecond)
	for _, s := range b.period() {
		for _, beat := range s.Packet.Beats {
			if beat.ID == 3 {
				t.Errorf("a row of %s before, %+v", fail, beat)
			}
		}
	}
}

func TestTFailGrowsWithTheLogarithmOfTheMembers(t *testing.T) {
	for n, want := range map[int]float64{1: 4, 5: 7.2, 50: 11.8, 1000: 17.8} {
		if got := gossip.Fail(n); math.Abs(got-want) > 0.05 {
			t.Errorf("%d members: %.2f periods, want %.1f", n, got, want)
		}
	}
}
