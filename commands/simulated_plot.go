package commands

import (
	"fmt"
	"math"
	"slices"

	"hb/commands/chart"
	"hb/core/sim/lab"
)

// detectorPanels draws what was measured over the number of members, or over
// the loss if only that varies; a single case as distributions.
func detectorPanels(results []*lab.Result) []chart.Panel {
	nodes, losses := variety(results)
	switch {
	case nodes > 1:
		return comparison(results, "members", true, func(r *lab.Result) float64 { return float64(r.Members) }, losses > 1)
	case losses > 1:
		return comparison(results, "datagrams lost (share)", false, func(r *lab.Result) float64 { return r.Loss }, false)
	}
	return distributions(results)
}

// variety counts the different sizes and losses.
func variety(results []*lab.Result) (nodes, losses int) {
	n, l := map[int]bool{}, map[float64]bool{}
	for _, r := range results {
		n[r.Members], l[r.Loss] = true, true
	}
	return len(n), len(l)
}

// family is the results that differ only in what the horizontal axis shows.
type family struct {
	name    string
	results []*lab.Result
}

func families(results []*lab.Result, byLoss bool) []family {
	var all []family
	for _, r := range results {
		name := r.Kind
		if byLoss {
			name = fmt.Sprintf("%s, loss %g", r.Kind, r.Loss)
		}
		i := slices.IndexFunc(all, func(f family) bool { return f.name == name })
		if i < 0 {
			all = append(all, family{name: name})
			i = len(all) - 1
		}
		all[i].results = append(all[i].results, r)
	}
	return all
}

// comparison draws one point a result.
func comparison(results []*lab.Result, axis string, log bool, x func(*lab.Result) float64, byLoss bool) []chart.Panel {
	detection := chart.Panel{Title: "From a crash to the first accusation", X: axis, Y: "periods", LogX: log, FromZero: true}
	mistakes := chart.Panel{Title: "The living who are accused", X: axis, Y: "per member and period", LogX: log, LogY: true}
	load := chart.Panel{Title: "Datagrams sent while nothing happens", X: axis, Y: "per member and period", LogX: log, LogY: true}
	spread := chart.Panel{Title: "From the first accusation until all know", X: axis, Y: "periods", LogX: log, FromZero: true}
	all := families(results, byLoss)
	if len(all) > 1 { // once above says it for all
		detection.Title += " (mean, bar to p99)"
		mistakes.Title += " (95 %)"
	}
	for i, f := range all {
		var xs []float64
		for _, r := range f.results {
			xs = append(xs, x(r))
		}
		each := func(of func(*lab.Result) float64) (ys []float64) {
			for _, r := range f.results {
				ys = append(ys, of(r))
			}
			return ys
		}
		theory := func(p *chart.Panel, of func(*lab.Result) float64) {
			p.Series = append(p.Series, chart.Series{Name: theoryName(f.name, each(of)), Colour: i, Theory: true, X: xs, Y: each(of)})
		}
		points := func(p *chart.Panel, suffix string, of func(*lab.Result) float64) *chart.Series {
			if len(all) > 1 {
				suffix = ""
			}
			p.Series = append(p.Series, chart.Series{Name: f.name + suffix, Colour: i, X: beside(xs, i, len(all), log), Y: each(of)})
			return &p.Series[len(p.Series)-1]
		}
		theory(&detection, func(r *lab.Result) float64 { return r.DetectionTheory })
		d := points(&detection, ", mean (bar to p99)", func(r *lab.Result) float64 { return orNaN(r.Detection, r.Detection.Mean) })
		d.Low = d.Y
		d.High = each(func(r *lab.Result) float64 {
			return orNaN(r.Detection, func() float64 { return r.Detection.Quantile(0.99) })
		})
		theory(&mistakes, func(r *lab.Result) float64 { return r.MistakesTheory })
		m := points(&mistakes, ", measured (95 %)", func(r *lab.Result) float64 { return r.Mistakes.Value })
		m.Low = each(func(r *lab.Result) float64 { return r.Mistakes.Low })
		m.High = each(func(r *lab.Result) float64 { return r.Mistakes.High })
		theory(&load, func(r *lab.Result) float64 { return r.SentTheory })
		points(&load, ", measured", func(r *lab.Result) float64 { return r.Sent })
		theory(&spread, func(r *lab.Result) float64 { return r.SpreadTheory })
		points(&spread, ", measured", func(r *lab.Result) float64 { return orNaN(r.News.At(1), r.News.At(1).Mean) })
	}
	var panels []chart.Panel
	for _, p := range []chart.Panel{detection, mistakes, load, spread} {
		p.Marks = marks(results, x)
		if p.Shows() {
			panels = append(panels, p)
		}
	}
	return panels
}

