package wire

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/alloctest"
)

func samplePackets() []Packet {
	v4 := netip.MustParseAddrPort("10.1.2.3:7117")
	v6 := netip.MustParseAddrPort("[fd00::1]:7117")
	load := core.Load{Stress: 300, BusyPermille: 250, FreeMemoryMiB: 4096, Slots: 8, Running: 3, Granted: core.NewFence(77, 1)}
	log := LogHint{Commit: 99, Leader: 5, Term: 3}
	return []Packet{
		{Kind: KindPing, Cluster: Tag{1}, From: 1, Instance: 2, Nonce: 3, Target: 4, Log: log, View: 0xabcdef},
		{Kind: KindPingReq, From: 1, Nonce: 3, Target: 4, Budget: 640, Addr: v6},
		{Kind: KindAck, Cluster: Tag{1}, From: 4, Instance: 9, Nonce: 3, Log: log, View: 7, Load: load, Applied: 98},
		{Kind: KindNack, From: 4, Nonce: 3, Target: 8},
		{Kind: KindBulletin, From: 4, News: []News{
			{ID: 7, Status: core.Suspect, Instance: 1, Incarnation: 4, Accuser: 4, Why: ReasonSilent},
			{ID: 8, Status: core.Left, Instance: 1},
			{ID: 9, Status: core.Alive, Instance: 2, Incarnation: 1, Name: []byte("web-ü"), Addr: v4, Version: []byte("1.0"),
				Raft: 12, Tags: AppendTags(nil, map[string]string{"disk": "big", "rack": ""})},
		}},
		{Kind: KindLoadReport, From: 4, Load: load},
		{Kind: KindBeacon, From: 4, Addr: v4},
		{Kind: KindBeaconAnswer, Cluster: Tag{9}, From: 5, Addr: v6, Log: LogHint{Leader: 5}},
		{Kind: KindEcho, From: 4, Nonce: 1},
		{Kind: KindEchoReply, From: 4, Nonce: 1},
		{Kind: KindCensus, From: 4, Nonce: 1},
		{Kind: KindCensusAnswer, Cluster: Tag{9}, From: 5, Instance: 2, Nonce: 1, News: []News{
			{ID: 5, Status: core.Alive, Instance: 2, Name: []byte("web1"), Addr: v6, Version: []byte("0.1.0")},
		}},
		{Kind: KindHeartbeat, Cluster: Tag{1}, From: 4, Instance: 9, Nonce: 3, Log: log, View: 7, Load: load,
			Beats: []Beat{{ID: 5, Instance: 1, Seq: 77}, {ID: 6, Instance: 2, Seq: 1}}},
		{Kind: KindEngineBeat, Cluster: Tag{1}, From: 4, Instance: 9, Engine: EngineBeat{From: 14, To: 15, Term: 3, Commit: 99, Context: 7}},
		{Kind: KindEngineAnswer, Cluster: Tag{1}, From: 5, Instance: 9, Engine: EngineBeat{From: 15, To: 14, Term: 3, Context: 7}},
	}
}

func TestEveryPacketComesBackAsItWas(t *testing.T) {
	for _, p := range samplePackets() {
		b := AppendPacket([]byte("before"), &p)[6:]
		if len(b) != p.Size() {
			t.Errorf("%s: %d bytes, announced %d", p.Kind, len(b), p.Size())
		}
		var got Packet
		if err := DecodePacket(&got, b); err != nil {
			t.Errorf("%s: %v", p.Kind, err)
		} else if !samePacket(got, p) {
			t.Errorf("%s: got %+v, want %+v", p.Kind, got, p)
		}
	}
}

// samePacket compares, taking no news and empty news for the same.
func samePacket(a, b Packet) bool {
	if len(a.News) != len(b.News) {
		return false
	}
	for i := range a.News {
		x, y := a.News[i], b.News[i]
		if !bytes.Equal(x.Name, y.Name) || !bytes.Equal(x.Version, y.Version) || !bytes.Equal(x.Tags, y.Tags) {
			return false
		}
		x.Name, x.Version, x.Tags, y.Name, y.Version, y.Tags = nil, nil, nil, nil, nil, nil
		if !reflect.DeepEqual(x, y) {
			return false
		}
	}
	if !slices.Equal(a.Beats, b.Beats) {
		return false
	}
	a.News, b.News, a.Beats, b.Beats = nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}

func TestAPingTakes75BytesAndItsAck97(t *testing.T) {
	p := samplePackets()
	if n := len(AppendPacket(nil, &p[0])); n != 75 {
		t.Errorf("a ping takes %d", n)
	}
	ack := p[2]
	if n := len(AppendPacket(nil, &ack)); n != 97 {
		t.Errorf("an ack takes %d", n)
	}
}

