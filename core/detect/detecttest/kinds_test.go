package detecttest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/gossip"
	"hb/core/detect/kinds"
	"hb/core/member"
)

// kind is a detector with what it promises.
type kind struct {
	name string
	new  detect.Factory
	// silence is m among so many members; 0 for a detector that does not wait
	// for heartbeats.
	silence func(n int) float64
	// load is how many messages a plain member sends in a period.
	load func(n int) float64
	// random says that it never gets round to everybody for certain.
	random bool
}

// all is every kind that can be configured.
func all() []kind {
	four := func(int) float64 { return 4 }
	constant := func(v float64) func(int) float64 { return func(int) float64 { return v } }
	list := []kind{
		{name: "central", silence: four, load: constant(1)},
		{name: "ring", silence: four, load: constant(1)},
		{name: "ring-bi", silence: four, load: constant(2)},
		{name: "all-to-all", silence: four, load: func(n int) float64 { return float64(n - 1) }},
		{name: "gossip", silence: gossip.Fail, load: gossip.Load},
		{name: "swim", load: constant(2)},
	}
	for i := range list {
		list[i].new, _ = kinds.Find(list[i].name)
	}
	return list
}

func TestAllKindsThatCanBeConfiguredAreTried(t *testing.T) {
	var names []string
	for _, k := range all() {
		names = append(names, k.name)
	}
	want := kinds.Names()
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("%v are tried, there are %v", names, want)
	}
}

// named finds a kind.
func named(name string) kind {
	list := all()
	return list[slices.IndexFunc(list, func(k kind) bool { return k.name == name })]
}

// each runs a test for all kinds.
func each(t *testing.T, f func(t *testing.T, k kind)) {
	t.Helper()
	for _, k := range all() {
		t.Run(k.name, func(t *testing.T) { f(t, k) })
	}
}

func (k kind) lab(n int, seed uint64) *Lab {
	return New(Options{New: k.new, Members: n, Seed: seed, Spread: true})
}

func (k kind) pure(n int, seed uint64) *Lab {
	return New(Options{New: k.new, Members: n, Seed: seed, Without: detect.AllExtras})
}

// without is everything that a pure detector does not have.
func without(pure bool) detect.Extras {
	if pure {
		return detect.AllExtras
	}
	return 0
}

// patience is within how long everybody must have called a crashed member dead.
func (k kind) patience(n int) time.Duration {
	if k.silence == nil {
		return periods(float64(2*n-1) + 17) // two rounds, then a suspicion of Max
	}
	return periods(k.silence(n) + 4.5)
}

func periods(p float64) time.Duration { return time.Duration(p * float64(Period)) }

func inPeriods(d time.Duration) float64 { return float64(d) / float64(Period) }

// first is when a member was first found to be so since an instant.
func (l *Lab) first(about int, status core.Status, since time.Duration) (Finding, bool) {
	for _, f := range l.found {
		if f.About == about && f.Status == status && f.At >= since {
			return f, true
		}
	}
	return Finding{}, false
}

// everywhere says whether all that run believe a member to be so.
func (l *Lab) everywhere(about int, status core.Status) bool {
	for i := range l.members {
		if l.Up(i) && i != about && l.Status(i, about) != status {
			return false
		}
	}
	return true
}

// count counts what members found since an instant.
func (l *Lab) count(status core.Status, since time.Duration, accept func(Finding) bool) int {
	n := 0
	for _, f := range l.found {
		if f.Status == status && f.At >= since && accept(f) {
			n++
		}
	}
	return n
}

func anything(Finding) bool { return true }

func (l *Lab) story() string {
	text := ""
	for _, f := range l.found {
		text += fmt.Sprintf("%9.3f %d: %d is %s own=%v\n", f.At.Seconds(), f.By, f.About, f.Status, f.Own)
	}
	return text
}

// near fails the test if a figure is not within a share of what theory says.
func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	t.Logf("%-48s %8.4f, theory %8.4f", what, got, want)
	if got < want*(1-within) || got > want*(1+within) {
		t.Errorf("%s: %.4f, theory %.4f within %.0f %%", what, got, want, within*100)
	}
}

func evidence(row member.Row) member.Evidence { return member.Evidence{Row: row, Bare: true} }
