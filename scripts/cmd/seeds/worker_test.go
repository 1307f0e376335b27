package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestAWorkerJudgesTheSeedsItIsGiven(t *testing.T) {
	s := settings{nodes: 3, time: 10 * time.Second}
	var out strings.Builder
	if code := work(s, strings.NewReader("5\n6\n"), &out); code != 0 {
		t.Fatalf("exit %d", code)
	}
	answers := json.NewDecoder(strings.NewReader(out.String()))
	for _, seed := range []uint64{5, 6} {
		var v verdict
		if err := answers.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if v.Seed != seed || v.Failure != "" || v.Report.Tasks == 0 || v.Spent <= 0 {
			t.Fatalf("%+v", v)
		}
	}
}

func TestSeedsAreFedUntilThereAreNoMoreOrTheWorkerDies(t *testing.T) {
	seeds, verdicts := make(chan uint64, 3), make(chan verdict, 3)
	for i := range uint64(3) {
		seeds <- i + 1
	}
	var in strings.Builder
	died := feed(&in, strings.NewReader(`{"Seed":1,"Report":{"Steps":7}}`+"\n"), seeds, verdicts)
	if first, second := <-verdicts, <-verdicts; !died || in.String() != "1\n2\n" || first.Report.Steps != 7 ||
		!strings.Contains(second.Failure, "seed 2: its process died") {
		t.Fatalf("died %t after %q: %+v, %+v", died, in.String(), first, second)
	}
	close(seeds)
	if died := feed(&in, strings.NewReader(`{"Seed":3}`+"\n"), seeds, verdicts); died || (<-verdicts).Seed != 3 {
		t.Fatal("a worker that answered everything died")
	}
}

func TestAFailedSeedFailsTheWhole(t *testing.T) {
	s := settings{seeds: 2, nodes: 5, time: time.Minute, jobs: 1}
	well, ill := total{settings: s, begin: time.Now()}, total{settings: s, begin: time.Now()}
	well.add(verdict{Seed: 1, Spent: time.Second})
	ill.add(verdict{Seed: 1, Spent: time.Second})
	ill.add(verdict{Seed: 2, Spent: time.Second, Failure: "seed 2: no"})
	if well.close() != 0 || ill.close() != 1 || ill.rate() != "60 × real time a core" {
		t.Fatalf("%+v, %+v", well, ill)
	}
}
