package chart

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func panels() []Panel {
	x := []float64{10, 100, 1000}
	return []Panel{
		{Title: "One", X: "members", Y: "periods", LogX: true, FromZero: true, Marks: x, Series: []Series{
			{Name: "theory", Theory: true, X: x, Y: []float64{1, 2, 3}},
			{Name: "measured", X: x, Y: []float64{1.1, 2.1, math.NaN()}, Low: []float64{1, 2, 3}, High: []float64{2, 3, 4}},
		}},
		{Title: "Two", X: "loss", Y: "rate", LogY: true, Series: []Series{{Name: "rare", X: []float64{0, 1}, Y: []float64{0, 1e-5}}}},
		{Title: "Three", X: "periods", Y: "share", Shares: true, Series: []Series{{X: []float64{0, 1}, Y: []float64{0, 1}}}},
		{Title: "Nothing", LogX: true, LogY: true},
		crowd(),
	}
}

// crowd is a panel of five kinds with a theory each.
func crowd() Panel {
	p := Panel{Title: "Crowd", X: "members", Y: "periods", FromZero: true}
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		x := []float64{1, 2}
		p.Series = append(p.Series, Series{Name: name + " expected", Colour: i, Theory: true, X: x, Y: x}, Series{Name: name, Colour: i, X: x, Y: x})
	}
	return p
}

func TestALongLegendStandsBesideThePanelAndNamesTheoryOnce(t *testing.T) {
	p := crowd()
	if p.entries() != 6 || !p.crowded() {
		t.Errorf("%d entries", p.entries())
	}
	file := filepath.Join(t.TempDir(), "a.svg")
	if err := Write(file, []Panel{p}); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(file)
	if strings.Count(string(text), ">theory<") != 1 || strings.Contains(string(text), "expected") {
		t.Error("the legend is too long")
	}
	if _, y := p.axes(); y.high > 2.5 {
		t.Errorf("room is left for the legend within the panel, up to %g", y.high)
	}
	p.Series = p.Series[:2]
	if p.crowded() || p.severalTheories() {
		t.Error("two entries are a crowd")
	}
}

func TestASheetIsDrawnAsItsNameSays(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.svg", "b.PNG"} {
		file := filepath.Join(dir, name)
		if !Draws(file) {
			t.Errorf("%s is not drawn", name)
		}
		if err := Write(file, panels()); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "a.svg"))
	for _, want := range []string{"<svg", "One", "measured", "members", "1e-5", ">1000<"} {
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("the SVG lacks %q: %v", want, err)
		}
	}
	f, err := os.Open(filepath.Join(dir, "b.PNG"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil || picture.Bounds().Dx() < 1000 {
		t.Errorf("%v, %v", picture.Bounds(), err)
	}
	if Draws("a.pdf") || Draws("svg") {
		t.Error("it promises what it cannot draw")
	}
	if Write(filepath.Join(dir, "none", "a.svg"), panels()) == nil {
		t.Error("nobody noticed that there is no such directory")
	}
}

func TestAPanelShowsOnlyWhatWasMeasured(t *testing.T) {
	for i, want := range []bool{true, true, true, false, true} {
		if p := panels()[i]; p.Shows() != want {
			t.Errorf("%s: %v", p.Title, !want)
		}
	}
}

func TestTicksAreRoundAndInside(t *testing.T) {
	for _, c := range []struct{ low, high float64 }{{0, 1}, {0, 12.3}, {-3, 4}, {0.001, 0.0042}, {1000, 90000}} {
		labelled := 0
		for _, tick := range roundTicks(c.low, c.high) {
			if tick.value < c.low-1e-9 || tick.value > c.high*(1+1e-9) {
				t.Errorf("%v: %v", c, tick)
			}
			labelled++
		}
		if labelled < 4 || labelled > 11 {
			t.Errorf("%v has %d ticks", c, labelled)
		}
	}
	for p, want := range map[int]string{-6: "1e-6", -2: "0.01", 0: "1", 3: "1000"} {
		if got := short(1, p); got != want {
			t.Errorf("10^%d is %q", p, got)
		}
	}
	if got := valueTicks(&axis{low: 10, high: 1000, log: true}, []float64{10, 10.1, 1000}); got[1].label != "" || got[2].label != "1000" {
		t.Errorf("%v", got)
	}
}
