package commands

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"hb/core/sim/lab"
)

// simulation is what hb simulate detectors prints as JSON. A number that there
// is not is null.
type simulation struct {
	Schema string          `json:"schema"`
	Seed   uint64          `json:"seed"`
	Rows   []simulatedCase `json:"rows"`
}

type simulatedCase struct {
	Detector   string              `json:"detector"`
	Spread     string              `json:"spread"`
	Nodes      int                 `json:"nodes"`
	Loss       float64             `json:"loss"`
	Indirect   int                 `json:"indirect"`
	Pure       bool                `json:"pure"`
	Detection  simulatedDetection  `json:"detection"`
	Dead       simulatedDead       `json:"dead"`
	Mistakes   simulatedMistakes   `json:"mistakes"`
	Load       simulatedLoad       `json:"load"`
	SpreadTime simulatedSpreadTime `json:"spread_time"`
}

type simulatedDetection struct {
	Mean   *float64 `json:"mean_periods"`
	P50    *float64 `json:"p50_periods"`
	P99    *float64 `json:"p99_periods"`
	Theory *float64 `json:"theory_periods"`
	Max    *float64 `json:"max_periods"`
	Bound  *float64 `json:"bound_periods"`
	Missed int      `json:"missed"`
}

type simulatedDead struct {
	FirstMean *float64 `json:"first_mean_periods"`
	FirstP50  *float64 `json:"first_p50_periods"`
	FirstP99  *float64 `json:"first_p99_periods"`
	AllMean   *float64 `json:"all_mean_periods"`
	AllP50    *float64 `json:"all_p50_periods"`
	AllP99    *float64 `json:"all_p99_periods"`
}

type simulatedMistakes struct {
	PerPeriod      float64  `json:"per_period"`
	Low            float64  `json:"low"`
	High           float64  `json:"high"`
	Theory         *float64 `json:"theory"`
	SwimConvention float64  `json:"swim_convention"`
	SwimTheory     *float64 `json:"swim_theory"`
	Count          int      `json:"count"`
	Trials         int      `json:"trials"`
	Weighed        bool     `json:"weighed"`
	FalseDeaths    int      `json:"false_deaths"`
}

type simulatedLoad struct {
	MessagesMean float64  `json:"messages_mean"`
	MessagesMax  float64  `json:"messages_max"`
	Theory       *float64 `json:"theory"`
	BytesMean    float64  `json:"bytes_mean"`
}

type simulatedSpreadTime struct {
	P50    *float64 `json:"p50_periods"`
	P99    *float64 `json:"p99_periods"`
	All    *float64 `json:"all_periods"`
	Theory *float64 `json:"theory_periods"`
}

// figure is a figure of a sample; nil for an empty one.
func figure(s *lab.Sample, of func() float64) *float64 {
	if s.Count() == 0 {
		return nil
	}
	return known(of())
}

func quantile(s *lab.Sample, share float64) *float64 {
	return figure(s, func() float64 { return s.Quantile(share) })
}

func mean(s *lab.Sample) *float64 { return figure(s, s.Mean) }

func simulatedRow(r *lab.Result) simulatedCase {
	return simulatedCase{
		Detector: r.Kind, Spread: r.Spread.String(), Nodes: r.Members, Loss: r.Loss, Indirect: r.Helpers, Pure: r.Pure,
		Detection: simulatedDetection{
			Mean: mean(r.Detection), P50: quantile(r.Detection, 0.5), P99: quantile(r.Detection, 0.99), Theory: known(r.DetectionTheory),
			Max: quantile(r.Detection, 1), Bound: known(r.DetectionBound), Missed: r.Missed,
		},
		Dead: simulatedDead{
			FirstMean: mean(r.DeadFirst), FirstP50: quantile(r.DeadFirst, 0.5), FirstP99: quantile(r.DeadFirst, 0.99),
			AllMean: mean(r.DeadAll), AllP50: quantile(r.DeadAll, 0.5), AllP99: quantile(r.DeadAll, 0.99),
		},
		Mistakes: simulatedMistakes{
			PerPeriod: r.Mistakes.Value, Low: r.Mistakes.Low, High: r.Mistakes.High, Theory: known(r.MistakesTheory),
			SwimConvention: r.Mistakes.Value * lab.SwimFactor(), SwimTheory: known(r.MistakesTheory * lab.SwimFactor()),
			Count: r.Mistakes.Count, Trials: r.Mistakes.Trials, Weighed: r.Mistakes.Weighed, FalseDeaths: r.FalseDeaths,
		},
		Load: simulatedLoad{MessagesMean: r.Sent, MessagesMax: r.SentMost, Theory: known(r.SentTheory), BytesMean: r.Bytes},
		SpreadTime: simulatedSpreadTime{
			P50: mean(r.News.At(0.5)), P99: mean(r.News.At(0.99)), All: mean(r.News.At(1)), Theory: known(r.SpreadTheory),
		},
	}
}

