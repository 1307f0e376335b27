package lab

import (
	"reflect"
	"runtime"
	"testing"

	"hb/core/detect/swim"
)

func TestHowManyCoresThereAreChangesNothing(t *testing.T) {
	findings := func(cores int) *Findings {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		return Trial{Seed: 1, Members: 20, Detector: swim.New, Kills: 7, Network: Network{Loss: 0.1}}.Run()
	}
	if one, many := findings(1), findings(3); !reflect.DeepEqual(one, many) {
		t.Errorf("one core: %+v\nthree: %+v", one, many)
	}
}

func TestEachPartIsDoneOnceAndTheLastIsShorter(t *testing.T) {
	last := 0.
	found := inParts(1030, 100, func(share float64) {
		if share < last {
			t.Errorf("after %g of it %g is done", last, share)
		}
		last = share
	}, func(part, trials int, progress func(float64)) [2]int {
		progress(0.5)
		return [2]int{part, trials}
	})
	if len(found) != 11 || found[10] != [2]int{10, 30} || found[3] != [2]int{3, 100} || last < 1-1e-9 {
		t.Errorf("%v, %g done", found, last)
	}
}
