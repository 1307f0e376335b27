package main

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestQuantilesAreNearestRanks(t *testing.T) {
	values := []time.Duration{40, 10, 30, 20}
	for q, want := range map[float64]time.Duration{0: 10, 0.25: 10, 0.5: 20, 0.51: 30, 0.75: 30, 0.99: 40, 1: 40} {
		if got := quantile(values, q); got != want {
			t.Errorf("the %v quantile is %d, wanted %d", q, got, want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
}

func TestDurationsAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{812 * time.Nanosecond: "1 µs", 87 * time.Microsecond: "87 µs", 1234 * time.Microsecond: "1.23 ms", 2340 * time.Millisecond: "2.34 s"} {
		if got := short(d); got != want {
			t.Errorf("%v is written %q, wanted %q", d, got, want)
		}
	}
}

func TestAMissedGoalIsSeen(t *testing.T) {
	if !within("", 2, 2).met || within("", 3, 2).met {
		t.Error("2 must be within 2, 3 must not")
	}
	for want, r := range map[string]row{"yes": {goal: "1", met: true}, "NO": {goal: "1"}, "-": {met: true}} {
		if got := r.verdict(); got != want {
			t.Errorf("the verdict on %v is %q", r, got)
		}
	}
}

func TestTheMachineIsMeasured(t *testing.T) {
	m, err := measureMachine(t.TempDir())
	if err != nil || m.fsync <= 0 || m.roundTrip <= 0 {
		t.Errorf("measured %v, %v", m, err)
	}
}

func TestTheKernelsCountsAreFoundByTheirNames(t *testing.T) {
	text := "Ip: Forwarding OutDatagrams\nIp: 1 9\nTcp: MaxConn OutSegs\nTcp: -1 77\nUdp: InDatagrams OutDatagrams\nUdp: 5 6\n"
	for name, want := range map[[2]string]int{{"Udp:", "OutDatagrams"}: 6, {"Tcp:", "OutSegs"}: 77, {"Tcp:", "MaxConn"}: -1, {"Tcp:", "none"}: 0, {"Icmp:", "OutMsgs"}: 0} {
		if got := snmp(text, name[0], name[1]); got != want {
			t.Errorf("%v is %d, wanted %d", name, got, want)
		}
	}
}

func TestUsageOfARunningAndOfAnEndedProcess(t *testing.T) {
	if _, rss := usage(os.Getpid()); rss < 1<<20 {
		t.Errorf("this test runs in %d bytes", rss)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Skip("there is no true here")
	}
	if cpu, rss := usage(gone.Process.Pid); cpu != 0 || rss != 0 {
		t.Errorf("an ended process has %v and %d bytes", cpu, rss)
	}
}

func TestFreePortsAreDistinct(t *testing.T) {
	addrs, err := freePorts(5)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range addrs {
		if seen[a] {
			t.Errorf("%s came twice", a)
		}
		seen[a] = true
	}
}

func TestAPredictionIsMetWithinItsTolerance(t *testing.T) {
	for measured, want := range map[float64]bool{0.84: false, 0.86: true, 1: true, 1.14: true, 1.16: false} {
		if r := compare("x", "s", []float64{2 * measured}, 2); r.met != want {
			t.Errorf("%v of 1 predicted: %+v", measured, r)
		}
	}
	for _, c := range []struct {
		values            []float64
		middle, low, high float64
	}{
		{nil, 0, 0, 0}, {[]float64{5}, 5, 5, 5}, {[]float64{4, 1, 3, 2}, 2.5, 1, 4},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 8.5, 5, 13},
	} {
		if middle, low, high := spanOf(c.values); middle != c.middle || low != c.low || high != c.high {
			t.Errorf("%v: %v from %v to %v", c.values, middle, low, high)
		}
	}
	if got := besideWeakView(5); got < 5.4 || got > 5.43 {
		t.Errorf("of five nodes each sends %v a second beside", got)
	}
}
