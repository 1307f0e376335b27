package chart

import "math"

// axis maps values to places.
type axis struct {
	low, high float64
	log       bool
	ticks     []tick
}

// share is where a value lies between the ends, 0 to 1.
func (a *axis) share(v float64) float64 {
	if a.log {
		return math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	return (v - a.low) / (a.high - a.low)
}

// axes fit what is shown, with room above for the legend.
func (p *Panel) axes() (x, y axis) {
	x, y = p.extent()
	named := p.entries()
	if p.crowded() {
		named = 0
	}
	room := 0.08 + 0.065*float64(named)
	x.spread(0.04, 0.04)
	switch {
	case p.Shares:
		y.low, y.high = 0, 1.04
		x.high += 0.06 * float64(named) * (x.high - x.low)
	case p.FromZero && !p.LogY:
		y.low = 0
		y.high += max(y.high, 1e-9) * room / (1 - room)
	default:
		y.spread(0.06, room/(1-room))
	}
	for _, a := range []*axis{&x, &y} {
		if a.log {
			a.ticks = logTicks(a.low, a.high)
		} else {
			a.ticks = roundTicks(a.low, a.high)
		}
	}
	if p.Marks != nil {
		x.ticks = valueTicks(&x, p.Marks)
	}
	return x, y
}

// extent is from the least to the greatest that is shown.
func (p *Panel) extent() (x, y axis) {
	x = axis{low: math.Inf(1), high: math.Inf(-1), log: p.LogX}
	y = axis{low: math.Inf(1), high: math.Inf(-1), log: p.LogY}
	for i := range p.Series {
		points, low, high := p.shown(&p.Series[i])
		for k, at := range points {
			x.reach(at.x)
			y.reach(at.y)
			if len(low) > 0 {
				y.reach(low[k])
				y.reach(high[k])
			}
		}
	}
	if x.low > x.high { // nothing is shown
		x.low, x.high, y.low, y.high = 1, 10, 1, 10
	}
	return x, y
}

func (a *axis) reach(v float64) {
	if finite(v) {
		a.low, a.high = min(a.low, v), max(a.high, v)
	}
}

// spread widens the axis by shares of its length.
func (a *axis) spread(below, above float64) {
	if a.log {
		low, high := math.Log10(a.low), math.Log10(a.high)
		if high-low < 0.3 {
			low, high = low-0.3, high+0.3
		}
		length := high - low
		a.low, a.high = math.Pow(10, low-below*length), math.Pow(10, high+above*length)
		return
	}
	length := a.high - a.low
	if length == 0 {
		length = max(math.Abs(a.high), 1)
	}
	a.low, a.high = a.low-below*length, a.high+above*length
}