func TestTheBytesOfAPingAreThese(t *testing.T) {
	p := Packet{
		Kind: KindPing, Cluster: Tag{1, 2, 3, 4, 5, 6, 7, 8}, From: 0x1122, Instance: 7, Nonce: 0x99,
		Target: 0x3344, View: 0xaa,
	}
	want := []byte{
		'h', 'b', 1, 1,
		1, 2, 3, 4, 5, 6, 7, 8,
		0, 0, 0, 0, 0, 0, 0x11, 0x22,
		0, 0, 0, 7,
		0, 0, 0, 0, 0, 0, 0, 0x99,
		0b1001,
		0, 0, 0, 0, 0, 0, 0x33, 0x44, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0xaa,
	}
	if got := AppendPacket(nil, &p); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestNoPrefixOfAPacketAndNothingBehindItIsAPacket(t *testing.T) {
	for _, p := range samplePackets() {
		b := AppendPacket(nil, &p)
		var got Packet
		for n := range b {
			if err := DecodePacket(&got, b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s cut to %d of %d bytes: %v", p.Kind, n, len(b), err)
			}
		}
		if err := DecodePacket(&got, append(b, 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with a byte behind it: %v", p.Kind, err)
		}
	}
}

func TestAnotherVersionIsNamedNotMisread(t *testing.T) {
	p := samplePackets()[0]
	b := AppendPacket(nil, &p)
	b[2] = 9
	var got Packet
	if err := DecodePacket(&got, b); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("got %v", err)
	}
}

func TestBadRowsAndPartsAreMalformed(t *testing.T) {
	bulletin := func(n News) []byte {
		return AppendPacket(nil, &Packet{Kind: KindBulletin, From: 1, News: []News{n}})
	}
	news := headerSize + 1 // where the first row begins
	for name, b := range map[string][]byte{
		"status 0":           bulletin(News{ID: 1}),
		"status unreachable": bulletin(News{ID: 1, Status: core.Unreachable}),
		"subject nobody":     bulletin(News{Status: core.Alive}),
		"sender nobody":      AppendPacket(nil, &Packet{Kind: KindEcho}),
		"kind 0":             AppendPacket(nil, &Packet{From: 1}),
		"kind 99":            AppendPacket(nil, &Packet{Kind: 99, From: 1}),
		"no rows":            patch(bulletin(News{ID: 1, Status: core.Left}), headerSize, 0),
		"too many rows":      patch(bulletin(News{ID: 1, Status: core.Left}), headerSize, 255),
		"bits unknown":       patch(bulletin(News{ID: 1, Status: core.Left}), news+8, 0x84),
		"engine cut":         patch(AppendPacket(nil, &Packet{Kind: KindEcho, From: 1}), headerSize-1, 0x80),
		"no beats":           append(patch(AppendPacket(nil, &Packet{Kind: KindHeartbeat, From: 1}), headerSize-1, 0x40), 0),
		"beat of nobody":     AppendPacket(nil, &Packet{Kind: KindHeartbeat, From: 1, Beats: []Beat{{Seq: 1}}}),
		"padding not zero":   patch(AppendPacket(nil, &Packet{Kind: KindBeacon, From: 1}), BeaconSize-1, 1),
		"tags out of order": bulletin(News{ID: 1, Status: core.Alive, Name: []byte("a"), Addr: netip.MustParseAddrPort("1.1.1.1:1"),
			Tags: []byte{1, 'b', 0, 1, 'a', 0}}),
		"tags cut": bulletin(News{ID: 1, Status: core.Alive, Name: []byte("a"), Addr: netip.MustParseAddrPort("1.1.1.1:1"),
			Tags: []byte{1, 'b', 9}}),
		"name not UTF-8": bulletin(News{ID: 1, Status: core.Alive, Name: []byte{0xff}, Addr: netip.MustParseAddrPort("1.1.1.1:1")}),
		"port 0":         bulletin(News{ID: 1, Status: core.Alive, Name: []byte("a"), Addr: netip.MustParseAddrPort("1.1.1.1:0")}),
	} {
		var got Packet
		if err := DecodePacket(&got, b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func patch(b []byte, at int, c byte) []byte {
	b[at] = c
	return b
}

func TestEncodingAndDecodingAllocateNothing(t *testing.T) {
	p := samplePackets()[4]
	buf := make([]byte, 0, MaxPacket)
	var got Packet
	if err := DecodePacket(&got, AppendPacket(buf, &p)); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { AppendPacket(buf, &p) }); n != 0 {
		t.Errorf("encoding allocates %v times", n)
	}
	b := AppendPacket(nil, &p)
	if n := testing.AllocsPerRun(100, func() { _ = DecodePacket(&got, b) }); n != 0 {
		t.Errorf("decoding allocates %v times", n)
	}
}

func TestAPacketTooLongPanicsAtItsMaker(t *testing.T) {
	row := News{ID: 1, Status: core.Alive, Name: []byte(strings.Repeat("n", MaxName)), Addr: netip.MustParseAddrPort("1.1.1.1:1"),
		Tags: AppendTags(nil, map[string]string{"k": strings.Repeat("v", 255), "l": strings.Repeat("v", 240)})}
	defer func() {
		if recover() == nil {
			t.Error("a packet of three such rows went through")
		}
	}()
	AppendPacket(nil, &Packet{Kind: KindBulletin, From: 1, News: []News{row, row, row}})
}

func TestTheLargestRowFitsBesideTheLargestAck(t *testing.T) {
	row := News{ID: 1, Status: core.Alive, Accuser: 2, Why: 1, Name: make([]byte, MaxName), Version: make([]byte, MaxVersion),
		Addr: netip.MustParseAddrPort("[fd00::1]:1"), Tags: make([]byte, MaxTags)}
	ack := Packet{Kind: KindAck, From: 1, Target: 3, Log: LogHint{Commit: 1}, View: 1, Applied: 1,
		Addr: row.Addr, News: []News{row}}
	if n := ack.Size(); n > PlainPacket {
		t.Errorf("together they take %d bytes of %d", n, PlainPacket)
	}
}

func TestLabelsThatCannotTravelAreNamed(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		name, version string
		tags          map[string]string
		ok            bool
	}{
		{"web1", "1.0", map[string]string{"a": "b"}, true},
		{"", "1.0", nil, false},
		{long, "1.0", nil, false},
		{"a\xff", "1.0", nil, false},
		{"a", long, nil, false},
		{"a", "1", map[string]string{"": "b"}, false},
		{"a", "1", map[string]string{"k": long}, false},
		{"a", "1", map[string]string{"k": long[:250], "l": long[:250], "m": long[:20]}, false},
	} {
		if err := CheckLabels(c.name, c.version, c.tags); (err == nil) != c.ok {
			t.Errorf("%.10q %.10q: %v", c.name, c.version, err)
		}
	}
}

func TestTagsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.MapOfN(rapid.StringN(1, 20, 30), rapid.StringN(0, 20, 30), 0, 8).Draw(t, "tags")
		got := ParseTags(AppendTags(nil, tags))
		if len(got) != len(tags) || len(tags) > 0 && !reflect.DeepEqual(got, tags) {
			t.Fatalf("got %v, want %v", got, tags)
		}
	})
}

