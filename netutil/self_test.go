package netutil

import (
	"net/netip"
	"os/exec"
	"testing"
	"time"
)

func TestAMachineHearsItselfUnlessItsFirewallDropsThat(t *testing.T) {
	n, neighbour := newNamespace(t), newNamespace(t)
	cable(n, neighbour, "out", "10.9.8.7/24", "10.9.8.6/24")
	own, far := n.beacon("out"), neighbour.beacon("out") // of the beacons' port, and the same group
	own.reach(far)
	hears := func(limit time.Duration) (heard bool) {
		t.Helper()
		var on []Interface
		var err error
		n.do(func() {
			if on, err = Interfaces([]string{"out"}); err == nil {
				heard, err = HearsItself(BeaconPort, netip.MustParseAddr(BeaconGroup), on[0], []byte("to myself"), limit)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return heard
	}
	if !hears(30 * time.Second) {
		t.Error("nothing stands in the way, and nothing is heard")
	}
	own.call("the end")
	if got := far.next(); string(got.Data) != "the end" {
		t.Errorf("%q left the machine", got.Data)
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("SKIPPED: a firewall needs nft (Debian package nftables), so what one keeps out is NOT tested in this run")
	}
	n.do(func() {
		out, err := exec.Command("nft", "add table inet f; add chain inet f in { type filter hook input priority 0 ; }; add rule inet f in udp dport 7118 drop").CombinedOutput()
		if err != nil {
			t.Errorf("nft: %v: %s", err, out)
		}
	})
	if hears(100 * time.Millisecond) {
		t.Error("it hears what the firewall drops")
	}
}

func TestWhoCannotHearItselfByMulticastIsToldSo(t *testing.T) {
	if _, err := HearsItself(7117, netip.MustParseAddr("10.0.0.1"), Interface{}, nil, time.Second); err == nil {
		t.Error("an address that is no group was taken for one")
	}
}
