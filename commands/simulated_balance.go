package commands

import (
	"fmt"
	"strconv"

	"hb/commands/chart"
	"hb/core/sim/balance"
)

// balanceDocument is what hb simulate balance prints as JSON.
type balanceDocument struct {
	Schema string       `json:"schema"`
	Seed   uint64       `json:"seed"`
	Rows   []balanceRow `json:"rows"`
}

type balanceRow struct {
	Policy       string  `json:"policy"`
	Members      int     `json:"members"`
	Slots        int     `json:"slots"`
	Speeds       string  `json:"speeds"`
	TasksPerSlot int     `json:"tasks_per_slot"`
	Sizes        string  `json:"sizes"`
	Estimates    string  `json:"estimates"`
	Error        float64 `json:"error"`
	Stale        float64 `json:"stale_seconds"`
	Arrivals     string  `json:"arrivals"`
	Others       float64 `json:"others_share"`
	Straggler    float64 `json:"straggler"`
	Runs         int     `json:"runs"`
	Makespan     float64 `json:"makespan_seconds"`
	Bound        float64 `json:"bound_seconds"`
	Over         float64 `json:"makespan_over_bound"`
	Worst        float64 `json:"worst_over_bound"`
	Imbalance    float64 `json:"imbalance"`
	Spared       *int    `json:"spared_after_reports"` // at most; null without a straggler
}

// balanced is a case and its runs.
type balanced struct {
	balance.Case
	results []*balance.Result
}

func (b *balanced) add(r *balance.Result) { b.results = append(b.results, r) }

// row gives means over the runs; Worst and Spared are of the worst.
func (b *balanced) row() balanceRow {
	out := balanceRow{
		Policy: b.Policy, Members: b.Members, Slots: b.Slots, Speeds: fmt.Sprintf("%g-%g", b.Low, b.High), TasksPerSlot: b.TasksPerSlot,
		Sizes: b.Sizes, Estimates: b.Estimates, Error: b.Error, Stale: b.Stale.Seconds(), Arrivals: b.Arrivals,
		Others: b.Others, Straggler: b.Straggler, Runs: len(b.results),
	}
	n := float64(len(b.results))
	for _, r := range b.results {
		out.Makespan += r.Makespan.Seconds() / n
		out.Bound += r.Bound.Seconds() / n
		out.Over += r.Ratio() / n
		out.Worst = max(out.Worst, r.Ratio())
		out.Imbalance += r.Imbalance / n
		if b.Straggler > 0 && (out.Spared == nil || *out.Spared < r.SparedAfter) {
			out.Spared = &r.SparedAfter
		}
	}
	return out
}

// columns are the figures of the JSON, under the same names.
func (b *balanced) columns() []column {
	r := b.row()
	value := func(name string, v float64) column { return column{name, strconv.FormatFloat(v, 'g', -1, 64)} }
	count := func(name string, n int) column { return column{name, strconv.Itoa(n)} }
	spared := ""
	if r.Spared != nil {
		spared = strconv.Itoa(*r.Spared)
	}
	return []column{
		{"policy", r.Policy}, count("members", r.Members), count("slots", r.Slots), {"speeds", r.Speeds}, count("tasks_per_slot", r.TasksPerSlot),
		{"sizes", r.Sizes}, {"estimates", r.Estimates}, value("error", r.Error), value("stale_seconds", r.Stale), {"arrivals", r.Arrivals},
		value("others_share", r.Others), value("straggler", r.Straggler), count("runs", r.Runs),
		value("makespan_seconds", r.Makespan), value("bound_seconds", r.Bound), value("makespan_over_bound", r.Over),
		value("worst_over_bound", r.Worst), value("imbalance", r.Imbalance), {"spared_after_reports", spared},
	}
}

// balancePanels draws each policy over the cases that differ in nothing else: by
// the fastest speed, one panel for each kind of sizes.
func balancePanels(rows []*balanced) []chart.Panel {
	var panels []chart.Panel
	at := map[string]int{}
	colours, lines := map[string]int{}, map[string]int{}
	for i, policy := range balance.Policies() {
		colours[policy] = i
	}
	for _, b := range rows {
		title := fmt.Sprintf("%s sizes, %s, %s, %d members", b.Sizes, b.Estimates, b.Arrivals, b.Members)
		i, known := at[title]
		if !known {
			i = len(panels)
			at[title] = i
			panels = append(panels, chart.Panel{Title: title, X: "speed of the fastest member (slowest: " + strconv.FormatFloat(b.Low, 'g', -1, 64) + ")",
				Y: "makespan / lower bound", LogX: true, LogY: true})
		}
		p := &panels[i]
		key := title + b.Policy
		k, drawn := lines[key]
		if !drawn {
			k = len(p.Series)
			lines[key] = k
			p.Series = append(p.Series, chart.Series{Name: b.Policy + " (bar to the worst)", Colour: colours[b.Policy]})
		}
		s, row := &p.Series[k], b.row()
		s.X, s.Y = append(s.X, b.High), append(s.Y, row.Over)
		s.Low, s.High = append(s.Low, row.Over), append(s.High, row.Worst)
	}
	for i := range panels {
		p := &panels[i]
		for _, s := range p.Series {
			p.Marks = append(p.Marks, s.X...)
		}
		var low, high float64
		for n, x := range p.Marks {
			if n == 0 {
				low, high = x, x
			}
			low, high = min(low, x), max(high, x)
		}
		for k := range p.Series {
			p.Series[k].X = beside(p.Series[k].X, k, len(p.Series), true)
		}
		p.Series = append(p.Series, chart.Series{Name: "the best possible", Theory: true, X: []float64{low, high * 1.0001}, Y: []float64{1, 1}})
	}
	return panels
}
