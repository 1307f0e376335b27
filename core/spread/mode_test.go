package spread_test

import (
	"testing"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/member"
	"hb/core/spread"
	"hb/core/wire"
)

func TestModesAreReadAsTheyAreWritten(t *testing.T) {
	for _, m := range []spread.Mode{spread.Piggyback, spread.Unicast, spread.Multicast} {
		if got, ok := spread.ParseMode(m.String()); !ok || got != m {
			t.Errorf("%s is read %s, %v", m, got, ok)
		}
	}
	if m, ok := spread.ParseMode(""); !ok || m != spread.Piggyback {
		t.Errorf("nothing is read %s, %v", m, ok)
	}
	if _, ok := spread.ParseMode("broadcast"); ok {
		t.Error("broadcast is read")
	}
}

func TestOnlyPiggybackedNewsIsPassedOnByEverybody(t *testing.T) {
	if !spread.Piggyback.Relays() || spread.Unicast.Relays() || spread.Multicast.Relays() {
		t.Error("it is not so")
	}
}

func TestInTheOutboxNewsReplacesWhatItOverrides(t *testing.T) {
	var o spread.Outbox
	o.Push(row(5, core.Alive))
	o.Push(accusation(5, 2))
	o.Push(accusation(5, 3)) // another accuser is other news
	o.Push(accusation(5, 3))
	o.Push(row(6, core.Dead))
	o.Push(row(6, core.Alive)) // older
	if got := o.Accused(); len(got) != 2 || got[0] != 5 || got[1] != 6 {
		t.Errorf("accused are %v", got)
	}
	packets := o.Take()
	if len(packets) != 1 || len(packets[0].News) != 3 {
		t.Fatalf("%+v", packets)
	}
	for i, want := range []wire.News{
		{ID: 5, Status: core.Suspect, Accuser: 2}, {ID: 5, Status: core.Suspect, Accuser: 3}, {ID: 6, Status: core.Dead},
	} {
		if got := packets[0].News[i]; got.ID != want.ID || got.Status != want.Status || got.Accuser != want.Accuser {
			t.Errorf("news %d is %+v, want %+v", i, got, want)
		}
	}
	if left := o.Take(); len(left) > 0 || len(o.Accused()) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}

func TestAllOfTheOutboxLeavesInPacketsThatFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o spread.Outbox
		rows := map[core.NodeID]member.Row{}
		for range rapid.IntRange(0, 200).Draw(t, "rows") {
			r := row(core.NodeID(rapid.IntRange(1, 150).Draw(t, "id")), core.Status(rapid.IntRange(int(core.Alive), int(core.Left)).Draw(t, "status")))
			r.Tags = map[string]string{"t": string(make([]byte, rapid.IntRange(0, 250).Draw(t, "tag")))}
			if old, had := rows[r.ID]; !had || r.Outranks(old) {
				rows[r.ID] = r
			}
			o.Push(r)
		}
		sent := map[core.NodeID]core.Status{}
		for _, p := range o.Take() {
			if p.Kind != wire.KindBulletin || len(p.News) == 0 || len(p.News) > wire.MaxNews || p.Size() > wire.PlainPacket {
				t.Fatalf("a %s of %d rows and %d bytes", p.Kind, len(p.News), p.Size())
			}
			for _, n := range p.News {
				sent[n.ID] = n.Status
			}
		}
		for id, r := range rows {
			if sent[id] != r.Status {
				t.Fatalf("of %s %s is sent, not %s", id, sent[id], r.Status)
			}
		}
	})
}
