package main

import (
	"fmt"
	"math"

	"hb/core/sim/lab"
)

// seal is what encryption will add to each datagram.
const seal = 48

func percent(got, want float64) float64 { return 100 * (got/want - 1) }

// detections tries each K at each loss, none of which may matter to a crash.
func detections(s scale) (text string, v verdict) {
	const members = 30
	cell := (s.trials + 4*len(losses()) - 1) / (4 * len(losses()))
	want, reached, all := lab.DetectionTheory(members), true, 0
	for k := range 4 {
		var sum, squares float64
		n := 0
		for _, loss := range losses() {
			found := lab.Pure{Seed: s.seed, Members: members, Helpers: k, Loss: loss}.Detections(cell)
			for _, t := range found.Values() {
				sum, squares, n = sum+t, squares+t*t, n+1
			}
		}
		mean := sum / float64(n)
		half := 1.96 * math.Sqrt((squares/float64(n)-mean*mean)/float64(n))
		off := percent(mean, want)
		reached, all = reached && math.Abs(off) <= 2, all+n
		text += fmt.Sprintf("\n            K %d: %.4f ± %.4f periods, theory %.4f: %+.2f %% (%d trials)", k, mean, half, want, off, n)
	}
	return text + fmt.Sprintf("\n            (%d trials in all)", all), judge(reached)
}

func losses() []float64 { return []float64{0.01, 0.05, 0.1} }

func mistakes(s scale) (text string, v verdict) {
	reached := true
	for _, loss := range losses() {
		for k := range 4 {
			got := lab.Pure{Seed: s.seed, Members: 60, Helpers: k, Loss: loss}.Mistakes(s.trials)
			want := lab.MistakeTheory(loss, k)
			off := percent(got.Value, want)
			reached = reached && math.Abs(off) <= 5
			text += fmt.Sprintf("\n            loss %4.0f %%, K %d: %.3e (%.2e to %.2e), theory %.3e: %+.1f %%, %d events of %d",
				100*loss, k, got.Value, got.Low, got.High, want, off, got.Count, got.Trials)
			if got.Weighed {
				text += ", weighed"
			}
		}
	}
	return text, judge(reached)
}

func spreads(s scale) (text string, v verdict) {
	const members = 100
	curve := lab.Pure{Seed: s.seed, Members: members, Helpers: 3}.Spreads(s.waves)
	reached := true
	for _, share := range []float64{0.5, 0.99, 1} {
		got, want := curve.At(share), lab.SpreadTheory(members, share)
		off := percent(got.Mean(), want)
		note := ""
		if share == 0.5 {
			note = " (the curve leaves out the luck of the first contacts, 0.25 periods; not judged)"
		} else {
			reached = reached && math.Abs(off) <= 5
		}
		text += fmt.Sprintf("\n            %3.0f %% know after %.3f ± %.3f periods, theory %.3f: %+.1f %%%s", 100*share, got.Mean(), 1.96*got.Error(), want, off, note)
	}
	return text + fmt.Sprintf("\n            (%d waves of news)", curve.At(1).Count()), judge(reached)
}