// digits prints a figure with so many significant ones; "" when there is none.
func digits(v *float64, precision int) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', precision, 64)
}

// simulatedCells is the row of the table for people.
func simulatedCells(r *lab.Result) []string {
	row := simulatedRow(r)
	fixed := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'f', 2, 64)
	}
	dead, count := "", strconv.Itoa(row.Mistakes.Count)
	if row.Dead.FirstMean != nil {
		dead = fixed(row.Dead.FirstMean) + "–" + fixed(row.Dead.AllMean)
	}
	if row.Mistakes.Weighed {
		count += "*"
	}
	mistakes := fmt.Sprintf("%.2g (%.2g–%.2g)", row.Mistakes.PerPeriod, row.Mistakes.Low, row.Mistakes.High)
	if row.Mistakes.Count == 0 {
		mistakes = fmt.Sprintf("< %.2g", row.Mistakes.High)
	}
	d, s := row.Detection, row.SpreadTime
	return []string{
		row.Detector, strconv.Itoa(row.Nodes), strconv.FormatFloat(row.Loss, 'g', -1, 64),
		fixed(d.Mean), fixed(d.P99), fixed(d.Max), fixed(d.Theory), digits(d.Bound, 5), dead, strconv.Itoa(d.Missed),
		mistakes, digits(row.Mistakes.Theory, 2), count,
		fixed(&row.Load.MessagesMean), fixed(&row.Load.MessagesMax), digits(row.Load.Theory, 4), digits(&row.Load.BytesMean, 3),
		fixed(s.P50), fixed(s.P99), fixed(s.All), fixed(s.Theory),
	}
}

// writeCSV prints the figures of the JSON, under the same names if there is a
// header.
func writeCSV(w io.Writer, results []*lab.Result, comma rune, header bool) error {
	return writeTable(w, results, func(r *lab.Result) []column { return simulatedColumns(simulatedRow(r)) }, comma, header)
}

// writeTable prints a line for each row.
func writeTable[T any](w io.Writer, rows []T, columns func(T) []column, comma rune, header bool) error {
	out := csv.NewWriter(w)
	out.Comma = comma
	for i, r := range rows {
		var names, cells []string
		for _, c := range columns(r) {
			names, cells = append(names, c.name), append(cells, c.cell)
		}
		if header && i == 0 {
			if err := out.Write(names); err != nil {
				return err
			}
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

type column struct{ name, cell string }

func simulatedColumns(row simulatedCase) []column {
	value := func(name string, v *float64) column { return column{name, digits(v, -1)} }
	count := func(name string, n int) column { return column{name, strconv.Itoa(n)} }
	truth := func(name string, b bool) column { return column{name, strconv.FormatBool(b)} }
	d, k, m, l, s := row.Detection, row.Dead, row.Mistakes, row.Load, row.SpreadTime
	return []column{
		{"detector", row.Detector}, {"spread", row.Spread}, count("nodes", row.Nodes), value("loss", &row.Loss),
		count("indirect", row.Indirect), truth("pure", row.Pure),
		value("detection_mean_periods", d.Mean), value("detection_p50_periods", d.P50), value("detection_p99_periods", d.P99), value("detection_theory_periods", d.Theory),
		value("detection_max_periods", d.Max), value("detection_bound_periods", d.Bound), count("detection_missed", d.Missed),
		value("dead_first_mean_periods", k.FirstMean), value("dead_first_p50_periods", k.FirstP50), value("dead_first_p99_periods", k.FirstP99),
		value("dead_all_mean_periods", k.AllMean), value("dead_all_p50_periods", k.AllP50), value("dead_all_p99_periods", k.AllP99),
		value("mistakes_per_period", &m.PerPeriod), value("mistakes_low", &m.Low), value("mistakes_high", &m.High),
		value("mistakes_theory", m.Theory), value("mistakes_swim_convention", &m.SwimConvention), value("mistakes_swim_theory", m.SwimTheory),
		count("mistakes_count", m.Count), count("mistakes_trials", m.Trials), truth("mistakes_weighed", m.Weighed),
		count("mistakes_false_deaths", m.FalseDeaths),
		value("load_messages_mean", &l.MessagesMean), value("load_messages_max", &l.MessagesMax),
		value("load_theory", l.Theory), value("load_bytes_mean", &l.BytesMean),
		value("spread_p50_periods", s.P50), value("spread_p99_periods", s.P99), value("spread_all_periods", s.All), value("spread_theory_periods", s.Theory),
	}
}
