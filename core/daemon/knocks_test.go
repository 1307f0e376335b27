package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestRefusedStrangersAreSaidOnceAMinuteWithTheirNumber(t *testing.T) {
	var k knocks
	at, now := netip.MustParseAddr("192.0.2.7"), time.Unix(1e9, 0)
	var said []string
	for range 300 {
		said = append(said, k.refused(at, now, "not let in from 192.0.2.7")...)
		now = now.Add(500 * time.Millisecond)
	}
	if got := fmt.Sprint(said); got != "[not let in from 192.0.2.7 not let in from 192.0.2.7: 119 more in 1m0s not let in from 192.0.2.7: 120 more in 1m0s]" {
		t.Errorf("said %s", got)
	}
	other := k.refused(netip.MustParseAddr("192.0.2.8"), now.Add(time.Hour), "another")
	if len(other) != 2 || !strings.Contains(other[0], "60 more in") || other[1] != "another" || len(k.of) != 1 {
		t.Errorf("said %q, and %d addresses are remembered", other, len(k.of))
	}
}

func TestOnlyAnAddressOfManyRefusalsIsTooMany(t *testing.T) {
	var k knocks
	now := time.Unix(1e9, 0)
	bad, good := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:0:1::1")
	for i := range refusalBurst {
		if k.tooMany(bad, now) {
			t.Fatalf("after %d", i)
		}
		k.refused(bad, now, "x")
	}
	if same := bad.Next(); !k.tooMany(bad, now) || !k.tooMany(same, now) || k.tooMany(good, now) {
		t.Error("not the whole of the host's network, and that alone, is held off")
	}
	if k.tooMany(bad, now.Add(2*refusalEvery)) {
		t.Error("it is held off for ever")
	}
}

func TestWhatIsRememberedOfRefusedAddressesIsBounded(t *testing.T) {
	var k knocks
	now, at, lines := time.Unix(1e9, 0), netip.MustParseAddr("10.0.0.0"), 0
	for range 2 * addressesMost {
		at = at.Next()
		lines += len(k.refused(at, now, "x"))
	}
	if len(k.of) > addressesMost+1 || lines > addressesMost+1 {
		t.Errorf("%d addresses are remembered, and %d lines were said", len(k.of), lines)
	}
	if !k.tooMany(at, now) || k.tooMany(netip.MustParseAddr("10.0.0.1"), now) {
		t.Error("the addresses beyond are not counted as one")
	}
}