func FuzzDecodePacket(f *testing.F) {
	for _, p := range samplePackets() {
		f.Add(AppendPacket(nil, &p))
	}
	f.Add([]byte("hb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Packet
		var err error
		alloctest.Within(t, MaxPacket, func() {
			p = Packet{}
			err = DecodePacket(&p, b)
		})
		if err != nil {
			return
		}
		if len(b) > PlainPacket || p.Kind == KindBeaconAnswer && len(b) > BeaconSize {
			return // longer than this program would send
		}
		again := AppendPacket(nil, &p)
		var q Packet
		if err := DecodePacket(&q, again); err != nil || !samePacket(p, q) {
			t.Fatalf("%x decodes to %+v,\nwhich encodes to %x and decodes to %+v, %v", b, p, again, q, err)
		}
	})
}

func BenchmarkAPingThereAndBack(b *testing.B) {
	p := samplePackets()[0]
	buf := make([]byte, 0, MaxPacket)
	var got Packet
	b.ReportAllocs()
	for b.Loop() {
		if err := DecodePacket(&got, AppendPacket(buf, &p)); err != nil {
			b.Fatal(err)
		}
	}
}

func TestABeatIsAfterAnotherByInstanceThenBySequence(t *testing.T) {
	for _, c := range []struct {
		b, c  Beat
		after bool
	}{
		{Beat{Instance: 1, Seq: 2}, Beat{Instance: 1, Seq: 1}, true},
		{Beat{Instance: 1, Seq: 1}, Beat{Instance: 1, Seq: 1}, false},
		{Beat{Instance: 2, Seq: 1}, Beat{Instance: 1, Seq: 9}, true},
		{Beat{Instance: 1, Seq: 9}, Beat{Instance: 2, Seq: 1}, false},
	} {
		if got := c.b.After(c.c); got != c.after {
			t.Errorf("%+v after %+v: %v", c.b, c.c, got)
		}
	}
}

func TestAHeartbeatWithAllItsBeatsLeavesRoomForNews(t *testing.T) {
	p := samplePackets()[10]
	p.Addr, p.Beats = netip.AddrPort{}, make([]Beat, MaxBeats)
	if room := PlainPacket - p.Size(); room < 200 {
		t.Errorf("%d bytes are left", room)
	}
}
