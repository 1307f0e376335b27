package membership_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect/swim"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/wire"
)

// knowing makes the machine of a member that knows those up to n but the missing.
func knowing(id core.NodeID, n int, missing ...core.NodeID) *membership.Machine {
	row := func(id core.NodeID) member.Row {
		return member.Row{ID: id, Name: id.String(), Addr: address(int(id)), Instance: 1, Status: core.Alive}
	}
	var rows []member.Row
	for other := core.NodeID(1); other <= core.NodeID(n); other++ {
		if !slices.Contains(missing, other) {
			rows = append(rows, row(other))
		}
	}
	return membership.New(membership.Options{
		Self: row(id), Cluster: tag, NewDetector: swim.New, Rand: rand.New(rand.NewPCG(1, uint64(id))), Known: member.NewBase(rows),
	})
}

// settle lets member 1 hear of the other's view, and carries tables between the two
// as often as they send any; tell may change what arrives. It gives the rows sent.
func settle(t *testing.T, a, b *membership.Machine, tell func(*membership.Rows)) (rows int) {
	t.Helper()
	now := core.Instant(time.Hour)
	a.Step(now, membership.Tick{})
	b.Step(now, membership.Tick{})
	now = now.Add(time.Minute) // the news has long been told
	machines := []*membership.Machine{a, b}
	effects := a.Step(now, membership.Packet{From: address(2), P: &wire.Packet{
		Kind: wire.KindAck, Cluster: tag, From: 2, Instance: 1, Nonce: 1, View: b.Table().Hash()}})
	for to := 1; ; to = 1 - to {
		var sent *membership.SendRows
		for _, e := range effects {
			if e, is := e.(membership.SendRows); is {
				sent = &e
			}
		}
		if sent == nil {
			return rows
		}
		rows += len(sent.Rows)
		ev := membership.RowsFrom(core.NodeID(2-to), address(2-to), sent.Wire())
		tell(&ev)
		effects = machines[to].Step(now, ev)
	}
}

func TestLargeTablesSettleADifferenceWithFewRows(t *testing.T) {
	const members = 1000
	a, b := knowing(1, members, 17, 500), knowing(2, members, 900)
	rows := settle(t, a, b, func(*membership.Rows) {})
	if a.Table().Hash() != b.Table().Hash() || a.Table().Living() != members {
		t.Errorf("%d and %d members are left", a.Table().Living(), b.Table().Living())
	}
	if rows > 50 {
		t.Errorf("%d rows were sent for a difference of 3", rows)
	}
}

func TestSmallTablesAreShownAtOnce(t *testing.T) {
	a, b := knowing(1, 20, 17, 18), knowing(2, 20, 9)
	rows := settle(t, a, b, func(ev *membership.Rows) {
		if len(ev.Digest)+len(ev.Parts) > 0 {
			t.Errorf("a digest: %+v", ev)
		}
	})
	if a.Table().Hash() != b.Table().Hash() || rows != 18+2 {
		t.Errorf("after %d rows %d and %d members", rows, a.Table().Living(), b.Table().Living())
	}
}

func TestWhoKnowsNoDigestsAnswersOneWithAllItsRows(t *testing.T) {
	const members = 1000
	a, b := knowing(1, members, 17), knowing(2, members)
	settle(t, a, b, func(ev *membership.Rows) { ev.Digest, ev.Parts, ev.Of = nil, nil, 0 })
	if a.Table().Living() != members {
		t.Errorf("it knows %d", a.Table().Living())
	}
}

func TestADigestOfAnyShapeIsBorne(t *testing.T) {
	now := core.Instant(time.Hour)
	b := knowing(2, 100)
	b.Step(now, membership.Tick{})
	for _, ev := range []membership.Rows{
		{Digest: make([]uint64, 1<<20)}, {Digest: []uint64{0}}, {Of: 1 << 31, Parts: []uint32{7}}, {Of: 3, Parts: []uint32{1 << 31, 5}},
	} {
		ev.From, ev.Addr, ev.Reply = 1, address(1), true
		for _, e := range b.Step(now, ev) {
			if e, is := e.(membership.SendRows); is && len(e.Parts) > 1 {
				t.Errorf("%d parts", len(e.Parts))
			}
		}
	}
}
