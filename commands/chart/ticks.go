package chart

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// roundTicks labels four to eight round values.
type roundTicks struct{}

// Ticks implements plot.Ticker.
func (roundTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, m := range []float64{5, 2} {
		if (high-low)/(m*step) >= 4 {
			step *= m
			break
		}
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	for k := math.Ceil(low/step - 1e-9); k*step <= high*(1+1e-12); k++ {
		ticks = append(ticks, plot.Tick{Value: k * step, Label: strconv.FormatFloat(math.Abs(k)*step*sign(k), 'f', digits, 64)})
	}
	return ticks
}

func sign(v float64) float64 {
	if v < 0 {
		return -1
	}
	return 1
}

// logTicks labels powers of ten, and where there are fewer than three of them
// also twice and five times as much.
type logTicks struct{}

// Ticks implements plot.Ticker.
func (logTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	from, to := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	few := math.Log10(high)-math.Log10(low) < 3
	every := max(1, int((to-from)/8+0.5))
	for p := from; p <= to; p++ {
		for m := 1.; m < 10; m++ {
			v := m * math.Pow(10, p)
			if v < low || v > high {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 && int(p-from)%every == 0 || few && (m == 2 || m == 5) {
				t.Label = short(m, int(p))
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// short writes m·10^p as people would.
func short(m float64, p int) string {
	if p >= -3 && p <= 6 {
		return strconv.FormatFloat(m*math.Pow(10, float64(p)), 'f', max(0, -p), 64)
	}
	return strconv.FormatFloat(m, 'f', 0, 64) + "e" + strconv.Itoa(p)
}

// valueTicks labels the given values, as far as they do not crowd.
type valueTicks struct {
	values []float64
	log    bool
}

// Ticks implements plot.Ticker.
func (v valueTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	place := func(x float64) float64 {
		if v.log {
			return math.Log(x/low) / math.Log(high/low)
		}
		return (x - low) / (high - low)
	}
	last := math.Inf(-1)
	for _, x := range v.values {
		t := plot.Tick{Value: x}
		if place(x)-last > 0.06 {
			t.Label = strconv.FormatFloat(x, 'g', -1, 64)
			last = place(x)
		}
		ticks = append(ticks, t)
	}
	return ticks
}
