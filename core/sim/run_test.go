package sim

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"hb/core/node"
)

// simulate runs and wants no violation.
func simulate(t *testing.T, o Options) Report {
	t.Helper()
	report, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestEveryKindOfFaultIsSurvivedAlone(t *testing.T) {
	all := reflect.ValueOf(AllFaults())
	for i := range all.NumField() {
		name := all.Type().Field(i).Name
		if name == "Every" {
			continue
		}
		if all.Field(i).IsZero() {
			t.Errorf("AllFaults has no %s", name)
		}
		t.Run(name, func(t *testing.T) {
			f := Faults{Every: 700 * time.Millisecond}
			field := reflect.ValueOf(&f).Elem().Field(i)
			if field.CanFloat() {
				// An ambush needs elections: somebody must stop now and then.
				f.Stop, f.Ambush = 1, 50
			} else {
				field.SetInt(1)
			}
			report := simulate(t, Options{Seed: uint64(100 + i), Time: 30 * time.Second, Faults: f})
			if report.Faults < 10 || report.Tasks == 0 {
				t.Fatalf("%+v", report)
			}
		})
	}
}

func TestClustersOfAnySizeRun(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7, 12} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			report := simulate(t, Options{Seed: uint64(n), Nodes: n, Time: 40 * time.Second, Faults: AllFaults()})
			if report.Tasks == 0 || report.Starts < n {
				t.Fatalf("%+v", report)
			}
		})
	}
}

func TestWithoutFaultsNothingIsLostOrRunTwice(t *testing.T) {
	report := simulate(t, Options{Seed: 9})
	if report.Faults != 0 || report.Starts != 5 || report.Terms > 2 || report.Tasks < 100 {
		t.Fatalf("%+v", report)
	}
}

func TestWhoWatchesChangesNothing(t *testing.T) {
	o := Options{Seed: 12, Time: 20 * time.Second, Faults: AllFaults()}
	unwatched := simulate(t, o)
	var out bytes.Buffer
	o.Trace = &out
	if watched := simulate(t, o); watched != unwatched {
		t.Fatalf("%+v and %+v", watched, unwatched)
	}
	if strings.Count(out.String(), "\n") < int(unwatched.Steps) {
		t.Fatalf("%d bytes of trace for %d steps", out.Len(), unwatched.Steps)
	}
}

func TestAFailedRunSaysHowToSeeItAgain(t *testing.T) {
	w := New(Options{Seed: 4321, Nodes: 3, Time: 7 * time.Second})
	defer w.Close()
	w.build = func(h *host) (machine, error) {
		return &toy{host: h, next: h.clock().Add(3 * time.Second), do: func(ev node.Event) []node.Effect {
			if _, tick := ev.(node.Tick); tick && h.w.now > time.Second {
				panic("nothing is well")
			}
			return nil
		}}, nil
	}
	_, err := w.run()
	var v *Violation
	if !errors.As(err, &v) {
		t.Fatalf("%v", err)
	}
	if v.Seed != 4321 || v.Invariant != "no node panics" || v.At == 0 ||
		!strings.Contains(v.Replay, "--seed 4321 --nodes 3 --time 7s") || !strings.Contains(v.Lines, ">> tick") {
		t.Fatalf("%+v", v)
	}
}

// A cluster that never forms breaks what the quiet end promises.
func TestARunWithoutProgressFails(t *testing.T) {
	w := New(Options{Seed: 1, Nodes: 3, Time: 20 * time.Second})
	defer w.Close()
	w.build = func(h *host) (machine, error) { return &toy{host: h, next: 1<<63 - 1}, nil }
	_, err := w.run()
	if err == nil || !strings.Contains(err.Error(), "every client has its answer") {
		t.Fatalf("%v", err)
	}
}