// beside moves points that would lie on those of other series a little aside.
func beside(xs []float64, i, series int, log bool) []float64 {
	off := float64(i) - float64(series-1)/2
	width := slices.Max(xs) - slices.Min(xs)
	moved := slices.Clone(xs)
	for k := range moved {
		if log {
			moved[k] *= 1 + 0.025*off
		} else {
			moved[k] += 0.008 * off * width
		}
	}
	return moved
}

// marks are the values that were tried.
func marks(results []*lab.Result, x func(*lab.Result) float64) []float64 {
	var all []float64
	for _, r := range results {
		all = append(all, x(r))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// theoryName leaves lines that do not show out of the legend.
func theoryName(name string, ys []float64) string {
	if slices.ContainsFunc(ys, func(y float64) bool { return !math.IsNaN(y) && y > 0 }) {
		return name + ", theory"
	}
	return ""
}

func orNaN(s *lab.Sample, of func() float64) float64 {
	if s.Count() == 0 {
		return math.NaN()
	}
	return of()
}

// distributions draws cases of one size and loss: how much of everything had
// happened after what time.
func distributions(results []*lab.Result) []chart.Panel {
	first := results[0]
	of := fmt.Sprintf(" (%d members, loss %g)", first.Members, first.Loss)
	detection := chart.Panel{Title: "Crashes accused" + of, X: "periods since the crash", Y: "share of the crashes", Shares: true}
	spread := chart.Panel{Title: "Members who know, mean time" + of, X: "periods since the first accusation", Y: "share of the members", Shares: true}
	for i, r := range results {
		if theory := r.DetectionCurve(); theory != nil && r.Detection.Count() > 0 {
			x := steps(r.Detection.Max())
			detection.Series = append(detection.Series, chart.Series{Name: r.Kind + ", theory", Colour: i, Theory: true, X: x, Y: apply(theory, x)})
		}
		name := r.Kind
		if len(results) == 1 {
			name += ", measured"
		}
		xs, ys := ranks(r.Detection)
		detection.Series = append(detection.Series, chart.Series{Name: name, Colour: i, X: xs, Y: ys})
		if !math.IsNaN(r.SpreadTheory) {
			x := steps(r.News.At(1).Mean())
			spread.Series = append(spread.Series, chart.Series{Name: r.Kind + ", theory", Colour: i, Theory: true, X: x,
				Y: apply(func(t float64) float64 { return lab.SpreadCurve(r.Members, t) }, x)})
		}
		var times, shares []float64
		for _, share := range lab.Shares() {
			if s := r.News.At(share); s.Count() > 0 {
				times, shares = append(times, s.Mean()), append(shares, share)
			}
		}
		spread.Series = append(spread.Series, chart.Series{Name: name, Colour: i, X: times, Y: shares})
	}
	return []chart.Panel{detection, spread}
}

// steps divides a range from zero finely.
func steps(to float64) []float64 {
	x := make([]float64, 400)
	for i := range x {
		x[i] = to * float64(i) / float64(len(x)-1)
	}
	return x
}

func apply(f func(float64) float64, x []float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = f(x[i])
	}
	return y
}

// ranks gives at most sixty points of a sample's distribution: to each value the
// share that does not exceed it.
func ranks(s *lab.Sample) (xs, ys []float64) {
	values := s.Values()
	n := len(values)
	step := 1
	if distinct := slices.Compact(slices.Clone(values)); len(distinct) > 60 {
		step = n/60 + 1
	}
	for i := step - 1; i < n; i += step {
		if len(xs) > 0 && xs[len(xs)-1] == values[i] {
			ys[len(ys)-1] = float64(i+1) / float64(n)
			continue
		}
		xs, ys = append(xs, values[i]), append(ys, float64(i+1)/float64(n))
	}
	return xs, ys
}
