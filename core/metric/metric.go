// Package metric writes figures as Prometheus reads them: its text format, version
// 0.0.4, of which hb needs little enough to write it itself. The client library
// would register collectors and start at the beginning of every process, of hb
// members too, and drag in what is several times as large as this.
//
// A Family is what one name stands for; its samples differ in their labels. Names
// and units follow Prometheus' conventions: hb_…_total counts and never goes
// down but at a start, _seconds and _bytes are base units. The values of a label
// must be few and known beforehand: each is a time series for ever, on every
// member. So nothing here is labelled with the name of a task or a member.
package metric

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ContentType is what the text is.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Family is everything that one name says.
type Family struct {
	// Name has letters, digits and "_"; Help is a sentence; Kind is counter, gauge
	// or histogram.
	Name, Help, Kind string
	Samples          []Sample
}

// Sample is one figure. Of, if it is not empty, is a label and its value; Suffix
// is behind the name, in histograms.
type Sample struct {
	Suffix string
	Of     [2]string
	Value  float64
}

// Gauge is a family of one figure that goes up and down.
func Gauge(name, help string, value float64) Family {
	return Family{name, help, "gauge", []Sample{{Value: value}}}
}

// Counter is a family of one figure that only grows.
func Counter(name, help string, value float64) Family {
	return Family{name, help, "counter", []Sample{{Value: value}}}
}

// By makes a family with a figure for each value of a label, in their order; what
// has none is 0, so that a series is there before the first of its kind.
func By[N int | uint64](name, help, kind, label string, values []string, figures map[string]N) Family {
	f := Family{Name: name, Help: help, Kind: kind}
	for _, v := range values {
		f.Samples = append(f.Samples, Sample{Of: [2]string{label, v}, Value: float64(figures[v])})
	}
	return f
}

// Truth is 1 or 0.
func Truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Text is the families in the order given.
func Text(families []Family) []byte {
	var b bytes.Buffer
	for _, f := range families {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", f.Name, escaped(f.Help, false), f.Name, f.Kind)
		for _, s := range f.Samples {
			b.WriteString(f.Name + s.Suffix)
			if s.Of[0] != "" {
				b.WriteString("{" + s.Of[0] + `="` + escaped(s.Of[1], true) + `"}`)
			}
			b.WriteByte(' ')
			b.WriteString(number(s.Value))
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func number(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "+Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	case math.IsNaN(f):
		return "NaN"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// escaped writes what would end the text as the format has it.
func escaped(s string, quoted bool) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "\n", `\n`)
	if quoted {
		s = strings.ReplaceAll(s, `"`, `\"`)
	}
	return s
}

// Histogram counts how long something took. Any goroutine may add.
type Histogram struct {
	bounds []time.Duration
	counts []atomic.Uint64 // one a bound, and one for what took longer
	sum    atomic.Int64
}

// NewHistogram makes one with the bounds given, the smallest first.
func NewHistogram(bounds ...time.Duration) *Histogram {
	if len(bounds) == 0 || !slices.IsSorted(bounds) {
		panic(fmt.Sprintf("metric: a histogram with the bounds %v", bounds))
	}
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Add counts one more.
func (h *Histogram) Add(took time.Duration) {
	at, _ := slices.BinarySearch(h.bounds, took)
	h.counts[at].Add(1)
	h.sum.Add(int64(took))
}

// Family is what it has counted.
func (h *Histogram) Family(name, help string) Family {
	f := Family{Name: name, Help: help, Kind: "histogram"}
	total := uint64(0)
	for i := range h.counts {
		total += h.counts[i].Load()
		bound := math.Inf(1)
		if i < len(h.bounds) {
			bound = h.bounds[i].Seconds()
		}
		f.Samples = append(f.Samples, Sample{Suffix: "_bucket", Of: [2]string{"le", number(bound)}, Value: float64(total)})
	}
	return Family{f.Name, f.Help, f.Kind, append(f.Samples,
		Sample{Suffix: "_sum", Value: time.Duration(h.sum.Load()).Seconds()},
		Sample{Suffix: "_count", Value: float64(total)})}
}
