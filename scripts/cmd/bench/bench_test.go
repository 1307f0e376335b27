package main

import (
	"bytes"
	"encoding/json"
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
	gone := exec.Command(os.Args[0], "-test.run=^$") // what is there for sure
	if err := gone.Run(); err != nil {
		t.Fatal(err)
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
	if got := besideWeakView(5); got < 6.22 || got > 6.24 {
		t.Errorf("of five nodes each sends %v a second beside", got)
	}
}

func TestAFigureStandsBesideThoseOfItsRivals(t *testing.T) {
	rivals := []*rival{{name: "hb"}, {name: "etcd"}, {name: "another"}}
	if got, want := beside(rivals, []float64{300, 200, 600}, whole), "300; 1.50 × etcd (200); 0.50 × another (600)"; got != want {
		t.Errorf("%q, wanted %q", got, want)
	}
	for _, r := range rivals {
		r.loads = map[int][]load{64: {{done: 10 * len(r.name), took: []time.Duration{time.Duration(len(r.name)) * time.Millisecond}, over: time.Second}}}
	}
	rows := commitGoal{clients: 64, rate: 0.5, p99: 0.5}.rows(rivals, machine{})
	if rows[0].measured != "20; 0.50 × etcd (40); 0.29 × another (70)" || !rows[0].met || rows[0].goal != "≥ 0.5 × etcd" {
		t.Errorf("%+v", rows[0])
	}
	if rows[1].measured != "2.00 ms; 0.50 × etcd (4.00 ms); 0.29 × another (7.00 ms)" || !rows[1].met {
		t.Errorf("%+v", rows[1])
	}
	if rows = (commitGoal{clients: 64, rate: 0.6, p99: 0.4}).rows(rivals, machine{}); rows[0].met || rows[1].met {
		t.Errorf("goals are met that are not: %+v", rows)
	}
	if rows = (commitGoal{clients: 64, rate: 9}).rows(rivals[:1], machine{}); rows[0].goal != "" || rows[0].measured != "20" {
		t.Errorf("alone: %+v", rows[0])
	}
}

func TestTheLogsAreMeasuredAlike(t *testing.T) {
	var all []appender
	for _, kind := range []string{"store", "bare"} {
		all = append(all, func(batch, syncs int) ([]time.Duration, error) {
			told, err := json.Marshal(turn{Batch: batch, Syncs: syncs})
			if err != nil {
				return nil, err
			}
			var answer bytes.Buffer
			if err := runAppender(kind, []string{t.TempDir()}, bytes.NewReader(told), &answer); err != nil {
				return nil, err
			}
			var r turned
			err = json.Unmarshal(answer.Bytes(), &r)
			return r.Took, err
		})
	}
	each, err := walGoal{batch: 3, syncs: 2}.measure(t.Context(), all)
	if err != nil || len(each) != 2 || each[0] <= 0 || each[1] <= 0 {
		t.Fatalf("%v, %v", each, err)
	}
	if runAppender("another", []string{"x"}, nil, nil) == nil {
		t.Error("an appender that nobody knows")
	}
	r := walGoal{batch: 3, times: 1.5}.row([]float64{100e-6, 50e-6, 200e-6})
	if !r.met || r.measured != "100 µs; a bare file 2.00 × as fast; 2.00 × as fast as etcd's log (200 µs; a bare file 4.00 ×)" {
		t.Errorf("%+v", r)
	}
	if r = (walGoal{batch: 3, times: 2.5}).row([]float64{100e-6, 50e-6, 200e-6}); r.met {
		t.Errorf("%+v", r)
	}
}
