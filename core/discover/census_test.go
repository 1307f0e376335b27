package discover_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"hb/core/discover"
	"hb/core/wire"
)

func TestEveryNodeWithBeaconsAnswersACensusInNoMoreBytesThanItTook(t *testing.T) {
	call := wire.Packet{Kind: wire.KindCensus, From: 99, Nonce: 7}
	asked := wire.AppendPacket(nil, &call)
	six := netip.MustParseAddrPort("[2001:db8::1]:7117")
	for _, o := range []discover.Options{
		{ID: 1, Instance: 3, Name: "web1", Version: "0.1.0", Addr: addr(1), Cluster: ours},
		{ID: 1, Instance: 3, Name: "web1", Version: "0.1.0", Addr: addr(1)},
		{ID: 1, Instance: 3, Name: strings.Repeat("w", wire.MaxName), Version: strings.Repeat("9", wire.MaxVersion), Addr: six, Cluster: ours},
		{ID: 1, Instance: 3, Name: strings.Repeat("é", wire.MaxName/2), Version: "0.1.0", Addr: six, Cluster: ours},
	} {
		o.Beacons, o.Rand = true, rand.New(rand.NewPCG(1, 1))
		answers := of[discover.Answer](discover.New(o).Step(start, discover.Heard{From: addr(9), P: packet(t, asked)}))
		if len(answers) != 1 || answers[0].To != addr(9) || len(answers[0].Data) > len(asked) {
			t.Fatalf("%+v answers %v", o, answers)
		}
		got := packet(t, answers[0].Data)
		name, version := string(got.News[0].Name), string(got.News[0].Version)
		if got.Nonce != 7 || got.Cluster != o.Cluster || got.News[0].Addr != o.Addr || name == "" ||
			!strings.HasPrefix(o.Name, name) || !strings.HasPrefix(o.Version, version) {
			t.Errorf("%+v answers %+v, %q %q", o, got, name, version)
		}
		if len(o.Name) < 10 && (name != o.Name || version != o.Version) {
			t.Errorf("%q %q is cut to %q %q", o.Name, o.Version, name, version)
		}
	}
	silent := discover.New(discover.Options{ID: 1, Name: "web1", Addr: addr(1), Rand: rand.New(rand.NewPCG(1, 1))})
	if answers := silent.Step(start, discover.Heard{From: addr(9), P: packet(t, asked)}); len(answers) > 0 {
		t.Errorf("without beacons: %v", answers)
	}
}
