package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"hb/core/sim/lab"
)

func TestAnInterruptedExperimentGoesOnWhereItWas(t *testing.T) {
	name := filepath.Join(t.TempDir(), "runs")
	jobs := plan(1, false, regexp.MustCompile("SWIM|hb"), 0)
	k, err := open(name)
	if err != nil {
		t.Fatal(err)
	}
	if left := k.missing(jobs); len(left) != len(jobs) || len(jobs) != 2*(48+9) {
		t.Fatalf("%d of %d runs are left", len(left), len(jobs))
	}
	toll := &lab.Toll{False: 3, First: []float64{1.5}}
	for _, j := range jobs[:3] {
		k.add(j, toll)
	}
	k.close()
	text, _ := os.ReadFile(name)
	if err := os.WriteFile(name, text[:len(text)-7], 0o644); err != nil { // in the midst of the third
		t.Fatal(err)
	}
	if k, err = open(name); err != nil {
		t.Fatal(err)
	}
	if left := k.missing(jobs); len(left) != len(jobs)-2 || !reflect.DeepEqual(k.found[jobs[1].key()], toll) {
		t.Errorf("%d are left; it found %+v", len(left), k.found[jobs[1].key()])
	}
	k.add(jobs[2], toll)
	k.close()
	if again, _ := os.ReadFile(name); !bytes.Equal(again, text) {
		t.Errorf("the file holds\n%s\ninstead of\n%s", again, text)
	}
	if left := k.missing(plan(2, false, regexp.MustCompile("SWIM"), 0)); len(left) != 57 {
		t.Errorf("of another seed %d are left", len(left))
	}
	if err := os.WriteFile(name, []byte("what is this\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err = open(name); err == nil || !strings.Contains(err.Error(), "what is this") {
		t.Errorf("another file: %v", err)
	}
}

func TestTheReportComparesEachWithItsOwnSWIM(t *testing.T) {
	jobs := plan(1, false, regexp.MustCompile("SWIM|Buddy|hb"), 0)
	k, _ := open("")
	for _, j := range jobs {
		toll := &lab.Toll{Datagrams: 1000}
		switch {
		case j.anomaly.Interval == 0:
			toll.First, toll.Full = []float64{4}, []float64{5}
		case j.variant.Name == "SWIM":
			toll.False = 50
		case j.variant.Name == "Buddy":
			toll.False = 40
		}
		k.add(j, toll)
	}
	var out strings.Builder
	report(&out, jobs, k)
	for _, want := range []string{"in the paper    4320           78.473   100.00%", "50.000 ± 0.00   100.00%", "80.00%", "4.00 / 4.00 / 4.00", "reached"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if v := verdict(row{positives: 100, runs: 1}, row{positives: 0.31, runs: 1}); !strings.HasPrefix(v, "MISSED") {
		t.Error(v)
	}
	if v := verdict(row{positives: 100, runs: 1}, row{byHealthy: 1, runs: 1}); !strings.HasPrefix(v, "MISSED") {
		t.Error(v)
	}
}
