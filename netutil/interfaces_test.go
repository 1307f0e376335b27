package netutil

import (
	"net/netip"
	"strings"
	"testing"
)

func TestATemplateIsExpandedAndOtherTextLeftAlone(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1:7117": "10.0.0.1:7117",
		`{{ GetAllInterfaces | include "name" "^lo$" | include "type" "IPv4" | attr "address" }}`: "127.0.0.1",
		`{{ GetAllInterfaces | include "address" "^127.0.0.1" | join "address" " " }}:7117`:       "127.0.0.1:7117",
	} {
		if got, err := Expand(text); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, bad := range []string{"{{", "{{ Nonsense }}", `{{ GetAllInterfaces | include "rfc" "x" }}`} {
		if _, err := Expand(bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestInterfacesAreChosenByNameAddressOrTemplate(t *testing.T) {
	for _, only := range []string{"lo", "127.0.0.1", `{{ GetAllInterfaces | include "flag" "loopback" | limit 1 | attr "name" }}`} {
		got, err := Interfaces([]string{only, only})
		if err != nil || len(got) != 1 || got[0].Name != "lo" || !got[0].Loopback {
			t.Errorf("%s: %+v, %v", only, got, err)
		}
	}
	_, err := Interfaces([]string{"nosuch0"})
	if err == nil || !strings.Contains(err.Error(), "nosuch0") || !strings.Contains(err.Error(), "lo") {
		t.Errorf("an unknown interface: %v", err)
	}
	all, err := Interfaces(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Loopback {
			t.Errorf("%s was chosen by nobody", i.Name)
		}
	}
}

func TestTheBroadcastAddressIsTheLastOfItsNetwork(t *testing.T) {
	for network, want := range map[string]string{
		"10.1.2.3/24": "10.1.2.255", "10.1.2.3/8": "10.255.255.255", "192.168.1.5/30": "192.168.1.7",
		"10.0.0.0/31": "", "10.0.0.1/32": "", "2001:db8::1/64": "", "100.64.9.9/13": "100.71.255.255",
	} {
		got, ok := broadcast(netip.MustParsePrefix(network))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v, %v; want %q", network, got, ok, want)
		}
	}
}

func TestThePreferredAddressWinsOnlyWhereItWasChosen(t *testing.T) {
	eth := Interface{Name: "eth", Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("10.0.1.1/24")}}
	words := []string{"10.0.9.9", "10.0.0.1", "10.0.1.1"}
	for preferred, want := range map[string]string{"10.0.1.1": "10.0.1.1", "10.0.9.9": "10.0.0.1", "1.2.3.4": "10.0.0.1"} {
		got, ok := pick(words, []Interface{eth}, netip.MustParseAddr(preferred))
		if !ok || got.String() != want {
			t.Errorf("preferring %s: %v, %v; want %s", preferred, got, ok, want)
		}
	}
	if got, ok := pick(words, nil, netip.Addr{}); ok {
		t.Errorf("of no interface: %v", got)
	}
}

func TestTheBootClockOnlyGrowsAndTheBootHasAName(t *testing.T) {
	a := BootClock()
	if b := BootClock(); a <= 0 || b < a {
		t.Fatalf("%v, then %v", a, b)
	}
	if id, err := BootID(); err != nil || len(id) != 36 {
		t.Fatalf("%q, %v", id, err)
	}
}
