package chart

import (
	"math"
	"strconv"
)

// tick is a place on an axis. One without a label is smaller.
type tick struct {
	value float64
	label string
}

// roundTicks labels four to eight round values.
func roundTicks(low, high float64) (ticks []tick) {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, m := range []float64{5, 2} {
		if (high-low)/(m*step) >= 4 {
			step *= m
			break
		}
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	for k := math.Ceil(low/step - 1e-9); k*step <= high*(1+1e-12); k++ {
		ticks = append(ticks, tick{k * step, strconv.FormatFloat(math.Abs(k)*step*sign(k), 'f', digits, 64)})
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
func logTicks(low, high float64) (ticks []tick) {
	from, to := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	few := math.Log10(high)-math.Log10(low) < 3
	every := max(1, int((to-from)/8+0.5))
	for p := from; p <= to; p++ {
		for m := 1.; m < 10; m++ {
			v := m * math.Pow(10, p)
			if v < low || v > high {
				continue
			}
			t := tick{value: v}
			if m == 1 && int(p-from)%every == 0 || few && (m == 2 || m == 5) {
				t.label = short(m, int(p))
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
func valueTicks(a *axis, values []float64) (ticks []tick) {
	last := math.Inf(-1)
	for _, x := range values {
		t := tick{value: x}
		if at := a.share(x); at-last > 0.06 {
			t.label = strconv.FormatFloat(x, 'g', -1, 64)
			last = at
		}
		ticks = append(ticks, t)
	}
	return ticks
}
