package lab

import (
	"math"
	"slices"
)

// Sample is measured values of one kind.
type Sample struct {
	values []float64
	sorted bool
}

// Add adds a value.
func (s *Sample) Add(v float64) { s.values, s.sorted = append(s.values, v), false }

// join adds the values of another sample.
func (s *Sample) join(o *Sample) { s.values, s.sorted = append(s.values, o.values...), false }

// Count is how many there are.
func (s *Sample) Count() int { return len(s.values) }

// Mean is their mean; 0 for none.
func (s *Sample) Mean() float64 {
	if len(s.values) == 0 {
		return 0
	}
	sum := 0.
	for _, v := range s.values {
		sum += v
	}
	return sum / float64(len(s.values))
}

// Error is the standard error of the mean.
func (s *Sample) Error() float64 {
	n, mean, sum := float64(len(s.values)), s.Mean(), 0.
	if n < 2 {
		return math.Inf(1)
	}
	for _, v := range s.values {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / (n - 1) / n)
}

// Quantile is the value that a share of all do not exceed; 0 for none.
func (s *Sample) Quantile(share float64) float64 {
	if len(s.values) == 0 {
		return 0
	}
	if !s.sorted {
		slices.Sort(s.values)
		s.sorted = true
	}
	return s.values[max(0, int(math.Ceil(share*float64(len(s.values))))-1)]
}

// Max is the greatest; 0 for none.
func (s *Sample) Max() float64 { return s.Quantile(1) }

// Values are all of them, sorted.
func (s *Sample) Values() []float64 {
	s.Quantile(1)
	return s.values
}

// Shares are the shares of members for which a Curve has a time.
func Shares() []float64 { return []float64{0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1} }

// Curve is how news spreads: the times until a share of all members knew.
type Curve struct{ times map[float64]*Sample }

func newCurve() *Curve {
	c := &Curve{times: map[float64]*Sample{}}
	for _, share := range Shares() {
		c.times[share] = &Sample{}
	}
	return c
}

// join adds the times of another curve.
func (c *Curve) join(o *Curve) {
	for share, s := range o.times {
		c.times[share].join(s)
	}
}

func (c *Curve) at(share float64) *Sample { return c.times[share] }

// At gives the times of one of Shares.
func (c *Curve) At(share float64) *Sample { return c.times[share] }

// Rate is a probability that was measured, with its interval of 95 %.
type Rate struct {
	Value, Low, High float64
	// Count is how many events it rests on, of so many Trials.
	Count, Trials int
	// Weighed says that the events were made frequent and weighed accordingly.
	Weighed bool
}

// poissonRate is the rate of counted events (the interval is that of Ulm 1990,
// by Wilson and Hilferty's approximation of the chi-square distribution, which
// is good from no event at all).
func poissonRate(count, trials int) Rate {
	if trials == 0 {
		return Rate{High: 1}
	}
	n := float64(trials)
	return Rate{
		Value: float64(count) / n, Low: chiHalf(count, -1.96) / n, High: chiHalf(count+1, 1.96) / n,
		Count: count, Trials: trials,
	}
}

// chiHalf is half the quantile at z deviations of chi-square with 2·count degrees
// of freedom.
func chiHalf(count int, z float64) float64 {
	if count == 0 {
		return 0
	}
	d := float64(count)
	t := 1 - 1/(9*d) + z/(3*math.Sqrt(d))
	return d * t * t * t
}

// weighedRate is the rate of weighed events: sum of their weights, and of the
// weights' squares.
func weighedRate(count, trials int, sum, squares float64) Rate {
	n := float64(trials)
	mean := sum / n
	half := 1.96 * math.Sqrt(max(0, squares/n-mean*mean)/n)
	return Rate{Value: mean, Low: max(0, mean-half), High: mean + half, Count: count, Trials: trials, Weighed: true}
}
